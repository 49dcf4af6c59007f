//! `GET /pc-api/{system_id}/report`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::systems::GetReport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::report;
use crate::route::Route;
use crate::routes::billing::{FiguresEntry, day, figures_of};
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Days {
    from: Option<String>,
    to: Option<String>,
}

/// `system_report`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SystemReport {
    /// The first moment it is about, ms since the Unix epoch.
    from: i64,
    /// The first moment it is not about, ms since the Unix epoch.
    to: i64,
    figures: FiguresEntry,
    /// The template, filled with them.
    report: String,
}

pub(crate) fn route() -> Route {
    Route::get("/pc-api/{system_id}/report", "system_report", handle)
        .says("A functional report by the operator's template: what happened in the system since billing was last closed")
        .asks("from", "the first day it is about, YYYY-MM-DD, UTC")
        .asks("to", "the last day it is about, YYYY-MM-DD, UTC")
        .answers::<SystemReport>("system_report")
        .refuses(&[ErrorCode::ReportTplIsNull])
}

#[tracing::instrument(name = "gateway.system_report", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let days: Days = call.read_query()?;
    let from = days.from.map(|text| day("from", &text)).transpose()?;
    let to = days.to.map(|text| day("to", &text)).transpose()?;
    let command = GetReport {
        from,
        to: to.map(|day| day.plus_seconds(86_400)),
    };
    let reply = gateway.ask(&call, call.system(), command).await?;
    let AnswerBody::Billing(period) = &reply.body else {
        return Err(reply.unexpected());
    };
    if period.from >= period.to {
        return Err(ApiError::at("from is after to"));
    }
    let figures = figures_of(&gateway, reply.position, period).await?;
    let settings = gateway.house.settings.current();
    let own = period.system.parameters.report_template_path.clone();
    let (about, given) = (period.clone(), figures.clone());
    let filled = tokio::task::spawn_blocking(move || {
        let operators = settings.report_template().map(std::path::Path::new);
        let template = std::path::PathBuf::from(own.unwrap_or_default());
        report::fill(&template, operators, &about, &given)
    });
    let filled = filled
        .await
        .map_err(|error| ApiError::bug("a report was not written", &error))?;
    let report = filled.map_err(|error| {
        tracing::warn!(system.id = %period.system.system_id, error = &error as &dyn std::error::Error, "no report");
        ApiError::because(ErrorCode::ReportTplIsNull, error)
    })?;
    let answer = SystemReport {
        from: period.from.0,
        to: period.to.0,
        figures: figures.into(),
        report,
    };
    Ok(reply.render("system_report", &answer))
}

#[cfg(test)]
mod tests {
    use schemas::Timestamp;
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::systems::SystemCommand;

    use crate::testing::{SYSTEM, TestDoor, period};

    #[tokio::test]
    async fn days_are_days_and_the_last_one_belongs_to_the_report() {
        let door = TestDoor::answering(AnswerBody::Billing(Box::new(period())));
        let path = format!("/pc-api/{SYSTEM}/report");
        // The template is not there: the question was asked all the same.
        let answer = door
            .get(&format!("{path}?from=2026-11-01&to=2026-11-30"))
            .await;
        assert_eq!((answer.status, answer.code()), (400, 218));
        let sent = door.sent().pop().unwrap();
        let Command::Systems(SystemCommand::GetReport(asked)) = sent.command else {
            panic!("another command was sent");
        };
        let expected = (
            Timestamp::of_day("2026-11-01"),
            Timestamp::of_day("2026-12-01"),
        );
        assert_eq!((asked.from, asked.to), expected);
        for query in ["from=1", "to=2026-11-31", "day=2026-11-01"] {
            assert_eq!(
                door.get(&format!("{path}?{query}")).await.code(),
                283,
                "{query}"
            );
        }
    }
}
