//! Issuing a key: its secret, its halves, its code, its life. Used by `create_user`, `update_user_key` and
//! `export_user_key`.

use schemas::answers::IssuedKey;
use schemas::commands::keys::{KeyCarrier, KeyParts, KeyRequest};
use schemas::events::keys::KeyIssued;
use schemas::flags::KeyFlags;
use schemas::key_text::{fits_a_qr_code, key_text};
use schemas::vault::VaultName;
use schemas::{KeyIndex, Secret, SystemId, Timestamp, UserId};

use super::Rejection;
use crate::crypto::activation::{Verifier, draw_code};
use crate::crypto::key_material::derive;
use crate::facts::Facts;
use crate::licenses;
use crate::systems::Registered;

/// Digits of a code we draw.
const DRAWN_DIGITS: std::ops::RangeInclusive<u8> = 6..=20;
/// Characters of a code the bank chose.
const GIVEN_LENGTH: std::ops::RangeInclusive<usize> = 4..=64;
const DAY_S: i64 = 86_400;

/// For whom a key is issued.
#[derive(Clone, Debug)]
pub(crate) struct Holder<'a> {
    pub(crate) system_id: &'a SystemId,
    pub(crate) user_id: &'a UserId,
    pub(crate) name: Option<String>,
    pub(crate) system: &'a Registered,
}

/// A key as it is issued: the fact, the rows of the vault, and what the bank hears.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) issued: KeyIssued,
    pub(crate) rows: Vec<(VaultName, Secret)>,
    pub(crate) answer: IssuedKey,
}

/// Issues a key. Every secret follows from the decision's seed, each under its own label.
pub(crate) fn issue(
    request: &KeyRequest,
    key_index: KeyIndex,
    holder: &Holder<'_>,
    facts: &Facts<'_>,
) -> Result<NewKey, Rejection> {
    let flags = request
        .flags
        .effective()
        .map_err(|_| Rejection::FlagsExclude)?;
    licenses::permit_flags(flags, holder.system_id, holder.system, facts)?;
    let valid_to = valid_to(holder.system, facts);
    let life = Life {
        key_index,
        flags,
        valid_to,
    };
    let wishes = Wishes {
        parts: &request.parts,
        app_extra: request.app_extra.as_ref(),
        carrier: request.carrier,
    };
    let (rows, answer) = hand_out(&life, &wishes, holder, facts)?;
    let issued = KeyIssued {
        key_index,
        flags,
        valid_to,
        two_parts: answer.two_parts,
    };
    Ok(NewKey {
        issued,
        rows,
        answer,
    })
}

/// What is fixed about a key before it has a secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) key_index: KeyIndex,
    pub(super) flags: KeyFlags,
    pub(super) valid_to: Timestamp,
}

/// In which form a key is wished.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes<'a> {
    pub(super) parts: &'a KeyParts,
    pub(super) app_extra: Option<&'a String>,
    pub(super) carrier: KeyCarrier,
}

/// Draws the secret of a key: the rows of the vault, and what the bank hears. A key that the bank could not carry away is
/// not drawn.
pub(super) fn hand_out(
    life: &Life,
    wishes: &Wishes<'_>,
    holder: &Holder<'_>,
    facts: &Facts<'_>,
) -> Result<(Vec<(VaultName, Secret)>, IssuedKey), Rejection> {
    let halves = Halves::draw(wishes.parts, facts)?;
    let key_index = life.key_index;
    let mut rows = vec![(
        VaultName::key_first_part(key_index),
        halves.first_part.clone(),
    )];
    let two_parts = halves.second.is_some();
    let mut drawn_code = None;
    if let Some(second) = halves.second {
        let verifier = Verifier::new(&halves.first_part, &second.code).to_stored();
        rows.push((VaultName::key_second_part(key_index), second.part));
        rows.push((VaultName::activation_verifier(key_index), verifier));
        // Kept for whoever asks the house to send it, and by no other house.
        if facts.code_policy.sends() {
            rows.push((VaultName::activation_code(key_index), second.code.clone()));
        }
        drawn_code = second.drawn.then_some(second.code);
    }
    let answer = IssuedKey {
        user_id: holder.user_id.clone(),
        key_index,
        flags: life.flags,
        valid_to: life.valid_to,
        user_name: holder.name.clone(),
        url: holder
            .system
            .parameters
            .pc_is_external_url
            .clone()
            .filter(|url| !url.is_empty()),
        first_part: halves.first_part,
        activation_code: drawn_code,
        two_parts,
        app_extra: wishes.app_extra.cloned(),
        qr_url_scheme: holder.system.qr_url_scheme.clone(),
    };
    check_carrier(wishes.carrier, &answer, holder, facts)?;
    Ok((rows, answer))
}

fn check_carrier(
    carrier: KeyCarrier,
    key: &IssuedKey,
    holder: &Holder<'_>,
    facts: &Facts<'_>,
) -> Result<(), Rejection> {
    let text = key_text(holder.system_id, key).map_err(|_| Rejection::AppExtraMalformed)?;
    let fits = match carrier {
        KeyCarrier::Text => return Ok(()),
        KeyCarrier::QrCode => fits_a_qr_code(&text, facts.settings.qr_data_length_max()),
        KeyCarrier::LinkOfTheSystem => {
            let scheme = holder.system.qr_url_scheme.as_deref();
            return match scheme {
                Some(scheme) if !scheme.is_empty() => Ok(()),
                Some(_) | None => Err(Rejection::SchemeMissing),
            };
        }
    };
    if fits {
        Ok(())
    } else {
        Err(Rejection::TooLong)
    }
}

/// What the QR code carries, and what waits for the activation code. Without a second half the first is the whole key.
struct Halves {
    first_part: Secret,
    second: Option<SecondHalf>,
}

struct SecondHalf {
    part: Secret,
    code: Secret,
    drawn: bool,
}

impl Halves {
    fn draw(parts: &KeyParts, facts: &Facts<'_>) -> Result<Self, Rejection> {
        let (code, drawn) = match parts {
            KeyParts::Whole => {
                let first_part = derive(&facts.seed, "issue/key");
                return Ok(Self {
                    first_part,
                    second: None,
                });
            }
            KeyParts::TwoDrawCode { digits } if DRAWN_DIGITS.contains(digits) => {
                (draw_code(&derive(&facts.seed, "issue/code"), *digits), true)
            }
            KeyParts::TwoGivenCode { code } if is_acceptable(code) => (code.clone(), false),
            KeyParts::TwoDrawCode { .. } | KeyParts::TwoGivenCode { .. } => {
                return Err(Rejection::CodeUnacceptable);
            }
        };
        Ok(Self {
            first_part: derive(&facts.seed, "issue/first-part"),
            second: Some(SecondHalf {
                part: derive(&facts.seed, "issue/second-part"),
                code,
                drawn,
            }),
        })
    }
}

/// Can a person type it the same way twice? Printable ASCII, no space.
fn is_acceptable(code: &Secret) -> bool {
    let code = code.expose();
    GIVEN_LENGTH.contains(&code.len()) && code.iter().all(u8::is_ascii_graphic)
}

/// The system's own lifetime of keys comes before the server's.
fn valid_to(system: &Registered, facts: &Facts<'_>) -> Timestamp {
    let days = system.parameters.user_keys_expiration_period;
    let days = days.unwrap_or_else(|| facts.settings.key_life_days());
    facts.now.plus_seconds(days.saturating_mul(DAY_S))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::answers::AnswerBody;
    use schemas::commands::keys::UpdateUserKey;
    use schemas::commands::systems::{ChangeSystem, SystemParameters};
    use schemas::commands::users::CreateUser;
    use schemas::flags::{SERVER_SIGNER, WITH_FINGERPRINT};

    use super::*;
    use crate::testing::{NOW, Story, create_user, key_request, register_system};

    fn issued(parts: KeyParts) -> Result<IssuedKey, ErrorCode> {
        let mut story = Story::of_a_system();
        let heard = story.bank_asks(create_user(parts));
        match heard.code() {
            ErrorCode::Normal => match heard.answer() {
                AnswerBody::KeyIssued(key) => Ok(*key),
                other => panic!("a key was expected: {other:?}"),
            },
            code => Err(code),
        }
    }

    fn given(code: &str) -> KeyParts {
        KeyParts::TwoGivenCode {
            code: Secret::new(code),
        }
    }

    #[test]
    fn a_drawn_code_has_six_to_twenty_digits() {
        for digits in [6, 10, 20] {
            let key = issued(KeyParts::TwoDrawCode { digits }).unwrap();
            let code = key.activation_code.unwrap();
            assert_eq!(code.expose().len(), usize::from(digits));
            assert!(key.two_parts);
        }
        for digits in [0, 5, 21] {
            let refused = issued(KeyParts::TwoDrawCode { digits });
            assert_eq!(refused, Err(ErrorCode::SpartLengthIsWrong), "{digits}");
        }
    }

    #[test]
    fn a_given_code_has_four_to_sixty_four_printable_characters() {
        for code in ["0000", "aB3!", &"x".repeat(64)] {
            let key = issued(given(code)).unwrap();
            assert_eq!(key.activation_code, None, "the bank knows it");
            assert!(key.two_parts);
        }
        for code in ["", "123", "12 34", "12\n34", "код12", &"x".repeat(65)] {
            assert_eq!(
                issued(given(code)),
                Err(ErrorCode::SpartLengthIsWrong),
                "{code:?}"
            );
        }
    }

    #[test]
    fn flags_that_exclude_each_other_are_an_error_in_the_request() {
        let mut key = key_request(KeyParts::Whole);
        key.flags.set(&WITH_FINGERPRINT, 1);
        key.flags.set(&SERVER_SIGNER, 1);
        let command = CreateUser {
            user_name: None,
            key,
        };
        Story::of_a_system()
            .bank_asks(command)
            .is_refused_silently(ErrorCode::RequestError);
    }

    #[test]
    fn a_key_that_does_not_fit_into_a_qr_code_is_not_issued() {
        let mut story = Story::of_a_user();
        let length_of = |story: &mut Story, extra: usize| {
            let mut key = key_request(KeyParts::Whole);
            key.carrier = KeyCarrier::QrCode;
            key.app_extra = Some(format!(r#"{{"a":"{}"}}"#, "x".repeat(extra)));
            let is_delayed = false;
            let heard = story.bank_asks(UpdateUserKey { key, is_delayed });
            match heard.code() {
                ErrorCode::Normal => Some(story.key_text_length(&heard)),
                code => {
                    assert_eq!(code, ErrorCode::QrGenerationError);
                    None
                }
            }
        };
        let shortest = length_of(&mut story, 0).unwrap();
        let index = story.device.key_index;
        assert_eq!(length_of(&mut story, 2049 - shortest), None);
        assert_eq!(story.device.key_index, index, "the old key stays in force");
        assert_eq!(length_of(&mut story, 2048 - shortest), Some(2048));
    }

    #[test]
    fn a_link_needs_a_scheme() {
        let mut story = Story::of_an_empty_house();
        let mut system = register_system();
        system.qr_url_scheme = None;
        story.system_asks(system).happens(&["register_system"]);
        let mut command = create_user(KeyParts::Whole);
        command.key.carrier = KeyCarrier::LinkOfTheSystem;
        story
            .bank_asks(command.clone())
            .is_refused_silently(ErrorCode::UrlSchemeNotDefined);
        Story::of_a_system()
            .bank_asks(command)
            .happens(&["create_user"]);
    }

    #[test]
    fn a_key_lives_as_long_as_its_system_says() {
        let key = issued(KeyParts::Whole).unwrap();
        assert_eq!(key.valid_to, NOW.plus_seconds(365 * DAY_S));
        let mut story = Story::of_a_system();
        let parameters = SystemParameters {
            user_keys_expiration_period: Some(30),
            ..SystemParameters::default()
        };
        story
            .system_asks(ChangeSystem { parameters })
            .happens(&["change_system"]);
        let AnswerBody::KeyIssued(key) = story.bank_asks(create_user(KeyParts::Whole)).answer()
        else {
            panic!("a key was expected");
        };
        assert_eq!(key.valid_to, NOW.plus_seconds(30 * DAY_S));
    }

    #[test]
    fn the_first_half_says_nothing_about_the_key_or_the_code() {
        let mut story = Story::of_a_system();
        let seed = [1; 32];
        story
            .bank_asks(create_user(given("0000")))
            .happens(&["create_user"]);
        let mut other = Story::of_a_system();
        other
            .bank_asks(create_user(given("9999")))
            .happens(&["create_user"]);
        let first = VaultName::key_first_part(KeyIndex(1));
        assert_eq!(
            story.vault.get(&first),
            other.vault.get(&first),
            "the code does not enter it"
        );
        assert_ne!(
            derive(&seed, "issue/first-part"),
            derive(&seed, "issue/second-part")
        );
    }
}
