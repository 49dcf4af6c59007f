//! Following the log: a reader has a bookmark in the database where it keeps what it makes of the events, and both move in
//! one transaction.

use std::sync::Arc;

use event_log::EventLog;
use projections::reading::{self, PORTION};
use projections::store::{Store, StoreError, Transaction, WrongShape};
use projections::{check_not_behind, numbers};
use schemas::Position;
use schemas::envelope::RecordedEvent;

use crate::reactor::ReactorError;

/// Where a reader of this name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark(pub &'static str);

impl Bookmark {
    /// Makes the table that is missing.
    pub async fn prepare(transaction: &mut Transaction) -> Result<(), StoreError> {
        let script = include_str!("../../../migrations/reactors/cursors.sql");
        transaction.run_script(script).await
    }

    /// The number read last in every lane. At the very first start it is set to the log's ends: the reader is born there.
    pub async fn place(self, store: &Store, heads: &[u64]) -> Result<Vec<u64>, StoreError> {
        let mut transaction = store.begin().await?;
        let born = "insert into reactor_cursor (reader, numbers) values ($1, $2) on conflict (reader) do nothing";
        let heads = numbers::to_text(heads).into();
        transaction
            .execute(born, vec![self.0.into(), heads])
            .await?;
        let sql = "select numbers from reactor_cursor where reader = $1";
        let known = transaction.fetch(sql, vec![self.0.into()]).await?;
        transaction.commit().await?;
        let known = known.into_iter().flatten().next().ok_or(WrongShape)?;
        Ok(numbers::from_text(&String::try_from(known)?)?)
    }

    /// Moves it; `false` when somebody else has.
    pub async fn move_on(
        self,
        transaction: &mut Transaction,
        before: &[u64],
        after: &[u64],
    ) -> Result<bool, StoreError> {
        let sql = "update reactor_cursor set numbers = $1 where reader = $2 and numbers = $3";
        let (after, before) = (numbers::to_text(after), numbers::to_text(before));
        let values = vec![after.into(), self.0.into(), before.into()];
        Ok(transaction.execute(sql, values).await? == 1)
    }

    /// Keeps everybody else from moving it until the transaction ends.
    pub async fn hold(self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let sql = "update reactor_cursor set numbers = numbers where reader = $1";
        let held = transaction.execute(sql, vec![self.0.into()]).await;
        held.map(drop)
    }
}

/// Reads the log from a bookmark on.
#[derive(Debug)]
pub(crate) struct Follower {
    log: Arc<dyn EventLog>,
    store: Store,
    bookmark: Bookmark,
    cursors: Vec<u64>,
    /// Which lane has its turn first, so that none waits for ever.
    first: usize,
}

/// Events, and where the bookmark is once they are taken in.
#[derive(Debug)]
pub(crate) struct Batch {
    pub events: Vec<(Position, RecordedEvent)>,
    pub before: Vec<u64>,
    pub after: Vec<u64>,
}

impl Follower {
    /// A follower that goes on where the bookmark is.
    pub async fn begin(
        log: Arc<dyn EventLog>,
        store: Store,
        bookmark: Bookmark,
    ) -> Result<Self, ReactorError> {
        let heads = log.heads().await?;
        let cursors = bookmark.place(&store, &heads).await?;
        let follower = Self {
            log,
            store,
            bookmark,
            cursors,
            first: 0,
        };
        follower.check(&heads)?;
        Ok(follower)
    }

    /// The next events of all lanes; `None` when there are none.
    pub async fn next(&mut self) -> Result<Option<Batch>, ReactorError> {
        let heads = self.log.heads().await?;
        self.check(&heads)?;
        let wanted = PORTION.of(&self.cursors, &heads, self.first);
        let slices = reading::read(&*self.log, &wanted).await?;
        let (mut events, mut after, mut stopped) = (Vec::new(), self.cursors.clone(), None);
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
        let before = self.cursors.clone();
        Ok((!events.is_empty()).then_some(Batch {
            events,
            before,
            after,
        }))
    }

    /// Heeds how taking a batch in ended. What came of it comes back; `None` is of somebody else who moved the bookmark.
    pub async fn taken<T>(
        &mut self,
        after: Vec<u64>,
        outcome: Result<Option<T>, StoreError>,
    ) -> Result<T, ReactorError> {
        if let Ok(Some(taken)) = outcome {
            self.cursors = after;
            return Ok(taken);
        }
        // Whether a failed commit has happened, only the database knows.
        self.cursors = self.bookmark.place(&self.store, &after).await?;
        outcome?;
        Err(ReactorError::Disturbed)
    }

    fn check(&self, heads: &[u64]) -> Result<(), ReactorError> {
        let cursors = &self.cursors;
        let checked = check_not_behind(heads, |lane| cursors[usize::from(lane.number())]);
        checked.map_err(ReactorError::Behind)
    }
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "a lane of the log cannot be read on; the others are");
}
