//! Callbacks: the outcome of a transaction, and changes of a user.
//!
//! In version 3 `transaction_callback` with `confirmation` and `user_callback` are the reference server's bodies, member by
//! member. Ours are `autosign_public_key`, `attempt_id` in the `confirmation` of an automatic one, `declination`, `expiration`
//! (with result 281: receivers of version 3 ignore what they do not know under a result other than 0), `device_fingerprint`,
//! `key_deleted`, `key_index` of a recovered key, and where `app_id` and `event` stand. Versions 1 and 2 are not public:
//! [`flat`] makes approximations of them.
//!
//! Which version is written was stamped into the event when it happened.

mod flat;
#[cfg(test)]
mod tests;

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
use schemas::reasons::Reasons;
use schemas::{Digest, ErrorCode, Owner, TransactionId};
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
        /// Left out once it was erased.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
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
    /// The reasons that the command brought, as far as they are kept.
    pub reasons: Reasons,
}

impl Known<'_> {
    /// Why a transaction was declined; `None` when that was erased.
    pub(crate) fn reason<'a>(
        &'a self,
        owner: &Owner,
        about: &TransactionId,
        words: Option<&'a String>,
        digest: Option<&Digest>,
    ) -> Option<&'a str> {
        let kept = || self.reasons.find(digest?, owner, Some(about))?.text();
        words.map(String::as_str).or_else(kept)
    }
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

/// Does the callback of this event tell reasons that lie in the vault?
pub(crate) fn needs_reasons(event: &Event) -> bool {
    match event {
        Event::Transactions(TransactionEvent::Declined(event)) => event.reason_digest.is_some(),
        Event::Operations(OperationEvent::Processed(event)) => {
            let mut declined = event.declined.iter();
            declined.any(|member| member.reason_digest.is_some())
        }
        _ => false,
    }
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
        | Event::CodeOrders(_)
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
            | KeyEvent::NonceRepeated(_)
            | KeyEvent::PushAddressForgotten(_),
        )
        | Event::Transactions(
            TransactionEvent::Created(_)
            | TransactionEvent::Served(_)
            | TransactionEvent::ConfirmationAttempted(_)
            | TransactionEvent::AutoconfirmOffered(_)
            | TransactionEvent::AutoconfirmAttempted(_)
            | TransactionEvent::Cleaned(_)
            | TransactionEvent::Deleted(_)
            | TransactionEvent::PushSent(_)
            | TransactionEvent::PushFailed(_),
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
            let reason = known.reason(
                &event.owner,
                &declined.transaction_id,
                declined.reason.as_ref(),
                declined.reason_digest.as_ref(),
            );
            let outcome = Outcome::Declination {
                reason,
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
        | Event::CodeOrders(_)
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
