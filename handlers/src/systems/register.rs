//! `register_system`: a bank's system comes to the house.

use schemas::SystemId;
use schemas::answers::AnswerBody;
use schemas::commands::systems::RegisterSystem;
use schemas::events::systems::SystemRegistered;

use super::state::Registered;
use super::{Rejection, State, check_parameters, look};
use crate::decision::Decision;
use crate::facts::Facts;

/// Registers a system under an id that was never used. A removed system does not come back.
pub(super) fn decide(
    state: &State,
    system_id: &SystemId,
    command: &RegisterSystem,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    match state.registered() {
        Ok(_) => return Err(Rejection::AlreadyRegistered),
        Err(Rejection::NotFound) => {}
        Err(rejection) => return Err(rejection),
    }
    if command.name.trim().is_empty() {
        return Err(Rejection::NameMissing);
    }
    check_parameters(&command.parameters)?;
    let event = SystemRegistered {
        name: command.name.clone(),
        description: command.description.clone(),
        qr_url_scheme: command.qr_url_scheme.clone(),
        billing_type: command.billing_type,
        billing_period: command.billing_period,
        parameters: command.parameters.clone(),
        register_request: command.register_request.clone(),
    };
    let info = look::describe(&Registered::new(&event, facts.now), system_id, facts);
    Ok(Decision::happened(vec![event.into()]).answering(AnswerBody::System(Box::new(info))))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::systems::{RemoveSystem, SystemParameters};

    use super::*;
    use crate::testing::{Story, register_system};

    #[test]
    fn a_system_is_registered_once() {
        let mut story = Story::of_an_empty_house();
        let command = register_system();
        story
            .system_asks(command.clone())
            .happens(&["register_system"]);
        story
            .system_asks(command)
            .is_refused(ErrorCode::SystemIdNotUnique);
    }

    #[test]
    fn a_removed_system_does_not_come_back() {
        let mut story = Story::of_a_system();
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        story
            .system_asks(register_system())
            .is_refused(ErrorCode::SystemIsDeleted);
    }

    #[test]
    fn a_refused_registration_starts_no_history() {
        let mut story = Story::of_an_empty_house();
        let mut command = register_system();
        command.name = " ".to_owned();
        story
            .system_asks(command)
            .is_refused_silently(ErrorCode::SystemNameIsNull);
        let mut command = register_system();
        command.parameters.callback_url = Some("bank.example".to_owned());
        story
            .system_asks(command)
            .is_refused_silently(ErrorCode::SystemPropertyError);
    }

    #[test]
    fn a_key_lives_at_least_a_day() {
        for (days, code) in [
            (0, ErrorCode::SystemPropertyError),
            (1, ErrorCode::Normal),
            (36_525, ErrorCode::Normal),
            (36_526, ErrorCode::SystemPropertyError),
        ] {
            let parameters = SystemParameters {
                user_keys_expiration_period: Some(days),
                ..SystemParameters::default()
            };
            let found =
                check_parameters(&parameters).map_or_else(Rejection::code, |()| ErrorCode::Normal);
            assert_eq!(found, code, "{days}");
        }
    }
}
