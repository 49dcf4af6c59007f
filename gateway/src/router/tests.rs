//! What holds for every route: the document, the envelope, who is let in, and that no input is our fault.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use proptest::prelude::*;
use schemas::answers::AnswerBody;
use schemas::pc_auth::PcAuth;
use schemas::{CommandId, Digest, ErrorCode};
use serde_json::{Value, json};

use crate::auth::TokenFile;
use crate::options::Doors;
use crate::router;
use crate::testing::{FakeBus, SYSTEM, TestDoor, USER, pc_auth, system_info};

fn filled(path: &str) -> String {
    path.replace("{system_id}", SYSTEM)
        .replace("{user_id}", USER)
        .replace("{transaction_id}", "invoice-42")
        .replace("{event_id}", "42")
        .replace("{push_id}", "push_1")
        .replace("{tile}", "0/000")
}

fn all_routes() -> Vec<(String, String)> {
    let routes = [
        router::system_routes(),
        router::operator_routes(),
        router::mobile_routes(),
        router::pusher_routes(),
        router::admin_routes(),
    ];
    let named =
        |route: crate::route::Route| (route.method.to_string(), route.path.replace("{*", "{"));
    routes.into_iter().flatten().map(named).collect()
}

#[tokio::test]
async fn the_document_and_the_router_know_the_same_paths() {
    let document: Value = serde_json::from_str(&crate::openapi_json()).unwrap();
    let mut documented = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            documented.insert((method.to_uppercase(), path.clone()));
            assert!(
                names.insert(operation["operationId"].to_string()),
                "{operation}"
            );
            assert_ne!(operation["summary"], "", "{path}");
        }
    }
    let routed: BTreeSet<_> = all_routes().into_iter().collect();
    assert_eq!(documented, routed);

    let door = TestDoor::answering(AnswerBody::Nothing);
    for (method, path) in documented {
        let answer = door.request(&method, &filled(&path), None).await;
        let code = &answer.json["answer"]["result"]["error_code"];
        assert_ne!(code, 289, "{method} {path} is documented and not served");
    }
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let text = crate::openapi_json();
    let document: Value = serde_json::from_str(&text).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let references = text.split("\"#/components/schemas/").skip(1);
    let names: BTreeSet<&str> = references
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(names.len() > 20);
    for name in names {
        assert!(schemas.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn what_is_not_there_answers_in_the_envelope() {
    let door = TestDoor::answering(AnswerBody::Nothing);
    let user = format!("/pc-api/{SYSTEM}/users/sample-1");
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/pc-api/"),
        ("PUT", user.as_str()),
        ("GET", "/pc-api//users"),
        ("GET", "/PC-API/x"),
        ("POST", "/pc-client-api/v2/x"),
        ("GET", "/pc-client-api/v1/x/users/y/register"),
    ] {
        let answer = door.request(method, path, None).await;
        assert_eq!(
            (answer.status, answer.code()),
            (404, 289),
            "{method} {path}"
        );
        assert_eq!(answer.json["answer_type"], "error");
        let timed = answer.header("pc-server-time").is_some();
        assert_eq!(timed, path.starts_with("/pc-client-api/"), "{path}");
    }
}

#[tokio::test]
async fn a_device_must_show_one_right_header() {
    let door = TestDoor::answering(AnswerBody::Nothing);
    let path = format!("/pc-client-api/v1/{SYSTEM}/users/{USER}/events");
    let body = json!({"type": "root_detected"});
    let header = pc_auth([1; 16]).to_string();
    let with = |text: &str| door.with(PcAuth::HEADER, text);
    assert_eq!(with(&header).post(&path, &body).await.status, 200);
    let twins = [
        door.clone(),
        with(&header).with(PcAuth::HEADER, &header),
        with(&header.replace("v1 ", "v0 ")),
        with(&header.to_uppercase()),
        with(&header.replace("uid=sample-1", "uid=sample-2")),
        with(&header.replace(SYSTEM, "0b9bd3d2-6d0e-4f25-9c34-d0a2b1b6f7aa")),
        with(&"x".repeat(8000)),
    ];
    for twin in twins {
        let answer = twin.post(&path, &body).await;
        assert_eq!((answer.status, answer.code()), (401, 288));
        assert!(answer.header(PcAuth::RESPONSE_HEADER).is_none());
        assert!(answer.header("pc-server-time").is_some());
    }
    let elsewhere = path.replace(USER, "a%20b");
    assert_eq!(with(&header).post(&elsewhere, &body).await.code(), 288);
    assert_eq!(door.sent().len(), 1);
}

#[tokio::test]
async fn a_token_opens_its_system_and_nothing_is_read_before_it() {
    let digest = |token: &str| Digest::sha256(token.as_bytes());
    let file = format!("{SYSTEM} {}\n* {}", digest("one"), digest("root"));
    let tokens = TokenFile::parse(&file).unwrap();
    let bus = FakeBus::answering(ErrorCode::Normal, system_info());
    let door = TestDoor::before(bus, |options| options.tokens = Some(tokens));
    let own = format!("/pc-api/{SYSTEM}");
    let foreign = "/pc-api/0b9bd3d2-6d0e-4f25-9c34-d0a2b1b6f7aa";
    let bearer = |token: &str| door.with("authorization", &format!("Bearer {token}"));
    assert_eq!(bearer("one").get(&own).await.status, 200);
    assert_eq!(bearer("one").get(foreign).await.code(), 203);
    assert_eq!(bearer("two").get(&own).await.code(), 288);
    assert_eq!(door.get(&own).await.status, 401);
    assert_eq!(bearer("one").post("/pc-api/", &json!({})).await.code(), 288);
    assert_eq!(
        bearer("root").post("/pc-api/", &json!({})).await.code(),
        233
    );
    assert_eq!(door.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn an_unknown_outcome_is_said_to_be_unknown() {
    let path = format!("/pc-api/{SYSTEM}");
    let answer = TestDoor::before(FakeBus::that_times_out(), |_| {})
        .get(&path)
        .await;
    assert_eq!((answer.status, answer.code()), (504, 100));
    assert!(
        answer
            .text
            .contains("repeat the request with the same Idempotency-Key")
    );
    let answer = TestDoor::before(FakeBus::that_refuses(), |_| {})
        .get(&path)
        .await;
    assert_eq!((answer.status, answer.code()), (503, 100));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let answer = TestDoor::before(FakeBus::that_is_forged(), |_| {})
        .get(&path)
        .await;
    assert_eq!((answer.status, answer.code()), (500, 100));
}

#[tokio::test]
async fn one_command_too_many_is_asked_to_come_later() {
    let bus = FakeBus::that_never_answers();
    let door = TestDoor::before(bus, |options| options.limits.commands_max = 1);
    let path = format!("/pc-api/{SYSTEM}");
    let mut waiting = std::pin::pin!(door.get(&path));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    let answer = door.get(&path).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
}

#[tokio::test]
async fn a_command_carries_what_the_request_brought() {
    let bus = FakeBus::answering(ErrorCode::Normal, AnswerBody::Nothing);
    let door = TestDoor::before(bus, |options| options.trusted_hops = 1);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let path = format!("/pc-api/{SYSTEM}/users/sample-1");
    let asking = door
        .with("x-forwarded-for", "6.6.6.6, 192.0.2.7")
        .with("traceparent", trace)
        .keyed("order 42");
    asking.patch(&path, &json!({"user_name": "A"})).await;
    let sent = door.sent().remove(0);
    assert_eq!(
        sent.command_id,
        CommandId::from_key(SYSTEM, "idempotency-key", "order 42")
    );
    assert_eq!(sent.owner.to_string(), format!("{SYSTEM}/sample-1"));
    assert_eq!(sent.traceparent.as_deref(), Some(trace));
    assert_eq!(sent.context.request_url, path);
    assert_eq!(
        sent.context.request_hash,
        Some(Digest::sha256(br#"{"user_name":"A"}"#))
    );
    assert_eq!(sent.context.instance.as_deref(), Some("pcs-node-1"));
    assert_eq!(sent.context.request_id, Some(sent.request_id));
    assert_eq!(
        sent.private.requester_ip_address.as_deref(),
        Some("192.0.2.7, 127.0.0.1")
    );
    let info: Value = serde_json::from_str(&sent.private.connection_info.unwrap()).unwrap();
    assert_eq!(info["src"], json!({"ip": "127.0.0.1", "port": "40000"}));
    assert_eq!(door.keyed("").delete(&path).await.code(), 219);
}

#[tokio::test]
async fn a_body_must_call_itself_json() {
    let door = TestDoor::answering(AnswerBody::Nothing);
    let path = format!("/pc-api/{SYSTEM}/users/sample-1");
    let send = |kind: Option<&'static str>| {
        let mut request = Request::patch(&path);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        door.send(request.body(Body::from(r#"{"user_name":"A"}"#)).unwrap())
    };
    for kind in ["application/json", "Application/JSON; charset=UTF-8"] {
        assert_eq!(send(Some(kind)).await.status, 200, "{kind}");
    }
    for kind in [
        None,
        Some("text/json"),
        Some("application/json; charset=cp1251"),
        Some("application/json-patch"),
    ] {
        assert_eq!(send(kind).await.code(), 283, "{kind:?}");
    }
}

#[tokio::test]
async fn a_closed_door_is_not_there() {
    let mobile = TestDoor::with_options(|options| options.doors = Doors::Mobile);
    assert_eq!(mobile.get(&format!("/pc-api/{SYSTEM}")).await.code(), 289);
    let system = TestDoor::with_options(|options| options.doors = Doors::System);
    let answer = system
        .device("events", &json!({"type": "root_detected"}))
        .await;
    assert_eq!(answer.code(), 289);
}

/// Bodies near the right ones: right names, wrong values, and any bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("{}".to_owned()),
        Just("[[]]".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| json!(text).to_string()),
        Just("\"https://bank.example/\"".to_owned()),
        Just("{\"text\":\"x\",\"binary_data\":\"AA==\"}".to_owned()),
        Just("{\"pass_policy\":3}".to_owned()),
    ];
    let name = prop_oneof![
        Just("request"),
        Just("id_prefix"),
        Just("user_name"),
        Just("key_params"),
        Just("key_encryption_password"),
        Just("return_key_method"),
        Just("activation_code_length"),
        Just("app_extra"),
        Just("deeplink_template"),
        Just("transaction_id"),
        Just("transaction_data"),
        Just("callback_url"),
        Just("confirm_code_length"),
        Just("ttl"),
        Just("reason"),
        Just("code"),
        Just("public_key"),
        Just("push"),
        Just("device_fingerprint"),
        Just("signature"),
        Just("confirm_code"),
        Just("type"),
        Just("device_info"),
        Just("device_event_id"),
        Just("activation_code_proof"),
    ];
    prop_oneof![
        3 => proptest::collection::vec((name, value), 0..4).prop_map(|members| {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(",")).into_bytes()
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..64),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_input_is_our_fault(
        body in body(),
        path_part in prop_oneof![Just("sample-1".to_owned()), "[a-z%./;0-9]{0,12}"],
        query in "[a-z=&%,0-9]{0,20}",
        header in prop_oneof![Just(pc_auth([1; 16]).to_string()), "[ -~]{0,80}"],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let door = TestDoor::refusing(ErrorCode::UserNotFound);
            for (method, path) in all_routes() {
                let path = filled(&path).replace(USER, &path_part);
                let Ok(request) = Request::builder()
                    .method(method.as_str())
                    .uri(format!("{path}?{query}"))
                    .header("content-type", "application/json")
                    .header(PcAuth::HEADER, &header)
                    .header("idempotency-key", &header)
                    .header("traceparent", &header)
                    .body(Body::from(body.clone()))
                else {
                    continue;
                };
                let answer = door.send(request).await;
                assert!(answer.status < 500, "{method} {path}: {}", answer.text);
            }
        });
    }
}
