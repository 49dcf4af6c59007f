//! Callbacks: the outcome of a transaction, and changes of a user.
//!
//! In version 3 `transaction_callback` with `confirmation` and `user_callback` are the reference server's bodies, member by
//! member. Ours are `autosign_public_key`, `attempt_id` in the `confirmation` of an automatic one, `declination`, `expiration` (with result 281: receivers of version 3 ignore what
//! they do not know under a result other than 0), `device_fingerprint`, `key_deleted`, `key_index` of a recovered key, and where `app_id` and `event` stand.
//! Versions 1 and 2 are not public: [`flat`] makes approximations of them.
//!
//! Which version is written was stamped into the event when it happened.

mod flat;

use projections::JournalRecord;
use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::context::CallbackWishes;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::devices::DeviceEvent;
use schemas::events::keys::KeyEvent;
use schemas::events::operations::OperationEvent;
use schemas::events::recovery::RecoveryEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::{ErrorCode, TransactionId};
use serde::Serialize;

use crate::delivery::{Kind, Letter};
use crate::operation_callbacks::operation_callback;

#[derive(Serialize)]
struct Body<'a> {
    pc_callback: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    version: u32,
    result: CallbackResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_callback: Option<TransactionCallback<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_callback: Option<UserCallback<'a>>,
}

#[derive(Serialize)]
pub(crate) struct CallbackResult {
    error_code: u16,
    error_message: &'static str,
}

#[derive(Serialize)]
struct TransactionCallback<'a> {
    transaction_id: &'a TransactionId,
    /// Seconds; everything else in the house is milliseconds.
    check_time: i64,
    #[serde(flatten)]
    outcome: Outcome<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a JournalRecord>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome<'a> {
    Confirmation {
        #[serde(skip_serializing_if = "Option::is_none")]
        confirm_code: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        /// Only of an automatic one, whose signature is the second pair's.
        #[serde(skip_serializing_if = "Option::is_none")]
        attempt_id: Option<String>,
    },
    Declination {
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<i64>,
    },
    Expiration {},
}

#[derive(Serialize)]
struct UserCallback<'a> {
    user_id: &'a str,
    updated_settings: UpdatedSettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a JournalRecord>,
}

#[derive(Default, Serialize)]
struct UpdatedSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    autosign_public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push_address: Option<CallbackPushAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_deleted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_index: Option<u32>,
}

/// What is known when a callback is written, besides its event.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    /// Where pushes reach the device, if that is still known.
    pub push: Option<PushAddress>,
    /// The journal record, when the callback tells it.
    pub record: Option<&'a JournalRecord>,
}

#[derive(Serialize)]
struct CallbackPushAddress {
    device_push_id: String,
    device_type: DeviceType,
}

/// Does the callback of this event, if it has one, tell where pushes reach the device?
pub(crate) fn needs_push_address(event: &Event) -> bool {
    matches!(event, Event::Keys(KeyEvent::PublicKeyRegistered(event))
        if event.push.is_some() && address(event.callback_url.as_ref()).is_some())
}

/// The settings under which the event happened.
pub(crate) fn wishes(event: &RecordedEvent) -> CallbackWishes {
    event.context.callback.clone().unwrap_or_default()
}

/// Where the event is reported, if anywhere.
pub(crate) fn reported_to(event: &Event) -> Option<&String> {
    let url = match event {
        Event::Transactions(TransactionEvent::Confirmed(event)) => &event.callback_url,
        Event::Transactions(TransactionEvent::Autoconfirmed(event)) => &event.callback_url,
        Event::Transactions(TransactionEvent::Declined(event)) => &event.callback_url,
        Event::Transactions(TransactionEvent::Expired(event)) => &event.callback_url,
        Event::Keys(KeyEvent::PublicKeyRegistered(event)) => &event.callback_url,
        Event::Devices(DeviceEvent::FingerprintSet(event)) => &event.callback_url,
        Event::Recovery(RecoveryEvent::Renewed(event)) => &event.callback_url,
        Event::Operations(OperationEvent::Processed(event)) => &event.callback_url,
        Event::Operations(OperationEvent::Expired(event)) => &event.callback_url,
        Event::Looked(event) => &event.callback_url,
        Event::Server(_)
        | Event::Codes(_)
        | Event::Journal(_)
        | Event::Systems(_)
        | Event::Users(_)
        | Event::Credentials(_)
        | Event::Recovery(_)
        | Event::Keys(
            KeyEvent::Updated(_)
            | KeyEvent::ActivationAttempted(_)
            | KeyEvent::Activated(_)
            | KeyEvent::ActivationFailed(_)
            | KeyEvent::PutInForce(_)
            | KeyEvent::Exported(_)
            | KeyEvent::TriesRestored(_)
            | KeyEvent::NonceRepeated(_),
        )
        | Event::Transactions(
            TransactionEvent::Created(_)
            | TransactionEvent::Served(_)
            | TransactionEvent::ConfirmationAttempted(_)
            | TransactionEvent::AutoconfirmOffered(_)
            | TransactionEvent::AutoconfirmAttempted(_)
            | TransactionEvent::Cleaned(_)
            | TransactionEvent::Deleted(_),
        )
        | Event::Operations(
            OperationEvent::Created(_) | OperationEvent::Updated(_) | OperationEvent::Served(_),
        )
        | Event::Refused(_) => return None,
    };
    address(url.as_ref())
}

/// The callback that an event owes, if it owes one.
pub(crate) fn callback(event: &RecordedEvent, known: Known<'_>) -> Option<Letter> {
    let url = reported_to(&event.event)?.clone();
    match &event.event {
        Event::Transactions(TransactionEvent::Confirmed(confirmed)) => {
            let outcome = Outcome::Confirmation {
                confirm_code: confirmed.confirm_code.as_deref(),
                signature: confirmed.signature.as_ref().map(hex::encode),
                attempt_id: None,
            };
            let told = (&confirmed.transaction_id, outcome, ErrorCode::Normal);
            Some(transaction(event, url, told, &known))
        }
        Event::Transactions(TransactionEvent::Autoconfirmed(confirmed)) => {
            let outcome = Outcome::Confirmation {
                confirm_code: None,
                signature: Some(hex::encode(&confirmed.signature)),
                attempt_id: Some(confirmed.attempt_id.to_string()),
            };
            let told = (&confirmed.transaction_id, outcome, ErrorCode::Normal);
            Some(transaction(event, url, told, &known))
        }
        Event::Transactions(TransactionEvent::Declined(declined)) => {
            let outcome = Outcome::Declination {
                reason: &declined.reason,
                code: declined.code,
            };
            let told = (&declined.transaction_id, outcome, ErrorCode::Normal);
            Some(transaction(event, url, told, &known))
        }
        Event::Transactions(TransactionEvent::Expired(expired)) => {
            let told = (
                &expired.transaction_id,
                Outcome::Expiration {},
                ErrorCode::TransactionExpired,
            );
            Some(transaction(event, url, told, &known))
        }
        Event::Keys(KeyEvent::PublicKeyRegistered(registered)) => {
            let push = known.push.clone();
            let settings = UpdatedSettings {
                public_key: Some(hex::encode(&registered.public_key)),
                autosign_public_key: registered.autosign_public_key.as_ref().map(hex::encode),
                push_address: push.map(|push| CallbackPushAddress {
                    device_push_id: push.device_push_id,
                    device_type: push.device_type,
                }),
                ..UpdatedSettings::default()
            };
            user(event, url, settings, &known)
        }
        Event::Devices(DeviceEvent::FingerprintSet(set)) => {
            let settings = UpdatedSettings {
                device_fingerprint: Some(set.device_fingerprint.to_string()),
                ..UpdatedSettings::default()
            };
            user(event, url, settings, &known)
        }
        Event::Recovery(RecoveryEvent::Renewed(renewed)) => {
            let settings = UpdatedSettings {
                key_index: Some(renewed.key.key_index.0),
                ..UpdatedSettings::default()
            };
            user(event, url, settings, &known)
        }
        Event::Looked(_) => {
            let settings = UpdatedSettings {
                key_deleted: Some(true),
                ..UpdatedSettings::default()
            };
            user(event, url, settings, &known)
        }
        Event::Operations(operation) => operation_callback(event, operation, url, &known),
        // None of these has an address.
        Event::Server(_)
        | Event::Codes(_)
        | Event::Journal(_)
        | Event::Systems(_)
        | Event::Users(_)
        | Event::Credentials(_)
        | Event::Recovery(_)
        | Event::Keys(_)
        | Event::Transactions(_)
        | Event::Refused(_) => None,
    }
}

/// An address that is there; empty text switches callbacks off.
fn address(url: Option<&String>) -> Option<&String> {
    url.filter(|url| !url.is_empty())
}

fn transaction(
    event: &RecordedEvent,
    url: String,
    (transaction_id, outcome, code): (&TransactionId, Outcome<'_>, ErrorCode),
    known: &Known<'_>,
) -> Letter {
    let wishes = wishes(event);
    let told = TransactionCallback {
        transaction_id,
        check_time: event.recorded_at.seconds(),
        outcome,
        app_id: wishes.app_id.as_deref(),
        event: known.record,
    };
    let body = match wishes.version {
        1 => flat::transaction_of_version_1(&told),
        2 => flat::transaction_of_version_2(&told, &result(code)),
        _ => json(Message {
            kind: "transaction_callback",
            version: 3,
            result: result(code),
            transaction_callback: Some(told),
            user_callback: None,
        }),
    };
    Letter {
        kind: Kind::Callback,
        order_key: format!("callback/{}/{transaction_id}", event.owner.system_id()),
        url,
        headers: Vec::new(),
        body,
    }
}

fn user(
    event: &RecordedEvent,
    url: String,
    settings: UpdatedSettings,
    known: &Known<'_>,
) -> Option<Letter> {
    let user_id = event.owner.user_id()?;
    let told = UserCallback {
        user_id: user_id.as_str(),
        updated_settings: settings,
        event: known.record,
    };
    let result = result(ErrorCode::Normal);
    let body = match wishes(event).version {
        1 => flat::user_of_version_1(&told),
        2 => flat::user_of_version_2(&told, &result),
        _ => json(Message {
            kind: "user_callback",
            version: 3,
            result,
            transaction_callback: None,
            user_callback: Some(told),
        }),
    };
    Some(Letter {
        kind: Kind::UserCallback,
        order_key: format!("user_callback/{}", event.owner),
        url,
        headers: Vec::new(),
        body,
    })
}

pub(crate) fn result(code: ErrorCode) -> CallbackResult {
    let error_message = if code.is_success() {
        "Success"
    } else {
        code.text()
    };
    CallbackResult {
        error_code: code.number(),
        error_message,
    }
}

fn json(pc_callback: Message<'_>) -> Vec<u8> {
    serde_json::to_vec(&Body { pc_callback }).expect("a callback holds nothing JSON cannot")
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::context::RequestContext;
    use schemas::events::{access, devices, keys, transactions};
    use schemas::{CommandId, Digest, KeyIndex, Timestamp};
    use serde_json::{Value, json};

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
        let known = Known { push, record: None };
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
            reason: "не моя операция".to_owned(),
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
    fn an_expired_transaction_is_told_under_a_result_that_old_receivers_ignore() {
        let expired = transactions::TransactionExpired {
            transaction_id: "t-1".parse().expect("an id"),
            callback_url: Some(URL.to_owned()),
        };
        assert_eq!(
            body(expired, None),
            json!({"pc_callback": {
                "type": "transaction_callback", "version": 3,
                "result": {"error_code": 281, "error_message": "Transaction lifetime has ended"},
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
            push: None,
            record: Some(&record),
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
                    reason: "no".to_owned(),
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
}
