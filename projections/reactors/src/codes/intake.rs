//! From the log to what is owed: one message for each way of an order.

use std::sync::Arc;

use bus::shell::Clock;
use event_log::EventLog;
use schemas::events::Event;
use schemas::events::code_orders::CodeOrderEvent;

use super::owed::{CODES, Owed};
use crate::following::Follower;
use crate::reactor::ReactorError;

/// Reads the log.
#[derive(Debug)]
pub(super) struct Intake {
    follower: Follower,
    clock: Arc<dyn Clock>,
    owed: Owed,
}

impl Intake {
    /// An intake that goes on where it was, or is born at the log's ends: what was ordered before is not sent.
    pub(super) async fn begin(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        owed: Owed,
    ) -> Result<Self, ReactorError> {
        Ok(Self {
            follower: Follower::begin(log, owed.store.clone(), CODES).await?,
            clock,
            owed,
        })
    }

    /// Takes in what the log has; `false` when there was nothing to read.
    pub(super) async fn take(&mut self) -> Result<bool, ReactorError> {
        let Some(batch) = self.follower.next().await? else {
            return Ok(false);
        };
        let mut new = Vec::new();
        for (_, recorded) in &batch.events {
            if let Event::CodeOrders(CodeOrderEvent::Ordered(order)) = &recorded.event {
                let channels = order.channels.iter();
                new.extend(
                    channels
                        .map(|channel| (order.order_id.clone(), *channel, recorded.owner.clone())),
                );
            }
        }
        let now = self.clock.now();
        let added = self.owed.add(&batch.before, &batch.after, &new, now).await;
        self.follower.taken(batch.after, added).await?;
        Ok(true)
    }
}
