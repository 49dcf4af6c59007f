//! The password a key is stored under: which ones its flags permit.
//!
//! Source: reference manual, "KEYFLAG_PASS_POLICY".

use schemas::flags::{KeyFlags, PASS_POLICY};

/// The policy of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordPolicy {
    /// At least six characters, or none at all.
    SixOrNone,
    /// At least six characters.
    Six,
    /// At least eight characters, with A-Z and a-z.
    EightWithLetters,
    /// At least eight characters, with A-Z, a-z and 0-9.
    EightWithLettersAndDigits,
}

/// What a password lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too few characters.
    #[error("the password has fewer than {least} characters")]
    TooShort {
        /// How many it must have.
        least: usize,
    },
    /// No upper-case or no lower-case Latin letter.
    #[error("the password needs letters A-Z and a-z")]
    NeedsLetters,
    /// No digit.
    #[error("the password needs a digit")]
    NeedsDigit,
}

impl PasswordPolicy {
    /// The policy the flags name.
    pub fn of(flags: KeyFlags) -> Self {
        match flags.get(&PASS_POLICY) {
            0 => Self::SixOrNone,
            1 => Self::Six,
            2 => Self::EightWithLetters,
            _ => Self::EightWithLettersAndDigits,
        }
    }

    /// Does the policy permit this password?
    pub fn check(self, password: &str) -> Result<(), PasswordError> {
        if self == Self::SixOrNone && password.is_empty() {
            return Ok(());
        }
        let least = match self {
            Self::SixOrNone | Self::Six => 6,
            Self::EightWithLetters | Self::EightWithLettersAndDigits => 8,
        };
        if password.chars().count() < least {
            return Err(PasswordError::TooShort { least });
        }
        let has = |kind: fn(&u8) -> bool| password.as_bytes().iter().any(kind);
        let letters = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        match self {
            Self::SixOrNone | Self::Six => Ok(()),
            _ if !letters => Err(PasswordError::NeedsLetters),
            Self::EightWithLettersAndDigits if !has(u8::is_ascii_digit) => {
                Err(PasswordError::NeedsDigit)
            }
            Self::EightWithLetters | Self::EightWithLettersAndDigits => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_has_its_edge() {
        let short = |least| Err(PasswordError::TooShort { least });
        let cases = [
            (0, "", Ok(())),
            (0, "пятёр", short(6)),
            (0, "шестёр", Ok(())),
            (1, "", short(6)),
            (1, "123456", Ok(())),
            (2, "Abcdefg", short(8)),
            (2, "abcdefgh", Err(PasswordError::NeedsLetters)),
            (2, "Abcdefgh", Ok(())),
            (3, "Abcdefgh", Err(PasswordError::NeedsDigit)),
            (3, "ABCDEF12", Err(PasswordError::NeedsLetters)),
            (3, "Abcdefg1", Ok(())),
        ];
        for (value, password, expected) in cases {
            let mut flags = KeyFlags::default();
            flags.set(&PASS_POLICY, value);
            let policy = PasswordPolicy::of(flags);
            assert_eq!(policy.check(password), expected, "{value} {password}");
        }
    }
}
