//! What goes wrong on the way to a push service. Whatever it is, the transaction does not fail.

use countersign::process::Served;
use countersign::simulate::{Fault, Order};
use schemas::events::Event;
use schemas::events::transactions::TransactionEvent;
use tests::house::{LogChoice, Phone, Plan, TestHouse};
use tests::postgres::TestPostgres;

use super::*;
use crate::listening::program;

async fn iphone(house: &TestHouse) -> (countersign::bank::Bank, Phone) {
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let address = address(DeviceType::Ios, IPHONE);
    phone.update_push(&address, house.now()).await.unwrap();
    (bank, phone)
}

fn status(status: u16, retry_after: Option<&str>) -> Fault {
    Fault::Status {
        status,
        retry_after: retry_after.map(ToOwned::to_owned),
        body: None,
    }
}

/// The reason in the last failure of a push.
async fn failure(house: &TestHouse, phone: &Phone) -> Option<String> {
    let history = house.history(&owner(phone)).await;
    history
        .iter()
        .rev()
        .find_map(|recorded| match &recorded.event {
            Event::Transactions(TransactionEvent::PushFailed(event)) => {
                let reason = serde_json::to_value(event.reason).unwrap();
                Some(reason.as_str().unwrap().to_owned())
            }
            _ => None,
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_service_knows_no_more_is_forgotten() {
    let services = Services::start().await;
    let house = services.house().await;
    let (bank, phone) = iphone(&house).await;
    services.apns.behavior.forget(IPHONE, house.now().0 + 1);
    let id = house.ask(&bank, &phone, "to nobody").await;
    crate::until(async || failure(&house, &phone).await.as_deref() == Some("token_gone")).await;
    assert_eq!(
        house.count(&owner(&phone), "forget_push_address", 0).await,
        1
    );
    assert_eq!(house.status(&bank, &phone, &id).await, "initialized");
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();

    house.ask(&bank, &phone, "still to nobody").await;
    let other = IPHONE.replace("00", "ff");
    let newly = address(DeviceType::Ios, &other);
    phone.update_push(&newly, house.now()).await.unwrap();
    let id = house.ask(&bank, &phone, "to the new token").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    let paths: Vec<_> = services
        .apns
        .asked()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(paths.last().unwrap(), &format!("/3/device/{other}"));
    assert_eq!(
        paths.iter().filter(|path| path.ends_with(IPHONE)).count(),
        1
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_device_brought_since_is_kept() {
    let services = Services::start().await;
    let house = services.house().await;
    let (bank, phone) = iphone(&house).await;
    services.apns.behavior.forget(IPHONE, house.now().0 - 1);
    house.ask(&bank, &phone, "to nobody").await;
    crate::until(async || failure(&house, &phone).await.is_some()).await;
    assert_eq!(
        house.count(&owner(&phone), "forget_push_address", 0).await,
        0
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_and_huawei_have_words_of_their_own_for_a_token_that_is_gone() {
    let services = Services::start().await;
    let house = services.house().await;
    let bank = house.bank().await;
    services.fcm.behavior.forget("gone");
    services.hms.behavior.forget("gone");
    for device_type in [DeviceType::Android, DeviceType::Huawei] {
        let phone = house.phone(&bank).await;
        let gone = address(device_type, "gone");
        phone.update_push(&gone, house.now()).await.unwrap();
        house.ask(&bank, &phone, "to nobody").await;
        crate::until(async || house.count(&owner(&phone), "forget_push_address", 0).await == 1)
            .await;
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_asks_for_patience_gets_it_from_every_push() {
    let services = Services::start().await;
    let house = services.house().await;
    let (bank, phone) = iphone(&house).await;
    services.apns.fail_next(status(429, Some("30")));
    let first = house.ask(&bank, &phone, "first").await;
    let state = |id| {
        house
            .station()
            .status(&push_id(id))
            .and_then(|status| status.reason)
    };
    crate::until(async || state(&first) == Some("too many requests")).await;
    let second = house.ask(&bank, &phone, "second").await;
    crate::until(async || state(&second) == Some("the push service is left alone for now")).await;
    assert_eq!(services.apns.count(), 1, "nothing else was asked");
    assert_eq!(house.status(&bank, &phone, &first).await, "initialized");
    house.advance_ms(31_000);
    for id in [&first, &second] {
        crate::until(async || house.status(&bank, &phone, id).await == "pushSent").await;
    }
    assert_eq!(services.apns.count(), 3);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_provider_token_is_renewed_once() {
    let services = Services::start().await;
    let house = services.house().await;
    let (bank, phone) = iphone(&house).await;
    let id = house.ask(&bank, &phone, "first").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    services.apns.behavior.expire_provider_token();
    house.advance_ms(21 * 60_000);
    let id = house.ask(&bank, &phone, "second").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    assert_eq!(services.apns.count(), 3, "one refusal, one more try");
    let tokens = services.apns.asked();
    assert_ne!(tokens[1].bearer(), tokens[2].bearer());

    // A token that is refused so young is no question of its age: nothing is asked until somebody has looked.
    services.apns.behavior.expire_provider_token();
    let id = house.ask(&bank, &phone, "third").await;
    let reason = || {
        house
            .station()
            .status(&push_id(&id))
            .and_then(|status| status.reason)
    };
    let unaccepted = Some("the push service does not accept the credentials");
    crate::until(async || reason() == unaccepted).await;
    assert_eq!(services.apns.count(), 4);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_breaks_is_repeated_and_shows_once() {
    let services = Services::start().await;
    let house = services.house().await;
    let (bank, phone) = iphone(&house).await;
    services.apns.fail_next(Fault::Reset);
    services.apns.fail_next(Fault::CloseAfterCommit);
    services.apns.fail_next(status(503, None));
    services
        .apns
        .fail_next(Fault::Redirect { to: house.origin() });
    let id = house.ask(&bank, &phone, "a payment").await;
    for count in 1..=3 {
        assert!(services.apns.has_been_asked(count, PATIENCE).await);
        let again = house.station().status(&push_id(&id));
        assert!(again.is_some());
        crate::until(async || {
            house.advance_ms(1000);
            services.apns.count() > count
        })
        .await;
    }
    // A redirect is not followed: whoever answers so is no push service.
    crate::until(async || failure(&house, &phone).await.as_deref() == Some("refused")).await;
    let asked = services.apns.asked();
    assert!(
        asked
            .iter()
            .all(|one| one.header("apns-id") == asked[0].header("apns-id"))
    );
    assert_eq!(services.apns.behavior.shown(IPHONE).len(), 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_goes_away_is_asked_on_another_connection() {
    let services = Services::start().await;
    let house = services.house().await;
    let (bank, phone) = iphone(&house).await;
    for count in 1..=4 {
        services.apns.fail_next(Fault::GoAway);
        let id = house.ask(&bank, &phone, "a payment").await;
        crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
        // Nothing was lost on the connection that ends, so nothing is sent twice.
        assert_eq!(services.apns.count(), count);
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_push_outlives_its_transaction() {
    let services = Services::start().await;
    let house = services.house().await;
    let (bank, phone) = iphone(&house).await;
    services.apns.order(Order {
        fault: status(500, None),
        path: String::new(),
        times: 1000,
    });
    let request = json!({ "transaction_data": { "text": "soon" }, "ttl": 60 });
    let id = house.ask_with(&bank, &phone, request).await;
    assert!(services.apns.has_been_asked(1, PATIENCE).await);
    crate::until(async || {
        house.advance_ms(20_000);
        failure(&house, &phone).await.as_deref() == Some("late")
            || house.status(&bank, &phone, &id).await == "expired"
    })
    .await;
    // One attempt may have been under way. None is begun any more.
    let asked_for = |id: &str| {
        let asked = services.apns.asked();
        asked
            .iter()
            .filter(|one| one.json()["transactionid"] == id)
            .count()
    };
    let mut asked = Vec::new();
    for text in ["another", "one more"] {
        house.advance_ms(3_600_000);
        let other = house.ask(&bank, &phone, text).await;
        crate::until(async || asked_for(other.as_str()) > 0).await;
        asked.push(asked_for(id.as_str()));
    }
    assert_eq!(asked[0], asked[1]);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_confirmed_before_it_was_pushed_is_not_pushed() {
    let services = Services::start().await;
    let house = services.house().await;
    let (bank, phone) = iphone(&house).await;
    services.apns.fail_next(status(503, Some("60")));
    let id = house.ask(&bank, &phone, "a payment").await;
    assert!(services.apns.has_been_asked(1, PATIENCE).await);
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    let other = house.ask(&bank, &phone, "another").await;
    crate::until(async || {
        house.advance_ms(10_000);
        house.status(&bank, &phone, &other).await == "pushSent"
    })
    .await;
    let told = services.apns.asked().split_off(1);
    assert!(
        told.iter()
            .all(|one| one.json()["transactionid"] == other.as_str())
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_on_postgresql_owes_and_withdraws_the_same() {
    let Some(postgres) = TestPostgres::start() else {
        return;
    };
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Sqlite).pushing();
    services.write(&plan.pusher_folder());
    let house = TestHouse::start(plan.with_outbox(postgres.database())).await;
    let (bank, phone) = iphone(&house).await;
    services.apns.fail_next(status(500, None));
    let id = house.ask(&bank, &phone, "a payment").await;
    assert!(services.apns.has_been_asked(1, PATIENCE).await);
    let house = house.restart().await;
    crate::until(async || {
        house.advance_ms(1000);
        house.status(&bank, &phone, &id).await == "pushSent"
    })
    .await;
    let over = house.ask(&bank, &phone, "another").await;
    crate::until(async || house.status(&bank, &phone, &over).await == "pushSent").await;
    let shown = phone.show(&over, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    crate::until(async || {
        let last = services.apns.asked().pop().unwrap().json();
        last["type"] == "withdrawn" && last["transactionid"] == over.as_str()
    })
    .await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_owed_when_the_process_was_killed_is_sent_after_it() {
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Sqlite).pushing();
    let (folder, data) = (plan.pusher_folder(), plan.folder().join("data"));
    services.write(&folder);
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
        "--pusher-config-path",
        folder.to_str().unwrap(),
    ];
    let mut served = Served::start(&program(), &arguments).await.unwrap();
    let bank = |served: &Served| {
        countersign::bank::Bank::new(&served.system_door(), tests::house::SYSTEM_ID, PATIENCE)
            .unwrap()
    };
    let origin = format!("http://{}", served.address());
    let registered = bank(&served).register_system(&origin, "").await.unwrap();
    registered.success().unwrap();
    let created = json!({ "return_key_method": "KEY_JSON" });
    let created = bank(&served).create_user(created, None).await.unwrap();
    let created = created.success().unwrap();
    let key = device::DeviceKey::import(created["key_json"].as_str().unwrap()).unwrap();
    let transport = device::ReqwestTransport::with_client(reqwest::Client::new());
    let mut phone = device::Device::new(key, transport).unwrap();
    let iphone = address(DeviceType::Ios, IPHONE);
    phone.register(Some(&iphone), now()).await.unwrap();

    services.apns.fail_next(Fault::Hang);
    let user_id = created["user_id"].as_str().unwrap().to_owned();
    let body = json!({ "transaction_data": { "text": "a payment" } });
    let asked = bank(&served).create_transaction(&user_id, body, None).await;
    let asked = asked.unwrap().success().unwrap();
    assert!(services.apns.has_been_asked(1, PATIENCE).await);
    served.kill().await.unwrap();
    served.start_again().await.unwrap();
    assert!(services.apns.has_been_asked(2, PATIENCE).await);
    let id = asked["transaction_id"].as_str().unwrap();
    assert_eq!(services.apns.asked()[1].json()["transactionid"], id);
    crate::until(async || {
        let info = bank(&served).transaction_info(&user_id, id).await.unwrap();
        info.success().unwrap()["status"] == "pushSent"
    })
    .await;
    assert_eq!(services.apns.behavior.shown(IPHONE).len(), 1);
    assert!(served.end().await);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program goes by the machine's clock"
)]
fn now() -> schemas::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    schemas::Timestamp(since.unwrap().as_millis() as i64)
}
