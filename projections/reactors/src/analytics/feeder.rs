//! Fills the stream of one grant: from where it ends, with what the grant permits, for as long as it is let.

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use bus::analysts::{CuratedError, CuratedMessage, CuratedStream, Heads, KEPT_FOR_MS, UserKey};
use bus::jetstream::JetStreamOptions;
use bus::shell::{Clock, RootSecret};
use event_log::{EventLog, Failure};
use projections::check_not_behind;
use projections::hints::Hints;
use projections::reading::{self, Portion, ReadError, Wanted};
use schemas::commands::server::ShownIdentifiers;
use schemas::curated::{Identifiers, Plain, curate};
use schemas::envelope::RecordedEvent;
use schemas::events::server::AnalyticsGranted;
use schemas::{Lane, Position};

use super::pseudonyms::Pseudonyms;

/// How often the log is looked at when nobody tells that it has grown.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the consumers are looked at, for the metric.
const LAG_EVERY: Duration = Duration::from_secs(5);

/// Pause after a failure; doubled with every one in a row.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Less of a lane than usual: a curated batch is put together of what was read.
const PORTION: Portion = Portion {
    lane: 512,
    all: 4096,
};

/// What a feeder works with.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) root: RootSecret,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) server: JetStreamOptions,
}

/// Why a feeder begins anew.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    Stream(#[from] CuratedError),
    #[error("cannot read the log")]
    Log(#[from] Failure),
    #[error(transparent)]
    Lane(#[from] ReadError),
    #[error(
        "the stream of the grant has events that the log has not: an older copy of the log was restored"
    )]
    Behind,
}

/// Fills the stream of a grant, for ever.
pub(super) async fn feed(ground: Ground, granted: AnalyticsGranted) {
    let grant = granted.name.to_string();
    let identifiers: Box<dyn Identifiers + Send + Sync> = match granted.identifiers {
        ShownIdentifiers::Plain => Box::new(Plain),
        ShownIdentifiers::Pseudonyms => Box::new(Pseudonyms::of(&ground.root, &granted.name)),
    };
    let mut pause = PAUSE;
    loop {
        let feeder = Feeder {
            ground: &ground,
            granted: &granted,
            identifiers: &*identifiers,
        };
        let Err(error) = feeder.run(&mut pause).await;
        report(&error, &grant);
        metrics::counter!("analytics_failures_total", "grant" => grant.clone()).increment(1);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn report(error: &(dyn std::error::Error + 'static), grant: &str) {
    tracing::warn!(
        error,
        grant,
        "cannot fill the stream of a grant; trying again"
    );
}

struct Feeder<'a> {
    ground: &'a Ground,
    granted: &'a AnalyticsGranted,
    identifiers: &'a (dyn Identifiers + Send + Sync),
}

impl Feeder<'_> {
    async fn run(&self, pause: &mut Duration) -> Result<std::convert::Infallible, FeedError> {
        let ground = self.ground;
        let key = UserKey::of_the_house(&ground.root, &self.granted.name);
        let stream = CuratedStream::connect(&ground.server, &key, &self.granted.name).await?;
        let consumers = &self.granted.consumers;
        stream.prepare(ground.server.replicas, consumers).await?;
        let mut heads = stream.heads().await?;
        let mut cursors = heads.lanes.clone();
        let mut hints = Hints::new(Arc::clone(&ground.bus), LOOK_EVERY);
        let mut lag_at = tokio::time::Instant::now();
        loop {
            hints.listen().await;
            let ends = ground.log.heads().await?;
            let cursor = |lane: Lane| cursors[usize::from(lane.number())];
            check_not_behind(&ends, cursor).map_err(|_| FeedError::Behind)?;
            let wanted = PORTION.of(&cursors, &ends, 0);
            if !wanted.is_empty() {
                self.take(&stream, &wanted, &mut cursors, &mut heads)
                    .await?;
                *pause = PAUSE;
            }
            if lag_at.elapsed() >= LAG_EVERY {
                lag_at = tokio::time::Instant::now();
                self.tell_lag(&stream).await?;
            }
            if wanted.is_empty() {
                hints.wait().await;
            }
        }
    }

    async fn take(
        &self,
        stream: &CuratedStream,
        wanted: &[Wanted],
        cursors: &mut [u64],
        heads: &mut Heads,
    ) -> Result<(), FeedError> {
        let slices = reading::read(&*self.ground.log, wanted).await?;
        let (mut messages, mut stopped, mut read) = (Vec::new(), None, false);
        let oldest = self.ground.clock.now().plus_ms(-KEPT_FOR_MS);
        let since = self.granted.since.map_or(oldest, |since| since.max(oldest));
        for slice in slices {
            let lane = usize::from(slice.wanted.lane.number());
            cursors[lane] = slice.end();
            for (position, recorded) in slice.events {
                read = true;
                if recorded.recorded_at >= since
                    && let Some(message) = self.message(&recorded, position, heads.lanes[lane])
                {
                    heads.lanes[lane] = position.number;
                    messages.push(message);
                }
            }
            stopped = stopped.or(slice.stopped);
        }
        if !messages.is_empty() {
            heads.last = stream.publish(&messages, heads.last).await?;
            let grant = self.granted.name.to_string();
            let count = messages.len() as u64;
            metrics::counter!("analytics_events_total", "grant" => grant).increment(count);
        }
        // One lane that cannot be read on holds up no other; nothing read at all is a reason to wait.
        match stopped {
            Some(error) if !read => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn message(
        &self,
        recorded: &RecordedEvent,
        position: Position,
        previous: u64,
    ) -> Option<CuratedMessage> {
        let system_id = recorded.owner.system_id();
        if !self.granted.systems.contains(system_id) {
            return None;
        }
        let curated = curate(recorded, position, self.identifiers)?;
        let payload = serde_json::to_vec(&curated).expect("texts and numbers are always JSON");
        Some(CuratedMessage {
            position,
            previous,
            system_id: curated.system_id,
            aggregate: curated.aggregate,
            word: curated.word,
            payload: payload.into(),
        })
    }

    async fn tell_lag(&self, stream: &CuratedStream) -> Result<(), FeedError> {
        for consumer in stream.consumers().await? {
            let (grant, name) = (self.granted.name.to_string(), consumer.name.clone());
            metrics::gauge!("analytics_consumer_lag", "grant" => grant, "consumer" => name)
                .set(consumer.lag() as f64);
        }
        Ok(())
    }
}
