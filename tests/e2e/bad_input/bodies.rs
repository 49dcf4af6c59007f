//! Bodies that are not what the route asks for. Both doors read them alike; a device's come under a right MAC.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{CANARY, Scene, check, mobile_routes, system_routes};

/// The longest body, bytes; the longest that creates a transaction or answers an operation, and the longest that creates
/// one.
const BODY_MAX: usize = 64 * 1024;
const DOCUMENT_BODY_MAX: usize = 2_621_440;
const OPERATION_BODY_MAX: usize = 6 * 1024 * 1024;

/// A kind of wrong body, with what it hears.
struct Wrong {
    about: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
}

/// Every wrong body that can be made of a right one.
fn wrong_bodies(right: &Value, longest: usize) -> Vec<Wrong> {
    let members = right.as_object().expect("bodies are objects");
    let wrong = |about, body: String| Wrong {
        about,
        content_type: "application/json",
        body: body.into_bytes(),
        status: 400,
    };
    let with = |name: &str, value: Value| {
        let mut members = members.clone();
        members.insert(name.to_owned(), value);
        Value::Object(members).to_string()
    };
    let deep = format!("{}\"{CANARY}\"{}", "[".repeat(500), "]".repeat(500));
    let deep_object = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    let mut all = vec![
        wrong("not JSON", format!("{{\"reason\":\"{CANARY}\"")),
        wrong("two texts", format!("{right}{right}")),
        wrong("an array", format!("[\"{CANARY}\"]")),
        wrong("a text", format!("\"{CANARY}\"")),
        wrong("null", "null".to_owned()),
        wrong("unknown member", with("surprise", CANARY.into())),
        wrong("deep array", format!("{{\"surprise\":{deep}}}")),
        wrong("deep object", deep_object),
        wrong(
            "a lone surrogate",
            format!("{{\"session_id\":\"{CANARY}\\ud800\"}}"),
        ),
    ];
    let not_utf8 = [b"{\"reason\":\"", CANARY.as_bytes(), b"\xff\"}"].concat();
    all.push(Wrong {
        body: not_utf8,
        ..wrong("not UTF-8", String::new())
    });
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        all.push(Wrong {
            content_type,
            ..wrong("wrong content type", with_something(members))
        });
    }
    all.push(Wrong {
        status: 413,
        ..wrong(
            "too long",
            with("surprise", CANARY.repeat(longest / CANARY.len() + 1).into()),
        )
    });
    for (name, value) in members {
        let doubled = format!("{{\"{name}\":{value},\"{name}\":{value}}}");
        all.push(wrong("doubled member", doubled));
        all.push(wrong("wrong type", with(name, json!([[CANARY]]))));
    }
    all
}

fn with_something(members: &Map<String, Value>) -> String {
    if members.is_empty() {
        format!("{{\"surprise\":\"{CANARY}\"}}")
    } else {
        Value::Object(members.clone()).to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wrong_body_gets_through_the_banks_door() {
    let scene = Scene::open().await;
    let heads = scene.house.heads().await;
    let mut tried = 0;
    for route in system_routes() {
        let Some(right) = &route.body else { continue };
        let longest = match route.path.rsplit('/').next() {
            Some("transactions") => DOCUMENT_BODY_MAX,
            Some("operations") => OPERATION_BODY_MAX,
            _ => BODY_MAX,
        };
        for wrong in wrong_bodies(right, longest) {
            let about = format!("{} {}: {}", route.method, route.path, wrong.about);
            let path = scene.path(route.path);
            let answer = scene
                .call(&route.method, &path, wrong.content_type, wrong.body)
                .await;
            check(&answer, 283, &about);
            assert_eq!(answer.status, wrong.status, "{about}");
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wrong_body_gets_through_the_devices_door() {
    let scene = Scene::open().await;
    let (heads, raw) = (scene.house.heads().await, scene.device());
    let mut tried = 0;
    for (tail, right) in mobile_routes() {
        let answers_operation = tail.ends_with("/process");
        let longest = if answers_operation {
            DOCUMENT_BODY_MAX
        } else {
            BODY_MAX
        };
        for wrong in wrong_bodies(&right, longest) {
            let about = format!("{tail}: {}", wrong.about);
            let target = scene.path(&raw.target(tail));
            let header = raw.header(&target, &wrong.body, scene.house.now());
            let headers = [("content-type", wrong.content_type), ("pc-auth", &*header)];
            let url = format!("{}{target}", raw.origin);
            let answer =
                crate::raw::call(&raw.http, Method::POST, &url, &headers, wrong.body).await;
            check(&answer, 283, &about);
            assert_eq!(answer.status, wrong.status, "{about}");
            assert!(answer.header("pc-server-time").is_some(), "{about}");
            tried += 1;
        }
    }
    assert!(tried > 120, "{tried}");
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_out_of_its_bounds_is_refused_and_not_repeated() {
    let scene = Scene::open().await;
    let heads = scene.house.heads().await;
    let users = "/pc-api/{system_id}/users";
    let transactions = "/pc-api/{system_id}/users/{user_id}/transactions";
    let data = json!({ "text": CANARY });
    let long = CANARY.repeat(100);
    for (path, body, code) in [
        ("/pc-api/", json!({}), 233),
        ("/pc-api/", json!({ "request": CANARY }), 233),
        (users, json!({ "id_prefix": "x".repeat(65) }), 253),
        (users, json!({ "id_prefix": "a b" }), 283),
        (users, json!({ "user_name": long }), 283),
        (users, json!({ "key_encryption_password": "short" }), 242),
        (
            users,
            json!({ "key_encryption_password": format!("{CANARY} ") }),
            242,
        ),
        (users, json!({ "activation_code_length": 8 }), 283),
        (users, json!({ "return_key_method": CANARY }), 283),
        (users, json!({ "crypt_type": CANARY }), 351),
        (users, json!({ "qr_image_type": CANARY }), 283),
        (users, json!({ "qr_url_scheme": format!("{CANARY}:") }), 333),
        (users, json!({ "deeplink_template": CANARY }), 283),
        (
            users,
            json!({ "key_params": { "with_finger_print": 1, "server_signer": 1 } }),
            219,
        ),
        (users, json!({ "key_params": { "pass_policy": 4 } }), 283),
        (transactions, json!({}), 217),
        (transactions, json!({ "transaction_data": {} }), 217),
        (
            transactions,
            json!({ "transaction_data": { "text": "" } }),
            217,
        ),
        (
            transactions,
            json!({ "transaction_data": { "text": "x".repeat(65_537) } }),
            216,
        ),
        (
            transactions,
            json!({ "transaction_data": { "text": CANARY, "binary_data": CANARY } }),
            216,
        ),
        (
            transactions,
            json!({ "transaction_data": data, "confirm_code_length": 3 }),
            254,
        ),
        (
            transactions,
            json!({ "transaction_data": data, "confirm_code_length": 11 }),
            254,
        ),
        (
            transactions,
            json!({ "transaction_data": data, "ttl": -1 }),
            283,
        ),
        (
            transactions,
            json!({ "transaction_data": data, "transaction_id": "a/b" }),
            283,
        ),
        (
            transactions,
            json!({ "transaction_data": data, "callback_url": CANARY }),
            283,
        ),
    ] {
        let about = format!("{path} {body}");
        let bytes = body.to_string().into_bytes();
        let path = scene.path(path);
        let answer = scene
            .call(&Method::POST, &path, "application/json", bytes)
            .await;
        check(&answer, code, &about);
    }
    assert_eq!(scene.house.heads().await, heads, "nothing was written");
    scene.house.end().await;
}
