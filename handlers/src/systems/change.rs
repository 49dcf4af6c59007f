//! `change_system`: the parameters that may change.

use schemas::SystemId;
use schemas::answers::AnswerBody;
use schemas::commands::systems::ChangeSystem;
use schemas::events::systems::SystemChanged;

use super::{Rejection, State, check_parameters, look, state};
use crate::decision::Decision;
use crate::facts::Facts;

/// Changes the parameters that are given, and answers with all of them.
pub(super) fn decide(
    state: &State,
    system_id: &SystemId,
    command: &ChangeSystem,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    let mut changed = state.registered()?.clone();
    check_parameters(&command.parameters)?;
    state::merge(&mut changed.parameters, &command.parameters);
    changed.updated_at = facts.now;
    let info = look::describe(&changed, system_id, facts);
    let event = SystemChanged {
        parameters: command.parameters.clone(),
    };
    Ok(Decision::happened(vec![event.into()]).answering(AnswerBody::System(Box::new(info))))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::systems::{GetSystemInfo, RemoveSystem, SystemParameters};

    use super::*;
    use crate::testing::Story;

    fn change() -> ChangeSystem {
        ChangeSystem {
            parameters: SystemParameters {
                events_post_url: Some(String::new()),
                user_keys_expiration_period: Some(30),
                ..SystemParameters::default()
            },
        }
    }

    #[test]
    fn what_is_not_given_stays() {
        let mut story = Story::of_a_system();
        story.system_asks(change()).happens(&["change_system"]);
        let AnswerBody::System(info) = story.system_asks(GetSystemInfo {}).answer() else {
            panic!("system_info was expected");
        };
        assert_eq!(info.parameters.user_keys_expiration_period, Some(30));
        assert_eq!(info.parameters.events_post_url.as_deref(), Some(""));
        assert_eq!(
            info.parameters.callback_url.as_deref(),
            Some("https://bank.example/callback")
        );
    }

    #[test]
    fn a_system_that_is_not_there_does_not_change() {
        let mut story = Story::of_an_empty_house();
        story
            .system_asks(change())
            .is_refused_silently(ErrorCode::SystemNotFound);
        let mut story = Story::of_a_system();
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        story
            .system_asks(change())
            .is_refused(ErrorCode::SystemIsDeleted);
    }

    #[test]
    fn an_address_is_http_or_https() {
        let mut command = change();
        command.parameters.events_post_url = Some("ftp://bank.example".to_owned());
        Story::of_a_system()
            .system_asks(command)
            .is_refused(ErrorCode::SystemPropertyError);
    }
}
