//! `POST .../remote_update/templates`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::{self, AnswerBody};
use schemas::commands::recovery::GetRecoveryTemplates;
use serde::Serialize;
use utoipa::ToSchema;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `recovery_templates`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryTemplates {
    /// The ways of additional authentication, in the operator's order.
    templates: Vec<RecoveryTemplate>,
}

/// A way of additional authentication.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryTemplate {
    /// Its name.
    template_id: String,
    /// `code_word` or `http`.
    #[serde(rename = "type")]
    method: String,
    /// How it is shown to the user.
    title: String,
}

impl From<&answers::RecoveryTemplate> for RecoveryTemplate {
    fn from(template: &answers::RecoveryTemplate) -> Self {
        Self {
            template_id: template.template_id.clone(),
            method: template.method.clone(),
            title: template.title.clone(),
        }
    }
}

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/remote_update/templates";
    Route::post(path, "device_recovery_templates", handle)
        .says("The ways of additional authentication by which a key can be recovered")
        .takes::<PlainDeviceRequest>()
        .answers::<RecoveryTemplates>("recovery_templates")
        .refuses(&[
            ErrorCode::RemoteUpdateDisabled,
            ErrorCode::ExtAuthTemplateNotFound,
        ])
}

#[tracing::instrument(name = "gateway.device_recovery_templates", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let reply = gateway
        .ask(&call, call.user(), GetRecoveryTemplates {})
        .await?;
    match &reply.body {
        AnswerBody::RecoveryTemplates(templates) => {
            let templates = templates.iter().map(RecoveryTemplate::from).collect();
            Ok(reply.render("recovery_templates", &RecoveryTemplates { templates }))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::{AnswerBody, RecoveryTemplate};
    use serde_json::json;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn a_template_reads_with_its_type() {
        let template = RecoveryTemplate {
            template_id: "word".to_owned(),
            method: "code_word".to_owned(),
            title: "Кодовое слово".to_owned(),
        };
        let door = TestDoor::answering(AnswerBody::RecoveryTemplates(vec![template]));
        let answer = door.device("remote_update/templates", &json!({})).await;
        let expected = json!({ "templates": [
            { "template_id": "word", "type": "code_word", "title": "Кодовое слово" }
        ] });
        assert_eq!(answer.content("recovery_templates"), &expected);
    }
}
