//! Two runners that believe in the same lanes: the log's epoch lets one of them write at a time.

use std::collections::BTreeSet;

use futures::future::join_all;
use tests::house::{Phone, TestHouse, owner};

/// Payments of one user, one after the other; every request is answered.
async fn pay(house: &TestHouse, phone: &Phone, payments: std::ops::Range<u32>) {
    let bank = house.stranger(tests::house::SYSTEM_ID);
    for number in payments {
        let text = format!("payment {number}");
        let id = house.ask(&bank, phone, &text).await;
        let shown = phone.show(&id, house.now()).await.unwrap();
        phone.confirm(&shown, house.now()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_fences_the_older_and_the_service_goes_on() {
    let mut house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let mut phones = Vec::new();
    for _ in 0..4 {
        phones.push(house.phone(&bank).await);
    }
    join_all(phones.iter().map(|phone| pay(&house, phone, 0..3))).await;
    house.start_another_runner().await;
    // Long enough for the fenced one to take its lanes back, and to be fenced again.
    join_all(phones.iter().map(|phone| pay(&house, phone, 3..20))).await;
    house.retire_oldest_runner();
    join_all(phones.iter().map(|phone| pay(&house, phone, 20..23))).await;

    for phone in &phones {
        let history = house.history(&owner(phone)).await;
        let ordinals = history.iter().map(|event| event.ordinal);
        assert!(ordinals.eq(1..=history.len() as u64), "without a gap");
        let confirmed: Vec<_> = history
            .iter()
            .filter(|event| event.event.word() == "confirm_transaction")
            .filter_map(|event| event.event.transaction_id())
            .collect();
        let distinct: BTreeSet<_> = confirmed.iter().collect();
        assert_eq!((confirmed.len(), distinct.len()), (23, 23));
    }
    house.end().await;
}
