//! The rules of one key, once more and plainly.

use schemas::ErrorCode;

use super::rules::Heard;

/// Fewer than usual, so that the last one comes.
pub(super) const ACTIVATION_TRIES: u32 = 2;
pub(super) const PASSWORD_TRIES: u32 = 2;
const KEY_LIFE_MS: i64 = 365 * 86_400_000;

/// One key.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "rules are told with yes and no"
)]
pub(super) struct Key {
    pub number: u32,
    pub valid_to: i64,
    /// Its second half waits for the code.
    pub waits: bool,
    pub two_parts: bool,
    pub tries: u32,
    pub blocked: bool,
    pub bound: bool,
    pub online: bool,
    pub deny: bool,
    /// May confirm automatically, and be scored for it.
    pub scored: bool,
    /// May be recovered.
    pub renewable: bool,
    /// The pair for that is registered.
    pub autosign: bool,
    pub fingerprint: Option<u8>,
    pub pair: Option<Pair>,
    pub password: Password,
    pub wrong_passwords: u32,
}

/// Whose public key is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// The phone's.
    Own,
    /// One the phone does not have.
    Strange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Password {
    Nothing,
    Salted,
    Set(u8),
}

impl Key {
    pub(super) fn issued(number: u32, now: i64, two_parts: bool, flags: [bool; 5]) -> Self {
        let [bound, online, deny, scored, renewable] = flags;
        Self {
            number,
            valid_to: now + KEY_LIFE_MS,
            waits: two_parts,
            two_parts,
            tries: 0,
            blocked: false,
            bound,
            online,
            deny,
            scored,
            renewable,
            autosign: false,
            fingerprint: None,
            pair: None,
            password: Password::Nothing,
            wrong_passwords: 0,
        }
    }

    /// Another key with the flags of this one, whole.
    pub(super) fn like(before: &Self, number: u32, now: i64) -> Self {
        let Self {
            bound,
            online,
            deny,
            scored,
            renewable,
            ..
        } = *before;
        Self::issued(number, now, false, [bound, online, deny, scored, renewable])
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked || self.wrong_passwords >= PASSWORD_TRIES
    }

    pub(super) fn status(&self) -> &'static str {
        if self.is_blocked() {
            "blocked"
        } else if self.pair.is_some() {
            "active"
        } else {
            "issued"
        }
    }

    /// Tries the activation code.
    pub(super) fn activate(&mut self, now: i64, is_right: bool) -> Heard {
        if self.blocked {
            return Err(ErrorCode::ActivationAttemptsExceeded);
        }
        if !self.waits {
            return Err(ErrorCode::RequestError);
        }
        if self.valid_to <= now {
            return Err(ErrorCode::ValidDateExpired);
        }
        if self.tries >= ACTIVATION_TRIES {
            return Err(ErrorCode::ActivationAttemptsExceeded);
        }
        self.tries += 1;
        if is_right {
            self.waits = false;
            return Ok(());
        }
        if self.tries < ACTIVATION_TRIES {
            return Err(ErrorCode::ActivationCodeIncorrect);
        }
        self.blocked = true;
        Err(ErrorCode::ActivationAttemptsExceeded)
    }

    pub(super) fn try_password(&mut self, proof: u8) -> Heard {
        if self.wrong_passwords >= PASSWORD_TRIES {
            return Err(ErrorCode::PasswordAttemptsExceeded);
        }
        if self.password == Password::Set(proof) {
            self.wrong_passwords = 0;
            return Ok(());
        }
        self.wrong_passwords += 1;
        Err(if self.wrong_passwords >= PASSWORD_TRIES {
            ErrorCode::PasswordAttemptsExceeded
        } else {
            ErrorCode::PasswordIncorrect
        })
    }

    pub(super) fn salt(&mut self) -> Heard {
        self.needs_online()?;
        if self.password == Password::Nothing {
            self.password = Password::Salted;
        }
        Ok(())
    }

    pub(super) fn set_password(&mut self, new: u8, old: Option<u8>) -> Heard {
        self.needs_online()?;
        match (self.password, old) {
            (Password::Nothing, _) => return Err(ErrorCode::CredentialsNotInitialized),
            (Password::Salted, Some(_)) => return Err(ErrorCode::PasswordNotSet),
            (Password::Set(_), None) => return Err(ErrorCode::PinIsEmpty),
            (Password::Salted, None) => {}
            (Password::Set(_), Some(old)) => self.try_password(old)?,
        }
        self.password = Password::Set(new);
        self.wrong_passwords = 0;
        Ok(())
    }

    pub(super) fn get_access(&mut self, proof: u8) -> Heard {
        self.needs_online()?;
        match self.password {
            Password::Nothing => Err(ErrorCode::CredentialsNotInitialized),
            Password::Salted => Err(ErrorCode::PasswordNotSet),
            Password::Set(_) => self.try_password(proof),
        }
    }

    fn needs_online(&self) -> Heard {
        if self.online {
            Ok(())
        } else {
            Err(ErrorCode::RequestError)
        }
    }

    pub(super) fn register(&mut self, pair: Pair) -> Heard {
        match self.pair {
            Some(registered) if registered != pair => Err(if self.deny {
                ErrorCode::PubkeyIsNotEmpty
            } else {
                ErrorCode::PubkeySignatureIsEmpty
            }),
            _ => {
                self.pair = Some(pair);
                self.autosign |= self.scored;
                Ok(())
            }
        }
    }

    pub(super) fn bind(&mut self, fingerprint: u8) -> Heard {
        if !self.bound {
            return Err(ErrorCode::RequestError);
        }
        if self.fingerprint.is_some_and(|bound| bound != fingerprint) {
            return Err(ErrorCode::FprintIsNotEmpty);
        }
        self.fingerprint = Some(fingerprint);
        Ok(())
    }

    pub(super) fn has_its_device(&self) -> Heard {
        if self.bound && self.fingerprint.is_none() {
            Err(ErrorCode::FprintIsEmpty)
        } else {
            Ok(())
        }
    }
}
