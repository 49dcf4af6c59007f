//! `POST /pc-api/{system_id}/users/{user_id}/key/send_activation_code`
//!
//! Ours: the manual tells of the message and of what is in it, and not how it is ordered.

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::AnswerBody;
use schemas::commands::code_orders::{CodeContacts, Language, SendActivationCode};
use schemas::{ErrorCode, KeyIndex, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::contacts::{is_email, is_phone};
use crate::error::ApiError;
use crate::json::SecretText;
use crate::route::Route;
use crate::state::Shared;

/// Whom to send the code of a key to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendActivationCodeRequest {
    /// Number of a mobile telephone with its country, `+` and 8 to 15 digits; at least one of the two contacts is needed.
    #[schema(value_type = Option<String>)]
    phone: Option<SecretText>,
    /// Address of a mailbox.
    #[schema(value_type = Option<String>)]
    email: Option<SecretText>,
    /// `ru` or `en`; `ru` unless given.
    language: Option<String>,
    /// Number of the key; the newest that waits for its code unless given.
    key_index: Option<u32>,
}

/// `activation_code_ordered`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActivationCodeOrdered {
    /// Whose key.
    user_id: String,
    /// The order: the journal's records of it carry the same in `event_data`.
    order_id: String,
    /// Number of the key whose code is sent.
    key_index: u32,
    /// By which ways: `sms`, `email`.
    channels: Vec<&'static str>,
    /// End of the key's life, seconds since 1.1.1970; the message names its last day.
    valid_to: i64,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/key/send_activation_code",
        "send_activation_code",
        handle,
    )
    .says("Send the activation code of a key to its user, by text message, by e-mail or by both")
    .takes::<SendActivationCodeRequest>()
    .answers::<ActivationCodeOrdered>("activation_code_ordered")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
        ErrorCode::NotSupported,
        ErrorCode::RequestError,
        ErrorCode::KeyInfoNotFound,
        ErrorCode::KeyIndexObsoleted,
        ErrorCode::KeyIndexWrong,
        ErrorCode::UserIsBlocked,
        ErrorCode::KeyExpired,
        ErrorCode::ActivationAttemptsExceeded,
        ErrorCode::RequestIsLockedByAnotherRequest,
    ])
}

#[tracing::instrument(name = "gateway.send_activation_code", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: SendActivationCodeRequest = call.read()?;
    let command = SendActivationCode {
        key_index: request.key_index.map(KeyIndex),
        contacts: contacts(request.phone, request.email)?,
        language: language(request.language.as_deref())?,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    let AnswerBody::CodeOrdered {
        order_id,
        key_index,
        channels,
        valid_to,
    } = &reply.body
    else {
        return Err(reply.unexpected());
    };
    let answer = ActivationCodeOrdered {
        user_id: call.ids.user_id().to_string(),
        order_id: order_id.to_string(),
        key_index: key_index.0,
        channels: channels.iter().map(|channel| channel.word()).collect(),
        valid_to: valid_to.0.div_euclid(1000),
    };
    Ok(reply.render("activation_code_ordered", &answer))
}

fn contacts(
    phone: Option<SecretText>,
    email: Option<SecretText>,
) -> Result<CodeContacts, ApiError> {
    let checked = |place: &str, contact: Option<SecretText>, is_right: fn(&str) -> bool| {
        let Some(SecretText(contact)) = contact else {
            return Ok(None::<Secret>);
        };
        if contact.expose_text().is_some_and(is_right) {
            Ok(Some(contact))
        } else {
            Err(ApiError::at(format_args!("{place} is none")))
        }
    };
    let contacts = CodeContacts {
        phone: checked("phone", phone, is_phone)?,
        email: checked("email", email, is_email)?,
    };
    if contacts == CodeContacts::default() {
        return Err(ApiError::at("neither phone nor email is given"));
    }
    Ok(contacts)
}

fn language(word: Option<&str>) -> Result<Language, ApiError> {
    let word = word.unwrap_or(Language::Ru.word());
    let mut known = Language::ALL.into_iter();
    known
        .find(|language| language.word() == word)
        .ok_or_else(|| ApiError::at("language is neither ru nor en"))
}

#[cfg(test)]
mod tests {
    use schemas::Timestamp;
    use schemas::commands::Command;
    use schemas::commands::code_orders::{Channel, CodeOrderCommand};
    use serde_json::json;

    use super::*;
    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn an_order_is_answered_with_its_name_and_not_with_the_contacts() {
        let door = TestDoor::answering(AnswerBody::CodeOrdered {
            order_id: "order-1".parse().unwrap(),
            key_index: KeyIndex(2),
            channels: vec![Channel::Sms],
            valid_to: Timestamp(1_703_499_267_298),
        });
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/key/send_activation_code");
        let body = json!({"phone": "+79991234567", "language": "en", "key_index": 2});
        let answer = door.post(&path, &body).await;
        let expected = json!({
            "user_id": "sample-1", "order_id": "order-1", "key_index": 2, "channels": ["sms"],
            "valid_to": 1_703_499_267,
        });
        assert_eq!(answer.content("activation_code_ordered"), &expected);
        let Command::CodeOrders(CodeOrderCommand::Send(sent)) = &door.sent()[0].command else {
            panic!("an order was expected");
        };
        assert_eq!(sent.language, Language::En);
        assert_eq!(sent.contacts.phone, Some(Secret::new("+79991234567")));
        assert_eq!(sent.contacts.email, None);
    }

    #[tokio::test]
    async fn a_contact_is_read_strictly() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/key/send_activation_code");
        for body in [
            json!({}),
            json!({"language": "ru"}),
            json!({"phone": "8 999 123"}),
            json!({"email": "ivan"}),
            json!({"phone": "+79991234567", "email": "ivan@mail.example\r\nbcc: a@b.c"}),
            json!({"phone": "+79991234567", "language": "de"}),
            json!({"phone": "+79991234567", "text": "buy"}),
        ] {
            assert_eq!(door.post(&path, &body).await.code(), 283, "{body}");
        }
        assert_eq!(door.sent().len(), 0);
    }
}
