//! Known bugs, built in on purpose: each must be caught, and by its name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schemas::{Lane, Position};
use tokio::sync::watch;

use super::buggy_log::{Bug, BuggyLog};
use super::faults::{DeliveryFault, Fault, OneFault};
use super::faulty_bus::FaultyBus;
use super::stage::Stage;
use crate::checker::{Floor, Violation, judge, read_all};
use crate::history::{Kind, Outcome};
use crate::tables::judge_tables;

const LIFE_S: i64 = 600;

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
    let last = last_of_created(&house.stage, "another");
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

fn last_of_created(stage: &Stage, transaction_id: &str) -> Position {
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
    let (text,): (String,) =
        sqlx::query_as("select numbers from projection_cursor where projection = 'journal'")
            .fetch_one(&pool)
            .await
            .expect("the cursors are in a table");
    let mut numbers = projections::numbers::from_text(&text).expect("the projector wrote it");
    numbers[usize::from(lane.lane.number())] = number;
    let moved =
        sqlx::query("update projection_cursor set numbers = $1 where projection = 'journal'")
            .bind(projections::numbers::to_text(&numbers))
            .execute(&pool)
            .await
            .expect("the cursors are in a table");
    assert_eq!(moved.rows_affected(), 1);
    pool.close().await;
}
