//! Answers come back on one inbox per process: a number in the subject says whose they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{Client, SubscribeError};
use bytes::Bytes;
use futures::StreamExt as _;
use schemas::subjects;
use tokio::sync::oneshot;

use super::link::Guarded;

/// The inbox and those who wait.
#[derive(Debug)]
pub(super) struct Answers {
    inbox: String,
    waiting: Arc<Waiting>,
    _listener: Guarded,
}

#[derive(Debug, Default)]
struct Waiting(Mutex<Askers>);

#[derive(Debug, Default)]
struct Askers {
    next: u64,
    by_number: HashMap<u64, oneshot::Sender<Bytes>>,
}

/// Somebody who waits for one answer. Dropping it forgets the question.
#[derive(Debug)]
pub(super) struct Asker {
    number: u64,
    /// Where the answer is to go.
    pub(super) reply_to: String,
    /// The answer.
    pub(super) answer: oneshot::Receiver<Bytes>,
    waiting: Arc<Waiting>,
}

impl Answers {
    /// Opens the inbox.
    pub(super) async fn open(client: &Client) -> Result<Self, SubscribeError> {
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(subjects::answers_of(&inbox)).await?;
        let waiting = Arc::new(Waiting::default());
        let listener = tokio::spawn({
            let waiting = Arc::clone(&waiting);
            async move {
                while let Some(message) = answers.next().await {
                    waiting.answer(&message.subject, message.payload);
                }
            }
        });
        Ok(Self {
            inbox,
            waiting,
            _listener: Guarded(listener),
        })
    }

    /// Expects an answer from now on.
    pub(super) fn expect(&self) -> Asker {
        let (sender, answer) = oneshot::channel();
        let mut askers = self.waiting.lock();
        askers.next += 1;
        let number = askers.next;
        askers.by_number.insert(number, sender);
        Asker {
            number,
            reply_to: subjects::answer(&self.inbox, number),
            answer,
            waiting: Arc::clone(&self.waiting),
        }
    }
}

impl Waiting {
    fn lock(&self) -> std::sync::MutexGuard<'_, Askers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, subject: &str, payload: Bytes) {
        let number = subject
            .rsplit('.')
            .next()
            .and_then(|number| number.parse().ok());
        let asker = number.and_then(|number: u64| self.lock().by_number.remove(&number));
        if let Some(asker) = asker {
            // Whoever asked may give up at this very moment.
            drop(asker.send(payload));
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.waiting.lock().by_number.remove(&self.number);
    }
}
