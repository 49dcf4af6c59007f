//! `get_system_info`, `get_letters`, `get_events`, `get_event_info`: looks at a system, at what is owed to it and at its
//! journal, journaled themselves.

use schemas::SystemId;
use schemas::answers::{AnswerBody, SystemInfo};
use schemas::events::systems::LettersLookedAt;

use super::{Registered, Rejection, State};
use crate::asked;
use crate::decision::Decision;
use crate::facts::Facts;
use crate::licenses;

/// Answers with the system's parameters as they are in force.
pub(super) fn system_info(
    state: &State,
    system_id: &SystemId,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    let info = describe(state.registered()?, system_id, facts);
    let looked = asked::looked("get_system_info", None);
    Ok(Decision::happened(vec![looked]).answering(AnswerBody::System(Box::new(info))))
}

/// Journals that the journal was read; the door reads it from the read model.
pub(super) fn journal(word: &'static str) -> Decision {
    Decision::happened(vec![asked::looked(word, None)])
}

/// Journals that letters were looked at; the door reads them from the outbox.
pub(super) fn letters() -> Decision {
    Decision::happened(vec![LettersLookedAt {}.into()])
}

/// The system as callers see it: where it sets nothing itself, the server's settings.
pub(super) fn describe(system: &Registered, system_id: &SystemId, facts: &Facts<'_>) -> SystemInfo {
    let mut parameters = system.parameters.clone();
    parameters.user_keys_expiration_period = parameters
        .user_keys_expiration_period
        .or(Some(facts.settings.key_life_days()));
    let own_template = parameters.report_template_path.take();
    parameters.report_template_path = own_template
        .filter(|path| !path.is_empty())
        .or_else(|| facts.settings.report_template().map(ToOwned::to_owned));
    SystemInfo {
        system_id: system_id.clone(),
        name: system.name.clone(),
        description: system.description.clone(),
        created_at: system.created_at,
        updated_at: system.updated_at,
        billing_type: system.billing_type,
        billing_period: system.billing_days(facts.settings),
        parameters,
        register_request: system.register_request.clone(),
        licenses: licenses::uses(system_id, system, facts),
        is_deleted: false,
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::journal::{GetEventInfo, GetEvents};
    use schemas::commands::systems::{ChangeSystem, GetSystemInfo, SystemParameters};

    use super::*;
    use crate::testing::Story;

    #[test]
    fn every_look_leaves_one_event() {
        let mut story = Story::of_a_system();
        story
            .system_asks(GetSystemInfo {})
            .happens(&["get_system_info"]);
        story.system_asks(GetEvents {}).happens(&["get_events"]);
        story
            .system_asks(GetEventInfo {})
            .happens(&["get_event_info"]);
    }

    #[test]
    fn what_the_system_leaves_open_comes_from_the_settings() {
        let AnswerBody::System(info) = Story::of_a_system().system_asks(GetSystemInfo {}).answer()
        else {
            panic!("system_info was expected");
        };
        assert_eq!(info.parameters.user_keys_expiration_period, Some(365));
        assert_eq!((info.billing_period, info.is_deleted), (365, false));
    }

    #[test]
    fn the_systems_own_values_come_before_the_servers() {
        let mut story = Story::of_a_system();
        story.set("BILL_PERIOD", "30");
        story.set("KEY_INFO_LIFE_TIME", "7");
        story.set("REPORT_TEMPLATE", "/opt/server.docx");
        let shown = |story: &mut Story| match story.system_asks(GetSystemInfo {}).answer() {
            AnswerBody::System(info) => (
                info.billing_period,
                info.parameters.user_keys_expiration_period,
                info.parameters.report_template_path,
            ),
            other => panic!("system_info was expected: {other:?}"),
        };
        let servers = (30, Some(7), Some("/opt/server.docx".to_owned()));
        assert_eq!(shown(&mut story), servers);
        let change = |billing_period, days, path: &str| ChangeSystem {
            parameters: SystemParameters {
                billing_period,
                user_keys_expiration_period: days,
                report_template_path: Some(path.to_owned()),
                ..SystemParameters::default()
            },
        };
        story
            .system_asks(change(Some(90), Some(14), "/opt/own.docx"))
            .happens(&["change_system"]);
        let own = (90, Some(14), Some("/opt/own.docx".to_owned()));
        assert_eq!(shown(&mut story), own);
        story
            .system_asks(change(None, None, ""))
            .happens(&["change_system"]);
        assert_eq!(shown(&mut story).2.as_deref(), Some("/opt/server.docx"));
        story
            .system_asks(change(Some(0), None, ""))
            .is_refused(ErrorCode::SystemPropertyError);
    }

    #[test]
    fn an_unknown_system_shows_nothing() {
        let mut story = Story::of_an_empty_house();
        story
            .system_asks(GetSystemInfo {})
            .is_refused_silently(ErrorCode::SystemNotFound);
        story
            .system_asks(GetEvents {})
            .is_refused_silently(ErrorCode::SystemNotFound);
    }
}
