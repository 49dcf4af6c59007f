//! Bad input at every route of both doors: a documented code, an envelope, no event, and nothing of it repeated.

mod bodies;
mod foreign;
mod unproven;

use reqwest::Method;
use serde_json::{Value, json};
use tests::house::{Issued, SYSTEM_ID, TestHouse};

use crate::raw::{self, Answer, RawDevice};

/// What must never come back.
const CANARY: &str = "canary-7f3a9c51";
/// A user that is somebody, in a system that is not ours.
const FOREIGN_SYSTEM: &str = "99999999-2222-4333-8444-555555555555";

/// A route, with a body that is right in form.
struct Route {
    method: Method,
    /// With the OpenAPI document's names of the ids.
    path: &'static str,
    /// A right body; `None` where none is read.
    body: Option<Value>,
}

/// Every route of the banks' door.
fn system_routes() -> Vec<Route> {
    let user = "/pc-api/{system_id}/users/{user_id}";
    let transaction = "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}";
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let wishes = json!({
        "key_params": { "collect_events": true },
        "key_encryption_password": CANARY,
        "app_extra": { "note": CANARY },
        "return_key_method": "KEY_JSON",
    });
    let create = json!({
        "transaction_data": { "text": CANARY, "binary_data": "Y2FuYXJ5" },
        "confirm_code_length": 6,
        "ttl": 60,
    });
    let operations = "/pc-api/{system_id}/users/{user_id}/operations";
    let operation = "/pc-api/{system_id}/users/{user_id}/operations/{operation_id}";
    let create_operation = json!({
        "description": CANARY,
        "app_extra": { "note": CANARY },
        "transactions": [{ "text": CANARY, "snippet": CANARY, "attachment": "Y2FuYXJ5" }],
    });
    let route = |method: &Method, path, body| Route {
        method: method.clone(),
        path,
        body,
    };
    vec![
        route(&post, "/pc-api/", Some(json!({ "request": CANARY }))),
        route(&get, "/pc-api/server_settings", None),
        route(
            &post,
            "/pc-api/server_settings",
            Some(json!({ "QR_LOGO_LOCATION": CANARY })),
        ),
        route(&get, "/pc-api/{system_id}", None),
        route(
            &patch,
            "/pc-api/{system_id}",
            Some(
                json!({ "callback_url": "http://127.0.0.1:1/", "user_keys_expiration_period": 7 }),
            ),
        ),
        route(&delete, "/pc-api/{system_id}", Some(json!({}))),
        route(&post, "/pc-api/{system_id}/users", Some(wishes.clone())),
        route(&get, user, None),
        route(&patch, user, Some(json!({ "user_name": CANARY }))),
        route(&delete, user, Some(json!({}))),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/block",
            Some(json!({ "reason": CANARY })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/unblock",
            Some(json!({ "reason": CANARY })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/key/activate",
            Some(json!({ "key_index": 2 })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/key/export",
            Some(json!({ "key_encryption_password": CANARY, "return_key_method": "KEY_JSON" })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/key/send_activation_code",
            Some(json!({ "phone": "+79991234567", "language": "en", "key_index": 1 })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/key",
            Some(wishes),
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/transactions",
            Some(create),
        ),
        route(
            &get,
            "/pc-api/{system_id}/users/{user_id}/transactions",
            None,
        ),
        route(&get, transaction, None),
        route(&delete, transaction, Some(json!({}))),
        route(
            &get,
            "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/data",
            None,
        ),
        route(
            &get,
            "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/binary_data",
            None,
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/decline",
            Some(json!({ "reason": CANARY, "code": 1 })),
        ),
        route(&get, "/pc-api/rks/{system_id}/users/{user_id}", None),
        route(&get, "/pc-api/rks/{system_id}/users/{user_id}/events", None),
        route(
            &get,
            "/pc-api/rks/{system_id}/transactions/{transaction_id}",
            None,
        ),
        route(
            &post,
            "/pc-api/rks/{system_id}/check_confirmation",
            Some(json!({ "transaction_id": CANARY })),
        ),
        route(
            &post,
            "/pc-api/rks/{system_id}/evidence",
            Some(json!({ "transaction_id": CANARY })),
        ),
        route(&get, "/pc-api/server_events", None),
        route(&get, "/pc-api/{system_id}/report", None),
        route(
            &post,
            "/pc-api/{system_id}/billing_close",
            Some(json!({ "date": "2026-01-01" })),
        ),
        route(&post, "/pc-api/{system_id}/webhook_keys", None),
        route(&get, "/pc-api/{system_id}/letters", None),
        route(&get, "/pc-api/{system_id}/letters/receivers", None),
        route(
            &post,
            "/pc-api/{system_id}/letters/retry",
            Some(json!({ "letter_id": CANARY })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/letters/drop",
            Some(json!({ "letter_id": CANARY })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/letters/replay",
            Some(json!({ "from": 0, "until": 1 })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/confirm",
            Some(json!({ "confirm_code": CANARY })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/confirm_code/gen",
            Some(json!({ "data": CANARY, "confirm_code_length": 6 })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/users/{user_id}/confirm_code/check",
            Some(json!({ "data": CANARY, "confirm_code": "123456", "confirm_code_length": 6 })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/confirm_code/gen",
            Some(json!({ "data": CANARY, "confirm_code_length": 6 })),
        ),
        route(
            &post,
            "/pc-api/{system_id}/confirm_code/check",
            Some(json!({ "data": CANARY, "confirm_code": "123456", "confirm_code_length": 6 })),
        ),
        route(
            &get,
            "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/attempts/{attempt_id}/scoring",
            None,
        ),
        route(&post, operations, Some(create_operation)),
        route(&get, operations, None),
        route(&get, operation, None),
        route(&patch, operation, Some(json!({ "description": CANARY }))),
        route(
            &get,
            "/pc-api/{system_id}/users/{user_id}/operations/{operation_id}/data",
            None,
        ),
        route(&get, "/pc-api/{system_id}/events", None),
        route(
            &post,
            "/pc-api/{system_id}/events/clean",
            Some(json!({ "request_type": "canary", "limit": 1 })),
        ),
        route(&delete, "/pc-api/{system_id}/events", Some(json!({}))),
        route(&get, "/pc-api/{system_id}/events/{event_id}", None),
    ]
}

/// Every route of the devices' door: what follows the user's part of the path, and a right body.
fn mobile_routes() -> Vec<(&'static str, Value)> {
    let hex = "ab".repeat(32);
    vec![
        (
            "register",
            json!({ "public_key": hex::encode(crate::register_and_renew::new_public_key()) }),
        ),
        ("fingerprint", json!({ "device_fingerprint": hex })),
        ("activate", json!({ "activation_code_proof": hex })),
        ("credentials/salt", json!({ "session_id": "session" })),
        ("credentials/set", json!({ "password_proof": hex })),
        ("credentials/get", json!({ "password_proof": hex })),
        ("events", json!({ "type": "root_detected" })),
        ("transactions/get_list", json!({ "session_id": "session" })),
        (
            "transactions/{transaction_id}/get_data",
            json!({ "session_id": "session" }),
        ),
        (
            "transactions/{transaction_id}/get_binary_data",
            json!({ "session_id": "session" }),
        ),
        (
            "transactions/{transaction_id}/confirm",
            json!({ "confirm_code": CANARY }),
        ),
        (
            "transactions/{transaction_id}/decline",
            json!({ "reason": CANARY }),
        ),
        (
            "transactions/{transaction_id}/autoconfirm",
            json!({ "attempt_id": hex, "signature": "3006020101020101", "scoring_session": CANARY }),
        ),
        (
            "remote_update/templates",
            json!({ "session_id": "session" }),
        ),
        (
            "remote_update/set_template",
            json!({ "template_id": CANARY, "requisites": CANARY, "signature": "3006020101020101" }),
        ),
        (
            "remote_update/get_requisites",
            json!({ "session_id": "session" }),
        ),
        (
            "remote_update/challenge",
            json!({ "session_id": "session" }),
        ),
        (
            "remote_update/response",
            json!({ "challenge": hex, "response": CANARY }),
        ),
        ("autoconfirm/get_list", json!({ "session_id": "session" })),
        ("scoring/settings", json!({ "session_id": "session" })),
        ("operations/get_list", json!({ "session_id": "session" })),
        (
            "operations/{operation_id}/get_data",
            json!({ "session_id": "session" }),
        ),
        (
            "operations/{operation_id}/process",
            json!({ "transactions": [{ "transaction_id": CANARY, "confirm_code": CANARY }] }),
        ),
    ]
}

const MOBILE_PREFIX: &str = "/pc-client-api/v1/{system_id}/users/{user_id}/";

/// A house with a bank, a user, a transaction and an operation.
struct Scene {
    house: TestHouse,
    issued: Issued,
    transaction_id: String,
    operation_id: String,
    http: reqwest::Client,
}

impl Scene {
    async fn open() -> Self {
        let house = TestHouse::open().await;
        let bank = house.bank().await;
        let issued = house.issue(&bank, json!({})).await;
        let phone = house.registered(&issued).await;
        let transaction_id = house.ask(&bank, &phone, "pending").await.to_string();
        let body = json!({ "transactions": [{ "text": "pending, too" }] });
        let operation_id = house.ask_operation(&bank, &phone, body).await.to_string();
        Self {
            house,
            issued,
            transaction_id,
            operation_id,
            http: raw::client(),
        }
    }

    fn device(&self) -> RawDevice {
        RawDevice::new(&self.house, &self.issued.key_text)
    }

    /// A path with the scene's own ids.
    fn path(&self, template: &str) -> String {
        template
            .replace("{system_id}", SYSTEM_ID)
            .replace("{user_id}", &self.issued.user_id)
            .replace("{transaction_id}", &self.transaction_id)
            .replace("{operation_id}", &self.operation_id)
            .replace("{event_id}", "64")
            .replace("{attempt_id}", &"ab".repeat(32))
    }

    async fn call(&self, method: &Method, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let url = format!("{}{path}", self.house.origin());
        let headers = [("content-type", kind)];
        raw::call(&self.http, method.clone(), &url, &headers, body).await
    }
}

/// Everything that holds for every refusal.
fn check(answer: &Answer, code: u64, about: &str) {
    assert_eq!(answer.code(), code, "{about}: {}", answer.body);
    assert!(
        (400..500).contains(&answer.status),
        "{about}: {}",
        answer.status
    );
    let envelope = answer.envelope();
    assert_eq!(envelope["answer_type"], "error", "{about}");
    assert!(!answer.body.contains(CANARY), "{about}: {}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_here_name_every_route_there_is() {
    let scene = Scene::open().await;
    let document = scene
        .call(&Method::GET, "/openapi.json", "", Vec::new())
        .await;
    let document: Value = serde_json::from_str(&document.body).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut documented: Vec<(String, String)> = paths
        .iter()
        .filter(|(path, _)| path.starts_with("/pc-"))
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let system = system_routes()
        .into_iter()
        .map(|route| (route.path.to_owned(), route.method.to_string()));
    let mobile = mobile_routes()
        .into_iter()
        .map(|(tail, _)| (format!("{MOBILE_PREFIX}{tail}"), "POST".to_owned()));
    // Anybody may ask for a theme: its story is told in `mobile_texts`.
    let theme = (
        "/pc-client-api/themes/v52/{system_id}".to_owned(),
        "GET".to_owned(),
    );
    // The pushes' door is for another process of the house: its stories are told in `pushes::door`.
    let pushes = [
        ("/pc-pusher-api/push", "POST"),
        ("/pc-pusher-api/status/", "GET"),
        ("/pc-pusher-api/status/{push_id}", "GET"),
    ];
    // What verifiers ask for is told of in `evidence`.
    let evidence = ["checkpoint", "consistency", "tile/{tile}"].map(|tail| {
        let path = format!("/pc-api/{{system_id}}/evidence/{tail}");
        (path, "GET".to_owned())
    });
    let pushes = pushes.map(|(path, method)| (path.to_owned(), method.to_owned()));
    let tried = system.chain(mobile).chain([theme]);
    let tried = tried.chain(pushes).chain(evidence);
    let mut tried: Vec<(String, String)> = tried.collect();
    documented.sort();
    tried.sort();
    assert_eq!(tried, documented);
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_route_is_said_to_be_none() {
    let scene = Scene::open().await;
    let heads = scene.house.heads().await;
    for (method, path) in [
        (Method::GET, "/pc-api/"),
        (Method::PUT, "/pc-api/{system_id}"),
        (Method::POST, "/pc-api/{system_id}/users/{user_id}"),
        (
            Method::GET,
            "/pc-api/{system_id}/users/{user_id}/transactions/",
        ),
        (
            Method::GET,
            "/pc-client-api/v1/{system_id}/users/{user_id}/register",
        ),
        (
            Method::POST,
            "/pc-client-api/v2/{system_id}/users/{user_id}/register",
        ),
        (Method::GET, "/"),
    ] {
        let path = scene.path(path);
        let answer = scene.call(&method, &path, "", Vec::new()).await;
        assert_eq!(answer.status, 404, "{path}");
        check(&answer, 289, &path);
    }
    assert_eq!(scene.house.heads().await, heads);
    scene.house.end().await;
}
