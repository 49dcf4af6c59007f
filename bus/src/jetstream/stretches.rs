//! Walks along EVT as it lies there. A consumer without a filter costs the server no search, and it is asked for a stretch only
//! when somebody wants one.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};

use super::event_reader::{bounds, published};
use super::headers;
use super::link::{Link, PATIENCE};
use super::topology::EVT;
use crate::port::{BusError, Stretch};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// How long the server keeps the consumer of a walker who went without a word: longer than walkers rest.
const CONSUMER_LIFE: Duration = Duration::from_mins(1);

/// Opens a walk over what lies there now.
pub(super) async fn open(
    link: Arc<Link>,
    length: usize,
) -> Result<BoxStream<'static, Result<Stretch, BusError>>, BusError> {
    link.usable_soon("cannot read the events of all lanes")
        .await?;
    let (first, last) = bounds(&link).await?;
    let walk = Walk {
        link,
        consumer: None,
        // Of a stream that has never had a message both are 0.
        next: first.max(1),
        last,
        delivered: 0,
        length,
    };
    let stretches = stream::try_unfold(walk, |mut walk| async move {
        let stretch = walk.stretch().await;
        let stretch =
            stretch.map_err(|error| BusError::new("cannot read the events of all lanes", error))?;
        Ok(stretch.map(|stretch| (stretch, walk)))
    });
    Ok(stretches.boxed())
}

struct Walk {
    link: Arc<Link>,
    /// Made for the first stretch.
    consumer: Option<Consumer<pull::Config>>,
    /// Sequence number of the stream to go on with, and the one to end with.
    next: u64,
    last: u64,
    /// How many messages the consumer has delivered: a jump means that one was lost on the way.
    delivered: u64,
    length: usize,
}

impl Walk {
    /// The next stretch; `None` behind the last.
    async fn stretch(&mut self) -> Result<Option<Stretch>, AnyError> {
        if self.next > self.last {
            return Ok(None);
        }
        let messages = tokio::time::timeout(PATIENCE, self.messages()).await??;
        if messages.is_empty() {
            // Only what has grown too old meanwhile may be gone.
            let (first, _) = bounds(&self.link).await?;
            if first > self.last {
                return Ok(None);
            }
            return Err("the server delivers none of them".into());
        }
        let mut events = Vec::with_capacity(messages.len());
        for message in &messages {
            let info = message.info()?;
            self.delivered += 1;
            if info.consumer_sequence != self.delivered {
                return Err("one of them was lost on the way".into());
            }
            self.next = info.stream_sequence + 1;
            // Without a position it is not ours.
            let position = message.headers.as_ref().and_then(headers::position);
            let is_part = info.stream_sequence <= self.last;
            if let Some(position) = position.filter(|_| is_part) {
                events.push(published(message, position));
            }
        }
        let left = (self.last + 1).saturating_sub(self.next);
        Ok(Some(Stretch { events, left }))
    }

    async fn messages(&mut self) -> Result<Vec<Message>, AnyError> {
        let consumer = match &mut self.consumer {
            Some(consumer) => consumer,
            none => none.insert(
                self.link
                    .context
                    .create_consumer_on_stream(from(self.next), EVT)
                    .await?,
            ),
        };
        let messages = consumer.fetch().max_messages(self.length).messages();
        messages.await?.try_collect().await
    }
}

fn from(start_sequence: u64) -> pull::Config {
    pull::Config {
        description: Some("Events of all lanes, for one reader".to_owned()),
        ack_policy: AckPolicy::None,
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
        inactive_threshold: CONSUMER_LIFE,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    }
}
