//! `load_and_refresh_properties`: values of settings are stored, all of them or none.

use schemas::Secret;
use schemas::answers::AnswerBody;
use schemas::commands::server::ChangeSettings;
use schemas::events::server::{SettingChange, SettingsChanged};
use schemas::settings::{MASK, Setting};
use schemas::vault::VaultName;

use super::{Rejection, State};
use crate::decision::{Decision, Erasure};
use crate::facts::Facts;

/// Checks every value against the table before it stores the first one.
pub(super) fn decide(
    state: &State,
    command: &ChangeSettings,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    let mut decision = Decision::happened(Vec::new());
    let mut changes = Vec::new();
    for (name, value) in &command.values {
        let setting = Setting::named(name).ok_or(Rejection::NameUnknown)?;
        let hides = setting.holds_credentials();
        // A reader of masked values sends them back as they are: they stay.
        let Some(value) = value.as_deref().filter(|value| !(hides && *value == MASK)) else {
            if value.is_none() && state.stored(name).is_some() {
                changes.push(change(state, setting, None, facts));
                if hides {
                    decision.erase.push(Erasure::Row(VaultName::setting(name)));
                }
            }
            continue;
        };
        if !setting.permits(value) {
            return Err(Rejection::ValueWrong);
        }
        if hides {
            let row = (VaultName::setting(name), Secret::new(value));
            decision.vault.push(row);
            changes.push(change(state, setting, Some(MASK), facts));
        } else if state.stored(name) != Some(value) {
            changes.push(change(state, setting, Some(value), facts));
        }
    }
    let changed = SettingsChanged { changes };
    let mut after = state.clone();
    after.fold(&changed);
    decision.answer = AnswerBody::Settings(after.shown_over(facts.settings));
    decision.events.push(changed.into());
    Ok(decision)
}

fn change(
    state: &State,
    setting: &Setting,
    after: Option<&str>,
    facts: &Facts<'_>,
) -> SettingChange {
    let before = state
        .stored(setting.name)
        .unwrap_or_else(|| setting.shown(facts.settings.text(setting)));
    SettingChange {
        name: setting.name.to_owned(),
        before: before.to_owned(),
        after: after.map(ToOwned::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::ErrorCode;
    use schemas::commands::server::GetSettings;
    use schemas::events::Event;
    use schemas::events::server::ServerEvent;
    use schemas::settings::SETTINGS;

    use super::*;
    use crate::testing::{Heard, Story};

    fn values(values: &[(&str, Option<&str>)]) -> ChangeSettings {
        let owned = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.map(ToOwned::to_owned)));
        ChangeSettings {
            values: owned.collect(),
        }
    }

    fn changes(heard: &Heard) -> Vec<(String, String, Option<String>)> {
        let [Event::Server(ServerEvent::SettingsChanged(changed))] = &heard.decision().events[..]
        else {
            panic!("one change of settings was expected");
        };
        let tell = |change: &SettingChange| {
            (
                change.name.clone(),
                change.before.clone(),
                change.after.clone(),
            )
        };
        changed.changes.iter().map(tell).collect()
    }

    fn shown(story: &mut Story, name: &str) -> String {
        match story.administrator_asks(GetSettings {}).answer() {
            AnswerBody::Settings(values) => values[name].clone(),
            other => panic!("the settings were expected: {other:?}"),
        }
    }

    #[test]
    fn the_event_says_what_was_before_and_what_is_after() {
        let mut story = Story::of_an_empty_house();
        story.set("CLEAN_TRANSACTION", "0");
        let command = values(&[
            ("CHECK_HTTP_AUTH_HEADER", Some("0")),
            ("CLEAN_TRANSACTION", Some("1")),
        ]);
        let heard = story.administrator_asks(command);
        heard.happens(&["load_and_refresh_properties"]);
        let row = |name: &str, before: &str, after: Option<&str>| {
            (
                name.to_owned(),
                before.to_owned(),
                after.map(ToOwned::to_owned),
            )
        };
        let expected = [
            row("CHECK_HTTP_AUTH_HEADER", "1", Some("0")),
            row("CLEAN_TRANSACTION", "0", Some("1")),
        ];
        assert_eq!(changes(&heard), expected);
        assert_eq!(shown(&mut story, "CHECK_HTTP_AUTH_HEADER"), "0");
        let heard = story.administrator_asks(values(&[
            ("CHECK_HTTP_AUTH_HEADER", None),
            ("DEBUG_INFO", None),
        ]));
        assert_eq!(changes(&heard), [row("CHECK_HTTP_AUTH_HEADER", "0", None)]);
    }

    #[test]
    fn one_wrong_value_refuses_all_of_them() {
        let mut story = Story::of_an_empty_house();
        for wrong in [("T_AUTH_CODE", Some("0")), ("NO_SUCH_SETTING", Some("1"))] {
            let command = values(&[("DEBUG_INFO", Some("1")), wrong]);
            story
                .administrator_asks(command)
                .is_refused(ErrorCode::SystemPropertyError);
        }
        assert_eq!(shown(&mut story, "DEBUG_INFO"), "0");
    }

    #[test]
    fn credentials_go_to_the_vault_and_not_into_the_event() {
        let mut story = Story::of_an_empty_house();
        let secret = r#"{"token":"do not tell"}"#;
        let heard = story.administrator_asks(values(&[("SCORING_SETTINGS", Some(secret))]));
        assert_eq!(changes(&heard)[0].2.as_deref(), Some(MASK));
        let name = VaultName::setting("SCORING_SETTINGS");
        assert_eq!(story.vault.get(&name), Some(secret.as_bytes()));
        let heard = story.administrator_asks(values(&[("SCORING_SETTINGS", Some(MASK))]));
        assert_eq!(changes(&heard), []);
        let heard = story.administrator_asks(values(&[("SCORING_SETTINGS", None)]));
        assert_eq!(changes(&heard)[0].1, MASK);
        assert_eq!(story.vault.get(&name), None);
    }

    #[test]
    fn nobody_but_the_administrator_asks() {
        let mut story = Story::of_a_user();
        let command = values(&[("DEBUG_INFO", Some("1"))]);
        story
            .system_asks(command.clone())
            .is_refused(ErrorCode::RequestError);
        story
            .bank_asks(command.clone())
            .is_refused(ErrorCode::RequestError);
        story
            .device_asks(command)
            .is_refused(ErrorCode::RequestError);
        story
            .administrator_asks(schemas::commands::systems::RemoveSystem {})
            .is_refused_silently(ErrorCode::RequestError);
    }

    proptest! {
        #[test]
        fn a_stored_value_is_one_the_table_permits(
            index in 0..SETTINGS.len(),
            value in "[0-9]{0,6}|[A-Za-z {}\":#/.]{0,12}|https?://[a-z]{1,4}/|#[0-9A-F]{6}",
        ) {
            let setting = &SETTINGS[index];
            let mut story = Story::of_an_empty_house();
            let heard = story.administrator_asks(values(&[(setting.name, Some(&value))]));
            if setting.permits(&value) {
                prop_assert_eq!(changes(&heard).len(), 1);
            } else {
                heard.is_refused(ErrorCode::SystemPropertyError);
            }
        }
    }
}
