//! `gen_common_confirm_code`: the server makes a code on a key of its own. No user is concerned.

use schemas::answers::AnswerBody;
use schemas::commands::codes::GenerateCommonConfirmCode;
use schemas::{Secret, SystemId};

use super::{Rejection, check_request, common_digest};
use crate::asked::looked;
use crate::crypto::confirm_code::Subject;
use crate::decision::Decision;
use crate::facts::Facts;

/// Answers with the code of now.
pub(crate) fn decide(
    system_id: &SystemId,
    command: &GenerateCommonConfirmCode,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    check_request(&command.data, command.confirm_code_length)?;
    let code = Subject {
        key: facts.system_key.ok_or(Rejection::ServerKeyMissing)?,
        digest: &common_digest(system_id, &command.data),
        fingerprint: None,
        length: command.confirm_code_length,
    }
    .code(facts.now.step(facts.settings.confirm_code_step_s()));
    Ok(
        Decision::happened(vec![looked("gen_common_confirm_code", None)]).answering(
            AnswerBody::ConfirmCode {
                code: Secret::new(code),
            },
        ),
    )
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::systems::RemoveSystem;

    use super::*;
    use crate::testing::Story;

    fn generate(digits: Option<u8>) -> GenerateCommonConfirmCode {
        GenerateCommonConfirmCode {
            data: Secret::new("order 42"),
            confirm_code_length: digits,
        }
    }

    #[test]
    fn a_code_has_the_length_that_was_asked_for() {
        let mut story = Story::of_a_system();
        for (digits, characters) in [(None, 64), (Some(4), 4), (Some(10), 10)] {
            let heard = story.system_asks(generate(digits));
            heard.happens(&["gen_common_confirm_code"]);
            let AnswerBody::ConfirmCode { code } = heard.answer() else {
                panic!("a code was expected");
            };
            assert_eq!(code.expose().len(), characters);
        }
    }

    #[test]
    fn no_code_is_made_for_nothing_or_for_nobody() {
        let mut story = Story::of_a_system();
        story
            .system_asks(generate(Some(3)))
            .is_refused(ErrorCode::ConfirmCodeLengthIsWrong);
        let nothing = GenerateCommonConfirmCode {
            data: Secret::new(""),
            confirm_code_length: None,
        };
        story
            .system_asks(nothing)
            .is_refused(ErrorCode::TransactionDataIsNull);
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        story
            .system_asks(generate(None))
            .is_refused(ErrorCode::SystemIsDeleted);
        Story::of_an_empty_house()
            .system_asks(generate(None))
            .is_refused_silently(ErrorCode::SystemNotFound);
        Story::of_a_user()
            .bank_asks(generate(None))
            .is_refused(ErrorCode::RequestError);
    }
}
