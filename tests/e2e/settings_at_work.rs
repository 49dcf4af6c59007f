//! Settings whose work no other story shows: each at a value of its own, and what it changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::Method;
use schemas::Timestamp;
use serde_json::{Value, json};
use tests::house::{Issued, LogChoice, Plan, SYSTEM_ID, TestHouse};

use crate::raw::{self, RawDevice, client};

const DAY_MS: i64 = 86_400_000;

async fn house_with(name: &str, value: &str) -> TestHouse {
    TestHouse::start(Plan::new(LogChoice::Memory).with(name, value)).await
}

async fn list(raw: &RawDevice, at: Timestamp) -> u64 {
    raw.post("transactions/get_list", &json!({}), at)
        .await
        .code()
}

fn width(created: &Value, member: &str) -> u32 {
    let png = STANDARD.decode(created[member].as_str().unwrap());
    image::load_from_memory(&png.unwrap()).unwrap().width()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_window_is_as_wide_as_the_setting_says() {
    let house = house_with("T_AUTH_CODE", "10").await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    for (offset_ms, heard) in [(-10_001, 349), (10_001, 349), (-10_000, 0), (10_000, 0)] {
        let at = house.now().plus_ms(offset_ms);
        assert_eq!(list(&raw, at).await, heard, "{offset_ms} ms");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_checks_no_headers_hears_everybody() {
    for (setting, heard) in [("0", 0), ("1", 288)] {
        let house = house_with("CHECK_HTTP_AUTH_HEADER", setting).await;
        let bank = house.bank().await;
        let issued = house.issue(&bank, json!({})).await;
        let raw = RawDevice {
            request_key: vec![7; 32],
            ..RawDevice::new(&house, &issued.key_text)
        };
        assert_eq!(list(&raw, house.now()).await, heard, "{setting}");
        house.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_s_picture_is_as_large_as_the_setting_says() {
    let mut widths = Vec::new();
    for setting in ["300", "900"] {
        let house = house_with("TRANSACTION_QR_SIZE", setting).await;
        let bank = house.bank().await;
        let phone = house.phone(&bank).await;
        let body = json!({
            "transaction_data": { "text": "x" }, "notification_type": "Offline", "confirm_code_length": 6,
        });
        let user_id = phone.key().info().user_id.as_str();
        let created = bank.create_transaction(user_id, body, None).await.unwrap();
        widths.push(width(&created.success().unwrap(), "transaction_qr"));
        house.end().await;
    }
    // Whole pixels make a module, so a picture is about as wide, never a module off.
    let about = |width: u32, wished: u32| width.abs_diff(wished) < wished / 20;
    assert!(about(widths[0], 300) && about(widths[1], 900), "{widths:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_beside_a_logo_have_the_setting_s_color() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let logo = RgbImage::from_pixel(16, 16, Rgb([200, 200, 200]));
    logo.save_with_format(file.path(), ImageFormat::Png)
        .unwrap();
    let plan = Plan::new(LogChoice::Memory)
        .with("QR_LOGO_LOCATION", file.path().to_str().unwrap())
        .with("QR_COLOR", "#700010");
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let created = bank.create_user(json!({}), None).await.unwrap().success();
    let png = STANDARD.decode(created.unwrap()["key_QR"].as_str().unwrap());
    let picture = image::load_from_memory(&png.unwrap()).unwrap().into_rgb8();
    let dark = picture.pixels().filter(|pixel| pixel.0 == [0x70, 0, 0x10]);
    assert!(dark.count() > 1000);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_qr_code_holds_as_much_as_the_setting_says() {
    let house = house_with("QR_DATA_LENGTH_LIMIT", "100").await;
    let bank = house.bank().await;
    let created = bank.create_user(json!({}), None).await.unwrap();
    assert_eq!(created.error_code, 350);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lives_as_long_as_the_setting_says_unless_its_system_says_otherwise() {
    let house = house_with("KEY_INFO_LIFE_TIME", "2").await;
    let request = json!({ "request": { "id": SYSTEM_ID, "name": "Bank" } }).to_string();
    let body = json!({ "request": STANDARD.encode(request) });
    let url = format!("{}/pc-api/", house.origin());
    let headers = [("content-type", "application/json")];
    let body = body.to_string().into_bytes();
    let registered = raw::call(&client(), Method::POST, &url, &headers, body).await;
    assert_eq!(registered.code(), 0, "{}", registered.body);
    let bank = house.stranger(SYSTEM_ID);
    let life = |issued: &Issued| {
        let phone = house.scanned(&issued.key_text);
        phone.key().info().valid_to.0 - house.now().0
    };
    assert_eq!(life(&house.issue(&bank, json!({})).await), 2 * DAY_MS);
    let change = json!({ "user_keys_expiration_period": 3 });
    let path = format!("/{SYSTEM_ID}");
    let changed = bank.call(Method::PATCH, &path, None, Some(change)).await;
    changed.unwrap().success().unwrap();
    assert_eq!(life(&house.issue(&bank, json!({})).await), 3 * DAY_MS);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_of_an_activation_code_are_as_many_as_the_setting_says() {
    let house = house_with("ONLINE_ACTIVATION_ATTEMPTS", "2").await;
    let bank = house.bank().await;
    let wishes = json!({ "key_encryption_password": "7305512864" });
    let issued = house.issue(&bank, wishes).await;
    let mut phone = house.scanned(&issued.key_text);
    let mut heard = Vec::new();
    for _ in 0..2 {
        let wrong = phone.activate("0000000000", house.now()).await.unwrap_err();
        heard.push(wrong.code().unwrap().number());
    }
    assert_eq!(heard, [342, 341]);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_of_a_password_are_as_many_as_the_setting_says() {
    let house = house_with("ONLINE_PASSWORD_ATTEMPTS", "2").await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.registered(&issued).await;
    phone.protect("correct horse", house.now()).await.unwrap();
    let mut raw = RawDevice::new(&house, &issued.key_text);
    raw.request_key = raw::derive_from_key(&issued.key_text, "pc/credentials");
    let mut heard = Vec::new();
    for _ in 0..2 {
        let body = json!({ "password_proof": "00".repeat(32) });
        heard.push(raw.post("credentials/get", &body, house.now()).await.code());
    }
    assert_eq!(heard, [344, 343]);
    house.end().await;
}
