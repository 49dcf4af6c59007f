//! A batch: events of several lanes, folded into rows, written together with the cursors.

use std::collections::BTreeSet;

use event_log::{EventLog, Failure};
use schemas::Lane;

use crate::cursors::{Advance, Behind, Cursors};
use crate::projection::{PROJECTIONS, Seen};
use crate::reading::{self, PORTION, ReadError, Wanted};
use crate::replay::Filter;
use crate::rows::Rows;
use crate::store::{Store, StoreError};

/// Rows and cursors that belong together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// How many events went in.
    pub events: u64,
    /// Which cursors move, and how far.
    pub advances: Vec<Advance>,
    /// Lanes that cannot be read on, and why.
    pub stuck: Vec<(Lane, ReadError)>,
    rows: Vec<Rows>,
}

impl Batch {
    /// Reads and folds what comes next. `first` is the lane to begin with, so that none has to wait for ever; lanes in
    /// `without` are left out. An empty batch means that there is nothing to read.
    pub async fn gather(
        log: &dyn EventLog,
        cursors: &Cursors,
        heads: &[u64],
        first: usize,
        without: &BTreeSet<Lane>,
        filter: &Filter,
    ) -> Result<Self, Failure> {
        let (mut wanted, mut groups, mut events) = (Vec::new(), Vec::new(), 0);
        let lanes = Lane::all().cycle().skip(first).take(Lane::COUNT.into());
        for lane in lanes.filter(|lane| !without.contains(lane)) {
            let head = heads[usize::from(lane.number())];
            let Some(Behind {
                group,
                after,
                until,
            }) = cursors.behind(lane, head)
            else {
                continue;
            };
            let limit = (until - after).min(PORTION.lane);
            events += limit;
            groups.push(group);
            wanted.push(Wanted {
                lane,
                after,
                limit: limit as usize,
            });
            if events >= PORTION.all {
                break;
            }
        }
        let mut batch = Self {
            rows: PROJECTIONS.iter().map(|_| Rows::default()).collect(),
            ..Self::default()
        };
        for (slice, group) in reading::read(log, &wanted).await?.into_iter().zip(groups) {
            let Wanted { lane, after, .. } = slice.wanted;
            let taken = slice.events.iter().filter(|(_, event)| filter.takes(event));
            for (position, event) in taken {
                let seen = Seen {
                    position: *position,
                    event,
                };
                for projection in &group {
                    (PROJECTIONS[*projection].fold)(&seen, &mut batch.rows[*projection]);
                }
            }
            batch.events += slice.events.len() as u64;
            let end = slice.end();
            if end > after {
                batch.advances.push(Advance {
                    lane,
                    group,
                    after,
                    end,
                });
            }
            if let Some(stopped) = slice.stopped {
                batch.stuck.push((lane, stopped));
            }
        }
        Ok(batch)
    }

    /// Writes rows and cursors, all of it or nothing; `false` when another projector has moved a cursor.
    pub async fn write(
        self,
        store: &Store,
        before: &Cursors,
        after: &Cursors,
    ) -> Result<bool, StoreError> {
        let mut transaction = store.begin().await?;
        if !before.write(after, &mut transaction).await? {
            return Ok(false);
        }
        for (projection, rows) in PROJECTIONS.iter().zip(self.rows) {
            projection.live().write(rows, &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}
