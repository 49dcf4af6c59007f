//! From the log to the outbox.

use std::sync::Arc;

use bus::shell::{Clock, RootSecret};
use event_log::EventLog;
use projections::check_not_behind;
use projections::reading::{self, Wanted};
use schemas::Lane;

use crate::delivery::Delivery;
use crate::outbox::Outbox;
use crate::owing::Owing;
use crate::reactor::ReactorError;

/// Most events of one lane in a batch.
const LANE_EVENTS_MAX: u64 = 1024;

/// Most events of a batch; it is exceeded by less than one lane's share.
const BATCH_EVENTS_MAX: u64 = 4096;

/// Reads the log and writes what it owes.
#[derive(Debug)]
pub(crate) struct Intake {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    outbox: Outbox,
    owing: Owing,
    cursors: Vec<u64>,
    first: usize,
}

impl Intake {
    /// An intake that goes on where the outbox says, or is born at the log's ends.
    pub async fn begin(
        log: Arc<dyn EventLog>,
        root: RootSecret,
        clock: Arc<dyn Clock>,
        outbox: Outbox,
    ) -> Result<Self, ReactorError> {
        let heads = log.heads().await?;
        let cursors = outbox.cursors(&heads).await?;
        check_not_behind(&heads, |lane| cursors[usize::from(lane.number())])
            .map_err(ReactorError::Behind)?;
        Ok(Self {
            owing: Owing::new(Arc::clone(&log), root),
            log,
            clock,
            outbox,
            cursors,
            first: 0,
        })
    }

    /// Takes in the next batch of events. The deliveries that can be sent at once come back; `None` when there was no
    /// event to read.
    pub async fn take(&mut self) -> Result<Option<Vec<Delivery>>, ReactorError> {
        let heads = self.log.heads().await?;
        let cursors = &self.cursors;
        check_not_behind(&heads, |lane| cursors[usize::from(lane.number())])
            .map_err(ReactorError::Behind)?;
        let wanted = self.wanted(&heads);
        let slices = reading::read(&*self.log, &wanted).await?;
        let mut after = self.cursors.clone();
        let mut events = Vec::new();
        let mut stopped = None;
        for slice in slices {
            let lane = usize::from(slice.wanted.lane.number());
            after[lane] = slice.end();
            if !slice.events.is_empty() {
                self.first = lane + 1;
            }
            events.extend(slice.events);
            stopped = stopped.or(slice.stopped);
        }
        if let Some(error) = stopped {
            if events.is_empty() {
                return Err(ReactorError::Lane(error));
            }
            report(&error);
        }
        if events.is_empty() {
            return Ok(None);
        }
        let now = self.clock.now();
        let new = self.owing.owed(&events, now).await?;
        metrics::counter!("reactor_deliveries_total").increment(new.len() as u64);
        match self.outbox.add(&self.cursors, &after, new, now).await {
            Ok(Some(ready)) => {
                self.cursors = after;
                Ok(Some(ready))
            }
            Ok(None) => {
                self.cursors = self.outbox.cursors(&heads).await?;
                Err(ReactorError::Disturbed)
            }
            Err(error) => {
                // Whether a failed commit has happened, only the database knows.
                self.cursors = self.outbox.cursors(&heads).await?;
                Err(error.into())
            }
        }
    }

    fn wanted(&self, heads: &[u64]) -> Vec<Wanted> {
        let (mut wanted, mut events) = (Vec::new(), 0);
        for lane in Lane::all()
            .cycle()
            .skip(self.first)
            .take(Lane::COUNT.into())
        {
            let index = usize::from(lane.number());
            let after = self.cursors[index];
            let limit = heads[index].saturating_sub(after).min(LANE_EVENTS_MAX);
            if limit > 0 && events < BATCH_EVENTS_MAX {
                events += limit;
                wanted.push(Wanted {
                    lane,
                    after,
                    limit: limit as usize,
                });
            }
        }
        wanted
    }
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "a lane of the log cannot be read on; the others are");
}
