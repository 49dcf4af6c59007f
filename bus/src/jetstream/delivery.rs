//! A command as JetStream delivered it, and how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::{Client, HeaderMap, Subject};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemas::Lane;
use tokio::sync::mpsc;

use super::headers;
use super::link::{Guarded, Link};
use super::parking;
use crate::port::{BusError, Delivery, DeliveryHandle};

/// How many dropped commands may wait to be given back. Beyond it they come back when the server has waited long enough.
const GIVE_BACK_MAX: usize = 4096;

/// Gives dropped commands back to the server: dropping cannot wait, a task can.
#[derive(Debug)]
pub(super) struct GiveBack {
    sender: mpsc::Sender<(Subject, Duration)>,
    _task: Guarded,
}

impl GiveBack {
    pub(super) fn new(client: Client) -> Self {
        let (sender, mut dropped) = mpsc::channel::<(Subject, Duration)>(GIVE_BACK_MAX);
        let task = tokio::spawn(async move {
            while let Some((settle, after)) = dropped.recv().await {
                // Without a connection the server finds out by itself.
                drop(
                    client
                        .publish(settle, AckKind::Nak(Some(after)).into())
                        .await,
                );
            }
        });
        Self {
            sender,
            _task: Guarded(task),
        }
    }

    pub(super) fn give_back(&self, settle: Subject, after: Duration) {
        drop(self.sender.try_send((settle, after)));
    }
}

/// A command under way.
#[derive(Debug)]
pub(super) struct Handle {
    link: Arc<Link>,
    give_back: Arc<GiveBack>,
    lane: Lane,
    payload: Bytes,
    /// Where the server hears how it ended.
    settle: Subject,
    /// Where the answer goes; `None` when nobody asked.
    reply_to: Option<String>,
    /// Identity of this command in CMD: no two commands share it, even after a restart.
    identity: String,
    attempt: u64,
    /// Pause before the next delivery when this one is dropped.
    pause: Duration,
    is_settled: AtomicBool,
}

/// What the reader of a lane passes on with every message.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) link: Arc<Link>,
    pub(super) give_back: Arc<GiveBack>,
    pub(super) lane: Lane,
    pub(super) limits: crate::limits::Limits,
}

impl Handle {
    /// Takes a message over. `None` when it is not a message of a stream.
    pub(super) fn new(context: &Context, message: &async_nats::jetstream::Message) -> Option<Self> {
        let info = message.info().ok()?;
        let attempt = u64::try_from(info.delivered).unwrap_or(1);
        Some(Self {
            link: Arc::clone(&context.link),
            give_back: Arc::clone(&context.give_back),
            lane: context.lane,
            payload: message.payload.clone(),
            settle: message.reply.clone()?,
            reply_to: message.headers.as_ref().and_then(reply_to),
            identity: format!(
                "{}-{}",
                info.published.unix_timestamp_nanos(),
                info.stream_sequence
            ),
            attempt,
            pause: context.limits.pause_after(attempt),
            is_settled: AtomicBool::new(false),
        })
    }

    pub(super) fn attempt(&self) -> u64 {
        self.attempt
    }

    pub(super) fn into_delivery(self) -> Delivery {
        Delivery {
            payload: self.payload.clone(),
            attempt: self.attempt,
            handle: Box::new(self),
        }
    }

    /// Tells the server how it ended. A lost word means another delivery, which the log answers.
    async fn settle(&self, how: AckKind) -> Result<(), BusError> {
        self.is_settled.store(true, Ordering::SeqCst);
        self.link
            .client
            .publish(self.settle.clone(), how.into())
            .await
            .map_err(|error| BusError::new("cannot settle a command", error))
    }
}

/// Only an inbox may be answered: a header must not be able to make us publish elsewhere.
fn reply_to(headers: &HeaderMap) -> Option<String> {
    let subject = headers.get(headers::REPLY_TO)?.as_str();
    let is_inbox = subject.starts_with("_INBOX.") && !subject.contains(['*', '>', ' ']);
    is_inbox.then(|| subject.to_owned())
}

impl DeliveryHandle for Handle {
    fn answer(&self, payload: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        async move {
            let Some(reply_to) = &self.reply_to else {
                return Ok(());
            };
            self.link
                .client
                .publish(reply_to.clone(), payload)
                .await
                .map_err(|error| BusError::new("cannot send an answer", error))
        }
        .boxed()
    }

    fn done(&self) -> BoxFuture<'_, Result<(), BusError>> {
        self.settle(AckKind::Ack).boxed()
    }

    fn later(&self, after: Duration) -> BoxFuture<'_, Result<(), BusError>> {
        self.settle(AckKind::Nak(Some(after))).boxed()
    }

    fn park<'a>(&'a self, reason: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        async move {
            tracing::warn!(lane = %self.lane, attempts = self.attempt, reason, "put a command aside");
            parking::park(&self.link, self.lane, reason, &self.identity, &self.payload).await?;
            self.settle(AckKind::Ack).await
        }
        .boxed()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.is_settled.swap(true, Ordering::SeqCst) {
            self.give_back.give_back(self.settle.clone(), self.pause);
        }
    }
}
