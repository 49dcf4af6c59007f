//! The edge: HTTP and what is written of it. A30, A38 and A40; the others are told where the edge is built.

use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tests::house::TestHouse;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{CANARY, Scene, unbroken};
use crate::raw::{self, client};

/// Says something to the doors and reads until they end the connection.
async fn say(house: &TestHouse, text: &[u8]) -> String {
    let mut stream = TcpStream::connect(house.address()).await.unwrap();
    stream.write_all(text).await.unwrap();
    let mut heard = Vec::new();
    // A reset is an end as well: the doors owe a smuggler nothing.
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_30_nothing_is_smuggled_behind_a_request() {
    let scene = Scene::open().await;
    let heads = scene.house.heads().await;
    let path = format!("/pc-api/{}", scene.bank.system_id());
    // Would be a second request, if anybody read it as one.
    let hidden = format!("DELETE {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}");
    let (length, chunks) = (hidden.len(), format!("0\r\n\r\n{hidden}"));
    let ambiguous = [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"),
        format!("transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n{chunks}"),
        format!("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n{chunks}"),
        format!("transfer-encoding: xchunked\r\n\r\n{chunks}"),
        format!("transfer-encoding : chunked\r\n\r\n{chunks}"),
        format!("content-length: 0\r\ncontent-length: {length}\r\n\r\n{hidden}"),
        format!("content-length: +{length}\r\n\r\n{hidden}"),
        format!("content-length: 0,{length}\r\n\r\n{hidden}"),
        format!("content-length: 0\r\n x-folded: {length}\r\n\r\n{hidden}"),
        format!("x: y\rcontent-length: 0\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked\r\n\r\n-1\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n{hidden}"),
    ];
    for rest in &ambiguous {
        let request = format!("PATCH {path} HTTP/1.1\r\nhost: x\r\n{rest}");
        let heard = say(&scene.house, request.as_bytes()).await;
        let answers = heard.matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "one request, one answer: {rest:?} {heard}");
        assert!(!heard.starts_with("HTTP/1.1 2"), "{rest:?} {heard}");
        assert!(!heard.starts_with("HTTP/1.1 5"), "{rest:?} {heard}");
    }
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    let known = scene.bank.get("").await.unwrap();
    assert_eq!(known.error_code, 0, "the system is still there");
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_38_what_a_client_sends_does_not_write_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut program = Command::new(crate::listening::program())
        .args(["serve", "--log-format", "json", "--data"])
        .arg(folder.path().join("data"))
        .args(["--listen", &address.to_string()])
        .env("RUST_LOG", "debug")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let http = client();
    crate::until(async || {
        let health = http
            .get(format!("http://{address}/health/live"))
            .send()
            .await;
        health.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    let injected = format!("{CANARY}\u{1b}[31m\\n{{\"level\":\"INFO\"}}\u{202e}");
    for path in [
        format!("/pc-api/{CANARY}%0d%0aINFO%20all%20is%20well"),
        format!("/pc-api/%1b%5b2J{CANARY}"),
        format!("/{CANARY}%00"),
    ] {
        let url = format!("http://{address}{path}");
        let agent = "x".repeat(4000);
        let headers = [
            ("user-agent", &*agent),
            ("content-type", "application/json"),
        ];
        let body = json!({ "request": injected }).to_string().into_bytes();
        let answer = raw::call(&http, Method::POST, &url, &headers, body).await;
        unbroken(answer.status, "");
    }
    program.kill().unwrap();
    program.wait().unwrap();
    let written = std::fs::read_to_string(&log).unwrap();
    assert!(!written.is_empty());
    for line in written.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(record["level"].is_string(), "{line}");
        assert!(
            line.chars().all(|character| !character.is_control()),
            "{line:?}"
        );
        assert!(line.len() < 8192, "{}", line.len());
    }
    assert!(!written.contains("all is well"), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_40_a_path_has_one_meaning() {
    let scene = Scene::open().await;
    let heads = scene.house.heads().await;
    let (system, user) = (scene.bank.system_id().to_owned(), &scene.issued.user_id);
    let paths = [
        format!("/pc-api/{system}/users/%2e%2e/{user}"),
        format!("/pc-api/{system}/users/x%2f..%2f{user}"),
        format!("/pc-api/{system}//users/{user}"),
        format!("//pc-api/{system}/users/{user}"),
        format!("/pc-api/{system}/users/{user};admin=1"),
        format!("/pc-api/{system}/users/{user}%00"),
        format!("/pc-api/{system}/users/{user}%c0%ae"),
        format!("/pc-api/{system}/users/{user}/"),
        format!("/PC-API/{system}/users/{user}"),
        format!("/pc-api/{}/users/{user}", system.replace('-', "")),
        format!("/pc-api/{{{system}}}/users/{user}"),
        format!("/pc-api/{system}%20/users/{user}"),
        format!("/pc-client-api/themes/v52/..%2f..%2f{system}"),
    ];
    for path in paths {
        let url = format!("{}{path}", scene.house.origin());
        // A client that tidies paths up would hide the attack.
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let heard = say(&scene.house, request.as_bytes()).await;
        assert!(heard.starts_with("HTTP/1.1 4"), "{url}: {heard}");
        assert!(!heard.contains("key_status"), "{url}: {heard}");
    }
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    // One id in two spellings would be two tenants.
    let lower = "abcdefab-cdef-4bcd-8fab-cdefabcdefab";
    scene.house.bank_named(lower).await;
    let upper = scene.house.stranger(&lower.to_uppercase());
    assert_eq!(upper.get("").await.unwrap().error_code, 202);
    scene.house.end().await;
}
