//! Questions, each to one of those who serve its subject.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};

use crate::port::{BusError, Question, QuestionHandle, Unanswered};

/// Questions of one subject that wait for somebody to take them. One more has no answer.
const WAITING_MAX: usize = 1024;

/// The subjects that somebody serves.
#[derive(Debug, Default)]
pub(super) struct AskedQuestions {
    queues: Mutex<HashMap<String, Weak<Queue>>>,
}

/// A question that nobody has taken yet.
#[derive(Debug)]
struct Waiting {
    payload: Bytes,
    asker: oneshot::Sender<Bytes>,
}

/// The questions of one subject. It lives as long as somebody serves it.
#[derive(Debug)]
struct Queue {
    sender: mpsc::Sender<Waiting>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Waiting>>,
}

impl AskedQuestions {
    /// Asks. The answer comes out of the receiver, or its error when there will be none.
    pub(super) fn ask(
        &self,
        subject: &str,
        payload: Bytes,
    ) -> Result<oneshot::Receiver<Bytes>, Unanswered> {
        let queue = self.lock().get(subject).and_then(Weak::upgrade);
        let (asker, answer) = oneshot::channel();
        let question = Waiting { payload, asker };
        let taken = queue.ok_or(Unanswered)?.sender.try_send(question);
        taken.map(|()| answer).map_err(|_| Unanswered)
    }

    /// Serves, beside whoever else does.
    pub(super) fn serve(&self, subject: &str) -> BoxStream<'static, Question> {
        let mut queues = self.lock();
        let queue = queues.get(subject).and_then(Weak::upgrade);
        let queue = queue.unwrap_or_else(|| {
            let (sender, waiting) = mpsc::channel(WAITING_MAX);
            let waiting = tokio::sync::Mutex::new(waiting);
            let queue = Arc::new(Queue { sender, waiting });
            queues.insert(subject.to_owned(), Arc::downgrade(&queue));
            queue
        });
        futures::stream::unfold(queue, |queue| async move {
            let question = queue.next().await?;
            Some((question, queue))
        })
        .boxed()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Weak<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The next question whose asker still waits.
    async fn next(&self) -> Option<Question> {
        let mut waiting = self.waiting.lock().await;
        loop {
            let Waiting { payload, asker } = waiting.recv().await?;
            if !asker.is_closed() {
                let handle = Box::new(Handle(asker));
                return Some(Question { payload, handle });
            }
        }
    }
}

#[derive(Debug)]
struct Handle(oneshot::Sender<Bytes>);

impl QuestionHandle for Handle {
    fn answer(self: Box<Self>, payload: Bytes) -> BoxFuture<'static, Result<(), BusError>> {
        // Whoever asked may have given up.
        drop(self.0.send(payload));
        futures::future::ready(Ok(())).boxed()
    }
}
