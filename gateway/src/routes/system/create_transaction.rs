//! `POST /pc-api/{system_id}/users/{user_id}/transactions`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::answers::AnswerBody;
use schemas::canonical::TextType;
use schemas::commands::transactions::{CreateTransaction, NotificationType, TransactionKind};
use schemas::{CommandId, ErrorCode, Secret, TransactionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::json::{Members, SecretText};
use crate::render::design::Design;
use crate::render::qr::{ImageType, TooLong};
use crate::route::Route;
use crate::routes::check_url;
use crate::state::{Gateway, Shared};

/// Longest text, bytes.
const TEXT_LENGTH_MAX: usize = 64 * 1024;
/// Longest lifetime, seconds: ten years.
pub(super) const TTL_S_MAX: i64 = 10 * 366 * 86_400;

/// A text to be confirmed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTransactionRequest {
    /// The bank's own id; a UUID unless given.
    transaction_id: Option<String>,
    /// What is shown and signed.
    #[schema(value_type = TransactionDataRequest)]
    transaction_data: Option<Members<TransactionDataRequest>>,
    /// Where the outcome is reported, instead of the system's own address.
    callback_url: Option<String>,
    /// How the user is told; `Push` unless given.
    #[schema(value_type = Option<String>)]
    notification_type: Option<NotificationType>,
    /// What it is for: `login`, or `ordinary` unless given.
    #[schema(value_type = Option<String>)]
    transaction_type: Option<TransactionKind>,
    /// Digits of the confirmation code, 4 to 10; 64 hex digits unless given.
    confirm_code_length: Option<i64>,
    /// Lifetime, seconds; the setting's unless given, 0 means without limit.
    ttl: Option<i64>,
}

/// What is shown and signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransactionDataRequest {
    /// The text, at most 64 KiB.
    #[schema(value_type = String)]
    text: Option<SecretText>,
    /// `raw` unless given, or `markdown`.
    #[schema(value_type = Option<String>)]
    text_type: Option<TextType>,
    /// Bytes that go with the text, base64.
    #[schema(value_type = Option<String>)]
    binary_data: Option<SecretText>,
}

/// `transaction_created`.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
pub(crate) struct TransactionAnswer<'a> {
    /// Which one.
    transaction_id: String,
    /// PNG picture of the QR code, base64: of an offline transaction with all that the phone needs, of a login with its
    /// name. Otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_qr: Option<String>,
    /// The text inside the QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_text: Option<&'a str>,
    /// The link that opens the transaction in the application, with the notification type `URL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_url: Option<&'a str>,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/transactions",
        "create_transaction",
        handle,
    )
    .says("Ask a user to confirm a text")
    .takes::<CreateTransactionRequest>()
    .answers::<TransactionAnswer<'_>>("transaction_created")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
        ErrorCode::TransactionDataIsNull,
        ErrorCode::TransactionDataError,
        ErrorCode::TransactionIsNotUnique,
        ErrorCode::ConfirmCodeLengthIsWrong,
        ErrorCode::QrGenerationError,
    ])
    .takes_documents()
}

#[tracing::instrument(name = "gateway.create_transaction", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let command = command(call.read()?, &call.command_id)?;
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::TransactionCreated {
            transaction_id,
            qr_text,
            link,
        } => {
            let created = TransactionAnswer {
                transaction_id: transaction_id.to_string(),
                transaction_qr: drawn(&gateway, qr_text.clone()).await?,
                transaction_text: qr_text.as_ref().and_then(Secret::expose_text),
                transaction_url: link.as_deref(),
            };
            Ok(reply.render("transaction_created", &created))
        }
        _ => Err(reply.unexpected()),
    }
}

/// The picture of an offline transaction's text in base64, when there is one.
async fn drawn(gateway: &Gateway, text: Option<Secret>) -> Result<Option<String>, ApiError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let settings = gateway.house.settings.current();
    let drawing = gateway.draw(move || {
        let text = text.expose_text().unwrap_or_default();
        let design = Design::of(text, settings.transaction_qr_size_px(), &settings)?;
        Ok(STANDARD.encode(design.drawn_as(ImageType::Png)))
    });
    // The decider knew the limits; here the code itself has the last word.
    let drawn = drawing.await?;
    drawn
        .map(Some)
        .map_err(|TooLong| ApiError::new(ErrorCode::QrGenerationError))
}

fn command(
    request: CreateTransactionRequest,
    command_id: &CommandId,
) -> Result<CreateTransaction, ApiError> {
    let Members(data) = request
        .transaction_data
        .ok_or_else(|| ApiError::new(ErrorCode::TransactionDataIsNull))?;
    let SecretText(text) = data
        .text
        .filter(|SecretText(text)| !text.expose().is_empty())
        .ok_or_else(|| ApiError::new(ErrorCode::TransactionDataIsNull))?;
    if text.expose().len() > TEXT_LENGTH_MAX {
        return Err(ApiError::because(
            ErrorCode::TransactionDataError,
            "transaction_data.text exceeds 65536 bytes",
        ));
    }
    let binary = data.binary_data.map(|SecretText(encoded)| {
        STANDARD
            .decode(encoded.expose())
            .map(Secret::new)
            .map_err(|_| {
                let place = "transaction_data.binary_data is not base64";
                ApiError::because(ErrorCode::TransactionDataError, place)
            })
    });
    if request
        .ttl
        .is_some_and(|seconds| !(0..=TTL_S_MAX).contains(&seconds))
    {
        return Err(ApiError::at("ttl is not 0 to ten years, in seconds"));
    }
    check_url("callback_url", request.callback_url.as_deref())?;
    let (transaction_id, chosen) = transaction_id(request.transaction_id, command_id)?;
    Ok(CreateTransaction {
        transaction_id,
        chosen,
        text,
        text_type: data.text_type.unwrap_or_default(),
        binary: binary.transpose()?,
        callback_url: request.callback_url.filter(|url| !url.is_empty()),
        confirm_code_length: request.confirm_code_length.map(digits).transpose()?,
        ttl_s: request.ttl,
        notification_type: request.notification_type.unwrap_or_default(),
        kind: request.transaction_type.unwrap_or_default(),
    })
}

pub(crate) fn digits(length: i64) -> Result<u8, ApiError> {
    u8::try_from(length)
        .ok()
        .filter(|digits| (4..=10).contains(digits))
        .ok_or_else(|| ApiError::new(ErrorCode::ConfirmCodeLengthIsWrong))
}

/// The bank's id, or one that follows from the command's identity; and whether the bank chose it.
fn transaction_id(
    given: Option<String>,
    command_id: &CommandId,
) -> Result<(TransactionId, bool), ApiError> {
    let chosen = given.is_some();
    let text = given.unwrap_or_else(|| command_id.derived_uuid("transaction").to_string());
    let transaction_id = text.parse().map_err(|_| {
        ApiError::at("transaction_id is not 1 to 64 characters of A-Z a-z 0-9 . _ : -")
    })?;
    Ok((transaction_id, chosen))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use schemas::Secret;
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::transactions::CreateTransaction;
    use schemas::commands::transactions::TransactionCommand;
    use serde_json::{Value, json};

    use crate::testing::{SYSTEM, TestDoor};

    fn path() -> String {
        format!("/pc-api/{SYSTEM}/users/sample-1/transactions")
    }

    fn door() -> TestDoor {
        TestDoor::answering(AnswerBody::TransactionCreated {
            transaction_id: "invoice-42".parse().unwrap(),
            qr_text: None,
            link: None,
        })
    }

    async fn sent(body: Value) -> CreateTransaction {
        let door = door();
        let answer = door.post(&path(), &body).await;
        assert_eq!(
            answer.content("transaction_created")["transaction_id"],
            "invoice-42"
        );
        match &door.sent()[0].command {
            Command::Transactions(TransactionCommand::Create(command)) => command.clone(),
            other => panic!("{} was sent", other.word()),
        }
    }

    #[tokio::test]
    async fn a_transaction_is_created_with_everything_or_little() {
        let least = sent(json!({"transaction_data": {"text": "Pay 5"}})).await;
        assert_eq!(least.text.expose(), b"Pay 5");
        assert!(!least.chosen && least.ttl_s.is_none() && least.binary.is_none());
        let all = sent(json!({
            "transaction_id": "invoice-42",
            "transaction_data": {"text": "# Pay", "text_type": "markdown", "binary_data": "JVBERi0="},
            "callback_url": "https://bank.example/cb", "notification_type": "URL", "confirm_code_length": 8, "ttl": 0,
        }))
        .await;
        assert!(all.chosen && all.ttl_s == Some(0) && all.confirm_code_length == Some(8));
        assert_eq!(all.binary.unwrap().expose(), b"%PDF-");
    }

    #[tokio::test]
    async fn an_offline_transaction_comes_as_a_qr_code_and_a_link_as_a_link() {
        let door = TestDoor::answering(AnswerBody::TransactionCreated {
            transaction_id: "invoice-42".parse().unwrap(),
            qr_text: Some(Secret::new("{\"v\":1}")),
            link: Some("paycontrol://transaction?a=b".to_owned()),
        });
        let body = json!({
            "transaction_data": {"text": "x"}, "notification_type": "Offline", "transaction_type": "login",
        });
        let answer = door.post(&path(), &body).await;
        let created = answer.content("transaction_created");
        assert_eq!(created["transaction_text"], "{\"v\":1}");
        assert_eq!(created["transaction_url"], "paycontrol://transaction?a=b");
        let png = STANDARD
            .decode(created["transaction_qr"].as_str().unwrap())
            .unwrap();
        let picture = image::load_from_memory(&png).unwrap();
        assert!(picture.width() >= 300);
        let plain = self::door().post(&path(), &body).await;
        assert!(
            plain
                .content("transaction_created")
                .get("transaction_qr")
                .is_none()
        );
    }

    #[tokio::test]
    async fn a_wrong_request_has_its_code() {
        let door = door();
        let with = |name: &str, value: Value| {
            let mut body = json!({"transaction_data": {"text": "x"}});
            body[name] = value;
            body
        };
        for (body, code) in [
            (json!({}), 217),
            (json!({"transaction_data": {}}), 217),
            (json!({"transaction_data": {"text": ""}}), 217),
            (json!({"transaction_data": ["x"]}), 283),
            (json!({"transaction_data": {"text": 1}}), 283),
            (
                json!({"transaction_data": {"text": "x", "texts": "y"}}),
                283,
            ),
            (
                json!({"transaction_data": {"text": "x".repeat(65_537)}}),
                216,
            ),
            (
                json!({"transaction_data": {"text": "x", "binary_data": "?"}}),
                216,
            ),
            (with("confirm_code_length", json!(3)), 254),
            (with("confirm_code_length", json!(11)), 254),
            (with("confirm_code_length", json!("8")), 283),
            (with("ttl", json!(-1)), 283),
            (with("notification_type", json!("Pigeon")), 283),
            (with("transaction_type", json!("Loan")), 283),
            (with("callback_url", json!("ftp://x")), 283),
            (with("transaction_id", json!("a/b")), 283),
        ] {
            assert_eq!(door.post(&path(), &body).await.code(), code);
        }
        assert!(door.sent().is_empty());
    }

    #[tokio::test]
    async fn a_document_may_be_long_but_not_endless() {
        let door = door();
        let body = |length: usize| json!({"transaction_data": {"text": "x", "binary_data": "A".repeat(length)}});
        assert_eq!(door.post(&path(), &body(2_000_000)).await.status, 200);
        let refused = door.post(&path(), &body(2_700_000)).await;
        assert_eq!((refused.status, refused.code()), (413, 283));
    }
}
