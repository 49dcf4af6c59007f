//! `system_report`: which days a functional report is about, and by which template. The door fills it with the figures of
//! the read models.

use schemas::SystemId;
use schemas::answers::{AnswerBody, BillingPeriod};
use schemas::commands::systems::GetReport;

use super::{Rejection, State, look};
use crate::asked;
use crate::decision::Decision;
use crate::facts::Facts;

/// Answers with the days and the system's parameters; the period that is open unless other days are named.
pub(super) fn decide(
    state: &State,
    system_id: &SystemId,
    command: &GetReport,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    let system = state.registered()?;
    let info = look::describe(system, system_id, facts);
    if info.parameters.report_template_path.is_none() {
        return Err(Rejection::TemplateMissing);
    }
    let open_since = system.billed_before.unwrap_or(system.created_at);
    let period = BillingPeriod {
        system: info,
        from: command.from.unwrap_or(open_since),
        // What was recorded at this very moment belongs to it.
        to: command.to.unwrap_or(facts.now.plus_ms(1)),
    };
    let looked = asked::looked("system_report", None);
    Ok(Decision::happened(vec![looked]).answering(AnswerBody::Billing(Box::new(period))))
}

#[cfg(test)]
mod tests {
    use schemas::commands::systems::CloseBilling;
    use schemas::license::POST_PAID;
    use schemas::{ErrorCode, Timestamp};

    use super::*;
    use crate::testing::{NOW, Story};

    const DAY: i64 = 86_400_000;

    fn day(number: i64) -> Timestamp {
        Timestamp(NOW.0 - NOW.0 % DAY + number * DAY)
    }

    #[test]
    fn the_report_is_about_the_open_period_unless_other_days_are_named() {
        let mut story = Story::of_a_system_billed(POST_PAID);
        story.set("REPORT_TEMPLATE", "/opt/pc/report.html");
        story.at(day(40));
        let reported = |story: &mut Story, from, to| {
            let heard = story.system_asks(GetReport { from, to });
            heard.happens(&["system_report"]);
            match heard.answer() {
                AnswerBody::Billing(period) => (period.from, period.to),
                other => panic!("a period was expected: {other:?}"),
            }
        };
        assert_eq!(reported(&mut story, None, None), (NOW, day(40).plus_ms(1)));
        story
            .system_asks(CloseBilling { date: Some(day(9)) })
            .happens(&["billing_close"]);
        assert_eq!(
            reported(&mut story, None, None),
            (day(10), day(40).plus_ms(1))
        );
        let named = (Some(day(3)), Some(day(5)));
        assert_eq!(reported(&mut story, named.0, named.1), (day(3), day(5)));
    }

    #[test]
    fn without_a_template_there_is_no_report() {
        let mut story = Story::of_a_system();
        let look = GetReport {
            from: None,
            to: None,
        };
        story
            .system_asks(look.clone())
            .is_refused(ErrorCode::ReportTplIsNull);
        let mut story = Story::of_an_empty_house();
        story
            .system_asks(look)
            .is_refused_silently(ErrorCode::SystemNotFound);
    }
}
