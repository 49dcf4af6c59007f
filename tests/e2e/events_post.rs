//! Events posts: what happens to a key that asks for it is told to the bank's own events address.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tests::house::{SYSTEM_ID, TestHouse};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_the_flag_posts_its_records_and_another_does_not() {
    let house = TestHouse::open().await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let change = json!({ "events_post_url": receiver.events_url() });
    let path = format!("/{SYSTEM_ID}");
    let changed = bank.call(Method::PATCH, &path, None, Some(change)).await;
    changed.unwrap().success().unwrap();

    let silent = house.issue(&bank, json!({})).await;
    let wishes = json!({ "key_params": { "collect_events": true } });
    let telling = house.issue(&bank, wishes).await;
    house.registered(&silent).await;
    let phone = house.registered(&telling).await;
    phone.list(house.now()).await.unwrap();

    let posted = receiver
        .wait_for(PATIENCE, |body| {
            body["request_type"] == "get_transactions" && body["user_id"] == telling.user_id
        })
        .await
        .expect("the record is posted");
    assert!(keys.accept(&posted));
    let record = posted.json();
    house.projector().catch_up().await.unwrap();
    let event_id = &record["event_id"];
    let journaled = bank.get(&format!("/events/{event_id}")).await.unwrap();
    assert_eq!(journaled.success().unwrap(), record, "the bare record");

    // Whether anything of the other key is owed stands in its history.
    for (issued, owed) in [(&silent, false), (&telling, true)] {
        let history = house.history(&issued.owner()).await;
        let registered = history
            .iter()
            .find(|event| event.event.word() == "register_public_key");
        let url = &registered.unwrap().context.events_post_url;
        assert_eq!(url.is_some(), owed);
    }
    let of_the_silent = receiver.received();
    assert!(
        of_the_silent
            .iter()
            .all(|received| received.json()["user_id"] != silent.user_id)
    );
    house.end().await;
}
