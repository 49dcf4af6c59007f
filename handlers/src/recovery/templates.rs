//! `remote_update_get_available_template`: the ways of additional authentication that the operator offers.

use schemas::answers::{AnswerBody, RecoveryTemplate};
use schemas::settings::ExtAuthMethod;

use super::Rejection;
use crate::asked::{Asked, looked};
use crate::decision::Decision;

/// Lists what can be set up, in the order of EXT_AUTH_SETTINGS. Types that this version does not know are left out.
pub(super) fn decide(asked: &Asked<'_>) -> Result<Decision, Rejection> {
    let templates = asked.facts.settings.ext_auth_templates();
    let templates = templates.map_err(|_| Rejection::TemplateMissing)?;
    let known = templates
        .into_iter()
        .filter(|template| template.method != ExtAuthMethod::Unsupported);
    let offered = known.map(|template| RecoveryTemplate {
        method: template.method.word().to_owned(),
        template_id: template.id,
        title: template.title,
    });
    let event = looked("remote_update_get_available_template", None);
    Ok(Decision::happened(vec![event]).answering(AnswerBody::RecoveryTemplates(offered.collect())))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::recovery::{ChallengeRenewal, GetRecoveryTemplates};
    use schemas::flags::REMOTE_UPDATE_ENABLED;

    use super::*;
    use crate::testing::recovery::{story_without_template, user_with};

    #[test]
    fn what_the_operator_offers_is_listed() {
        let mut story = story_without_template();
        let heard = story.device_asks(GetRecoveryTemplates {});
        heard.happens(&["remote_update_get_available_template"]);
        let AnswerBody::RecoveryTemplates(offered) = heard.answer() else {
            panic!("templates were expected");
        };
        let ids: Vec<&str> = offered.iter().map(|offer| &*offer.template_id).collect();
        assert_eq!(ids, ["word", "bank"]);
        story.set("EXT_AUTH_SETTINGS", "{}");
        story
            .device_asks(GetRecoveryTemplates {})
            .is_refused(ErrorCode::ExtAuthTemplateNotFound);
    }

    #[test]
    fn a_key_without_the_flag_is_not_recovered() {
        let mut story = user_with(&REMOTE_UPDATE_ENABLED, 0);
        story.register_device();
        for heard in [
            story.device_asks(GetRecoveryTemplates {}),
            story.device_asks(ChallengeRenewal {}),
        ] {
            heard.is_refused(ErrorCode::RemoteUpdateDisabled);
        }
    }
}
