//! Receivers that fail in every way there is, and one that does not: nobody waits for another, nothing is lost, nothing is
//! invented, and what comes twice is the same.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use countersign::simulate::callback::{Callback, Letter};
use countersign::simulate::certificate::Authority;
use countersign::simulate::{Fault, ListenOptions, Order, Simulator};
use device::Declination;
use reactors::Letters;
use schemas::TransactionId;
use serde_json::json;
use tests::house::{LogChoice, Plan, TestHouse};

/// Letters to each receiver.
const LETTERS: usize = 3;

const HOUR_MS: i64 = 3_600_000;

async fn receiver(authority: Option<&Arc<Authority>>) -> Simulator<Callback> {
    let options = ListenOptions {
        address: ([127, 0, 0, 1], 0).into(),
        prints: false,
    };
    let started = Simulator::start(Callback::default(), options, authority).await;
    started.unwrap()
}

fn faults(elsewhere: &str) -> Vec<Fault> {
    let status = |status, retry_after: Option<&str>| Fault::Status {
        status,
        retry_after: retry_after.map(ToOwned::to_owned),
        body: None,
    };
    vec![
        status(500, None),
        status(404, None),
        status(429, Some("60")),
        status(503, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
        Fault::Redirect {
            to: elsewhere.to_owned(),
        },
        Fault::Reset,
        Fault::CloseAfterCommit,
        Fault::Hang,
        Fault::Drip { ms: 20_000 },
        Fault::Delay { ms: 500 },
    ]
}

/// One transaction for each letter, with its outcome told to that receiver.
async fn decline_some(
    house: &TestHouse,
    bank: &countersign::bank::Bank,
    phone: &tests::house::Phone,
    url: &str,
) -> HashSet<String> {
    let why = Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    let mut ids = HashSet::new();
    for _ in 0..LETTERS {
        let body = json!({ "transaction_data": { "text": "a payment" }, "callback_url": url });
        let id: TransactionId = house.ask_with(bank, phone, body).await;
        phone.decline(&id, &why, house.now()).await.unwrap();
        ids.insert(id.to_string());
    }
    ids
}

/// What a receiver was asked and what it took, held to what the log owes it.
fn check(receiver: &Simulator<Callback>, expected: &HashSet<String>) {
    let mut bodies: HashMap<String, Vec<u8>> = HashMap::new();
    for asked in receiver.asked() {
        let letter = Letter::of(&asked).expect("nothing but letters comes");
        let known = bodies
            .entry(letter.id.clone())
            .or_insert(letter.body.clone());
        assert_eq!(*known, letter.body, "one identity, one body");
    }
    let about = |letter: &Letter| {
        let json = letter.json();
        let id = &json["pc_callback"]["transaction_callback"]["transaction_id"];
        id.as_str()
            .expect("a callback about a transaction")
            .to_owned()
    };
    let taken: HashSet<String> = receiver.behavior.letters().iter().map(about).collect();
    assert_eq!(taken, *expected);
    assert_eq!(
        bodies.len(),
        expected.len(),
        "one identity for each outcome"
    );
}

/// Has it taken every letter, however often?
fn has_all((receiver, expected): &(Simulator<Callback>, HashSet<String>)) -> bool {
    let letters = receiver.behavior.letters();
    let ids: HashSet<_> = letters.iter().map(|letter| &letter.id).collect();
    ids.len() == expected.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_in_any_way_gets_everything_and_holds_up_nobody() {
    let plan = Plan::new(LogChoice::Memory);
    let outbox = format!("sqlite:{}", plan.store_file("outbox").display());
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let (canary, well) = (receiver(None).await, receiver(None).await);
    let mut ill = Vec::new();
    for fault in faults(&canary.url()) {
        let receiver = receiver(None).await;
        receiver.order(Order {
            fault,
            path: String::new(),
            times: LETTERS as u32,
        });
        let expected = decline_some(&house, &bank, &phone, &receiver.url()).await;
        ill.push((receiver, expected));
    }
    let authority = Arc::new(Authority::new().unwrap());
    let untrusted = receiver(Some(&authority)).await;
    decline_some(&house, &bank, &phone, &untrusted.url()).await;

    let expected = decline_some(&house, &bank, &phone, &well.url()).await;
    let well = (well, expected);
    crate::until(async || has_all(&well)).await;
    check(&well.0, &well.1);

    // An hour for each look: waits pass, and no letter has more than ten attempts. One attempt takes the longest it may.
    let letters = Letters::open(&outbox).await.unwrap();
    let everything = async {
        while !ill.iter().all(has_all) || letters.parked(10).await.unwrap().len() < LETTERS {
            house.advance_ms(HOUR_MS);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(90), everything).await;
    came.expect("everything is delivered or put aside");
    for (receiver, expected) in &ill {
        check(receiver, expected);
    }
    assert_eq!(canary.count(), 0, "nobody follows");
    assert_eq!(
        untrusted.count(),
        0,
        "nothing is said to who cannot be trusted"
    );
    for letter in letters.parked(10).await.unwrap() {
        assert_eq!(letter.reason, "its certificate is not trusted");
        assert_eq!(letter.attempts, 10);
    }
    house.end().await;
}
