//! From the log to the outbox.

use std::sync::Arc;

use bus::shell::{Clock, RootSecret};
use event_log::EventLog;

use crate::delivery::Delivery;
use crate::following::Follower;
use crate::outbox::{LETTERS, Outbox};
use crate::owing::Owing;
use crate::reactor::ReactorError;

/// Reads the log and writes what it owes.
#[derive(Debug)]
pub(crate) struct Intake {
    follower: Follower,
    clock: Arc<dyn Clock>,
    outbox: Outbox,
    owing: Owing,
}

impl Intake {
    /// An intake that goes on where the outbox says, or is born at the log's ends.
    pub async fn begin(
        log: Arc<dyn EventLog>,
        root: RootSecret,
        clock: Arc<dyn Clock>,
        outbox: Outbox,
    ) -> Result<Self, ReactorError> {
        Ok(Self {
            follower: Follower::begin(Arc::clone(&log), outbox.store.clone(), LETTERS).await?,
            owing: Owing::new(log, root),
            clock,
            outbox,
        })
    }

    /// Takes in the next batch of events. The deliveries that can be sent at once come back; `None` when there was no
    /// event to read.
    pub async fn take(&mut self) -> Result<Option<Vec<Delivery>>, ReactorError> {
        let Some(batch) = self.follower.next().await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let new = self.owing.owed(&batch.events, now).await?;
        metrics::counter!("reactor_deliveries_total").increment(new.len() as u64);
        let added = self.outbox.add(&batch.before, &batch.after, new, now).await;
        self.follower.taken(batch.after, added).await.map(Some)
    }
}
