//! `gen_confirm_code`: the server makes a code on the user's symmetric key.

use schemas::Secret;
use schemas::answers::AnswerBody;
use schemas::commands::codes::GenerateConfirmCode;

use super::{Rejection, check_request, user_digest};
use crate::asked::{Asked, looked};
use crate::crypto::confirm_code::Subject;
use crate::crypto::key_material;
use crate::decision::Decision;
use crate::keys::{bound_fingerprint, usable_secret};

/// Answers with the code of now. It is the one the user's phone would show for the same data.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &GenerateConfirmCode,
) -> Result<Decision, Rejection> {
    check_request(&command.data, command.confirm_code_length)?;
    let (key, facts) = (asked.key, asked.facts);
    let secret = usable_secret(asked)?;
    let code = Subject {
        key: &key_material::confirm_key(&secret),
        digest: &user_digest(asked.system_id, asked.user_id, &command.data),
        fingerprint: bound_fingerprint(key)?,
        length: command.confirm_code_length,
    }
    .code(facts.now.step(facts.settings.confirm_code_step_s()));
    Ok(
        Decision::happened(vec![looked("gen_confirm_code", None)]).answering(
            AnswerBody::ConfirmCode {
                code: Secret::new(code),
            },
        ),
    )
}

#[cfg(test)]
mod tests {
    use schemas::commands::codes::CheckConfirmCode;
    use schemas::commands::keys::KeyParts;
    use schemas::flags::WITH_FINGERPRINT;
    use schemas::{Digest, ErrorCode};

    use super::*;
    use crate::testing::{Story, key_request};

    fn generate(digits: Option<u8>) -> GenerateConfirmCode {
        GenerateConfirmCode {
            data: Secret::new("login from a new browser"),
            confirm_code_length: digits,
        }
    }

    fn code_of(heard: &crate::testing::Heard) -> String {
        heard.happens(&["gen_confirm_code"]);
        match heard.answer() {
            AnswerBody::ConfirmCode { code } => code.expose_text().unwrap().to_owned(),
            other => panic!("a code was expected: {other:?}"),
        }
    }

    #[test]
    fn the_phone_and_the_server_make_the_same_code() {
        for digits in [None, Some(4), Some(6), Some(10)] {
            let mut story = Story::of_a_user();
            let made = code_of(&story.bank_asks(generate(digits)));
            assert_eq!(made, story.data_code("login from a new browser", digits, 0));
        }
    }

    #[test]
    fn a_bound_users_codes_hold_the_fingerprint() {
        let mut request = key_request(KeyParts::Whole);
        request.flags.set(&WITH_FINGERPRINT, 1);
        let mut story = Story::of_a_user_with(request);
        story
            .bank_asks(generate(None))
            .is_refused(ErrorCode::FprintIsEmpty);
        let device_fingerprint = Digest([7; 32]);
        let command = schemas::commands::devices::SetFingerprint { device_fingerprint };
        story
            .device_asks(command)
            .happens(&["set_device_fingerprint"]);
        story.device.fingerprint = Some(device_fingerprint);
        let made = code_of(&story.bank_asks(generate(None)));
        assert_eq!(made, story.data_code("login from a new browser", None, 0));
    }

    #[test]
    fn no_code_is_made_that_nobody_could_use() {
        let mut story = Story::of_a_user();
        let with_data = |data: Vec<u8>| GenerateConfirmCode {
            data: Secret::new(data),
            confirm_code_length: None,
        };
        story
            .bank_asks(with_data(Vec::new()))
            .is_refused(ErrorCode::TransactionDataIsNull);
        story
            .bank_asks(with_data(vec![0; 64 * 1024 + 1]))
            .is_refused(ErrorCode::TransactionDataError);
        story
            .bank_asks(with_data(vec![0; 64 * 1024]))
            .happens(&["gen_confirm_code"]);
        for digits in [3, 11] {
            story
                .bank_asks(generate(Some(digits)))
                .is_refused(ErrorCode::ConfirmCodeLengthIsWrong);
        }
        story.at(story.key_valid_to());
        story
            .bank_asks(generate(None))
            .is_refused(ErrorCode::KeyExpired);
        let mut half = Story::of_a_user_with(key_request(KeyParts::TwoDrawCode { digits: 6 }));
        half.bank_asks(generate(None))
            .is_refused(ErrorCode::KeyNotActivated);
        let mut device = Story::of_a_user();
        device
            .device_asks(generate(None))
            .is_refused(ErrorCode::RequestError);
        let check = CheckConfirmCode {
            data: Secret::new("x"),
            confirm_code: "1234".to_owned(),
            confirm_code_length: Some(4),
        };
        device
            .device_asks(check)
            .is_refused(ErrorCode::RequestError);
    }
}
