//! Read models are filled and compared by the database itself, and each database does that in its own way.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure of the store is a failure of the test"
)]

use std::sync::Arc;

use event_log::{Commit, EventLog, MemoryLog, NewEvent};
use projections::store::{Durability, Given, Store, Value};
use projections::{OnDifference, Projector};
use schemas::context::RequestContext;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::journal::{EventsCleaned, JournalEvent};
use schemas::{CommandId, Lane, Owner, Position, Timestamp, codec};
use tests::made_log;
use tests::postgres::TestPostgres;

/// Events that a rebuild reads at once, about.
const AT_ONCE: u64 = 8192;
/// Users with a hundred events each: more than that.
const USERS: u64 = 100;

/// An address on each database that is here; the folder is the first one's.
fn addresses() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("read.sqlite").display());
    let postgres = TestPostgres::start().map(TestPostgres::database);
    (folder, std::iter::once(sqlite).chain(postgres).collect())
}

async fn rows(store: &Store, sql: &str) -> Vec<Vec<Value>> {
    store.fetch(sql, Vec::new()).await.unwrap()
}

#[tokio::test]
async fn new_rows_are_added_at_once_and_others_spoil_nothing() {
    let (_folder, addresses) = addresses();
    for address in addresses {
        let store = Store::open(&address, Durability::Disposable).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        let table = "create table t (a bigint not null primary key, b text, c bigint)";
        transaction.run_script(table).await.unwrap();
        let row = |a: i64, b: &str| vec![a.into(), b.into(), Value::Number(None)];
        let given = |rows| Given::new(&["a", "b", "c"], rows);
        let first = given(vec![row(i64::MIN, ""), row(2, "\u{1f511}\t\\N\n\"")]);
        let is_loaded = transaction.load("t", &first).await.unwrap();
        assert_eq!(is_loaded, address.starts_with("postgres"), "{address}");
        if is_loaded {
            let second = given(vec![row(3, "new"), row(2, "not new")]);
            assert!(!transaction.load("t", &second).await.unwrap());
            // Neither of them is there, and the transaction goes on.
            let third = given(vec![row(3, "newer")]);
            assert!(transaction.load("t", &third).await.unwrap());
            transaction.commit().await.unwrap();
            let expected = [
                row(i64::MIN, ""),
                row(2, "\u{1f511}\t\\N\n\""),
                row(3, "newer"),
            ];
            assert_eq!(rows(&store, "select * from t order by a").await, expected);
        }
    }
}

/// A log in which the record that lies last in the last lane was cleaned by an event of another lane; the record's number.
async fn cleaned_log() -> (Arc<dyn EventLog>, i64) {
    let log = MemoryLog::default();
    made_log::fill(&log, USERS).await.unwrap();
    let heads = log.heads().await.unwrap();
    let lanes = Lane::all().zip(&heads);
    let last = lanes
        .filter(|(_, head)| **head > 0)
        .map(|(lane, number)| Position {
            lane,
            number: *number,
        })
        .last()
        .unwrap();
    let owner: Owner = made_log::SYSTEM.parse().unwrap();
    let lane = Lane::of(&owner);
    let before: u64 = heads[..=usize::from(lane.number())].iter().sum();
    let all: u64 = heads.iter().sum();
    assert!(
        before < AT_ONCE && all - last.number > AT_ONCE,
        "it is read long before the record is"
    );
    let event = Event::Journal(JournalEvent::Cleaned(EventsCleaned {
        event_ids: vec![last.event_id()],
    }));
    let recorded = RecordedEvent {
        owner: owner.clone(),
        ordinal: 1,
        recorded_at: Timestamp(1_900_000_000_000),
        causation_id: CommandId::from_key(&owner.to_string(), "test", "1"),
        result: event.result(),
        context: RequestContext::default(),
        event,
    };
    let event = NewEvent {
        word: recorded.event.word().into(),
        aggregate: recorded.event.aggregate().into(),
        at: recorded.recorded_at,
        payload: codec::encode(&recorded).into(),
    };
    let epoch = log.open_lane(lane).await.unwrap().epoch;
    let commit = Commit::of(owner, 0, vec![event]);
    log.append(lane, epoch, &[commit]).await.unwrap();
    (Arc::new(log), last.event_id())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_may_be_changed_before_it_is_made() {
    let (log, record) = cleaned_log().await;
    let events: u64 = log.heads().await.unwrap().iter().sum();
    let (_folder, addresses) = addresses();
    for address in addresses {
        let projector = Projector::open(Arc::clone(&log), &address).await.unwrap();
        projector.catch_up().await.unwrap();
        let report = projector.rebuild("journal", OnDifference::KeepBoth, |_| {});
        let report = report.await.unwrap();
        assert!(report.is_equal() && report.switched, "{report:?}");
        assert_eq!((report.events, report.rows), (events, events));
        let store = Store::open(&address, Durability::Disposable).await.unwrap();
        let sql = format!("select request_type, cleaned_at from journal where event_id = {record}");
        let expected = [
            Value::from("confirm_transaction"),
            Value::from(1_900_000_000_000),
        ];
        assert_eq!(rows(&store, &sql).await, [expected]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_difference_is_found_and_the_first_one_named() {
    let log = Arc::new(MemoryLog::default());
    made_log::fill(&*log, 3).await.unwrap();
    let (_folder, addresses) = addresses();
    for address in addresses {
        let projector = Projector::open(log.clone(), &address).await.unwrap();
        projector.catch_up().await.unwrap();
        let store = Store::open(&address, Durability::Disposable).await.unwrap();
        let (first, system) = ("user-0-0", made_log::SYSTEM);
        for (spoil, first) in [
            (
                "update read_transactions set signature = null where transaction_id = 'user-1-9'",
                "user-1-9",
            ),
            (
                "update read_transactions set cleaned_at = 0 where transaction_id = 'user-2-0'",
                "user-2-0",
            ),
            ("update read_transactions set status = 'Confirmed'", first),
            (
                "delete from read_transactions where transaction_id in ('user-0-1', 'user-1-1')",
                "user-0-1",
            ),
            (
                "insert into read_transactions (system_id, transaction_id) values ('0', 'user')",
                "user",
            ),
        ] {
            let mut transaction = store.begin().await.unwrap();
            assert!(transaction.execute(spoil, Vec::new()).await.unwrap() > 0);
            transaction.commit().await.unwrap();
            let report = projector.rebuild("transactions", OnDifference::Switch, |_| {});
            let report = report.await.unwrap();
            let system = if first == "user" { "0" } else { system };
            let expected = format!("{system}/{first}");
            assert_eq!(report.first_difference, Some(expected), "{spoil}");
            let again = projector.rebuild("transactions", OnDifference::KeepBoth, |_| {});
            assert!(again.await.unwrap().is_equal());
        }
    }
}
