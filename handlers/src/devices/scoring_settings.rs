//! `get_scoring_settings`: what the application gives to the scoring service's library on the device.

use schemas::answers::AnswerBody;
use schemas::flags::SCORING_ENABLED;
use schemas::settings::UnusableSetting;

use super::Rejection;
use crate::asked::{Asked, looked};
use crate::decision::Decision;

/// Answers with the `application` part of SCORING_SETTINGS. Address and token of the service are nobody's business.
pub(super) fn decide(asked: &Asked<'_>) -> Result<Decision, Rejection> {
    if !asked.key.flags.has(&SCORING_ENABLED) {
        return Err(Rejection::ScoringForbidden);
    }
    let scoring = asked
        .facts
        .settings
        .scoring()
        .map_err(|unusable| match unusable {
            UnusableSetting::NotSet => Rejection::ScoringNotSet,
            UnusableSetting::Wrong => Rejection::ScoringWrong,
        })?;
    let application = scoring.application;
    Ok(
        Decision::happened(vec![looked("get_scoring_settings", None)])
            .answering(AnswerBody::ScoringSettings { application }),
    )
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::devices::GetScoringSettings;

    use super::*;
    use crate::testing::Story;

    #[test]
    fn the_application_gets_its_part_and_no_other() {
        let mut story = Story::of_autosign();
        let heard = story.device_asks(GetScoringSettings {});
        heard.happens(&["get_scoring_settings"]);
        let application = r#"{"site":"bank"}"#.to_owned();
        assert_eq!(heard.answer(), AnswerBody::ScoringSettings { application });
        story.set("SCORING_SETTINGS", "{}");
        story
            .device_asks(GetScoringSettings {})
            .is_refused(ErrorCode::ScoringSettingsIsNull);
        story.set("SCORING_SETTINGS", r#"{"url":"nowhere"}"#);
        story
            .device_asks(GetScoringSettings {})
            .is_refused(ErrorCode::ServerScoringSettingsIncorrect);
    }

    #[test]
    fn a_key_that_is_not_scored_has_none() {
        let mut story = Story::of_a_user();
        story
            .device_asks(GetScoringSettings {})
            .is_refused(ErrorCode::NotSupported);
    }
}
