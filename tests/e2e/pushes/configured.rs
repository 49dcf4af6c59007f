//! What the configuration folder decides: other ways to a device, other templates, a proxy, and what is wrong with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_iphone_is_reached_with_a_client_certificate_too() {
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Memory).pushing();
    services.write(&plan.pusher_folder());
    let mut app = services.app();
    app["ios"] = json!({ "apns_p12": {
        "apns_certificate": services.authority.client_store("pass").unwrap(),
        "apns_password": "pass", "apns_url": services.apns.url(),
    }});
    write_app(&plan.pusher_folder(), &app);
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let iphone = address(DeviceType::Ios, IPHONE);
    phone.update_push(&iphone, house.now()).await.unwrap();
    let id = house.ask(&bank, &phone, "a payment").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    let asked = services.apns.asked().remove(0);
    assert!(asked.certified);
    assert_eq!(asked.bearer(), "");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iphone_is_reached_by_google_when_the_folder_says_so() {
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Memory).pushing();
    services.write(&plan.pusher_folder());
    let mut app = services.app();
    app["ios"] = json!({ "use_fcm": true });
    write_app(&plan.pusher_folder(), &app);
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let iphone = address(DeviceType::Ios, "fcm-token-of-an-iphone");
    phone.update_push(&iphone, house.now()).await.unwrap();
    let id = house.ask(&bank, &phone, "a payment").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    let message = services.fcm.behavior.messages().remove(0);
    assert_eq!(message["message"]["token"], "fcm-token-of-an-iphone");
    let apns = &message["message"]["apns"];
    assert_eq!(apns["headers"]["apns-priority"], "10");
    assert_eq!(apns["payload"]["transactionid"], id.as_str());
    assert_eq!(apns["payload"]["pc_collapse_id"], serde_json::Value::Null);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_told_in_telegram_if_the_key_permits_it() {
    let services = Services::start().await;
    let house = services.house().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_params": { "telegram_enabled": 1 } });
    let permitted = house.issue(&bank, wishes).await;
    let ordinary = house.issue(&bank, json!({})).await;
    // Whose pair it is makes no difference here.
    let pair = house.phone(&bank).await;
    let body = json!({
        "public_key": hex::encode(pair.key().public_key_spki().unwrap()),
        "push": { "device_push_id": IPHONE, "device_type": "iOS", "app_id": APP },
        "telegram_chat_id": "4711",
    });
    let register = async |issued: &tests::house::Issued| {
        let raw = crate::raw::RawDevice::new(&house, &issued.key_text);
        raw.post("register", &body, house.now()).await.code()
    };
    assert_eq!(register(&ordinary).await, 219);
    assert_eq!(register(&permitted).await, 0);
    let request = json!({ "transaction_data": { "text": "a payment" } });
    let asked = bank
        .create_transaction(&permitted.user_id, request, None)
        .await;
    asked.unwrap().success().unwrap();
    crate::until(async || house.count(&permitted.owner(), "send_push", 0).await == 1).await;
    assert_eq!(services.apns.count(), 1);
    let expected = json!({ "chat_id": "4711", "text": "To be confirmed" });
    assert_eq!(services.telegram.behavior.messages(), [expected]);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_without_an_application_has_the_one_of_the_setting() {
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Memory).pushing();
    services.write(&plan.pusher_folder());
    let usual = json!({ "iOS": APP }).to_string();
    let house = TestHouse::start(plan.with("APP_ID_FOR_PUSHER", &usual)).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let mut iphone = address(DeviceType::Ios, IPHONE);
    iphone.app_id = None;
    phone.update_push(&iphone, house.now()).await.unwrap();
    let id = house.ask(&bank, &phone, "a payment").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    assert_eq!(services.apns.asked()[0].header("apns-topic"), APP);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_template_is_in_force_without_a_restart_and_a_wrong_one_is_not() {
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Memory).pushing();
    let folder = plan.pusher_folder();
    services.write(&folder);
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let iphone = address(DeviceType::Ios, IPHONE);
    phone.update_push(&iphone, house.now()).await.unwrap();
    let template = json!({ "aps": { "alert": "%SYSTEM_ID%" } });
    let own = json!({ "ios": { "templates": { "transaction": [template] } } });
    let name = format!("systems/{SYSTEM_ID}.json");
    write(&folder, &name, &own);
    house.station().reread().unwrap();
    house.ask(&bank, &phone, "first").await;
    assert!(services.apns.has_been_asked(1, PATIENCE).await);
    let alert = services.apns.asked()[0].json()["aps"]["alert"].clone();
    assert_eq!(alert, SYSTEM_ID);

    let wrong = json!({ "ios": { "templates": { "transaction": [{ "alert": "secret" }] } } });
    write(&folder, &name, &wrong);
    let error = house.station().reread().unwrap_err().to_string();
    assert!(error.contains(&name), "{error}");
    assert!(error.contains("ios.templates.transaction[0]"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    house.ask(&bank, &phone, "second").await;
    assert!(
        services.apns.has_been_asked(2, PATIENCE).await,
        "the old one stays in force"
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_with_a_wrong_folder_does_not_start_and_says_what_is_wrong() {
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Memory).pushing();
    let folder = plan.pusher_folder();
    services.write(&folder);
    let mut app = services.app();
    app["ios"]["apns_p8"]["apns_key"] = "no key".into();
    write_app(&folder, &app);
    let reason = TestHouse::try_start(plan)
        .await
        .unwrap_err()
        .reason
        .to_string();
    assert!(reason.contains(&format!("apps/{APP}.json")), "{reason}");
    assert!(reason.contains("ios.apns_p8.apns_key"), "{reason}");
    assert!(!reason.contains("no key"), "{reason}");
}

/// A proxy that connects whoever knows the password, and counts.
async fn proxy() -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connected = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&connected);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connect(stream, Arc::clone(&counting)));
        }
    });
    (port, connected)
}

async fn connect(mut client: TcpStream, connected: Arc<AtomicU32>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let expected = format!("basic {}", BASE64_STANDARD.encode("user:pass"));
    let lines = head.lines().map(str::to_ascii_lowercase);
    let is_known = lines
        .filter_map(|line| {
            line.strip_prefix("proxy-authorization: ")
                .map(ToOwned::to_owned)
        })
        .any(|value| value == expected.to_ascii_lowercase());
    let Some(target) = head.strip_prefix("CONNECT ").filter(|_| is_known) else {
        return client.write_all(b"HTTP/1.1 407 No\r\n\r\n").await;
    };
    let target = target.split(' ').next().unwrap_or_default();
    let mut server = TcpStream::connect(target).await?;
    connected.fetch_add(1, Ordering::SeqCst);
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut client, &mut server)
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_the_proxy_when_there_is_one() {
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Memory).pushing();
    services.write(&plan.pusher_folder());
    let (port, connected) = proxy().await;
    let way = json!({ "host": "127.0.0.1", "port": port, "username": "user", "password": "pass" });
    services.write_common(&plan.pusher_folder(), json!({ "proxy": way }));
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    for (device_type, token) in [
        (DeviceType::Ios, IPHONE),
        (DeviceType::Android, "fcm-token"),
    ] {
        let phone = house.phone(&bank).await;
        let here = address(device_type, token);
        phone.update_push(&here, house.now()).await.unwrap();
        let id = house.ask(&bank, &phone, "a payment").await;
        crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    }
    assert!(services.apns.asked()[0].http2);
    assert!(connected.load(Ordering::SeqCst) >= 2);
    house.end().await;
}
