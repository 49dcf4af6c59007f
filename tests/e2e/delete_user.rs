//! A deleted user: nothing erasable is left, and what was confirmed stays confirmed.

use reqwest::Method;
use schemas::vault::VaultName;
use schemas::{ErrorCode, KeyIndex};
use serde_json::{Value, json};
use tests::house::TestHouse;

#[tokio::test(flavor = "multi_thread")]
async fn everything_erasable_goes_and_the_facts_stay() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let wishes = json!({ "user_name": "Anna" });
    let issued = house.issue(&bank, wishes).await;
    let phone = house.registered(&issued).await;
    let confirmed = house.ask(&bank, &phone, "confirmed").await;
    let shown = phone.show(&confirmed, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    let pending = house.ask(&bank, &phone, "pending").await;
    let owner = issued.owner();
    let history = house.history(&owner).await;
    let mut names = vec![
        VaultName::key_first_part(KeyIndex(1)),
        VaultName::user_name(),
        VaultName::transaction_content(&pending),
    ];
    names.extend(
        history
            .iter()
            .map(|event| VaultName::request(&event.causation_id)),
    );
    let before = house.log().vault(&owner, &names).await.unwrap();
    assert!(before.iter().all(Option::is_some), "{names:?}");

    let path = format!("/{}/users/{}", bank.system_id(), issued.user_id);
    let deleted = bank.call(Method::DELETE, &path, None, None).await;
    deleted.unwrap().success().unwrap();

    let after = house.log().vault(&owner, &names).await.unwrap();
    assert!(after.iter().all(Option::is_none));
    assert_eq!(house.count(&owner, "confirm_transaction", 0).await, 1);
    let error = phone.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::HttpAuthCodeInvalid));
    for (method, tail, body) in [
        (Method::GET, "", None),
        (Method::DELETE, "", None),
        (Method::PATCH, "", Some(json!({ "user_name": "Maria" }))),
        (Method::POST, "/key", Some(json!({}))),
        (Method::GET, "/transactions", None),
        (
            Method::POST,
            "/transactions",
            Some(json!({ "transaction_data": { "text": "late" } })),
        ),
    ] {
        let path = format!("{path}{tail}");
        let answer = bank.call(method.clone(), &path, None, body).await.unwrap();
        let heard = (answer.status, answer.error_code);
        assert_eq!(heard, (410, 209), "{method} {path}");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_keeps_the_records_and_forgets_the_person() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let user_id = phone.key().info().user_id.clone();
    let query = format!("user_id={user_id}");
    let path = format!("/{}/users/{user_id}", bank.system_id());
    let addresses = |page: &Value| {
        let records = page["events"].as_array().unwrap();
        let known = records
            .iter()
            .filter(|record| record.get("requester_ip_address").is_some());
        (records.len(), known.count())
    };
    let info = bank.get(&format!("/users/{user_id}")).await.unwrap();
    let page = bank.events(&query, info.position.as_deref()).await.unwrap();
    assert_eq!(addresses(&page.success().unwrap()), (3, 3));
    let deleted = bank.call(Method::DELETE, &path, None, None).await.unwrap();
    let page = bank.events(&query, deleted.position.as_deref()).await;
    let (records, known) = addresses(&page.unwrap().success().unwrap());
    assert_eq!(records, 4);
    assert!(known <= 1, "at most the address of the deletion itself");
    house.end().await;
}
