//! Long-lived pulls, and what may interrupt them.

use std::time::Duration;

use async_nats::jetstream::consumer::{StreamError, pull};
use async_nats::jetstream::stream::ConsumerError;

use tokio::time::Instant;

use super::link::{Link, PATIENCE};
use crate::port::BusError;

/// How long a pull stays open at the server.
pub(super) const PULL_EXPIRES: Duration = Duration::from_secs(20);

/// How often an idle server says that it is still there. After two silences a consumer whose leader died elsewhere in the
/// cluster is looked for anew.
pub(super) const PULL_HEARTBEAT: Duration = Duration::from_secs(1);

/// Why a pull came to an end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interrupted {
    #[error("the connection or the streams are new")]
    NewGeneration,
    #[error("the pull ended")]
    Ended,
    #[error("the server fell silent")]
    Silent,
    #[error("the server refused: {0}")]
    Refused(String),
    #[error(transparent)]
    Subscribe(#[from] async_nats::SubscribeError),
    #[error(transparent)]
    Ask(#[from] async_nats::PublishError),
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    #[error(transparent)]
    Open(#[from] StreamError),
    #[error(transparent)]
    Broken(#[from] pull::MessagesError),
}

/// Makes the consumer, unless it is there, and pulls from it.
pub(super) async fn pull(
    link: &Link,
    stream: &str,
    consumer: pull::Config,
    at_once: usize,
) -> Result<pull::Stream, Interrupted> {
    let consumer = link
        .context
        .create_consumer_on_stream(consumer, stream)
        .await?;
    let messages = consumer
        .stream()
        .max_messages_per_batch(at_once)
        .expires(PULL_EXPIRES)
        .heartbeat(PULL_HEARTBEAT)
        .messages()
        .await?;
    Ok(messages)
}

/// Opens a pull for somebody who opens a lane: tries for a while, because a stream may be on its way back. Says also which
/// generation of the streams this is.
pub(super) async fn pull_soon<P, F: Future<Output = Result<P, Interrupted>>>(
    link: &Link,
    attempt: &str,
    open: impl Fn() -> F,
) -> Result<(u64, P), BusError> {
    let give_up_at = Instant::now() + PATIENCE;
    let mut pause = Pause::default();
    loop {
        let generation = link.usable_soon(attempt).await?;
        match open().await {
            Ok(pull) => return Ok((generation, pull)),
            Err(interrupted) if Instant::now() >= give_up_at => {
                return Err(BusError::new(attempt, interrupted));
            }
            Err(_) => {
                link.ask_for_repair();
                pause.wait().await;
            }
        }
    }
}

/// A pause that grows from nothing, for trying again.
#[derive(Debug, Default)]
pub(super) struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_millis(20);
    const LAST: Duration = Duration::from_secs(2);

    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).clamp(Self::FIRST, Self::LAST);
    }
}
