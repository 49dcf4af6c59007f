//! `check_confirm_code`: is this the code that the user's phone shows for this data?
//!
//! Two steps, as in the activation of a key: first the try is counted and in the log, then the code is looked at.

use schemas::commands::codes::CheckConfirmCode;
use schemas::events::codes::{CodeCheckAttempted, CodeChecked};

use super::{Rejection, check_form, check_request, user_digest};
use crate::asked::Asked;
use crate::crypto::confirm_code::Subject;
use crate::crypto::key_material;
use crate::decision::{Decision, Next};
use crate::keys::{bound_fingerprint, usable_secret};

/// Counts a try, or looks at the code whose try was counted for this command.
pub(super) fn decide(asked: &Asked<'_>, command: &CheckConfirmCode) -> Result<Decision, Rejection> {
    check_request(&command.data, command.confirm_code_length)?;
    let (key, facts) = (asked.key, asked.facts);
    let secret = usable_secret(asked)?;
    let subject = Subject {
        key: &key_material::confirm_key(&secret),
        digest: &user_digest(asked.system_id, asked.user_id, &command.data),
        fingerprint: bound_fingerprint(key)?,
        length: command.confirm_code_length,
    };
    check_form(&command.confirm_code, &subject)?;
    let tries = &asked.person.code_tries;
    if !tries.is_reserved(&facts.command_id) {
        if !tries.may_try(facts.now) {
            return Err(Rejection::TriesExhausted);
        }
        let command_id = facts.command_id;
        return Ok(Decision {
            next: Next::DecideAgain,
            ..Decision::happened(vec![CodeCheckAttempted { command_id }.into()])
        });
    }
    let step = facts.now.step(facts.settings.confirm_code_step_s());
    if !subject.accepts(&command.confirm_code, step) {
        return Err(Rejection::CodeWrong);
    }
    Ok(Decision::happened(vec![CodeChecked {}.into()]))
}

#[cfg(test)]
mod tests {
    use schemas::{ErrorCode, Secret};

    use super::*;
    use crate::testing::{NOW, Story};

    const DATA: &str = "login from a new browser";
    const RIGHT: &[&str] = &["check_confirm_code_attempt", "check_confirm_code"];

    fn check(code: &str) -> CheckConfirmCode {
        CheckConfirmCode {
            data: Secret::new(DATA),
            confirm_code: code.to_owned(),
            confirm_code_length: Some(6),
        }
    }

    /// A code of six digits that is none of those accepted now.
    fn wrong(story: &Story) -> String {
        (0..1_000_000)
            .map(|code| format!("{code:06}"))
            .find(|code| (-1..=1).all(|step| story.data_code(DATA, Some(6), step) != *code))
            .unwrap()
    }

    #[test]
    fn a_code_is_right_in_its_own_step_and_the_two_beside_it() {
        for step in [-1, 0, 1] {
            let mut story = Story::of_a_user();
            let code = story.data_code(DATA, Some(6), step);
            story.bank_asks(check(&code)).happens(RIGHT);
        }
        let mut story = Story::of_a_user();
        for step in [-2, 2] {
            let code = story.data_code(DATA, Some(6), step);
            story
                .bank_asks(check(&code))
                .is_refused(ErrorCode::InvalidOtp);
        }
        let mut other = check(&story.data_code(DATA, Some(6), 0));
        other.data = Secret::new("another login");
        story.bank_asks(other).is_refused(ErrorCode::InvalidOtp);
    }

    #[test]
    fn what_cannot_be_a_code_costs_no_try() {
        let mut story = Story::of_a_user();
        for _ in 0..10 {
            story
                .bank_asks(check(""))
                .is_refused(ErrorCode::ConfirmCodeIsNull);
            story
                .bank_asks(check("1234567"))
                .is_refused(ErrorCode::ConfirmCodeLengthIsWrong);
        }
        let code = story.data_code(DATA, Some(6), 0);
        story.bank_asks(check(&code)).happens(RIGHT);
    }

    #[test]
    fn after_five_wrong_codes_even_the_right_one_waits() {
        let mut story = Story::of_a_user();
        let wrong = wrong(&story);
        for _ in 0..5 {
            story
                .bank_asks(check(&wrong))
                .is_refused(ErrorCode::InvalidOtp);
        }
        let right = story.data_code(DATA, Some(6), 0);
        story
            .bank_asks(check(&right))
            .is_refused(ErrorCode::TransactionStatusInvalid);
        story.at(NOW.plus_seconds(900));
        let right = story.data_code(DATA, Some(6), 0);
        story.bank_asks(check(&right)).happens(RIGHT);
        for _ in 0..5 {
            let wrong = self::wrong(&story);
            story
                .bank_asks(check(&wrong))
                .is_refused(ErrorCode::InvalidOtp);
        }
        let at = story.now();
        story.at(at.plus_seconds(900));
        let right = story.data_code(DATA, Some(6), 0);
        story.bank_asks(check(&right)).happens(RIGHT);
    }

    #[test]
    fn tries_at_the_same_moment_are_counted_before_any_is_looked_at() {
        let mut story = Story::of_a_user();
        let wrong = wrong(&story);
        let tries: Vec<_> = (0..64).map(|_| story.bank_request(check(&wrong))).collect();
        let mut reserved = 0;
        for envelope in &tries {
            let heard = story.receive_first_step(envelope.clone());
            if heard.code() == ErrorCode::Normal {
                reserved += 1;
            } else {
                heard.is_refused(ErrorCode::TransactionStatusInvalid);
            }
        }
        assert_eq!(reserved, 5);
        for envelope in tries.into_iter().take(5) {
            story.receive(envelope).is_refused(ErrorCode::InvalidOtp);
        }
    }

    #[test]
    fn a_redelivery_goes_on_with_the_try_it_had() {
        let mut story = Story::of_a_user();
        let code = story.data_code(DATA, Some(6), 0);
        let envelope = story.bank_request(check(&code));
        story
            .receive_first_step(envelope.clone())
            .happens(&["check_confirm_code_attempt"]);
        story.receive(envelope).happens(&["check_confirm_code"]);
    }
}
