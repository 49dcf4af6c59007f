//! The pictures and links a key comes in: a logo in the middle, shapes instead of pixels, a scheme that is missing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::bank::Bank;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use tests::house::{LogChoice, Plan, TestHouse};

async fn created(bank: &Bank, wishes: Value) -> Value {
    let created = bank.create_user(wishes, None).await.unwrap();
    created.success().unwrap()
}

fn picture(created: &Value) -> Vec<u8> {
    STANDARD
        .decode(created["key_QR"].as_str().unwrap())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_under_a_logo_still_scans() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let logo = RgbImage::from_pixel(48, 48, Rgb([200, 0, 0]));
        logo.save_with_format(file.path(), format).unwrap();
        let path = file.path().to_str().unwrap();
        let plan = Plan::new(LogChoice::Memory).with("QR_LOGO_LOCATION", path);
        let house = TestHouse::start(plan).await;
        let bank = house.bank().await;
        let png = picture(&created(&bank, json!({ "id_prefix": "client-" })).await);
        let drawn = image::load_from_memory(&png).unwrap().into_rgb8();
        let middle = drawn.get_pixel(drawn.width() / 2, drawn.height() / 2);
        assert!(
            middle.0[0] > 150 && middle.0[1] < 50,
            "{format:?} {middle:?}"
        );
        let mut phone = house.scanned(&countersign::camera::read(&png).unwrap());
        phone.register(None, house.now()).await.unwrap();
        house.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_comes_in_shapes_as_well() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let svg = picture(&created(&bank, json!({ "qr_image_type": "svg" })).await);
    assert!(String::from_utf8(svg).unwrap().contains("<svg "));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_carried_away_is_not_issued() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let user = created(&bank, json!({ "return_key_method": "NONE" })).await;
    let user_id = user["user_id"].as_str().unwrap();
    let path = format!("/{}/users/{user_id}/key", bank.system_id());
    let extra = json!({ "app_extra": { "a": "x".repeat(1900) } });
    let update = async |body| {
        let reply = bank
            .call(reqwest::Method::POST, &path, None, Some(body))
            .await;
        reply.unwrap()
    };
    assert_eq!(update(extra).await.error_code, 350);
    let info = bank.get(&format!("/users/{user_id}")).await.unwrap();
    assert_eq!(info.success().unwrap()["key_index"], 1, "the old key stays");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cryptography_that_is_not_offered_is_refused_by_its_code() {
    let plan = Plan::new(LogChoice::Memory).with("DEFAULT_CRYPT_TYPE", "CryptoPro JCP 2.0");
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    for (wishes, code) in [
        (json!({}), 351),
        (json!({ "crypt_type": "RSA" }), 351),
        (json!({ "crypt_type": "ECDSA" }), 0),
    ] {
        let created = bank.create_user(wishes.clone(), None).await.unwrap();
        assert_eq!(created.error_code, code, "{wishes}");
    }
    house.end().await;
}
