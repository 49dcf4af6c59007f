//! What is told to everybody and may be lost.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How many messages a slow hearer may fall behind before it misses some.
const BACKLOG_MAX: usize = 1024;

/// The subjects that somebody hears.
#[derive(Debug, Default)]
pub(super) struct Told {
    hearers: Mutex<HashMap<String, broadcast::Sender<Bytes>>>,
}

impl Told {
    pub(super) fn tell(&self, subject: &str, payload: Bytes) {
        let mut hearers = self.hearers.lock().unwrap_or_else(PoisonError::into_inner);
        let nobody_hears = hearers
            .get(subject)
            .is_some_and(|sender| sender.send(payload).is_err());
        if nobody_hears {
            hearers.remove(subject);
        }
    }

    pub(super) fn hear(&self, subject: &str) -> BoxStream<'static, Bytes> {
        let receiver = self
            .hearers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(subject.to_owned())
            .or_insert_with(|| broadcast::channel(BACKLOG_MAX).0)
            .subscribe();
        futures::stream::unfold(receiver, |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(payload) => return Some((payload, receiver)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}
