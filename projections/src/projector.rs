//! The projector: keeps every projection up to the log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use event_log::{EventLog, Failure};
use schemas::{Lane, Position};
use tokio::sync::{Mutex, watch};

use crate::batch::Batch;
use crate::cursors::Cursors;
use crate::hints::Hints;
use crate::read::ReadModels;
use crate::reading::ReadError;
use crate::replay::Filter;
use crate::store::{Durability, Store, StoreError};

/// How often the projector looks at the log when nobody tells it to.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Keeps every projection up to the log. Two of them on the same tables are safe; one of them then waits.
#[derive(Debug)]
pub struct Projector {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) store: Store,
    filter: Filter,
    cursors: Mutex<Cursors>,
    read: watch::Sender<Vec<u64>>,
}

/// Why the projector does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log is shorter than what was read of it: it is another log, or it has lost its end. Nothing may be built on it
    /// before a person has looked.
    #[error(
        "the log is behind its readers: lane {lane} ends at {log}, but number {seen} was read from it before"
    )]
    LogIsBehind {
        /// Which lane.
        lane: Lane,
        /// Number of its last event.
        log: u64,
        /// The number that was read.
        seen: u64,
    },
    /// The tables.
    #[error("cannot prepare the projections' tables")]
    Store(#[from] StoreError),
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
}

/// Why the projections do not advance.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The log became shorter than what was read of it.
    #[error(transparent)]
    Behind(StartError),
    /// The tables.
    #[error("cannot write the projections")]
    Store(#[from] StoreError),
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
    /// A lane cannot be read on; the others were.
    #[error("a lane of the log cannot be projected")]
    Lane(#[source] ReadError),
    /// The projections have read beyond the place they were to be brought to.
    #[error("the read models are beyond that place already")]
    Beyond,
    /// Another projector moved a cursor.
    #[error("another projector is writing the same tables")]
    Disturbed,
}

/// Refuses a log that is shorter than what was read of it; `seen` tells the number that was read of a lane.
pub fn check_not_behind(heads: &[u64], seen: impl Fn(Lane) -> u64) -> Result<(), StartError> {
    for lane in Lane::all() {
        let log = heads.get(usize::from(lane.number())).copied().unwrap_or(0);
        let seen = seen(lane);
        if seen > log {
            return Err(StartError::LogIsBehind { lane, log, seen });
        }
    }
    Ok(())
}

impl Projector {
    /// Opens the tables, makes those that are missing, and refuses a log that is shorter than what was read of it.
    ///
    /// The address is `sqlite:<path>`, `postgres://...` or `jdbc:postgresql://...`.
    pub async fn open(log: Arc<dyn EventLog>, database_address: &str) -> Result<Self, StartError> {
        let store = Store::open(database_address, Durability::Disposable).await?;
        let cursors = Cursors::prepare(&store).await?;
        check_not_behind(&log.heads().await?, |lane| cursors.read_by_any(lane))?;
        Ok(Self {
            log,
            store,
            filter: Filter::default(),
            read: watch::Sender::new(read_by_all(&cursors)),
            cursors: Mutex::new(cursors),
        })
    }

    /// The same, folding only what the filter takes. The tables must have been filled with that filter from the first event on.
    #[must_use]
    pub fn taking(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Follows the log until `shutdown` comes. It returns an error only when a person must look.
    pub async fn run(
        &self,
        bus: Arc<dyn Bus>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ProjectionError> {
        tokio::select! {
            () = shutdown => Ok(()),
            followed = self.follow(bus) => followed,
        }
    }

    async fn follow(&self, bus: Arc<dyn Bus>) -> Result<(), ProjectionError> {
        let mut hints = Hints::new(bus, LOOK_EVERY);
        hints.listen().await;
        loop {
            match self.catch_up().await {
                Ok(()) => hints.wait().await,
                Err(error @ ProjectionError::Behind(_)) => return Err(error),
                Err(error) => {
                    metrics::counter!("projection_failures_total").increment(1);
                    report(&error);
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    /// Brings every projection to where the log ended when this was called.
    pub async fn catch_up(&self) -> Result<(), ProjectionError> {
        let mut cursors = self.cursors.lock().await;
        let heads = self.log.heads().await?;
        check_not_behind(&heads, |lane| cursors.read_by_any(lane))
            .map_err(ProjectionError::Behind)?;
        self.advance(&mut cursors, &heads, |_| {}).await
    }

    /// Brings every projection to these numbers of the lanes, and not beyond; `progress` hears how many events were read.
    pub async fn catch_up_to(
        &self,
        until: &[u64],
        progress: impl FnMut(u64),
    ) -> Result<(), ProjectionError> {
        let mut cursors = self.cursors.lock().await;
        let is_beyond = |(lane, until): (Lane, &u64)| cursors.read_by_any(lane) > *until;
        if Lane::all().zip(until).any(is_beyond) {
            return Err(ProjectionError::Beyond);
        }
        self.advance(&mut cursors, until, progress).await
    }

    async fn advance(
        &self,
        cursors: &mut Cursors,
        heads: &[u64],
        mut progress: impl FnMut(u64),
    ) -> Result<(), ProjectionError> {
        let (mut stuck, mut why) = (BTreeSet::new(), None);
        let mut first = 0;
        let mut batch =
            Batch::gather(&*self.log, cursors, heads, first, &stuck, &self.filter).await?;
        loop {
            for (lane, error) in std::mem::take(&mut batch.stuck) {
                stuck.insert(lane);
                why.get_or_insert(error);
            }
            tell_lag(cursors, heads);
            let (after, events) = (cursors.after(&batch.advances), batch.events);
            if events == 0 && stuck.is_empty() {
                return Ok(());
            }
            if let Some(last) = batch.advances.last() {
                first = usize::from(last.lane.number()) + 1;
            }
            // The next batch is read while this one is written.
            let writing = async {
                if events == 0 {
                    Ok(true)
                } else {
                    batch.write(&self.store, cursors, &after).await
                }
            };
            let reading = Batch::gather(&*self.log, &after, heads, first, &stuck, &self.filter);
            let (written, next) = tokio::join!(writing, reading);
            match written {
                Ok(true) => *cursors = after,
                Ok(false) => {
                    *cursors = Cursors::load(&self.store).await?;
                    return Err(ProjectionError::Disturbed);
                }
                Err(error) => {
                    // Whether a failed commit has happened, only the database knows.
                    *cursors = Cursors::load(&self.store).await?;
                    return Err(error.into());
                }
            }
            metrics::counter!("projection_events_total").increment(events);
            let read = read_by_all(cursors);
            progress(read.iter().sum());
            self.read.send_replace(read);
            batch = next?;
            if batch.events == 0 && batch.stuck.is_empty() {
                tell_lag(cursors, heads);
                return why.map_or(Ok(()), |error| Err(ProjectionError::Lane(error)));
            }
        }
    }

    /// Waits until every projection of this projector has read this event. Put a bound around it.
    pub async fn wait_for(&self, position: Position) {
        let lane = usize::from(position.lane.number());
        let mut read = self.read.subscribe();
        let arrived = read
            .wait_for(|numbers| numbers[lane] >= position.number)
            .await;
        arrived.expect("the sender lives in self");
    }

    /// Questions to the same tables.
    pub fn read_models(&self) -> ReadModels {
        ReadModels::of(self.store.clone())
    }
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "the projections do not advance; trying again");
}

fn read_by_all(cursors: &Cursors) -> Vec<u64> {
    Lane::all().map(|lane| cursors.read_by_all(lane)).collect()
}

fn tell_lag(cursors: &Cursors, heads: &[u64]) {
    let behind = Lane::all()
        .zip(heads)
        .map(|(lane, head)| head.saturating_sub(cursors.read_by_all(lane)));
    metrics::gauge!("projection_lag_events").set(behind.sum::<u64>() as f64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{History, confirmed_transaction, created_transaction};
    use crate::store::Value;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn address(folder: &tempfile::TempDir) -> String {
        format!("sqlite:{}", folder.path().join("read.sqlite").display())
    }

    #[tokio::test]
    async fn what_happened_is_seen_after_catching_up() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let owner = History::user("sample-1");
        let last = history.live(&owner, 2).await;
        let projector = Projector::open(history.log.clone(), &address(&folder)).await?;
        projector.catch_up().await?;
        projector.wait_for(last).await;
        let (system_id, user_id) = (owner.system_id(), owner.user_id().ok_or("a user")?);
        let models = projector.read_models();
        let page = crate::Page {
            offset: 0,
            limit: 10,
        };
        let transactions = models.transactions(system_id, user_id, page).await?;
        assert_eq!(transactions.len(), 2);
        assert_eq!(transactions[0].status.as_deref(), Some("confirmed"));
        assert_eq!(transactions[0].signature.as_deref(), Some("3045"));
        assert_eq!(models.users(system_id, page).await?.len(), 1);
        assert_eq!(
            models.keys(system_id, user_id, page).await?[0]
                .status
                .as_deref(),
            Some("issued")
        );
        assert!(models.wait_for(last, Duration::ZERO).await?);
        Ok(())
    }

    #[tokio::test]
    async fn a_new_projector_goes_on_where_the_old_one_ended() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let owner = History::user("sample-1");
        history.happen(&owner, vec![created_transaction("t")]).await;
        Projector::open(history.log.clone(), &address(&folder))
            .await?
            .catch_up()
            .await?;
        history
            .happen(&owner, vec![confirmed_transaction("t")])
            .await;
        let projector = Projector::open(history.log.clone(), &address(&folder)).await?;
        projector.catch_up().await?;
        let found = projector
            .read_models()
            .transaction(owner.system_id(), &"t".parse()?)
            .await?;
        let found = found.ok_or("the transaction is there")?;
        assert_eq!(
            (found.status.as_deref(), found.has_binary),
            (Some("confirmed"), Some(1))
        );
        Ok(())
    }

    #[tokio::test]
    async fn a_log_shorter_than_what_was_read_of_it_is_refused() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let last = history.live(&History::user("sample-1"), 3).await;
        Projector::open(history.log.clone(), &address(&folder))
            .await?
            .catch_up()
            .await?;
        let other = History::new();
        match Projector::open(other.log.clone(), &address(&folder)).await {
            Err(StartError::LogIsBehind { lane, log: 0, seen }) => {
                assert_eq!((lane, seen), (last.lane, last.number));
            }
            other => panic!("a shorter log must be refused, not {other:?}"),
        }
        Ok(())
    }

    #[tokio::test]
    async fn of_two_projectors_on_the_same_tables_one_steps_back() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let owner = History::user("sample-1");
        let first = Projector::open(history.log.clone(), &address(&folder)).await?;
        let second = Projector::open(history.log.clone(), &address(&folder)).await?;
        history.live(&owner, 1).await;
        first.catch_up().await?;
        assert!(matches!(
            second.catch_up().await,
            Err(ProjectionError::Disturbed)
        ));
        second.catch_up().await?;
        let count = first
            .store
            .fetch("select count(*) from journal", Vec::new())
            .await?;
        assert_eq!(count, [[Value::from(4)]]);
        Ok(())
    }

    #[tokio::test]
    async fn a_running_projector_follows_the_log_and_ends_when_told_to() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let bus = bus::InProcessBus::new();
        let projector = Arc::new(Projector::open(history.log.clone(), &address(&folder)).await?);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = {
            let (projector, bus) = (Arc::clone(&projector), Arc::clone(&bus));
            tokio::spawn(async move { projector.run(bus, async { drop(stopped.await) }).await })
        };
        for number in 0..3 {
            let last = history
                .live(&History::user(&format!("sample-{number}")), 1)
                .await;
            let lane = bytes::Bytes::from(vec![last.lane.number()]);
            bus.tell(schemas::subjects::grown(), lane).await?;
            tokio::time::timeout(Duration::from_secs(20), projector.wait_for(last)).await?;
        }
        stop.send(()).map_err(|()| "the projector still runs")?;
        running.await??;
        Ok(())
    }

    #[tokio::test]
    async fn an_event_from_the_future_stops_its_lane_and_no_other() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let strange = History::user("strange");
        history
            .happen(&strange, vec![created_transaction("t")])
            .await;
        history
            .happen_encoded(&strange, b"a newer program wrote this".to_vec())
            .await;
        let projector = Projector::open(history.log.clone(), &address(&folder)).await?;
        let lane = Lane::of(&strange);
        let other = (0..).map(|number| History::user(&format!("sample-{number}")));
        let other = other
            .into_iter()
            .find(|owner| Lane::of(owner) != lane)
            .ok_or("another lane")?;
        let last = history.live(&other, 1).await;
        let stopped = projector.catch_up().await;
        assert!(matches!(
            stopped,
            Err(ProjectionError::Lane(ReadError::Decode { position, .. })) if position == Position { lane, number: 2 }
        ));
        projector.wait_for(last).await;
        projector.wait_for(Position { lane, number: 1 }).await;
        Ok(())
    }
}
