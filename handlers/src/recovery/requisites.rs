//! `remote_update_get_requisites`: what the user has set up.

use schemas::answers::{AnswerBody, RecoveryRequisites};
use schemas::commands::recovery::Requisites;
use schemas::vault::VaultName;

use super::{Rejection, template_of_user};
use crate::asked::{Asked, looked};
use crate::decision::Decision;

/// Answers with the template and the text that was set up with it. A code word leaves nothing to show.
pub(super) fn decide(asked: &Asked<'_>) -> Result<Decision, Rejection> {
    let template = template_of_user(asked)?;
    let text = match kept(asked)? {
        Requisites::CodeWord { .. } => None,
        Requisites::Text(text) => Some(text),
    };
    let answer = RecoveryRequisites {
        method: template.method.word().to_owned(),
        template_id: template.id,
        title: template.title,
        text,
    };
    let event = looked("remote_update_get_requisites", None);
    Ok(Decision::happened(vec![event]).answering(AnswerBody::RecoveryRequisites(Box::new(answer))))
}

/// What was set up, from the vault.
pub(super) fn kept(asked: &Asked<'_>) -> Result<Requisites, Rejection> {
    let row = asked.facts.vault.get(&VaultName::recovery_requisites());
    row.and_then(|row| rmp_serde::from_slice(row).ok())
        .ok_or(Rejection::MaterialMissing)
}

#[cfg(test)]
mod tests {
    use schemas::Secret;
    use schemas::commands::recovery::GetRecoveryRequisites;

    use super::*;
    use crate::testing::recovery::{code_word, story_of, text};

    #[test]
    fn what_was_set_up_is_shown_and_a_code_word_is_not() {
        for (template_id, requisites, shown) in [
            ("word", code_word(), None),
            ("bank", text(), Some(Secret::new("+7 900 000-00-00"))),
        ] {
            let mut story = story_of(template_id, requisites);
            let heard = story.device_asks(GetRecoveryRequisites {});
            heard.happens(&["remote_update_get_requisites"]);
            let AnswerBody::RecoveryRequisites(answer) = heard.answer() else {
                panic!("requisites were expected");
            };
            assert_eq!((&*answer.template_id, answer.text), (template_id, shown));
        }
    }
}
