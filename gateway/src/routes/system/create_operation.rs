//! `POST /pc-api/{system_id}/users/{user_id}/operations`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::answers::AnswerBody;
use schemas::canonical::TextType;
use schemas::commands::operations::{CreateOperation, NewMember};
use schemas::commands::transactions::NotificationType;
use schemas::operation_content::Described;
use schemas::{CommandId, ErrorCode, Secret};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::create_transaction::{TTL_S_MAX, digits};
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::json::{self, Members, SecretText};
use crate::route::Route;
use crate::routes::check_url;
use crate::state::Shared;

/// Longest JSON for the application, bytes.
const APP_EXTRA_LENGTH_MAX: usize = 16 * 1024;
/// Most transactions of one operation.
const TRANSACTIONS_MAX: usize = 1000;

/// Several texts to be confirmed, one by one or together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateOperationRequest {
    /// The bank's own id; a UUID unless given.
    operation_id: Option<String>,
    /// What it is about, at most 16 KiB. Shown, and never signed.
    #[schema(value_type = Option<String>)]
    description: Option<SecretText>,
    /// `Raw` unless given, or `Markdown`.
    #[schema(value_type = Option<String>)]
    description_type: Option<TextType>,
    /// Where outcomes are reported, instead of the system's own address.
    callback_url: Option<String>,
    /// Lifetime, seconds; the setting's unless given, 0 means without limit.
    ttl: Option<i64>,
    /// How the user is told; `Push` unless given.
    #[schema(value_type = Option<String>)]
    notification_type: Option<NotificationType>,
    /// Digits of the confirmation codes, 4 to 10; 64 hex digits unless given.
    confirm_code_length: Option<i64>,
    /// JSON for the application, at most 16 KiB.
    #[schema(value_type = Option<Object>)]
    app_extra: Option<Box<RawValue>>,
    /// One to a thousand.
    #[schema(value_type = Vec<OperationTransactionRequest>)]
    transactions: Option<Vec<Members<OperationTransactionRequest>>>,
}

/// A transaction of a new operation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationTransactionRequest {
    /// The bank's own id; a UUID unless given.
    transaction_id: Option<String>,
    /// What is shown and signed, at most 64 KiB.
    #[schema(value_type = String)]
    text: Option<SecretText>,
    /// `Raw` unless given, or `Markdown`.
    #[schema(value_type = Option<String>)]
    text_type: Option<TextType>,
    /// A few words for a list, at most 1 KiB; never signed.
    #[schema(value_type = Option<String>)]
    snippet: Option<SecretText>,
    /// `Raw` unless given, or `Markdown`.
    #[schema(value_type = Option<String>)]
    snippet_type: Option<TextType>,
    /// Bytes that go with the text, base64.
    #[schema(value_type = Option<String>)]
    attachment: Option<SecretText>,
}

/// `operation_created`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperationNamed {
    /// Which operation.
    operation_id: String,
    /// Its transactions, in the order of the request.
    transaction_ids: Vec<String>,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/operations",
        "create_operation",
        handle,
    )
    .says("Ask a user to confirm several texts in one operation")
    .takes::<CreateOperationRequest>()
    .answers::<OperationNamed>("operation_created")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
        ErrorCode::CreateOperationError,
        ErrorCode::TransactionIsNotUnique,
        ErrorCode::ConfirmCodeLengthIsWrong,
    ])
    .takes_operations()
}

#[tracing::instrument(name = "gateway.create_operation", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let command = command(call.read()?, &call.command_id)?;
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::OperationCreated {
            operation_id,
            transaction_ids,
        } => {
            let named = OperationNamed {
                operation_id: operation_id.to_string(),
                transaction_ids: transaction_ids.iter().map(ToString::to_string).collect(),
            };
            Ok(reply.render("operation_created", &named))
        }
        _ => Err(reply.unexpected()),
    }
}

fn command(
    request: CreateOperationRequest,
    command_id: &CommandId,
) -> Result<CreateOperation, ApiError> {
    check_frame(
        request.ttl,
        request.callback_url.as_deref(),
        request.app_extra.as_deref(),
    )?;
    let transactions = request.transactions.unwrap_or_default();
    if transactions.is_empty() || transactions.len() > TRANSACTIONS_MAX {
        return Err(wrong("transactions: one to a thousand are needed"));
    }
    let members = transactions.into_iter().enumerate();
    let members = members.map(|(number, Members(request))| member(number, request, command_id));
    let operation_id = request
        .operation_id
        .unwrap_or_else(|| command_id.derived_uuid("operation").to_string());
    Ok(CreateOperation {
        operation_id: operation_id.parse().map_err(|_| {
            ApiError::at("operation_id is not 1 to 64 characters of A-Z a-z 0-9 . _ : -")
        })?,
        description: described(request.description, request.description_type),
        callback_url: request.callback_url.filter(|url| !url.is_empty()),
        ttl_s: request.ttl,
        notification_type: request.notification_type.unwrap_or_default(),
        app_extra: request.app_extra.map(|extra| Secret::new(extra.get())),
        confirm_code_length: request.confirm_code_length.map(digits).transpose()?,
        transactions: members.collect::<Result<_, _>>()?,
    })
}

fn member(
    number: usize,
    request: OperationTransactionRequest,
    command_id: &CommandId,
) -> Result<NewMember, ApiError> {
    let given = request.transaction_id;
    let transaction_id = given.unwrap_or_else(|| {
        command_id
            .derived_uuid(&format!("member/{number}"))
            .to_string()
    });
    let transaction_id = transaction_id.parse().map_err(|_| {
        ApiError::at(format_args!(
            "transactions[{number}].transaction_id is not 1 to 64 characters of A-Z a-z 0-9 . _ : -"
        ))
    })?;
    let SecretText(text) = request
        .text
        .filter(|SecretText(text)| !text.expose().is_empty())
        .ok_or_else(|| wrong(format_args!("transactions[{number}].text is missing")))?;
    let attachment = request.attachment.map(|SecretText(encoded)| {
        let decoded = STANDARD.decode(encoded.expose());
        decoded.map(Secret::new).map_err(|_| {
            wrong(format_args!(
                "transactions[{number}].attachment is not base64"
            ))
        })
    });
    Ok(NewMember {
        transaction_id,
        text,
        text_type: request.text_type.unwrap_or_default(),
        snippet: described(request.snippet, request.snippet_type),
        binary: attachment.transpose()?,
    })
}

/// What an operation may be created with, and changed to.
pub(super) fn check_frame(
    ttl: Option<i64>,
    callback_url: Option<&str>,
    app_extra: Option<&RawValue>,
) -> Result<(), ApiError> {
    if ttl.is_some_and(|seconds| !(0..=TTL_S_MAX).contains(&seconds)) {
        return Err(ApiError::at("ttl is not 0 to ten years, in seconds"));
    }
    check_url("callback_url", callback_url)?;
    match app_extra {
        Some(extra) => json::check_object("app_extra", extra, APP_EXTRA_LENGTH_MAX),
        None => Ok(()),
    }
}

/// A text, if one is given; empty text is none.
pub(super) fn described(
    text: Option<SecretText>,
    text_type: Option<TextType>,
) -> Option<Described> {
    let SecretText(text) = text.filter(|SecretText(text)| !text.expose().is_empty())?;
    Some(Described {
        text,
        text_type: text_type.unwrap_or_default(),
    })
}

fn wrong(place: impl std::fmt::Display) -> ApiError {
    ApiError::because(ErrorCode::CreateOperationError, place)
}

#[cfg(test)]
mod tests {
    use schemas::commands::Command;
    use schemas::commands::operations::OperationCommand;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{SYSTEM, TestDoor};

    fn path() -> String {
        format!("/pc-api/{SYSTEM}/users/sample-1/operations")
    }

    fn door() -> TestDoor {
        TestDoor::answering(AnswerBody::OperationCreated {
            operation_id: "salaries-11".parse().unwrap(),
            transaction_ids: vec!["s-1".parse().unwrap(), "s-2".parse().unwrap()],
        })
    }

    async fn sent(body: Value) -> CreateOperation {
        let door = door();
        let answer = door.post(&path(), &body).await;
        let created = answer.content("operation_created");
        assert_eq!(created["operation_id"], "salaries-11");
        assert_eq!(created["transaction_ids"], json!(["s-1", "s-2"]));
        match &door.sent()[0].command {
            Command::Operations(OperationCommand::Create(command)) => command.clone(),
            other => panic!("{} was sent", other.word()),
        }
    }

    #[tokio::test]
    async fn an_operation_is_created_with_everything_or_little() {
        let least = sent(json!({"transactions": [{"text": "Pay 5"}, {"text": "Pay 6"}]})).await;
        assert_eq!(least.transactions.len(), 2);
        assert_ne!(
            least.transactions[0].transaction_id,
            least.transactions[1].transaction_id
        );
        assert!(least.description.is_none() && least.app_extra.is_none());
        let all = sent(json!({
            "operation_id": "salaries-11", "description": "# Salaries", "description_type": "Markdown",
            "callback_url": "https://bank.example/cb", "ttl": 60, "notification_type": "Offline",
            "confirm_code_length": 6, "app_extra": {"batch": [1]},
            "transactions": [{
                "transaction_id": "s-1", "text": "**Pay**", "text_type": "Markdown", "snippet": "5 ₽",
                "snippet_type": "Raw", "attachment": "JVBERi0=",
            }],
        }))
        .await;
        let member = &all.transactions[0];
        assert_eq!(member.binary.as_ref().unwrap().expose(), b"%PDF-");
        assert_eq!(member.text_type, TextType::Markdown);
        assert_eq!(all.description.unwrap().text_type, TextType::Markdown);
        assert_eq!(all.app_extra.unwrap().expose(), br#"{"batch":[1]}"#);
    }

    #[tokio::test]
    async fn a_wrong_request_has_its_code() {
        let door = door();
        let with = |name: &str, value: Value| {
            let mut body = json!({"transactions": [{"text": "x"}]});
            body[name] = value;
            body
        };
        for (body, code) in [
            (json!({}), 313),
            (json!({"transactions": []}), 313),
            (json!({"transactions": [{}]}), 313),
            (json!({"transactions": [{"text": ""}]}), 313),
            (
                json!({"transactions": [{"text": "x", "attachment": "?"}]}),
                313,
            ),
            (json!({"transactions": [["x"]]}), 283),
            (json!({"transactions": [{"text": "x", "data": "y"}]}), 283),
            (
                json!({"transactions": [{"text": "x", "transaction_id": "a/b"}]}),
                283,
            ),
            (with("operation_id", json!("a/b")), 283),
            (with("confirm_code_length", json!(3)), 254),
            (with("ttl", json!(-1)), 283),
            (with("notification_type", json!("Pigeon")), 283),
            (with("callback_url", json!("ftp://x")), 283),
            (with("app_extra", json!("text")), 283),
            (with("description_type", json!("html")), 283),
        ] {
            assert_eq!(door.post(&path(), &body).await.code(), code, "{body}");
        }
        assert!(door.sent().is_empty());
    }

    #[tokio::test]
    async fn a_thousand_texts_fit_and_no_more() {
        let door = door();
        let body = |count: usize, length: usize| {
            let member = json!({"text": "x".repeat(length)});
            json!({"transactions": vec![member; count]})
        };
        assert_eq!(door.post(&path(), &body(1000, 5000)).await.status, 200);
        assert_eq!(door.post(&path(), &body(1001, 1)).await.code(), 313);
        let refused = door.post(&path(), &body(100, 64_000)).await;
        assert_eq!((refused.status, refused.code()), (413, 283));
    }
}
