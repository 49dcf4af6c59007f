//! `check_common_confirm_code`: is this a code that the server made for this data? Tries are counted by what was tried.

use schemas::commands::codes::CheckCommonConfirmCode;
use schemas::events::codes::{CommonCodeCheckAttempted, CommonCodeChecked};
use schemas::{Digest, SystemId};

use super::{CommonTries, Rejection, check_form, check_request, common_digest};
use crate::crypto::confirm_code::Subject;
use crate::crypto::pc_auth;
use crate::decision::{Decision, Next};
use crate::facts::Facts;

/// Counts a try, or looks at the code whose try was counted for this command.
pub(crate) fn decide(
    tries: &CommonTries,
    system_id: &SystemId,
    command: &CheckCommonConfirmCode,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    check_request(&command.data, command.confirm_code_length)?;
    let key = facts.system_key.ok_or(Rejection::ServerKeyMissing)?;
    let digest = common_digest(system_id, &command.data);
    let code = Subject {
        key,
        digest: &digest,
        fingerprint: None,
        length: command.confirm_code_length,
    };
    check_form(&command.confirm_code, &code)?;
    // The log must not tell what the data was, not even to somebody who guesses it.
    let subject = Digest(pc_auth::sign(key, &[b"subject", digest.as_bytes()]));
    if !tries.is_reserved(&subject, &facts.command_id) {
        if !tries.may_try(&subject, facts.now) {
            return Err(Rejection::TriesExhausted);
        }
        let attempted = CommonCodeCheckAttempted {
            subject,
            command_id: facts.command_id,
        };
        return Ok(Decision {
            next: Next::DecideAgain,
            ..Decision::happened(vec![attempted.into()])
        });
    }
    let step = facts.now.step(facts.settings.confirm_code_step_s());
    if !code.accepts(&command.confirm_code, step) {
        return Err(Rejection::CodeWrong);
    }
    Ok(Decision::happened(vec![
        CommonCodeChecked { subject }.into(),
    ]))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::commands::codes::GenerateCommonConfirmCode;
    use schemas::{ErrorCode, Secret};

    use super::*;
    use crate::testing::{NOW, Story};

    const RIGHT: &[&str] = &[
        "check_common_confirm_code_attempt",
        "check_common_confirm_code",
    ];

    fn made(story: &mut Story, data: &str) -> String {
        let command = GenerateCommonConfirmCode {
            data: Secret::new(data),
            confirm_code_length: Some(6),
        };
        match story.system_asks(command).answer() {
            AnswerBody::ConfirmCode { code } => code.expose_text().unwrap().to_owned(),
            other => panic!("a code was expected: {other:?}"),
        }
    }

    fn check(data: &str, code: &str) -> CheckCommonConfirmCode {
        CheckCommonConfirmCode {
            data: Secret::new(data),
            confirm_code: code.to_owned(),
            confirm_code_length: Some(6),
        }
    }

    #[test]
    fn what_the_server_made_is_right_for_three_steps() {
        let mut story = Story::of_a_system();
        let code = made(&mut story, "order 42");
        for (seconds, right) in [(0, true), (180, true), (360, false)] {
            story.at(NOW.plus_seconds(seconds));
            let heard = story.system_asks(check("order 42", &code));
            if right {
                heard.happens(RIGHT);
            } else {
                heard.is_refused(ErrorCode::InvalidOtp);
            }
        }
    }

    #[test]
    fn tries_are_counted_by_what_was_tried() {
        let mut story = Story::of_a_system();
        let (first, second) = (made(&mut story, "order 42"), made(&mut story, "order 43"));
        let wrong = if first == "000000" {
            "000001"
        } else {
            "000000"
        };
        for _ in 0..5 {
            story
                .system_asks(check("order 42", wrong))
                .is_refused(ErrorCode::InvalidOtp);
        }
        story
            .system_asks(check("order 42", &first))
            .is_refused(ErrorCode::TransactionStatusInvalid);
        story.system_asks(check("order 43", &second)).happens(RIGHT);
        story.at(NOW.plus_seconds(900));
        let first = made(&mut story, "order 42");
        story.system_asks(check("order 42", &first)).happens(RIGHT);
    }

    #[test]
    fn what_cannot_be_a_code_costs_no_try() {
        let mut story = Story::of_a_system();
        for _ in 0..10 {
            story
                .system_asks(check("order 42", ""))
                .is_refused(ErrorCode::ConfirmCodeIsNull);
            story
                .system_asks(check("order 42", "1"))
                .is_refused(ErrorCode::ConfirmCodeLengthIsWrong);
        }
        let code = made(&mut story, "order 42");
        story.system_asks(check("order 42", &code)).happens(RIGHT);
    }

    #[test]
    fn the_log_does_not_tell_what_was_checked() {
        let mut story = Story::of_a_system();
        let code = made(&mut story, "order 42");
        let heard = story.system_asks(check("order 42", &code));
        let plain = common_digest(&story.system_id, &Secret::new("order 42"));
        let schemas::events::Event::Codes(schemas::events::codes::CodeEvent::CommonChecked(event)) =
            &heard.decision().events[0]
        else {
            panic!("another event");
        };
        assert_ne!(event.subject, plain);
    }
}
