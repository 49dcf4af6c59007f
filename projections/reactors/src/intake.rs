//! From the log to the outbox.

use std::sync::Arc;

use bus::shell::{Clock, RootSecret};
use event_log::EventLog;

use crate::delivery::Delivery;
use crate::erased::written_anew;
use crate::following::Follower;
use crate::orders;
use crate::outbox::{LETTERS, Outbox};
use crate::owing::Owing;
use crate::reactor::ReactorError;

/// What a batch of events brought.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Deliveries that can be sent at once.
    pub ready: Vec<Delivery>,
    /// Whether banks ordered something about letters: there may be more that can be sent.
    pub was_ordered: bool,
}

/// Reads the log and writes what it owes.
#[derive(Debug)]
pub(crate) struct Intake {
    follower: Follower,
    log: Arc<dyn EventLog>,
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
            owing: Owing::new(Arc::clone(&log), root),
            log,
            clock,
            outbox,
        })
    }

    /// Takes in the next batch of events; `None` when there was no event to read.
    pub async fn take(&mut self) -> Result<Option<Taken>, ReactorError> {
        let Some(batch) = self.follower.next().await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let new = self.owing.owed(&batch.events, now).await?;
        metrics::counter!("reactor_deliveries_total").increment(new.len() as u64);
        let orders = orders::among(&batch.events);
        let (log, outbox) = (&*self.log, &self.outbox);
        let anew = written_anew(&batch.events, log, &self.owing, outbox, now).await?;
        let added = self
            .outbox
            .add(&batch.before, &batch.after, (new, &anew), &orders, now)
            .await;
        let ready = self.follower.taken(batch.after, added).await?;
        Ok(Some(Taken {
            ready,
            was_ordered: !orders.is_empty(),
        }))
    }
}
