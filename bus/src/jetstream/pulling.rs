//! Long-lived pulls, and what may interrupt them.

use std::time::Duration;

use async_nats::jetstream::consumer::{StreamError, pull};
use async_nats::jetstream::stream::ConsumerError;

use super::link::Link;

/// How long a pull stays open at the server.
const PULL_EXPIRES: Duration = Duration::from_secs(20);

/// How often the server says that it is still there.
const PULL_HEARTBEAT: Duration = Duration::from_secs(4);

/// Why a pull came to an end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interrupted {
    #[error("the connection or the streams are new")]
    NewGeneration,
    #[error("the pull ended")]
    Ended,
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
