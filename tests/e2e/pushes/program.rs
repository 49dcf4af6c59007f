//! The simulators as the operator starts them.

use std::process::Stdio;

use countersign::simulate::Fault;
use reqwest::{Certificate, Client, StatusCode};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::*;
use crate::listening::program;

/// The program, and where it simulates.
async fn simulate(arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new(program())
        .env_clear()
        .arg("simulate")
        .args(arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    let url = first.strip_prefix("simulating at ").unwrap().to_owned();
    // Keep reading, so that it never waits for a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulator_takes_orders_and_counts() {
    let fault = r#"{"fault": "status", "status": 429, "retry_after": "5"}"#;
    let (_child, url) = simulate(&["telegram", "--plain", "--fault", fault]).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let send = async || {
        let message = json!({ "chat_id": "1", "text": "hello" });
        let request = client
            .post(format!("{url}/bot1:x/sendMessage"))
            .json(&message);
        request.send().await.unwrap()
    };
    let refused = send().await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "5");
    assert_eq!(send().await.status(), StatusCode::OK);
    let order = json!({ "fault": "redirect", "to": "http://127.0.0.1:9/" });
    let ordered = client.post(format!("{url}/simulator/faults")).json(&order);
    assert_eq!(ordered.send().await.unwrap().status(), StatusCode::OK);
    let wrong = client
        .post(format!("{url}/simulator/faults"))
        .json(&json!({}));
    assert_eq!(
        wrong.send().await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
    let asked = client.get(format!("{url}/simulator/asked"));
    assert_eq!(asked.send().await.unwrap().text().await.unwrap(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulator_certifies_itself_and_speaks_http_2() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    let path = authority.to_str().unwrap();
    let (_child, url) = simulate(&["apns", "--authority", path]).await;
    let stranger = Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(&url).send().await.is_err());
    let pem = std::fs::read(&authority).unwrap();
    let trusting = Client::builder()
        .no_proxy()
        .tls_certs_only([Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap();
    let request = trusting.post(format!("{url}/3/device/{IPHONE}"));
    let answer = request.body("{}").send().await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let reason: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(reason["reason"], "MissingProviderToken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_service_is_waited_for() {
    let services = Services::start().await;
    let house = services.house().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let huawei = address(DeviceType::Huawei, "hms-token");
    phone.update_push(&huawei, house.now()).await.unwrap();
    services.hms.fail_next(Fault::Drip { ms: 2 });
    services.hms.fail_next(Fault::Delay { ms: 300 });
    let id = house.ask(&bank, &phone, "a payment").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    assert_eq!(services.hms.count(), 2);
    house.end().await;
}
