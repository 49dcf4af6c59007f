//! From the log to what is owed: one message for each way of an order.

use std::sync::Arc;

use bus::shell::Clock;
use event_log::EventLog;
use projections::check_not_behind;
use projections::reading::{self, Wanted};
use schemas::Lane;
use schemas::events::Event;
use schemas::events::code_orders::CodeOrderEvent;

use super::owed::Owed;
use crate::reactor::ReactorError;

/// Most events of one lane in a batch.
const LANE_EVENTS_MAX: u64 = 1024;

/// Reads the log.
#[derive(Debug)]
pub(super) struct Intake {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    owed: Owed,
    cursors: Vec<u64>,
}

impl Intake {
    /// An intake that goes on where it was, or is born at the log's ends: what was ordered before is not sent.
    pub(super) async fn begin(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        owed: Owed,
    ) -> Result<Self, ReactorError> {
        let heads = log.heads().await?;
        let cursors = owed.cursors(&heads).await?;
        check_not_behind(&heads, |lane| cursors[usize::from(lane.number())])
            .map_err(ReactorError::Behind)?;
        Ok(Self {
            log,
            clock,
            owed,
            cursors,
        })
    }

    /// Takes in what the log has; `false` when there was nothing to read.
    pub(super) async fn take(&mut self) -> Result<bool, ReactorError> {
        let heads = self.log.heads().await?;
        let cursors = &self.cursors;
        check_not_behind(&heads, |lane| cursors[usize::from(lane.number())])
            .map_err(ReactorError::Behind)?;
        let wanted: Vec<Wanted> = Lane::all()
            .filter_map(|lane| {
                let index = usize::from(lane.number());
                let after = cursors[index];
                let limit = heads[index].saturating_sub(after).min(LANE_EVENTS_MAX);
                (limit > 0).then_some(Wanted {
                    lane,
                    after,
                    limit: limit as usize,
                })
            })
            .collect();
        if wanted.is_empty() {
            return Ok(false);
        }
        let (mut after, mut new, mut stopped) = (self.cursors.clone(), Vec::new(), None);
        for slice in reading::read(&*self.log, &wanted).await? {
            after[usize::from(slice.wanted.lane.number())] = slice.end();
            for (_, recorded) in &slice.events {
                if let Event::CodeOrders(CodeOrderEvent::Ordered(order)) = &recorded.event {
                    let channels = order.channels.iter();
                    new.extend(
                        channels.map(|channel| {
                            (order.order_id.clone(), *channel, recorded.owner.clone())
                        }),
                    );
                }
            }
            stopped = stopped.or(slice.stopped);
        }
        if after == self.cursors {
            return match stopped {
                Some(error) => Err(ReactorError::Lane(error)),
                None => Ok(false),
            };
        }
        let now = self.clock.now();
        if self.owed.add(&self.cursors, &after, &new, now).await? {
            self.cursors = after;
            return Ok(true);
        }
        self.cursors = self.owed.cursors(&heads).await?;
        Err(ReactorError::Disturbed)
    }
}
