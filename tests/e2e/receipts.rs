//! What became of a callback is in the journal: taken with which answer, put aside, given up.

use countersign::simulate::{Callback, Fault, ListenOptions, Simulator};
use device::Declination;
use schemas::Digest;
use serde_json::{Value, json};
use tests::house::TestHouse;

/// The receipts in the journal of the system.
pub(crate) async fn noted(bank: &countersign::bank::Bank) -> Vec<Value> {
    let journal = bank.events("request_type=callback_receipts", None).await;
    let journal = journal.unwrap().success().unwrap();
    let events = journal["events"].as_array().unwrap().iter();
    events
        .flat_map(|event| {
            let data: Value = match &event["event_data"] {
                Value::String(text) => serde_json::from_str(text).unwrap(),
                data => data.clone(),
            };
            data["receipts"].as_array().unwrap().clone()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_says_what_became_of_every_callback() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let options = ListenOptions {
        address: ([127, 0, 0, 1], 0).into(),
        prints: false,
    };
    let receiver = Simulator::start(Callback::default(), options, None).await;
    let receiver = receiver.unwrap();
    let why = Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    let decline = async || {
        let body =
            json!({ "transaction_data": { "text": "a payment" }, "callback_url": receiver.url() });
        let id = house.ask_with(&bank, &phone, body).await;
        phone.decline(&id, &why, house.now()).await.unwrap();
    };
    decline().await;
    crate::until(async || noted(&bank).await.len() == 1).await;
    receiver.fail_next(Fault::Status {
        status: 410,
        retry_after: None,
        body: Some(json!("gone")),
    });
    decline().await;
    crate::until(async || noted(&bank).await.len() == 2).await;
    let mut receipts = noted(&bank).await;
    receipts.sort_by_key(|receipt| receipt["status"].as_u64());
    assert_eq!(receipts[0]["outcome"], "taken");
    assert_eq!(receipts[0]["status"], 200);
    assert_eq!(receipts[0]["attempts"], 1);
    assert_eq!(receipts[0]["letter_id"], receiver.behavior.letters()[0].id);
    assert_eq!(receipts[1]["outcome"], "put_aside");
    assert_eq!(receipts[1]["status"], 410);
    let answer = serde_json::to_value(Digest::sha256(b"\"gone\"")).unwrap();
    assert_eq!(receipts[1]["answer"], answer);
    house.end().await;
}
