//! Everything that a person or a bank can type about somebody, each in letters that stand nowhere else.

use device::{Answer, Declination, Device, DeviceKey, ReqwestTransport};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use schemas::commands::keys::{DeviceType, PushAddress};
use serde_json::{Map, Value, json};

use super::{Program, now};

pub(super) const NAME: &str = "canary-name-5c1e Анна";
const TEXT: &str = "canary-text-8d2f перевод";
const DEVICE: &str = "canary-device-77ab";
const PUSH: &str = "canary-push-0e94";
const HEADER: &str = "canary-header-b310";
const BY_USER: &str = "canary-user-41cd не я";
const BY_BANK: &str = "canary-bank-e2a8 fraud";
const IN_BATCH: &str = "canary-batch-9f63";
const DESCRIPTION: &str = "canary-frame-d05b зарплата";
const SNIPPET: &str = "canary-snippet-1a77";
const EXTRA: &str = "canary-extra-63fe";
const BLOCKED: &str = "canary-block-c8d1 lost";
const LIFTED: &str = "canary-lifted-2b90 found";

/// What is to be gone.
pub(super) const CANARIES: [&str; 13] = [
    NAME,
    TEXT,
    DEVICE,
    PUSH,
    HEADER,
    BY_USER,
    BY_BANK,
    IN_BATCH,
    DESCRIPTION,
    SNIPPET,
    EXTRA,
    BLOCKED,
    LIFTED,
];

/// What stays, for ever and in the open: an identifier. Whoever does not find it has not looked.
pub(super) const CONTROL: &str = "control-transaction-4be7";

/// Has all of it typed; the path of the user.
pub(super) async fn everything(program: &Program) -> String {
    let wishes = json!({
        "return_key_method": "KEY_JSON", "user_name": NAME,
        "key_params": { "collect_events": true, "collect_device_info": true },
    });
    let created = program.ask(Method::POST, "/users", Some(wishes)).await;
    let user = format!("/users/{}", created["user_id"].as_str().unwrap());
    for (what, reason) in [("block", BLOCKED), ("unblock", LIFTED)] {
        let path = format!("{user}/{what}");
        let body = json!({ "reason": reason });
        program.ask(Method::POST, &path, Some(body)).await;
    }
    let mut phone = phone(created["key_json"].as_str().unwrap());
    let push = PushAddress {
        device_push_id: PUSH.to_owned(),
        device_type: DeviceType::Android,
        app_id: None,
    };
    phone.register(Some(&push), now()).await.unwrap();

    let path = format!("{user}/transactions");
    let mut ids = Vec::new();
    for number in 0..3 {
        let mut body = json!({ "transaction_data": { "text": TEXT } });
        if number == 0 {
            body["transaction_id"] = CONTROL.into();
        }
        let asked = program.ask(Method::POST, &path, Some(body)).await;
        let id = asked["transaction_id"].as_str().unwrap();
        ids.push(id.parse().unwrap());
    }
    let shown = phone.show(&ids[0], now()).await.unwrap();
    phone.confirm(&shown, now()).await.unwrap();
    phone.decline(&ids[1], &why(BY_USER), now()).await.unwrap();
    let decline = format!("{path}/{}/decline", ids[2]);
    let body = json!({ "reason": BY_BANK });
    program.ask(Method::POST, &decline, Some(body)).await;

    let member = json!({ "text": TEXT, "snippet": SNIPPET });
    let body = json!({
        "description": DESCRIPTION, "app_extra": { "of": EXTRA }, "transactions": [member, member],
    });
    let path = format!("{user}/operations");
    let asked = program.ask(Method::POST, &path, Some(body)).await;
    let batch = asked["operation_id"].as_str().unwrap().parse().unwrap();
    let shown = phone.show_operation(&batch, now()).await.unwrap();
    let member = shown.members[0].shown.as_ref().unwrap();
    let why = why(IN_BATCH);
    let answers = [Answer::Decline(member.transaction_id(), &why)];
    phone.process(&batch, &answers, now()).await.unwrap();
    user
}

fn why(reason: &str) -> Declination {
    Declination {
        reason: reason.to_owned(),
        code: None,
    }
}

/// A phone that tells of itself, behind a door that carries a header through.
fn phone(key_json: &str) -> Device<ReqwestTransport> {
    let headers = HeaderMap::from_iter([(
        "x-pass-mark".parse().unwrap(),
        HeaderValue::from_static(HEADER),
    )]);
    let client = reqwest::Client::builder().default_headers(headers);
    let transport = ReqwestTransport::with_client(client.build().unwrap());
    let mut info: Map<String, Value> =
        serde_json::from_str(include_str!("../device_info/ios.json")).unwrap();
    for value in info.values_mut().filter(|value| value.is_string()) {
        *value = DEVICE.into();
    }
    let key = DeviceKey::import(key_json).unwrap();
    Device::new(key, transport).unwrap().with_device_info(info)
}
