//! The hash of a state is equal wherever its log lies: in memory, in SQLite, in PostgreSQL.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure of the store is a failure of the test"
)]

use std::sync::Arc;

use event_log::{Commit, EventLog, NewEvent, PostgresLog, SqliteLog};
use projections::state::StateFold;
use schemas::{Digest, Lane};
use tests::house::TestHouse;
use tests::postgres::TestPostgres;

/// Gives a log the events of another one, at the same places.
async fn copy(from: &dyn EventLog, to: &dyn EventLog) {
    for lane in Lane::all() {
        let epoch = to.open_lane(lane).await.unwrap().epoch;
        for event in from.read(lane, 1, 10_000).await.unwrap() {
            let commit = Commit::of(
                event.owner,
                event.version - 1,
                vec![NewEvent {
                    word: event.word,
                    aggregate: event.aggregate,
                    at: event.at,
                    payload: event.payload,
                }],
            );
            to.append(lane, epoch, &[commit]).await.unwrap();
        }
    }
}

async fn state(log: Arc<dyn EventLog>) -> Digest {
    let heads = log.heads().await.unwrap();
    let mut fold = StateFold::new(log);
    fold.advance_to(&heads, |_| {}).await.unwrap();
    fold.hash()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hash_of_a_state_is_equal_on_every_store() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    for _ in 0..3 {
        let phone = house.phone(&bank).await;
        for text in ["one", "two", "three"] {
            let id = house.ask(&bank, &phone, text).await;
            let shown = phone.show(&id, house.now()).await.unwrap();
            phone.confirm(&shown, house.now()).await.unwrap();
        }
    }
    let plan = house.end().await;
    let memory = plan.memory_log().await;
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteLog::open(folder.path().join("log.db")).await.unwrap();
    let mut stores: Vec<Arc<dyn EventLog>> = vec![Arc::new(sqlite)];
    if let Some(server) = TestPostgres::start() {
        let postgres = PostgresLog::connect(&server.database()).await.unwrap();
        stores.push(Arc::new(postgres));
    }
    let expected = state(Arc::clone(&memory)).await;
    for store in stores {
        assert_ne!(state(Arc::clone(&store)).await, expected);
        copy(&*memory, &*store).await;
        assert_eq!(state(store).await, expected);
    }
}
