//! Callbacks about operations. The manual has none; these are ours, in the frame of its version 3: what one request of the
//! device did to an operation is told in one callback, and so is what expired with it.

use projections::JournalRecord;
use schemas::commands::operations::OperationStatus;
use schemas::envelope::RecordedEvent;
use schemas::events::operations::OperationEvent;
use schemas::{ErrorCode, OperationId, TransactionId};
use serde::Serialize;

use crate::callbacks::{CallbackResult, Known, Outcome, result};
use crate::delivery::{Kind, Letter};

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
    operation_callback: OperationCallback<'a>,
}

#[derive(Serialize)]
struct OperationCallback<'a> {
    operation_id: &'a OperationId,
    /// Seconds, as in every callback.
    check_time: i64,
    status: &'static str,
    transactions: Vec<Member<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a JournalRecord>,
}

#[derive(Serialize)]
struct Member<'a> {
    transaction_id: &'a TransactionId,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

/// The callback that an event of an operation owes, if it owes one.
pub(crate) fn operation_callback(
    event: &RecordedEvent,
    operation: &OperationEvent,
    url: String,
    known: &Known<'_>,
) -> Option<Letter> {
    match operation {
        OperationEvent::Processed(processed) => {
            let confirmed = processed.confirmed.iter().map(|member| Member {
                transaction_id: &member.transaction_id,
                outcome: Outcome::Confirmation {
                    confirm_code: member.confirm_code.as_deref(),
                    signature: member.signature.as_ref().map(hex::encode),
                    attempt_id: None,
                },
            });
            let declined = processed.declined.iter().map(|member| Member {
                transaction_id: &member.transaction_id,
                outcome: Outcome::Declination {
                    reason: known.reason(
                        &event.owner,
                        &member.transaction_id,
                        member.reason.as_ref(),
                        member.reason_digest.as_ref(),
                    ),
                    code: member.code,
                },
            });
            let callback = OperationCallback {
                operation_id: &processed.operation_id,
                check_time: event.recorded_at.seconds(),
                status: processed.status.word(),
                transactions: confirmed.chain(declined).collect(),
                event: known.record,
            };
            Some(letter(event, url, callback, ErrorCode::Normal))
        }
        OperationEvent::Expired(expired) => {
            let members = expired.transactions.iter().map(|transaction_id| Member {
                transaction_id,
                outcome: Outcome::Expiration {},
            });
            let callback = OperationCallback {
                operation_id: &expired.operation_id,
                check_time: event.recorded_at.seconds(),
                status: OperationStatus::Expired.word(),
                transactions: members.collect(),
                event: known.record,
            };
            Some(letter(event, url, callback, ErrorCode::OperationExpired))
        }
        OperationEvent::Created(_) | OperationEvent::Updated(_) | OperationEvent::Served(_) => None,
    }
}

fn letter(
    event: &RecordedEvent,
    url: String,
    callback: OperationCallback<'_>,
    code: ErrorCode,
) -> Letter {
    let system_id = event.owner.system_id();
    let order_key = format!("operation_callback/{system_id}/{}", callback.operation_id);
    let body = Body {
        pc_callback: Message {
            kind: "operation_callback",
            version: 3,
            result: result(code),
            operation_callback: callback,
        },
    };
    Letter {
        kind: Kind::OperationCallback,
        order_key,
        url,
        headers: Vec::new(),
        body: serde_json::to_vec(&body).expect("a callback holds nothing JSON cannot"),
    }
}

#[cfg(test)]
mod tests {
    use schemas::context::RequestContext;
    use schemas::events::Event;
    use schemas::events::operations::{
        MemberConfirmed, MemberDeclined, OperationExpired, OperationProcessed,
    };
    use schemas::{CommandId, Digest, KeyIndex, Timestamp};
    use serde_json::{Value, json};

    use super::*;
    use crate::callbacks::callback;

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

    fn letter_of(event: impl Into<Event>) -> (Letter, Value) {
        let letter =
            callback(&recorded(event), Known::default()).expect("this event owes a callback");
        let body = serde_json::from_slice(&letter.body).expect("a body is JSON");
        (letter, body)
    }

    #[test]
    fn one_request_of_the_device_is_one_callback() {
        let processed = OperationProcessed {
            operation_id: "salaries-11".parse().expect("an id"),
            key_index: KeyIndex(1),
            status: OperationStatus::Processed,
            cleaned: true,
            confirmed: vec![MemberConfirmed {
                transaction_id: "s-1".parse().expect("an id"),
                digest: Digest([1; 32]),
                signature: Some(vec![0x30, 0x45]),
                confirm_code: Some("123456".to_owned()),
            }],
            declined: vec![MemberDeclined {
                transaction_id: "s-2".parse().expect("an id"),
                reason: Some("not me".to_owned()),
                reason_digest: None,
                code: Some(7),
            }],
            callback_url: Some(URL.to_owned()),
        };
        let (letter, body) = letter_of(processed);
        assert_eq!(
            letter.order_key,
            "operation_callback/f13e4375-e429-496c-ad1e-0fc3c3ecfb53/salaries-11"
        );
        assert_eq!(
            body,
            json!({"pc_callback": {
                "type": "operation_callback", "version": 3,
                "result": {"error_code": 0, "error_message": "Success"},
                "operation_callback": {
                    "operation_id": "salaries-11", "check_time": 1_617_096_000, "status": "processed",
                    "transactions": [
                        {"transaction_id": "s-1", "confirmation": {"confirm_code": "123456", "signature": "3045"}},
                        {"transaction_id": "s-2", "declination": {"reason": "not me", "code": 7}},
                    ],
                },
            }})
        );
    }

    #[test]
    fn what_expired_is_told_under_the_operations_own_result() {
        let expired = OperationExpired {
            operation_id: "salaries-11".parse().expect("an id"),
            transactions: vec!["s-2".parse().expect("an id")],
            callback_url: Some(URL.to_owned()),
        };
        let (_, body) = letter_of(expired.clone());
        assert_eq!(body["pc_callback"]["result"]["error_code"], 317);
        assert_eq!(
            body["pc_callback"]["operation_callback"]["transactions"],
            json!([{"transaction_id": "s-2", "expiration": {}}])
        );
        let nowhere = OperationExpired {
            callback_url: None,
            ..expired
        };
        assert_eq!(callback(&recorded(nowhere), Known::default()), None);
    }
}
