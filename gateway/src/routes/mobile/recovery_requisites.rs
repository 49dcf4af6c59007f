//! `POST .../remote_update/get_requisites`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::{self, AnswerBody};
use schemas::commands::recovery::GetRecoveryRequisites;
use schemas::{ErrorCode, Secret};
use serde::Serialize;
use utoipa::ToSchema;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `recovery_requisites`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryRequisites<'a> {
    template_id: &'a str,
    /// `code_word` or `http`.
    #[serde(rename = "type")]
    method: &'a str,
    /// How it is shown to the user.
    title: &'a str,
    /// The text that was set up; null of a code word.
    requisites: Option<&'a str>,
}

impl<'a> From<&'a answers::RecoveryRequisites> for RecoveryRequisites<'a> {
    fn from(kept: &'a answers::RecoveryRequisites) -> Self {
        Self {
            template_id: &kept.template_id,
            method: &kept.method,
            title: &kept.title,
            requisites: kept.text.as_ref().and_then(Secret::expose_text),
        }
    }
}

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/remote_update/get_requisites";
    Route::post(path, "device_recovery_requisites", handle)
        .says("What the user has set up to recover the key")
        .takes::<PlainDeviceRequest>()
        .answers::<RecoveryRequisites<'_>>("recovery_requisites")
        .refuses(&[
            ErrorCode::RemoteUpdateDisabled,
            ErrorCode::ExtAuthTemplateNotFound,
        ])
}

#[tracing::instrument(name = "gateway.device_recovery_requisites", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let reply = gateway
        .ask(&call, call.user(), GetRecoveryRequisites {})
        .await?;
    match &reply.body {
        AnswerBody::RecoveryRequisites(kept) => {
            Ok(reply.render("recovery_requisites", &RecoveryRequisites::from(&**kept)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::Secret;
    use schemas::answers::{AnswerBody, RecoveryRequisites};
    use serde_json::json;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn what_was_set_up_is_shown() {
        for (text, shown) in [(None, json!(null)), (Some("+7 900"), json!("+7 900"))] {
            let kept = RecoveryRequisites {
                template_id: "bank".to_owned(),
                method: "http".to_owned(),
                title: "The bank".to_owned(),
                text: text.map(Secret::new),
            };
            let door = TestDoor::answering(AnswerBody::RecoveryRequisites(Box::new(kept)));
            let answer = door
                .device("remote_update/get_requisites", &json!({}))
                .await;
            let content = answer.content("recovery_requisites");
            assert_eq!(
                (&content["type"], &content["requisites"]),
                (&json!("http"), &shown)
            );
        }
    }
}
