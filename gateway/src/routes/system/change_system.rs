//! `PATCH /pc-api/{system_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::AnswerBody;
use schemas::commands::systems::{ChangeSystem, SystemParameters};
use serde::Deserialize;
use utoipa::ToSchema;

use super::system_entry::SystemEntry;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::{check_length, check_url};
use crate::state::Shared;

/// Longest lifetime of a key and longest billing period, days.
const DAYS_MAX: i64 = 36_500;
/// Longest path, bytes.
const PATH_LENGTH_MAX: usize = 1024;

/// What to change; what is absent stays, empty text switches off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeSystemRequest {
    /// Lifetime of its users' keys, days.
    user_keys_expiration_period: Option<i64>,
    /// Address of the mobile door, as devices reach it.
    pc_is_external_url: Option<String>,
    /// Address of the push sender.
    pc_is_internal_url: Option<String>,
    /// Where events are posted.
    events_post_url: Option<String>,
    /// Where callbacks go.
    callback_url: Option<String>,
    /// Billing period, days.
    billing_period: Option<i64>,
    /// Path of the report's template on the server.
    report_template_path: Option<String>,
}

pub(crate) fn route() -> Route {
    Route::patch("/pc-api/{system_id}", "change_system", handle)
        .says("Change a system's parameters")
        .takes::<ChangeSystemRequest>()
        .answers::<SystemEntry<'_>>("system_changed")
}

#[tracing::instrument(name = "gateway.change_system", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let parameters = parameters(call.read()?)?;
    let command = ChangeSystem { parameters };
    let reply = gateway.ask(&call, call.system(), command).await?;
    match &reply.body {
        AnswerBody::System(info) => Ok(reply.render("system_changed", &SystemEntry::of(info))),
        _ => Err(reply.unexpected()),
    }
}

fn parameters(request: ChangeSystemRequest) -> Result<SystemParameters, ApiError> {
    for (place, days) in [
        (
            "user_keys_expiration_period",
            request.user_keys_expiration_period,
        ),
        ("billing_period", request.billing_period),
    ] {
        if days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
            return Err(ApiError::at(format_args!("{place} is not 1 to 36500 days")));
        }
    }
    if let Some(path) = &request.report_template_path {
        check_length("report_template_path", path, PATH_LENGTH_MAX)?;
    }
    check_url("pc_is_external_url", request.pc_is_external_url.as_deref())?;
    check_url("pc_is_internal_url", request.pc_is_internal_url.as_deref())?;
    check_url("events_post_url", request.events_post_url.as_deref())?;
    check_url("callback_url", request.callback_url.as_deref())?;
    Ok(SystemParameters {
        user_keys_expiration_period: request.user_keys_expiration_period,
        pc_is_external_url: request.pc_is_external_url,
        pc_is_internal_url: request.pc_is_internal_url,
        events_post_url: request.events_post_url,
        callback_url: request.callback_url,
        billing_period: request.billing_period,
        report_template_path: request.report_template_path,
    })
}

#[cfg(test)]
mod tests {
    use schemas::commands::Command;
    use schemas::commands::systems::SystemCommand;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor, system_info};

    #[tokio::test]
    async fn what_is_absent_stays() {
        let door = TestDoor::answering(system_info());
        let body = json!({"callback_url": "https://bank.example/cb", "events_post_url": ""});
        let answer = door.patch(&format!("/pc-api/{SYSTEM}"), &body).await;
        assert_eq!(answer.content("system_changed")["system_id"], SYSTEM);
        let Command::Systems(SystemCommand::Change(command)) = &door.sent()[0].command else {
            panic!("another command was sent");
        };
        assert_eq!(command.parameters.events_post_url.as_deref(), Some(""));
        assert_eq!(command.parameters.pc_is_external_url, None);
    }

    #[tokio::test]
    async fn a_wrong_value_is_refused() {
        let door = TestDoor::answering(system_info());
        for body in [
            json!({"callback_url": "gopher://x"}),
            json!({"user_keys_expiration_period": 0}),
            json!({"billing_period": 36_501}),
            json!({"report_template_path": "x".repeat(1025)}),
            json!({"user_keys_expiration_period": "30"}),
            json!({"name": "New"}),
            json!([]),
        ] {
            let answer = door.patch(&format!("/pc-api/{SYSTEM}"), &body).await;
            assert_eq!(answer.code(), 283, "{body}");
        }
    }
}
