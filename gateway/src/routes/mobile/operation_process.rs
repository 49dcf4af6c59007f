//! `POST .../operations/{operation_id}/process`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::operations::{MemberAnswer, ProcessOperation, YesOrNo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::confirm::{device_fingerprint, proof};
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::json::Members;
use crate::route::Route;
use crate::routes::transactions::decline_reason;
use crate::state::Shared;

device_request! {
    /// The user's answers to some transactions of an operation, or to all of them: all count, or none.
    ProcessRequest {
        /// The answers.
        #[schema(value_type = Vec<AnswerRequest>)]
        transactions: Option<Vec<Members<AnswerRequest>>>,
        /// The device's fingerprint, 32 bytes, hex; for keys that are bound to a device.
        device_fingerprint: Option<String>,
    }
}

/// The answer to one transaction: a proof of the consent, or why there is none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerRequest {
    /// To which one.
    transaction_id: String,
    /// ECDSA P-256 SHA-256 over the transaction's canonical bytes, DER, lower-case hex.
    signature: Option<String>,
    /// 64 hex digits, or as many decimal digits as the transaction asks for.
    confirm_code: Option<String>,
    /// Given instead of a proof: the user does not agree.
    #[schema(value_type = Option<DeclinationRequest>)]
    decline: Option<Members<DeclinationRequest>>,
}

/// Why the user does not agree.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclinationRequest {
    /// In words, at most 1024 bytes.
    #[schema(value_type = String)]
    reason: Option<String>,
    /// As a number of the application's.
    code: Option<i64>,
}

/// `operation_processed`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperationStanding {
    /// Which operation.
    operation_id: String,
    /// `partly` while something waits, else `processed`.
    status: &'static str,
}

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/operations/{operation_id}/process";
    Route::post(path, "device_operations_process", handle)
        .says("Confirm or decline transactions of an operation, all of these answers or none")
        .takes::<ProcessRequest>()
        .answers::<OperationStanding>("operation_processed")
        .refuses(&[
            ErrorCode::OperationNotExists,
            ErrorCode::TransactionIsNotInOperation,
            ErrorCode::OperationStatusInvalid,
            ErrorCode::OperationExpired,
            ErrorCode::CollectionIsEmpty,
            ErrorCode::SignatureAndConfirmCodeAreNull,
            ErrorCode::SignatureIsInvalid,
            ErrorCode::InvalidHmac,
            ErrorCode::TransactionChecked,
            ErrorCode::DeclineReasonIsNull,
            ErrorCode::TimeSyncError,
        ])
        .takes_documents()
}

#[tracing::instrument(name = "gateway.device_operations_process", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: ProcessRequest = call.read_device()?;
    let answers = request.transactions.unwrap_or_default();
    if answers.is_empty() {
        return Err(ApiError::new(ErrorCode::CollectionIsEmpty));
    }
    let command = ProcessOperation {
        operation_id: call.ids.operation_id(),
        answers: answers
            .into_iter()
            .map(|Members(request)| answer(request))
            .collect::<Result<_, _>>()?,
        device_fingerprint: device_fingerprint(request.device_fingerprint)?,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::OperationProcessed {
            operation_id,
            status,
        } => {
            let standing = OperationStanding {
                operation_id: operation_id.to_string(),
                status: status.word(),
            };
            Ok(reply.render("operation_processed", &standing))
        }
        _ => Err(reply.unexpected()),
    }
}

fn answer(request: AnswerRequest) -> Result<MemberAnswer, ApiError> {
    let transaction_id = request
        .transaction_id
        .parse()
        .map_err(|_| ApiError::new(ErrorCode::TransactionIsNotInOperation))?;
    let answer = match request.decline {
        Some(_) if request.signature.is_some() || request.confirm_code.is_some() => {
            return Err(ApiError::at("an answer is a proof or a declination"));
        }
        Some(Members(decline)) => YesOrNo::Decline {
            reason: decline_reason(decline.reason)?,
            code: decline.code,
        },
        None => {
            let (signature, confirm_code) = proof(request.signature, request.confirm_code)?;
            YesOrNo::Confirm {
                signature,
                confirm_code,
            }
        }
    };
    Ok(MemberAnswer {
        transaction_id,
        answer,
    })
}

#[cfg(test)]
mod tests {
    use schemas::commands::Command;
    use schemas::commands::operations::{OperationCommand, OperationStatus};
    use serde_json::json;

    use super::*;
    use crate::testing::TestDoor;

    const PATH: &str = "operations/salaries-11/process";

    fn door() -> TestDoor {
        TestDoor::answering(AnswerBody::OperationProcessed {
            operation_id: "salaries-11".parse().unwrap(),
            status: OperationStatus::Partly,
        })
    }

    #[tokio::test]
    async fn some_are_confirmed_and_some_declined() {
        let door = door();
        let body = json!({"transactions": [
            {"transaction_id": "s-1", "signature": "3006", "confirm_code": "123456"},
            {"transaction_id": "s-2", "decline": {"reason": "not me", "code": 7}},
        ], "device_event_id": "e-1"});
        let answered = door.device(PATH, &body).await;
        assert_eq!(
            answered.content("operation_processed"),
            &json!({"operation_id": "salaries-11", "status": "partly"})
        );
        assert!(answered.has_right_seal());
        let Command::Operations(OperationCommand::Process(command)) = &door.sent()[0].command
        else {
            panic!("another command was sent");
        };
        assert_eq!(
            command.answers[0].answer,
            YesOrNo::Confirm {
                signature: Some(vec![0x30, 6]),
                confirm_code: Some("123456".to_owned()),
            }
        );
        assert_eq!(
            command.answers[1].answer,
            YesOrNo::Decline {
                reason: "not me".to_owned(),
                code: Some(7),
            }
        );
    }

    #[tokio::test]
    async fn a_wrong_request_has_its_code() {
        let door = door();
        for (answer, code) in [
            (json!({"transaction_id": "s-1"}), 280),
            (json!({"transaction_id": "s-1", "signature": ""}), 280),
            (json!({"transaction_id": "s-1", "signature": "3"}), 283),
            (json!({"transaction_id": "s-1", "decline": {}}), 270),
            (json!({"transaction_id": "s-1", "decline": ["x"]}), 283),
            (
                json!({"transaction_id": "s-1", "signature": "30", "decline": {"reason": "x"}}),
                283,
            ),
            (json!({"transaction_id": "a b", "signature": "30"}), 311),
            (json!({"signature": "30"}), 283),
            (json!(["s-1"]), 283),
        ] {
            let body = json!({ "transactions": [answer] });
            assert_eq!(door.device(PATH, &body).await.code(), code, "{body}");
        }
        for body in [json!({}), json!({"transactions": []})] {
            assert_eq!(door.device(PATH, &body).await.code(), 235, "{body}");
        }
        assert!(door.sent().is_empty());
    }

    #[tokio::test]
    async fn a_thousand_answers_fit() {
        let door = door();
        let answer = json!({
            "transaction_id": "0".repeat(64), "signature": "30".repeat(72), "confirm_code": "0".repeat(64),
        });
        let body = json!({ "transactions": vec![answer; 1000] });
        assert_eq!(door.device(PATH, &body).await.status, 200);
    }
}
