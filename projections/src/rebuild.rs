//! Rebuilding a projection from the log, beside the one that serves, and proving that they are the same.

use event_log::Failure;
use schemas::{Digest, Lane};

use crate::batch::{BATCH_EVENTS_MAX, LANE_EVENTS_MAX};
use crate::compare::compare;
use crate::cursors::{Cursors, hold};
use crate::projection::{Projection, Seen};
use crate::projector::Projector;
use crate::reading::{self, ReadError, Wanted};
use crate::rows::{Rows, Target};
use crate::store::StoreError;

/// What to do when the rebuilt table differs from the one that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDifference {
    /// Keep both, `<table>_rebuilt` beside `<table>`, for a person to look at.
    KeepBoth,
    /// Serve the rebuilt one.
    Switch,
}

/// How far a rebuild is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebuildProgress {
    /// Events that were read.
    pub done: u64,
    /// Events to read, as far as known now.
    pub total: u64,
}

/// What a rebuild found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuildReport {
    /// Which projection.
    pub projection: &'static str,
    /// Events that were read.
    pub events: u64,
    /// Rows of the rebuilt table.
    pub rows: u64,
    /// SHA-256 over the rows that served.
    pub live_hash: Digest,
    /// SHA-256 over the rebuilt rows, at the same positions.
    pub rebuilt_hash: Digest,
    /// Key of the first row that differs; `None` when all are equal.
    pub first_difference: Option<String>,
    /// Whether the rebuilt table serves now.
    pub switched: bool,
}

/// Why a rebuild did not end.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// No such projection.
    #[error("no projection is named {0:?}")]
    Unknown(String),
    /// The tables.
    #[error("cannot write the rebuilt table")]
    Store(#[from] StoreError),
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
    /// The log holds something that this program cannot read.
    #[error("a lane of the log cannot be projected")]
    Lane(#[from] ReadError),
}

impl RebuildReport {
    /// Was the serving table what the log says?
    pub fn is_equal(&self) -> bool {
        self.first_difference.is_none() && self.live_hash == self.rebuilt_hash
    }
}

impl Projector {
    /// Builds a projection anew from the first event on, while the old one serves and goes on. At the end the old one is
    /// held where it is, both are compared, and the new one takes its place in the same transaction.
    pub async fn rebuild(
        &self,
        name: &str,
        on_difference: OnDifference,
        mut progress: impl FnMut(RebuildProgress),
    ) -> Result<RebuildReport, RebuildError> {
        let projection =
            Projection::named(name).ok_or_else(|| RebuildError::Unknown(name.to_owned()))?;
        let mut shadow = self.begin_shadow(projection).await?;
        let mut served = self.served_up_to(projection).await?;
        let mut gathered = shadow.gather(self, &served).await?;
        while let Some((rows, at)) = gathered {
            progress(RebuildProgress {
                done: shadow.done(),
                total: served.iter().sum(),
            });
            let table = shadow.table.clone();
            shadow.at = at;
            // The next events are read while these rows are written.
            let writing = self.write_shadow(projection.target(&table), rows);
            let (written, next) = tokio::join!(writing, shadow.gather(self, &served));
            written?;
            gathered = next?;
            if gathered.is_none() {
                // Meanwhile the projection that serves went on.
                served = self.served_up_to(projection).await?;
                gathered = shadow.gather(self, &served).await?;
            }
        }
        progress(RebuildProgress {
            done: shadow.done(),
            total: served.iter().sum(),
        });
        self.finish(shadow, on_difference).await
    }

    async fn served_up_to(&self, projection: &Projection) -> Result<Vec<u64>, StoreError> {
        Ok(Cursors::load(&self.store).await?.of(projection))
    }

    async fn write_shadow(&self, table: Target<'_>, rows: Rows) -> Result<(), StoreError> {
        let mut transaction = self.store.begin().await?;
        table.write(rows, &mut transaction).await?;
        transaction.commit().await
    }

    async fn begin_shadow(&self, projection: &'static Projection) -> Result<Shadow, StoreError> {
        let table = projection.shadow_table();
        let mut transaction = self.store.begin().await?;
        transaction
            .run_script(format!("drop table if exists {table}"))
            .await?;
        transaction.run_script(projection.create_as(&table)).await?;
        transaction.commit().await?;
        let at = vec![0; Lane::COUNT.into()];
        Ok(Shadow {
            projection,
            table,
            at,
        })
    }

    async fn finish(
        &self,
        mut shadow: Shadow,
        on_difference: OnDifference,
    ) -> Result<RebuildReport, RebuildError> {
        let projection = shadow.projection;
        let mut transaction = self.store.begin().await?;
        let served = hold(projection, &mut transaction).await?;
        while let Some((rows, at)) = shadow.gather(self, &served).await? {
            let table = projection.target(&shadow.table);
            table.write(rows, &mut transaction).await?;
            shadow.at = at;
        }
        let tables = [projection.live(), projection.target(&shadow.table)];
        let found = compare(tables, &mut transaction).await?;
        let is_equal = found.first_difference.is_none();
        let switched = is_equal || on_difference == OnDifference::Switch;
        if switched {
            let (table, shadow) = (projection.table, &shadow.table);
            let switch = format!("drop table {table}; alter table {shadow} rename to {table}");
            transaction.run_script(switch).await?;
        }
        transaction.commit().await?;
        if !is_equal {
            metrics::counter!("projection_differences_total").increment(1);
            tracing::error!(
                projection = projection.name,
                first_difference = found.first_difference.as_deref(),
                "a projection was not what the log says"
            );
        }
        Ok(RebuildReport {
            projection: projection.name,
            events: shadow.done(),
            rows: found.rows[1],
            live_hash: found.hashes[0],
            rebuilt_hash: found.hashes[1],
            first_difference: found.first_difference,
            switched,
        })
    }
}

/// The table that is being built.
struct Shadow {
    projection: &'static Projection,
    table: String,
    at: Vec<u64>,
}

impl Shadow {
    fn done(&self) -> u64 {
        self.at.iter().sum()
    }

    /// The next rows, and where they bring the table; `None` when it has arrived.
    async fn gather(
        &self,
        projector: &Projector,
        until: &[u64],
    ) -> Result<Option<(Rows, Vec<u64>)>, RebuildError> {
        let (mut wanted, mut events) = (Vec::new(), 0);
        for lane in Lane::all() {
            let index = usize::from(lane.number());
            let (after, limit) = (
                self.at[index],
                until[index]
                    .saturating_sub(self.at[index])
                    .min(LANE_EVENTS_MAX),
            );
            if limit > 0 && events < BATCH_EVENTS_MAX {
                events += limit;
                wanted.push(Wanted {
                    lane,
                    after,
                    limit: limit as usize,
                });
            }
        }
        if wanted.is_empty() {
            return Ok(None);
        }
        let (mut rows, mut at) = (Rows::default(), self.at.clone());
        for slice in reading::read(&*projector.log, &wanted).await? {
            at[usize::from(slice.wanted.lane.number())] = slice.end();
            if let Some(stopped) = slice.stopped {
                return Err(stopped.into());
            }
            for (position, event) in &slice.events {
                (self.projection.fold)(
                    &Seen {
                        position: *position,
                        event,
                    },
                    &mut rows,
                );
            }
        }
        Ok(Some((rows, at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::History;
    use crate::store::Value;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    async fn projected(
        folder: &tempfile::TempDir,
    ) -> Result<(History, Projector), Box<dyn std::error::Error>> {
        let mut history = History::new();
        for number in 0..20 {
            history
                .live(&History::user(&format!("sample-{number}")), 30)
                .await;
        }
        let address = format!("sqlite:{}", folder.path().join("read.sqlite").display());
        let projector = Projector::open(history.log.clone(), &address).await?;
        projector.catch_up().await?;
        Ok((history, projector))
    }

    #[tokio::test]
    async fn a_rebuilt_projection_equals_the_one_that_served_and_takes_its_place() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (mut history, projector) = projected(&folder).await?;
        for name in crate::names() {
            let mut seen = 0;
            // Twice: the switched table must be as good to rebuild as the first one.
            for _ in 0..2 {
                let report = projector
                    .rebuild(name, OnDifference::KeepBoth, |progress| {
                        seen = progress.done;
                    })
                    .await?;
                assert!(report.is_equal() && report.switched, "{report:?}");
                assert_eq!(
                    (report.events, report.live_hash),
                    (20 * 62, report.rebuilt_hash)
                );
            }
            assert_eq!(seen, 20 * 62);
        }
        history.live(&History::user("later"), 1).await;
        projector.catch_up().await?;
        let count = projector
            .store
            .fetch("select count(*) from journal", Vec::new())
            .await?;
        assert_eq!(count, [[Value::from(20 * 62 + 4)]]);
        Ok(())
    }

    #[tokio::test]
    async fn a_changed_row_is_noticed_and_named() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (_history, projector) = projected(&folder).await?;
        let corrupt = "update read_transactions set status = 'declined' where transaction_id = $1";
        let mut transaction = projector.store.begin().await?;
        assert_eq!(
            transaction
                .execute(corrupt, vec!["sample-7-3".into()])
                .await?,
            1
        );
        transaction.commit().await?;
        let report = projector
            .rebuild("transactions", OnDifference::KeepBoth, |_| {})
            .await?;
        assert!(!report.is_equal() && !report.switched);
        let key = format!("{}/sample-7-3", crate::sample::SYSTEM);
        assert_eq!(report.first_difference.as_deref(), Some(key.as_str()));
        let status = "select (select status from read_transactions where transaction_id = $1), \
                      (select status from read_transactions_rebuilt where transaction_id = $1)";
        let both = projector
            .store
            .fetch(status, vec!["sample-7-3".into()])
            .await?;
        assert_eq!(both, [["declined".into(), "confirmed".into()]]);
        let report = projector
            .rebuild("transactions", OnDifference::Switch, |_| {})
            .await?;
        assert!(!report.is_equal() && report.switched);
        let report = projector
            .rebuild("transactions", OnDifference::KeepBoth, |_| {})
            .await?;
        assert!(report.is_equal());
        Ok(())
    }

    #[tokio::test]
    async fn a_lost_row_and_an_invented_one_are_noticed() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (_history, projector) = projected(&folder).await?;
        for corrupt in [
            "delete from journal where event_id = (select max(event_id) from journal)",
            "insert into journal (event_id, request_type) values (9000000000, 'invented')",
        ] {
            let mut transaction = projector.store.begin().await?;
            assert_eq!(transaction.execute(corrupt, Vec::new()).await?, 1);
            transaction.commit().await?;
            let report = projector
                .rebuild("journal", OnDifference::Switch, |_| {})
                .await?;
            assert!(!report.is_equal(), "{corrupt}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn only_known_projections_are_rebuilt() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (_history, projector) = projected(&folder).await?;
        let refused = projector
            .rebuild("nothing", OnDifference::KeepBoth, |_| {})
            .await;
        assert!(matches!(refused, Err(RebuildError::Unknown(_))));
        Ok(())
    }
}
