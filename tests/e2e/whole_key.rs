//! A key that is whole in its QR code.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tests::house::{LogChoice, Plan, TestHouse};
use tests::nats::TestNats;

const TEXT: &str = "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»";

#[tokio::test(flavor = "multi_thread")]
async fn a_scanned_key_confirms_what_it_showed() {
    let house = TestHouse::on_disk().await;
    from_camera_to_confirmation(&house).await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_the_same_on_jetstream() {
    let nats = TestNats::start().await;
    let plan = Plan::new(LogChoice::Memory).on_nats(nats.options());
    let house = TestHouse::start(plan).await;
    from_camera_to_confirmation(&house).await;
    house.end().await;
}

async fn from_camera_to_confirmation(house: &TestHouse) {
    let bank = house.bank().await;
    let wishes = json!({ "id_prefix": "client-", "user_name": "Anna" });
    let created = bank.create_user(wishes, None).await.unwrap();
    let created = created.success().unwrap();
    let user_id = created["user_id"].as_str().unwrap();
    assert!(user_id.starts_with("client-"));
    let png = STANDARD.decode(created["key_QR"].as_str().unwrap());
    let key_text = countersign::camera::read(&png.unwrap()).unwrap();

    let mut phone = house.scanned(&key_text);
    assert_eq!(phone.key().info().name.as_deref(), Some("Anna"));
    phone.register(None, house.now()).await.unwrap();
    let id = house.ask(&bank, &phone, TEXT).await;
    let list = phone.list(house.now()).await.unwrap();
    assert_eq!(list.len(), 1);
    let shown = phone.show(&list[0].transaction_id, house.now()).await;
    let shown = shown.unwrap();
    assert_eq!(shown.text(), TEXT);
    phone.confirm(&shown, house.now()).await.unwrap();

    assert_eq!(house.status(&bank, &phone, &id).await, "confirmed");
    assert!(phone.list(house.now()).await.unwrap().is_empty());
    let info = bank.get(&format!("/users/{user_id}")).await.unwrap();
    let info = info.success().unwrap();
    let public_key = phone.key().public_key_spki().unwrap();
    assert_eq!(info["public_key"], hex::encode(public_key));
    assert_eq!(info["user_name"], "Anna");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_comes_as_text_and_as_a_link_as_well() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    house.registered(&issued).await;

    let wishes = json!({ "return_key_method": "DEEPLINK", "qr_url_scheme": "ourbank" });
    let created = bank.create_user(wishes, None).await.unwrap();
    let created = created.success().unwrap();
    let link = created["key_deeplink"].as_str().unwrap();
    assert!(link.starts_with("ourbank://"), "{link}");
    let mut phone = house.scanned(link);
    phone.register(None, house.now()).await.unwrap();

    let nothing = json!({ "return_key_method": "NONE" });
    let created = bank.create_user(nothing, None).await.unwrap();
    let created = created.success().unwrap();
    let members: Vec<&str> = created
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members, ["key_index", "user_id"], "nothing secret");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_with_its_lifetime() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let valid_to = phone.key().info().valid_to;
    house.advance_ms(valid_to.0 - house.now().0 - 1);
    phone.list(house.now()).await.unwrap();
    house.advance_ms(1);
    let error = phone.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(schemas::ErrorCode::KeyExpired));
    house.end().await;
}
