//! Login by QR code: the bank's page shows a code with the name of a login, the phone fetches it, shows it and signs it, and
//! what it said is erased.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::vault::VaultName;
use serde_json::json;
use tests::house::{LogChoice, Plan, TestHouse, owner};

async fn log_in(house: &TestHouse) -> (bool, bool) {
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let user_id = phone.key().info().user_id.as_str();
    let body = json!({
        "transaction_type": "login", "ttl": 120,
        "transaction_data": { "text": "Log in to Example Bank from Firefox on Linux?" },
    });
    let created = bank.create_transaction(user_id, body, None).await.unwrap();
    let created = created.success().unwrap();
    let png = STANDARD
        .decode(created["transaction_qr"].as_str().unwrap())
        .unwrap();
    let read = countersign::camera::read(&png).unwrap();
    let id = phone.named(&read).unwrap();
    let shown = phone.show(&id, house.now()).await.unwrap();
    assert!(shown.text().starts_with("Log in"));
    phone.confirm(&shown, house.now()).await.unwrap();
    assert_eq!(house.status(&bank, &phone, &id).await, "confirmed");
    let info = bank.transaction_info(user_id, id.as_str()).await.unwrap();
    assert_eq!(info.success().unwrap()["transaction_type"], "login");
    // An ordinary transaction beside it.
    let other = house.ask(&bank, &phone, "an ordinary one").await;
    let shown = phone.show(&other, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    let names = [&id, &other].map(VaultName::transaction_content);
    let rows = house.log().vault(&owner(&phone), &names).await.unwrap();
    (rows[0].is_some(), rows[1].is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_login_said_is_erased_once_it_is_confirmed() {
    let house = TestHouse::open().await;
    assert_eq!(log_in(&house).await, (false, false));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_have_a_setting_of_their_own() {
    for (login, ordinary) in [("0", "1"), ("1", "0")] {
        let plan = Plan::new(LogChoice::Memory)
            .with("CLEAN_LOGIN_TRANSACTION", login)
            .with("CLEAN_TRANSACTION", ordinary);
        let house = TestHouse::start(plan).await;
        let kept = (login == "0", ordinary == "0");
        assert_eq!(log_in(&house).await, kept);
        house.end().await;
    }
}
