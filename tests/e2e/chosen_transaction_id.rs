//! A transaction id the bank chose is taken once in its whole system.

use serde_json::{Value, json};
use tests::house::{Phone, TestHouse};

fn invoice() -> Value {
    json!({ "transaction_id": "invoice-42", "transaction_data": { "text": "chosen" } })
}

async fn create(bank: &countersign::bank::Bank, phone: &Phone) -> u64 {
    let user_id = phone.key().info().user_id.as_str();
    let created = bank.create_transaction(user_id, invoice(), None).await;
    created.unwrap().error_code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_id_is_taken_once_for_all_users_of_the_system() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    // Eight users live in several lanes: the id is taken across lanes.
    let mut phones = Vec::new();
    for _ in 0..8 {
        phones.push(house.phone(&bank).await);
    }
    assert_eq!(create(&bank, &phones[0]).await, 0);
    for phone in &phones {
        assert_eq!(create(&bank, phone).await, 271);
    }
    // Another bank has its own names.
    let other = house
        .bank_named("99999999-2222-4333-8444-555555555555")
        .await;
    let phone = house.phone(&other).await;
    assert_eq!(create(&other, &phone).await, 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_users_at_once_one_gets_the_id() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let mut phones = Vec::new();
    for _ in 0..8 {
        phones.push(house.phone(&bank).await);
    }
    let all = phones.iter().map(|phone| create(&bank, phone));
    let mut heard = futures::future::join_all(all).await;
    heard.sort_unstable();
    assert_eq!(heard, [0, 271, 271, 271, 271, 271, 271, 271]);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_stays_taken_when_its_transaction_has_ended() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    assert_eq!(create(&bank, &phone).await, 0);
    let id = "invoice-42".parse().unwrap();
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    let house = house.restart().await;
    assert_eq!(create(&bank, &phone).await, 271);
    house.end().await;
}
