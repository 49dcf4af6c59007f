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
use crate::port::{Before, BusError, Stretch};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const ATTEMPT: &str = "cannot read the events of all lanes";

/// How long the server keeps the consumer of a walker who went without a word: longer than walkers rest.
const CONSUMER_LIFE: Duration = Duration::from_mins(1);

/// Opens a walk over what lies there now.
pub(super) async fn open(
    link: Arc<Link>,
    length: usize,
) -> Result<BoxStream<'static, Result<Stretch, BusError>>, BusError> {
    link.usable_soon(ATTEMPT).await?;
    let (first, last) = bounds(&link).await?;
    let walk = Walk {
        link,
        consumer: None,
        place: Place {
            // Of a stream that has never had a message both are 0.
            next: first.max(1),
            last,
            delivered: 0,
        },
        length,
        before: if first > 1 {
            Before::Forgotten
        } else {
            Before::Nothing
        },
    };
    let stretches = stream::try_unfold(walk, |mut walk| async move {
        let stretch = walk.stretch().await;
        let stretch = stretch.map_err(|error| BusError::new(ATTEMPT, error))?;
        Ok(stretch.map(|stretch| (stretch, walk)))
    });
    Ok(stretches.boxed())
}

struct Walk {
    link: Arc<Link>,
    /// Made for the first stretch.
    consumer: Option<Consumer<pull::Config>>,
    place: Place,
    length: usize,
    /// What lies before the next stretch.
    before: Before,
}

/// How far a walk is.
#[derive(Debug)]
struct Place {
    /// Sequence number of the stream to go on with, and the one to end with.
    next: u64,
    last: u64,
    /// How many messages the consumer has delivered.
    delivered: u64,
}

/// A message got lost between the server and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one of them was lost on the way")]
struct Lost;

impl Place {
    /// Goes past a message: which one it is of those that were delivered, and where it lies. Is it part of the walk?
    fn pass(&mut self, delivery: u64, sequence: u64) -> Result<bool, Lost> {
        self.delivered += 1;
        if delivery != self.delivered {
            return Err(Lost);
        }
        self.next = sequence + 1;
        Ok(sequence <= self.last)
    }

    /// How many lie ahead, at most.
    fn left(&self) -> u64 {
        (self.last + 1).saturating_sub(self.next)
    }
}

impl Walk {
    /// The next stretch; `None` behind the last.
    async fn stretch(&mut self) -> Result<Option<Stretch>, AnyError> {
        if self.place.left() == 0 {
            return Ok(None);
        }
        let messages = tokio::time::timeout(PATIENCE, self.messages()).await??;
        if messages.is_empty() {
            // Only what has grown too old meanwhile may be gone.
            let (first, _) = bounds(&self.link).await?;
            if first > self.place.last {
                return Ok(None);
            }
            return Err("the server delivers none of them".into());
        }
        let mut events = Vec::with_capacity(messages.len());
        let (begin, mut gap) = (self.place.next, None);
        for message in &messages {
            let info = message.info()?;
            let (delivery, sequence) = (info.consumer_sequence, info.stream_sequence);
            let expected = self.place.next;
            let is_part = self.place.pass(delivery, sequence)?;
            if sequence != expected {
                gap.get_or_insert(expected);
            }
            // Without a position it is not ours.
            let position = message.headers.as_ref().and_then(headers::position);
            if let Some(position) = position.filter(|_| is_part) {
                events.push(published(message, position));
            }
        }
        // A gap is a loss, which the numbers of the lanes tell, unless the beginning of the stream has passed it meanwhile.
        if let Some(gap) = gap
            && bounds(&self.link).await?.0 > gap
        {
            if gap > begin {
                return Err("what was being read has grown too old".into());
            }
            self.before = Before::Forgotten;
        }
        Ok(Some(Stretch {
            events,
            left: self.place.left(),
            before: std::mem::replace(&mut self.before, Before::Stretch),
        }))
    }

    async fn messages(&mut self) -> Result<Vec<Message>, AnyError> {
        let consumer = match &mut self.consumer {
            Some(consumer) => consumer,
            none => none.insert(
                self.link
                    .context
                    .create_consumer_on_stream(from(self.place.next), EVT)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            next: 1,
            last: 9,
            delivered: 0,
        }
    }

    #[test]
    fn a_walk_ends_with_what_lay_there_when_it_began() {
        let mut place = place();
        assert_eq!(place.pass(1, 1), Ok(true));
        assert_eq!(place.left(), 8);
        // What grew too old lies between.
        assert_eq!(place.pass(2, 9), Ok(true));
        assert_eq!(place.left(), 0);
        assert_eq!(place.pass(3, 10), Ok(false));
        assert_eq!(place.left(), 0);
    }

    #[test]
    fn a_message_that_was_lost_on_the_way_is_noticed() {
        let mut place = place();
        assert_eq!(place.pass(1, 1), Ok(true));
        assert_eq!(place.pass(3, 3), Err(Lost));
    }
}
