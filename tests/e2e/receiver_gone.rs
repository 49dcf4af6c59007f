//! A receiver that answers 410: nothing more goes there, until the operator says so.

use axum::http::StatusCode;
use device::Declination;
use reactors::Letters;
use schemas::Timestamp;
use tests::house::{LogChoice, Plan, TestHouse};
use tests::postgres::TestPostgres;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_gets_nothing_until_the_operator_says_so() {
    let plan = Plan::new(LogChoice::Memory);
    let outbox = format!("sqlite:{}", plan.store_file("outbox").display());
    Box::pin(nothing_goes_to_a_receiver_that_is_gone(plan, &outbox)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_the_same_on_postgresql() {
    let Some(postgres) = TestPostgres::start() else {
        return;
    };
    let outbox = postgres.database();
    let plan = Plan::new(LogChoice::Memory).with_outbox(outbox.clone());
    Box::pin(nothing_goes_to_a_receiver_that_is_gone(plan, &outbox)).await;
}

async fn nothing_goes_to_a_receiver_that_is_gone(plan: Plan, outbox: &str) {
    let house = TestHouse::start(plan).await;
    let (bank, receiver, _) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    // The registration of the phone's key.
    crate::until(async || receiver.received().len() == 1).await;
    receiver.refuse_next_with(1, StatusCode::GONE);
    let why = Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    let letters = Letters::open(outbox).await.unwrap();
    let parked = async || letters.parked(10).await.unwrap();
    // The first is asked; what happens afterwards is put aside unasked.
    for number in 1..=3 {
        let id = house.ask(&bank, &phone, "a payment").await;
        phone.decline(&id, &why, house.now()).await.unwrap();
        crate::until(async || parked().await.len() == number).await;
    }
    assert_eq!(
        (receiver.refused().len(), receiver.received().len()),
        (1, 1)
    );
    let mut told: Vec<_> = parked()
        .await
        .into_iter()
        .map(|letter| (letter.attempts, letter.status, letter.reason))
        .collect();
    told.sort();
    let reason = "the receiver is gone".to_owned();
    let unasked = (0, None, reason.clone());
    assert_eq!(told, [unasked.clone(), unasked, (1, Some(410), reason)]);

    // The registration was taken, and three were put aside.
    crate::until(async || crate::receipts::noted(&bank).await.len() == 4).await;
    assert_eq!(letters.retry(None, Timestamp(0)).await.unwrap(), 3);
    let id = house.ask(&bank, &phone, "a payment").await;
    phone.decline(&id, &why, house.now()).await.unwrap();
    let house = house.restart().await;
    crate::until(async || receiver.received().len() == 5).await;
    assert_eq!(parked().await, []);
    house.end().await;
}
