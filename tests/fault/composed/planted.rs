//! Known bugs, built in on purpose: each must be caught, and by its name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_log::{
    AppendError, Appended, CommandRecord, Commit, DueTimer, Epoch, EventLog, Failure, LogEvent,
    OpenLane,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemas::vault::VaultName;
use schemas::{CommandId, Lane, Owner, Position, Timestamp};
use tokio::sync::watch;

use super::faults::{DeliveryFault, Fault, OneFault};
use super::faulty_bus::FaultyBus;
use super::stage::Stage;
use crate::checker::{Floor, Violation, judge, read_all};
use crate::history::{Kind, Outcome};
use crate::tables::judge_tables;

const LIFE_S: i64 = 600;

/// Which bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// None: the control run.
    None,
    /// The answer goes out before anything is written, and then the write is lost.
    AnswersBeforeAppending,
    /// Whoever appends last wins: neither the lane's epoch nor the owner's version is looked at.
    ForgetsTheFence,
    /// The try of a code is not written before the code is looked at.
    CountsNoTries,
    /// The identity of a command is not written.
    ForgetsIdentities,
}

/// The true log, with a bug before it while it is on.
#[derive(Debug)]
struct BuggyLog {
    true_log: Arc<dyn EventLog>,
    bug: Bug,
    is_on: Arc<AtomicBool>,
}

impl BuggyLog {
    async fn append_wrongly(
        &self,
        lane: Lane,
        epoch: Epoch,
        group: &[Commit],
    ) -> Result<Appended, AppendError> {
        match self.bug {
            Bug::None => self.true_log.append(lane, epoch, group).await,
            Bug::AnswersBeforeAppending => {
                let last = self.last(lane).await;
                let events: u64 = group.iter().map(|commit| commit.events.len() as u64).sum();
                Ok(Appended {
                    first: last + 1,
                    last: last + events,
                })
            }
            Bug::ForgetsTheFence => self.append_blindly(lane, group.to_vec()).await,
            Bug::CountsNoTries => {
                let mut group = group.to_vec();
                for commit in &mut group {
                    commit
                        .events
                        .retain(|event| event.word != "activate_key_attempt");
                }
                self.append_blindly(lane, group).await
            }
            Bug::ForgetsIdentities => {
                let mut group = group.to_vec();
                for commit in &mut group {
                    commit.command = None;
                }
                self.true_log.append(lane, epoch, &group).await
            }
        }
    }

    /// Appends whatever was decided on, however old it is.
    async fn append_blindly(
        &self,
        lane: Lane,
        group: Vec<Commit>,
    ) -> Result<Appended, AppendError> {
        let before = self.last(lane).await;
        for mut commit in group {
            let history = self
                .true_log
                .load(&commit.owner, 0)
                .await
                .map_err(AppendError::Failed)?;
            commit.expected_version = history.len() as u64;
            let newest = self
                .true_log
                .open_lane(lane)
                .await
                .map_err(AppendError::Failed)?;
            self.true_log.append(lane, newest.epoch, &[commit]).await?;
        }
        Ok(Appended {
            first: before + 1,
            last: self.last(lane).await,
        })
    }

    async fn last(&self, lane: Lane) -> u64 {
        self.true_log
            .heads()
            .await
            .expect("the log in memory is readable")[usize::from(lane.number())]
    }
}

impl EventLog for BuggyLog {
    fn open_lane(&self, lane: Lane) -> BoxFuture<'_, Result<OpenLane, Failure>> {
        self.true_log.open_lane(lane)
    }

    fn append<'a>(
        &'a self,
        lane: Lane,
        epoch: Epoch,
        group: &'a [Commit],
    ) -> BoxFuture<'a, Result<Appended, AppendError>> {
        if self.is_on.load(Ordering::SeqCst) {
            self.append_wrongly(lane, epoch, group).boxed()
        } else {
            self.true_log.append(lane, epoch, group)
        }
    }

    fn load<'a>(
        &'a self,
        owner: &'a Owner,
        after: u64,
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>> {
        self.true_log.load(owner, after)
    }

    fn read(
        &self,
        lane: Lane,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LogEvent>, Failure>> {
        self.true_log.read(lane, from, limit)
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        self.true_log.heads()
    }

    fn find_command<'a>(
        &'a self,
        id: &'a CommandId,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Failure>> {
        self.true_log.find_command(id)
    }

    fn vault<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Failure>> {
        self.true_log.vault(owner, names)
    }

    fn erase<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.true_log.erase(owner, names)
    }

    fn due_timers(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DueTimer>, Failure>> {
        self.true_log.due_timers(lane, now, limit)
    }
}

/// A house with a bug in it.
struct BuggyHouse {
    stage: Stage,
    /// The bug is in force.
    is_on: Arc<AtomicBool>,
    /// A fault for which the bug shows.
    fault: Arc<OneFault>,
    /// Which runner is handed commands.
    open: Vec<watch::Sender<bool>>,
}

impl BuggyHouse {
    async fn with(bug: Bug) -> Self {
        const RUNNERS: usize = 2;
        let is_on = Arc::new(AtomicBool::new(false));
        let fault = Arc::new(OneFault::default());
        let (open, is_open): (Vec<_>, Vec<_>) = (0..RUNNERS)
            .map(|number| watch::channel(number == 0))
            .unzip();
        let (is_on_too, plan) = (Arc::clone(&is_on), Arc::clone(&fault));
        let stage = Stage::begin(
            RUNNERS,
            Box::new(move |number, true_log, bus, _| {
                let log = BuggyLog {
                    true_log,
                    bug,
                    is_on: Arc::clone(&is_on_too),
                };
                let bus = FaultyBus::new(bus, plan.clone(), is_open[number].clone());
                (Arc::new(log), Arc::new(bus))
            }),
        );
        Self {
            stage: stage.await,
            is_on,
            fault,
            open,
        }
    }

    fn switch(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::SeqCst);
    }

    /// From now on only this runner is handed commands.
    fn only(&self, runner: usize) {
        for (number, open) in self.open.iter().enumerate() {
            open.send_replace(number == runner);
        }
    }

    async fn violations(self) -> Vec<Violation> {
        let log = read_all(&*self.stage.log)
            .await
            .expect("the log in memory is readable");
        let violations = judge(&self.stage.history.operations(), &log, Floor::NONE);
        self.stage.end().await;
        violations
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bug_nothing_is_found() {
    let house = BuggyHouse::with(Bug::None).await;
    house.switch(true);
    let anna = house.stage.way.enroll("anna").await;
    anna.create("payment", LIFE_S).await;
    house.only(1);
    let shown = anna.show("payment").await.expect("it is there");
    house.only(0);
    assert!(matches!(anna.confirm(&shown).await, Outcome::Done(_)));
    house.only(1);
    assert!(matches!(anna.decline("payment").await, Outcome::Refused(_)));
    assert_eq!(house.violations().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_append_is_caught() {
    let house = BuggyHouse::with(Bug::AnswersBeforeAppending).await;
    let anna = house.stage.way.enroll("anna").await;
    anna.create("payment", LIFE_S).await;
    let shown = anna.show("payment").await.expect("it is there");
    house.switch(true);
    anna.confirm(&shown).await;
    house.switch(false);
    let violations = house.violations().await;
    let lost = Violation::Lost(Kind::Confirm, "payment".to_owned());
    assert!(violations.contains(&lost), "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_runner_without_a_fence_is_caught() {
    let house = BuggyHouse::with(Bug::ForgetsTheFence).await;
    house.switch(true);
    let anna = house.stage.way.enroll("anna").await;
    anna.create("payment", LIFE_S).await;
    // Both runners know the transaction as pending; then each ends it.
    house.only(1);
    let shown = anna.show("payment").await.expect("it is there");
    house.only(0);
    anna.confirm(&shown).await;
    house.only(1);
    anna.decline("payment").await;
    let violations = house.violations().await;
    assert!(
        violations.contains(&Violation::Doubled("payment".to_owned())),
        "{violations:?}"
    );
    let not_successive = |violation: &Violation| matches!(violation, Violation::NotSuccessive(..));
    assert!(violations.iter().any(not_successive), "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_that_is_not_counted_first_is_caught() {
    let house = BuggyHouse::with(Bug::CountsNoTries).await;
    let mut newcomer = house.stage.way.enroll_in_two_parts("anna").await;
    house.switch(true);
    newcomer.activate().await;
    let violations = house.violations().await;
    let not_counted = |violation: &Violation| matches!(violation, Violation::NotCounted(_));
    assert!(violations.iter().any(not_counted), "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_identity_is_caught() {
    let house = BuggyHouse::with(Bug::ForgetsIdentities).await;
    let anna = house.stage.way.enroll("anna").await;
    house.switch(true);
    anna.create("payment", LIFE_S).await;
    let shown = anna.show("payment").await.expect("it is there");
    house
        .fault
        .arm(Fault::Delivery(0, DeliveryFault::LosesAnswer));
    anna.confirm(&shown).await;
    let violations = house.violations().await;
    let differently = Violation::AnsweredDifferently(Kind::Create, "payment".to_owned());
    assert!(violations.contains(&differently), "{violations:?}");
    let contradicted = Violation::Contradicted(Kind::Confirm, "payment".to_owned());
    assert!(violations.contains(&contradicted), "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_under_a_new_identity_is_caught() {
    let house = BuggyHouse::with(Bug::None).await;
    let anna = house.stage.way.enroll("anna").await;
    anna.create("payment", LIFE_S).await;
    let shown = anna.show("payment").await.expect("it is there");
    house
        .fault
        .arm(Fault::Delivery(0, DeliveryFault::LosesAnswer));
    anna.confirm_forgetting_the_identity(&shown).await;
    let violations = house.violations().await;
    let unexpected = Violation::Unexpected(Kind::Confirm, "payment".to_owned());
    assert!(violations.contains(&unexpected), "{violations:?}");
}

/// A cursor that is committed beside its rows, and not with them, is ahead of them after a cut in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_ahead_of_its_rows_is_caught() {
    let house = BuggyHouse::with(Bug::None).await;
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("read.sqlite");
    let address = format!("sqlite:{}", file.display());
    let anna = house.stage.way.enroll("anna").await;
    anna.create("payment", LIFE_S).await;
    assert_eq!(
        judge_tables(Arc::clone(&house.stage.log), &address).await,
        []
    );
    anna.create("another", LIFE_S).await;
    let last = last_of_created(&house.stage, "another").await;
    // Two cuts that do no harm: everything in, and a cursor behind its rows, which are then written again.
    move_cursor(&file, last, 0).await;
    assert_eq!(
        judge_tables(Arc::clone(&house.stage.log), &address).await,
        []
    );
    move_cursor(&file, last, last.number - 1).await;
    assert_eq!(
        judge_tables(Arc::clone(&house.stage.log), &address).await,
        []
    );
    anna.decline("another").await;
    let ahead = last_of_lane(&house.stage, last.lane).await;
    move_cursor(&file, last, ahead).await;
    let differs = Violation::TableDiffers("journal".to_owned());
    assert_eq!(
        judge_tables(Arc::clone(&house.stage.log), &address).await,
        [differs]
    );
    house.stage.end().await;
}

async fn last_of_created(stage: &Stage, transaction_id: &str) -> Position {
    let operations = stage.history.operations();
    let operation = operations
        .iter()
        .find(|operation| operation.about == transaction_id);
    match operation.map(|operation| &operation.outcome) {
        Some(Outcome::Done(Some(position))) => *position,
        other => panic!("{transaction_id} was not created: {other:?}"),
    }
}

async fn last_of_lane(stage: &Stage, lane: Lane) -> u64 {
    stage
        .log
        .heads()
        .await
        .expect("the log in memory is readable")[usize::from(lane.number())]
}

async fn move_cursor(file: &std::path::Path, lane: Position, number: u64) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let pool = sqlx::SqlitePool::connect_with(options)
        .await
        .expect("the file is a database");
    let moved = sqlx::query(
        "update projection_cursor set number = $1 where projection = 'journal' and lane = $2",
    )
    .bind(number as i64)
    .bind(i64::from(lane.lane.number()))
    .execute(&pool)
    .await
    .expect("the cursors are in a table");
    assert_eq!(moved.rows_affected(), 1);
    pool.close().await;
}
