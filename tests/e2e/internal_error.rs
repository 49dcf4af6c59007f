//! What is the house's fault is told as that, in the envelope, and with nothing about the house.

use serde_json::Value;
use sqlx::Connection as _;
use tests::house::TestHouse;

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_read_model_is_an_internal_error_and_says_nothing_of_itself() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    house.projector().catch_up().await.unwrap();
    let plan = house.end().await;
    let file = plan.store_file("read");
    let house = TestHouse::start(plan).await;
    let address = format!("sqlite:{}", file.display());
    let mut database = sqlx::SqliteConnection::connect(&address).await.unwrap();
    sqlx::query("alter table journal rename to journal_gone")
        .execute(&mut database)
        .await
        .unwrap();
    let broken = bank_of(&house, &bank).events("", None).await.unwrap();
    assert_eq!((broken.status, broken.error_code), (500, 100));
    tests::coverage::note_code(100);
    assert!(!broken.error_message.contains("journal_gone"));
    assert!(
        !broken.error_message.contains("sql"),
        "{}",
        broken.error_message
    );
    assert_eq!(broken.substance, Value::Null);
    // Nothing else is broken by it, and the way back needs no restart.
    sqlx::query("alter table journal_gone rename to journal")
        .execute(&mut database)
        .await
        .unwrap();
    let whole = bank_of(&house, &bank).events("", None).await.unwrap();
    assert_eq!(whole.error_code, 0);
    database.close().await.unwrap();
    house.end().await;
}

/// The same bank at the restarted house.
fn bank_of(house: &TestHouse, bank: &countersign::bank::Bank) -> countersign::bank::Bank {
    house.stranger(bank.system_id())
}
