//! Where the doors listen, and who is let in there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use countersign::registration::registration_request;
use reqwest::Method;
use schemas::Digest;
use serde_json::json;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

use crate::raw::{self, Answer};

const OTHER: &str = "99999999-2222-4333-8444-555555555555";
const REASON: &str = "refusing to open the system door";

fn everywhere() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 0))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_do_not_open_to_the_network_without_credentials() {
    let plan = Plan::new(LogChoice::Memory).at(everywhere());
    let not_started = TestHouse::try_start(plan).await.unwrap_err();
    let reason = not_started.reason.to_string();
    assert!(reason.starts_with(REASON), "{reason}");
}

#[test]
fn neither_does_the_program_and_it_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Command::new(program())
        .args(["serve", "--listen", "0.0.0.0:0", "--data"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr) + String::from_utf8_lossy(&ended.stdout);
    assert!(!ended.status.success());
    assert!(said.contains(REASON), "{said}");
    assert!(!said.contains("serving on"), "{said}");
}

/// The program, beside this test's own binary; made when it is not there.
pub fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("countersign");
    if !program.exists() {
        let made = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "countersign"])
            .status();
        assert!(made.unwrap().success());
    }
    program
}

async fn ask(house: &TestHouse, method: Method, path: &str, token: Option<&str>) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    let body = match method {
        Method::GET => String::new(),
        _ if path == "/" => {
            let system_id = if token == Some("clerk") {
                SYSTEM_ID
            } else {
                OTHER
            };
            json!({ "request": registration_request(system_id, "Bank", "") }).to_string()
        }
        _ => json!({ "return_key_method": "NONE" }).to_string(),
    };
    let url = format!("http://127.0.0.1:{}/pc-api{path}", house.address().port());
    raw::call(&raw::client(), method, &url, &headers, body.into_bytes()).await
}

fn tokens() -> String {
    let digest = |token: &str| Digest::sha256(token.as_bytes());
    let (own, other, clerk) = (digest("own"), digest("other"), digest("clerk"));
    format!("{SYSTEM_ID} {own}\n{OTHER} {other}\n* {clerk}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_its_own_system_and_nothing_else() {
    let plan = Plan::new(LogChoice::Memory).with_tokens(&tokens());
    let house = TestHouse::start(plan).await;
    let registered = ask(&house, Method::POST, "/", Some("clerk")).await;
    assert_eq!(registered.code(), 0, "{}", registered.body);
    let heads = house.heads().await;
    let system = format!("/{SYSTEM_ID}");
    let users = format!("/{SYSTEM_ID}/users");
    for (method, path) in [(Method::GET, &system), (Method::POST, &users)] {
        for (token, heard) in [
            (None, (401, 288)),
            (Some("guess"), (401, 288)),
            (Some(""), (401, 288)),
            // Good elsewhere: here it hears what it would hear of a system that does not exist.
            (Some("other"), (400, 203)),
            (Some("clerk"), (400, 203)),
        ] {
            let answer = ask(&house, method.clone(), path, token).await;
            assert_eq!((answer.status, answer.code()), heard, "{path} {token:?}");
        }
    }
    let register = ask(&house, Method::POST, "/", Some("own")).await;
    assert_eq!(register.code(), 288, "a bank's token registers nobody");
    assert_eq!(house.heads().await, heads);
    let created = ask(&house, Method::POST, &users, Some("own")).await;
    assert_eq!(created.code(), 0, "{}", created.body);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_network_registrations_must_be_signed_by_somebody() {
    let plan = Plan::new(LogChoice::Memory).with_tokens(&tokens());
    let house = TestHouse::start(plan.at(everywhere())).await;
    let answer = ask(&house, Method::POST, "/", Some("clerk")).await;
    assert_eq!(answer.code(), 222);
    house.end().await;
}
