//! Rebuilding a projection from the log, beside the one that serves, and proving that they are the same.

use event_log::Failure;

use crate::compare::compare;
use crate::cursors::{Cursors, hold};
use crate::projection::{PROJECTIONS, Projection};
use crate::projector::Projector;
use crate::reading::ReadError;
use crate::shadow::Shadow;
use crate::store::StoreError;

/// Events that may be read while the projection that serves is held: in less than a tenth of a second.
const LITTLE: u64 = 4096;

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
    /// Events that were read, before an interruption and after it.
    pub events: u64,
    /// Of these, how many an interrupted rebuild had read: this one went on from there.
    pub resumed: u64,
    /// Rows of the rebuilt table.
    pub rows: u64,
    /// Key of the first row that differs, at the same positions; `None` when every row of both tables is equal in every
    /// column.
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
    /// Another rebuild of the same projection is under way.
    #[error("another rebuild is writing {0}")]
    Disturbed(String),
}

impl RebuildReport {
    /// Was the serving table what the log says?
    pub fn is_equal(&self) -> bool {
        self.first_difference.is_none()
    }
}

impl Projector {
    /// Builds a projection anew from the first event on, while the old one serves and goes on. At the end the old one is
    /// held where it is, both are compared, and the new one takes its place in the same transaction.
    pub async fn rebuild(
        &self,
        name: &str,
        on_difference: OnDifference,
        progress: impl FnMut(RebuildProgress),
    ) -> Result<RebuildReport, RebuildError> {
        let projection =
            Projection::named(name).ok_or_else(|| RebuildError::Unknown(name.to_owned()))?;
        let one = [projection];
        let mut built = self.rebuild_these(&one, on_difference, progress).await?;
        Ok(built.remove(0))
    }

    /// The same for all projections at once: the log is read once.
    pub async fn rebuild_all(
        &self,
        on_difference: OnDifference,
        progress: impl FnMut(RebuildProgress),
    ) -> Result<Vec<RebuildReport>, RebuildError> {
        let all: Vec<&Projection> = PROJECTIONS.iter().collect();
        self.rebuild_these(&all, on_difference, progress).await
    }

    async fn rebuild_these(
        &self,
        projections: &[&'static Projection],
        on_difference: OnDifference,
        mut progress: impl FnMut(RebuildProgress),
    ) -> Result<Vec<RebuildReport>, RebuildError> {
        let mut shadow = Shadow::begin(&self.store, projections).await?;
        let resumed = shadow.done();
        self.build(&mut shadow, &mut progress).await?;
        shadow.complete(&self.store).await?;
        let mut reports = Vec::new();
        for mut shadow in shadow.apart() {
            // While the one before was compared, this one fell behind.
            self.build(&mut shadow, &mut progress).await?;
            let mut report = self.finish(shadow, on_difference).await?;
            report.resumed = resumed;
            reports.push(report);
        }
        Ok(reports)
    }

    /// Brings the new tables to where the old ones are, or nearly.
    async fn build(
        &self,
        shadow: &mut Shadow,
        progress: &mut impl FnMut(RebuildProgress),
    ) -> Result<(), RebuildError> {
        loop {
            let served = self.served_up_to(shadow).await?;
            let total = served.iter().sum();
            let before = shadow.done();
            let mut steps = shadow.steps(&self.log, &served);
            while let Some(step) = steps.next().await? {
                let done = shadow.done();
                progress(RebuildProgress { done, total });
                shadow.write(&self.store, step).await?;
            }
            let done = shadow.done();
            progress(RebuildProgress { done, total });
            // Meanwhile the projections that serve went on. Of events that never cease little is left for the end.
            if done - before <= LITTLE {
                return Ok(());
            }
        }
    }

    /// Where all of the old tables have come to.
    async fn served_up_to(&self, shadow: &Shadow) -> Result<Vec<u64>, StoreError> {
        let cursors = Cursors::load(&self.store).await?;
        let all = shadow
            .projections
            .iter()
            .map(|projection| cursors.of(projection));
        let least = all.reduce(|least, of| {
            least
                .into_iter()
                .zip(of)
                .map(|(one, other)| one.min(other))
                .collect()
        });
        Ok(least.unwrap_or_default())
    }

    async fn finish(
        &self,
        mut shadow: Shadow,
        on_difference: OnDifference,
    ) -> Result<RebuildReport, RebuildError> {
        let projection = shadow.projections[0];
        let mut transaction = self.store.begin().await?;
        let served = hold(projection, &mut transaction).await?;
        shadow.end(&mut transaction).await?;
        let mut steps = shadow.steps(&self.log, &served);
        while let Some(step) = steps.next().await? {
            shadow.at.clone_from(&step.at);
            shadow.put(step, &mut transaction).await?;
        }
        let table = projection.shadow_table();
        let tables = [projection.live(), projection.target(&table)];
        let found = compare(tables, &mut transaction).await?;
        let is_equal = found.first_difference.is_none();
        let switched = is_equal || on_difference == OnDifference::Switch;
        if switched {
            let live = projection.table;
            let switch = format!("drop table {live}; alter table {table} rename to {live}");
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
            resumed: 0,
            rows: found.rows[1],
            first_difference: found.first_difference,
            switched,
        })
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
                assert_eq!(report.events, 20 * 62);
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

    #[tokio::test(flavor = "multi_thread")]
    async fn a_rebuild_ends_though_events_never_cease() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (mut history, projector) = projected(&folder).await?;
        let mut late = 0;
        let happen = |_| {
            late += 1;
            let user = History::user(&format!("late-{late}"));
            let happening = async {
                history.live(&user, 1).await;
                projector.catch_up().await.expect("nothing is in the way");
            };
            let now = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| now.block_on(happening));
        };
        let report = projector.rebuild("journal", OnDifference::KeepBoth, happen);
        let report = report.await?;
        assert!(report.is_equal() && report.switched, "{report:?}");
        assert_eq!(report.events, 20 * 62 + 4 * late);
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
    async fn an_interrupted_rebuild_goes_on_where_it_ended() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (mut history, projector) = projected(&folder).await?;
        let whole = projector.log.heads().await?;
        // Half of it, and then its process is gone.
        let half: Vec<u64> = whole.iter().map(|head| head / 2).collect();
        let all: Vec<&Projection> = PROJECTIONS.iter().collect();
        let mut shadow = Shadow::begin(&projector.store, &all).await?;
        let mut steps = shadow.steps(&projector.log, &half);
        while let Some(step) = steps.next().await? {
            shadow.write(&projector.store, step).await?;
        }
        let mut late = shadow.clone();
        history.live(&History::user("later"), 3).await;
        projector.catch_up().await?;
        let mut first = None;
        let reports = projector
            .rebuild_all(OnDifference::KeepBoth, |progress| {
                first.get_or_insert(progress.done);
            })
            .await?;
        let done: u64 = half.iter().sum();
        assert_eq!(first, Some(done));
        for report in &reports {
            assert!(report.is_equal() && report.switched, "{report:?}");
            assert_eq!((report.resumed, report.events), (done, 20 * 62 + 8));
        }
        // The switched tables have their indexes, made in the end; a rebuild that is interrupted after that makes no others.
        let mut complete = Shadow::begin(&projector.store, &all).await?;
        complete.complete(&projector.store).await?;
        let indexes =
            "select name from sqlite_master where type = 'index' and sql is not null order by name";
        let both = projector.store.fetch(indexes, Vec::new()).await?;
        let further: usize = PROJECTIONS
            .iter()
            .map(|projection| projection.create_indexes("table", "name").len())
            .sum();
        assert_eq!(both.len(), 2 * further);
        let mut again = Shadow::begin(&projector.store, &all).await?;
        again.complete(&projector.store).await?;
        assert_eq!(projector.store.fetch(indexes, Vec::new()).await?, both);
        // The one that was thought dead finds its tables taken.
        let step = late.steps(&projector.log, &whole).next().await?;
        let step = step.ok_or("more")?;
        let disturbed = late.write(&projector.store, step).await;
        assert!(
            matches!(disturbed, Err(RebuildError::Disturbed(_))),
            "{disturbed:?}"
        );
        // A finished one leaves nothing to go on from.
        let again = projector
            .rebuild("users", OnDifference::KeepBoth, |_| {})
            .await?;
        assert_eq!((again.resumed, again.is_equal()), (0, true));
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
