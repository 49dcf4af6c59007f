//! Each callback, in the exact form a bank reads.

use schemas::context::RequestContext;
use schemas::events::{access, devices, keys, transactions};
use schemas::reasons::KeptReason;
use schemas::{CommandId, KeyIndex, Secret, Timestamp};
use serde_json::{Value, json};

use super::*;

const URL: &str = "https://bank.example/callback";

fn recorded(event: impl Into<Event>) -> RecordedEvent {
    let event = event.into();
    RecordedEvent {
        owner: "f13e4375-e429-496c-ad1e-0fc3c3ecfb53/sample-1"
            .parse()
            .expect("an owner"),
        ordinal: 1,
        recorded_at: Timestamp(1_617_096_000_999),
        causation_id: CommandId([0; 32]),
        result: event.result(),
        context: RequestContext::default(),
        event,
    }
}

fn body(event: impl Into<Event>, push: Option<PushAddress>) -> Value {
    let known = Known {
        push,
        ..Known::default()
    };
    let letter = callback(&recorded(event), known).expect("this event owes a callback");
    assert_eq!(letter.url, URL);
    serde_json::from_slice(&letter.body).expect("a body is JSON")
}

fn confirmed(callback_url: Option<&str>) -> transactions::TransactionConfirmed {
    transactions::TransactionConfirmed {
        transaction_id: "39a11d38-2ec5-4185-b671-e9e520a98679"
            .parse()
            .expect("an id"),
        key_index: KeyIndex(1),
        signature: Some(vec![0x30, 0x45, 0x02, 0xAB]),
        confirm_code: Some("ab".repeat(32)),
        digest: Digest([1; 32]),
        callback_url: callback_url.map(ToOwned::to_owned),
        operation: None,
    }
}

#[test]
fn a_confirmation_is_told_in_the_reference_servers_words() {
    assert_eq!(
        body(confirmed(Some(URL)), None),
        json!({"pc_callback": {
            "type": "transaction_callback", "version": 3,
            "result": {"error_code": 0, "error_message": "Success"},
            "transaction_callback": {
                "transaction_id": "39a11d38-2ec5-4185-b671-e9e520a98679",
                "check_time": 1_617_096_000,
                "confirmation": {"confirm_code": "ab".repeat(32), "signature": "304502ab"},
            },
        }})
    );
}

#[test]
fn a_declined_transaction_has_no_confirmation() {
    let declined = transactions::TransactionDeclined {
        transaction_id: "t-1".parse().expect("an id"),
        reason: Some("не моя операция".to_owned()),
        reason_digest: None,
        code: Some(7),
        callback_url: Some(URL.to_owned()),
        operation: None,
    };
    assert_eq!(
        body(declined, None),
        json!({"pc_callback": {
            "type": "transaction_callback", "version": 3,
            "result": {"error_code": 0, "error_message": "Success"},
            "transaction_callback": {
                "transaction_id": "t-1", "check_time": 1_617_096_000,
                "declination": {"reason": "не моя операция", "code": 7},
            },
        }})
    );
}

#[test]
fn a_reason_is_told_as_long_as_the_vault_has_the_right_one() {
    let kept = |salt: u8, words: &str| KeptReason {
        salt: vec![salt; 32],
        words: Secret::new(words),
    };
    let owner = recorded(confirmed(None)).owner;
    let transaction_id: TransactionId = "t-1".parse().expect("an id");
    let digest = kept(1, "не моя операция").digest(&owner, Some(&transaction_id));
    let declined = transactions::TransactionDeclined {
        transaction_id,
        reason: None,
        reason_digest: Some(digest),
        code: Some(7),
        callback_url: Some(URL.to_owned()),
        operation: None,
    };
    assert!(needs_reasons(&declined.clone().into()));
    let told = |reasons: Vec<KeptReason>| {
        let known = Known {
            reasons: Reasons(reasons),
            ..Known::default()
        };
        let letter = callback(&recorded(declined.clone()), known).expect("a callback");
        let body: Value = serde_json::from_slice(&letter.body).expect("a body is JSON");
        body["pc_callback"]["transaction_callback"]["declination"].clone()
    };
    assert_eq!(
        told(vec![kept(2, "no"), kept(1, "не моя операция")]),
        json!({"reason": "не моя операция", "code": 7})
    );
    for others in [Vec::new(), vec![kept(1, "моя операция")]] {
        assert_eq!(told(others), json!({"code": 7}));
    }
}

#[test]
fn an_expired_transaction_is_told_under_a_result_that_old_receivers_ignore() {
    let expired = transactions::TransactionExpired {
        transaction_id: "t-1".parse().expect("an id"),
        callback_url: Some(URL.to_owned()),
    };
    assert_eq!(
        body(expired, None),
        json!({"pc_callback": {
            "type": "transaction_callback", "version": 3,
            "result": {"error_code": ErrorCode::TransactionExpired.number(), "error_message": "Transaction lifetime has ended"},
            "transaction_callback": {"transaction_id": "t-1", "check_time": 1_617_096_000, "expiration": {}},
        }})
    );
}

#[test]
fn a_registration_tells_the_key_and_the_push_address_in_one_callback() {
    let registered = keys::PublicKeyRegistered {
        key_index: KeyIndex(1),
        public_key: vec![0x30, 0x59],
        autosign_public_key: Some(vec![0x30, 0x5a]),
        push: Some(keys::PushRegistered {
            device_type: DeviceType::Ios,
            app_id: None,
        }),
        callback_url: Some(URL.to_owned()),
    };
    assert!(needs_push_address(&registered.clone().into()));
    let push = PushAddress {
        device_push_id: "token".to_owned(),
        device_type: DeviceType::Ios,
        app_id: None,
    };
    assert_eq!(
        body(registered, Some(push)),
        json!({"pc_callback": {
            "type": "user_callback", "version": 3,
            "result": {"error_code": 0, "error_message": "Success"},
            "user_callback": {"user_id": "sample-1", "updated_settings": {
                "public_key": "3059",
                "autosign_public_key": "305a",
                "push_address": {"device_push_id": "token", "device_type": "iOS"},
            }},
        }})
    );
}

#[test]
fn a_fingerprint_is_told_in_hex() {
    let set = devices::FingerprintSet {
        key_index: KeyIndex(1),
        device_fingerprint: Digest([0xF1; 32]),
        callback_url: Some(URL.to_owned()),
    };
    assert_eq!(
        body(set, None)["pc_callback"]["user_callback"],
        json!({"user_id": "sample-1", "updated_settings": {"device_fingerprint": "f1".repeat(32)}})
    );
}

fn under(wishes: CallbackWishes, event: impl Into<Event>) -> Value {
    let mut event = recorded(event);
    event.context.callback = Some(wishes);
    let record = JournalRecord::of(
        schemas::Position {
            lane: schemas::Lane::new(3).expect("a lane"),
            number: 7,
        },
        &event,
    );
    let known = Known {
        record: Some(&record),
        ..Known::default()
    };
    let letter = callback(&event, known).expect("this event owes a callback");
    serde_json::from_slice(&letter.body).expect("a body is JSON")
}

fn wishes(version: u8) -> CallbackWishes {
    CallbackWishes {
        version,
        tells_event: true,
        app_id: Some("example.bank".to_owned()),
    }
}

#[test]
fn the_application_and_the_record_go_with_it_where_the_settings_say_so() {
    let told = under(wishes(3), confirmed(Some(URL)));
    let told = &told["pc_callback"]["transaction_callback"];
    assert_eq!(told["app_id"], "example.bank");
    assert_eq!(told["event"]["request_type"], "confirm_transaction");
    assert_eq!(told["event"]["event_id"], 7 * 64 + 3);
}

#[test]
fn the_older_versions_are_flat() {
    let declined = |version| {
        let mut told = under(
            wishes(version),
            transactions::TransactionDeclined {
                transaction_id: "t-1".parse().expect("an id"),
                reason: Some("no".to_owned()),
                reason_digest: None,
                code: None,
                callback_url: Some(URL.to_owned()),
                operation: None,
            },
        );
        told.as_object_mut().expect("an object").remove("event");
        told
    };
    assert_eq!(
        declined(2),
        json!({
            "type": "transaction_callback", "version": 2, "error_code": 0, "error_message": "Success",
            "transaction_id": "t-1", "check_time": 1_617_096_000, "status": "declined", "reason": "no",
            "app_id": "example.bank",
        })
    );
    assert_eq!(
        declined(1),
        json!({
            "type": "transaction_callback", "version": 1, "transaction_id": "t-1", "check_time": 1_617_096_000,
            "status": "declined",
        })
    );
    let confirmed = under(wishes(1), confirmed(Some(URL)));
    assert_eq!(confirmed["confirm_code"], "ab".repeat(32));
    assert_eq!(confirmed["signature"], "304502ab");
}

#[test]
fn a_deleted_key_is_told_in_every_version() {
    let deleted = || access::Looked {
        word: "key_deleted",
        transaction_id: None,
        callback_url: Some(URL.to_owned()),
        operation_id: None,
    };
    let settings = |version| under(wishes(version), Event::Looked(deleted()));
    assert_eq!(
        body(Event::Looked(deleted()), None)["pc_callback"]["user_callback"],
        json!({"user_id": "sample-1", "updated_settings": {"key_deleted": true}})
    );
    assert_eq!(settings(2)["key_deleted"], true);
    assert_eq!(
        (&settings(1)["user_id"], &settings(1)["version"]),
        (&"sample-1".into(), &1.into())
    );
}

#[test]
fn without_an_address_nobody_is_told() {
    assert_eq!(callback(&recorded(confirmed(None)), Known::default()), None);
    assert_eq!(
        callback(&recorded(confirmed(Some(""))), Known::default()),
        None
    );
}
