//! The rules, once more and as plainly as they can be said: no events, no vault, no cryptography. What the deciders answer
//! must be what these answer.

use std::collections::BTreeMap;

use schemas::CodeOrderId;
use schemas::ErrorCode::{self, Normal};

use super::autosign::Automatic;
use super::key::{ACTIVATION_TRIES, Key, Pair, Password};
use super::recovery::Recovery;

/// What a caller hears: a code.
pub(super) type Heard = Result<(), ErrorCode>;

pub(super) const CODE_TRIES: u32 = 5;
const FIRST_PAUSE_MS: i64 = 900_000;
const DOUBLINGS_MAX: u32 = 6;

/// One transaction.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub status: Status,
    pub deadline: Option<i64>,
    pub digits: Option<u8>,
    pub wrong_codes: u32,
    pub erased: bool,
    pub binary: bool,
    pub offline: bool,
    pub operation: Option<String>,
    pub automatic: Automatic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Initialized,
    PushSent,
    DataSent,
    Confirmed,
    Declined,
    Expired,
    Deleted,
}

/// One operation: whether the device has seen it.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub members: Vec<String>,
    pub served: bool,
}

/// A user.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "rules are told with yes and no"
)]
pub(super) struct User {
    pub now: i64,
    pub deleted: bool,
    pub blocked: bool,
    pub current: Key,
    pub delayed: Option<Key>,
    pub newest: u32,
    pub transactions: BTreeMap<String, Transaction>,
    pub operations: BTreeMap<String, Operation>,
    pub data_codes: Tries,
    /// Activation codes that were ordered: for which key, when, under which name.
    pub code_orders: Vec<(u32, i64, CodeOrderId)>,
    /// Is there a scoring service?
    pub scoring_is_set: bool,
    pub recovery: Recovery,
    /// Does the operator offer templates of additional authentication?
    pub recovery_is_set: bool,
}

/// Tries with pauses.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries {
    used: u32,
    pauses: u32,
    last_at: i64,
}

/// What a device shows for a consent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof {
    /// A signature, and whether it is over this transaction.
    pub signature: Option<bool>,
    /// A code, and whether it is the one of now.
    pub code: Option<bool>,
}

/// Which rules stand between a device and what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Activation,
    Password,
    /// A challenge, or the answer to it.
    Recovery,
    /// Registering, or setting the fingerprint.
    MakingReady,
    Anything,
}

impl Status {
    /// Can the user still answer, in time?
    pub(super) fn waits(self) -> bool {
        matches!(self, Self::Initialized | Self::PushSent | Self::DataSent)
    }
}

impl Transaction {
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    pub(super) fn pending(&self, now: i64) -> Heard {
        match self.status {
            status if status.waits() && self.is_due(now) => Err(ErrorCode::TransactionExpired),
            Status::Initialized | Status::PushSent | Status::DataSent => Ok(()),
            Status::Confirmed | Status::Declined => Err(ErrorCode::TransactionChecked),
            Status::Expired => Err(ErrorCode::TransactionExpired),
            Status::Deleted => Err(ErrorCode::TransactionIsDeleted),
        }
    }

    pub(super) fn status(&self, now: i64) -> Status {
        match self.pending(now) {
            Err(ErrorCode::TransactionExpired) => Status::Expired,
            _ => self.status,
        }
    }

    pub(super) fn finish(&mut self, status: Status) {
        self.status = status;
        self.erased |= status == Status::Confirmed;
    }
}

impl Tries {
    pub(super) fn take(&mut self, now: i64, is_right: bool) -> Heard {
        if self.used >= CODE_TRIES {
            let doublings = self.pauses.saturating_sub(1).min(DOUBLINGS_MAX);
            if now < self.last_at + (FIRST_PAUSE_MS << doublings) {
                return Err(ErrorCode::TransactionStatusInvalid);
            }
            self.used = 0;
        }
        self.used += 1;
        self.last_at = now;
        if self.used == CODE_TRIES {
            self.pauses += 1;
        }
        if is_right {
            *self = Self::default();
            Ok(())
        } else {
            Err(ErrorCode::InvalidOtp)
        }
    }
}

impl User {
    pub(super) fn begin(now: i64, key: Key) -> Self {
        Self {
            now,
            deleted: false,
            blocked: false,
            newest: key.number,
            current: key,
            delayed: None,
            transactions: BTreeMap::new(),
            operations: BTreeMap::new(),
            data_codes: Tries::default(),
            code_orders: Vec::new(),
            scoring_is_set: false,
            recovery: Recovery::default(),
            recovery_is_set: false,
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked || self.current.is_blocked()
    }

    /// May the phone with that key ask for it?
    pub(super) fn admits(&self, number: u32, asking: Asking) -> Heard {
        let is_delayed = self
            .delayed
            .as_ref()
            .is_some_and(|key| key.number == number);
        let key = match &self.delayed {
            Some(delayed) if is_delayed => delayed,
            _ if number == self.current.number => &self.current,
            _ => return Err(ErrorCode::KeyIndexObsoleted),
        };
        if self.blocked {
            return Err(ErrorCode::UserIsBlocked);
        }
        if asking == Asking::Activation {
            return Ok(());
        }
        let is_about_password = asking == Asking::Password && !key.waits && !key.blocked;
        if key.is_blocked() && !is_about_password {
            return Err(ErrorCode::UserIsBlocked);
        }
        if key.valid_to <= self.now && asking != Asking::Recovery {
            return Err(ErrorCode::KeyExpired);
        }
        if key.waits || (is_delayed && matches!(asking, Asking::Anything | Asking::Recovery)) {
            return Err(ErrorCode::KeyNotActivated);
        }
        Ok(())
    }

    /// The key with that number, which is one of the two.
    pub(super) fn key(&mut self, number: u32) -> &mut Key {
        match &mut self.delayed {
            Some(delayed) if delayed.number == number => delayed,
            _ => &mut self.current,
        }
    }

    /// The delayed key takes its place, when it is that one.
    pub(super) fn put_in_force(&mut self, number: u32) {
        if let Some(delayed) = self.delayed.take_if(|key| key.number == number) {
            self.current = delayed;
        }
    }

    /// May something new be asked of the user?
    pub(super) fn can_be_asked(&self) -> Heard {
        if self.is_blocked() {
            Err(ErrorCode::UserIsBlocked)
        } else if self.current.valid_to <= self.now {
            Err(ErrorCode::KeyExpired)
        } else {
            Ok(())
        }
    }

    /// Does the key in force make codes?
    pub(super) fn makes_codes(&self) -> Heard {
        self.can_be_asked()?;
        if self.current.waits {
            return Err(ErrorCode::KeyNotActivated);
        }
        Ok(())
    }

    pub(super) fn unblock(&mut self) {
        self.blocked = false;
        for key in std::iter::once(&mut self.current).chain(&mut self.delayed) {
            let exhausted = key.waits && key.tries >= ACTIVATION_TRIES;
            if key.is_blocked() || exhausted {
                (key.tries, key.wrong_passwords, key.blocked) = (0, 0, false);
            }
        }
    }

    pub(super) fn export(&mut self, two_parts: bool) -> Heard {
        self.can_be_asked()?;
        if self.current.pair.is_some() {
            return Err(ErrorCode::PubkeyIsNotEmpty);
        }
        let key = &mut self.current;
        (key.two_parts, key.waits) = (two_parts, two_parts);
        (key.password, key.wrong_passwords) = (Password::Nothing, 0);
        Ok(())
    }

    pub(super) fn activate_delayed(&mut self) -> Heard {
        let delayed = self.delayed.as_ref().ok_or(ErrorCode::KeyInfoNotFound)?;
        if delayed.is_blocked() {
            return Err(ErrorCode::UserIsBlocked);
        }
        if delayed.valid_to <= self.now {
            return Err(ErrorCode::KeyExpired);
        }
        let number = delayed.number;
        self.put_in_force(number);
        Ok(())
    }

    pub(super) fn transaction(&mut self, id: &str) -> Result<&mut Transaction, ErrorCode> {
        let found = self.transactions.get_mut(id);
        found.ok_or(ErrorCode::TransactionIsNull)
    }

    /// Does the proof of a consent hold? A wrong code is counted.
    pub(super) fn check(&mut self, id: &str, proof: Proof) -> Heard {
        self.current.has_its_device()?;
        match (proof.signature, self.current.pair) {
            (None, Some(_)) => return Err(ErrorCode::SignatureIsNull),
            (Some(_), None) => return Err(ErrorCode::PubkeyIsEmpty),
            (Some(is_right), Some(pair)) if !is_right || pair == Pair::Strange => {
                return Err(ErrorCode::SignatureIsInvalid);
            }
            _ => {}
        }
        let transaction = self.transaction(id)?;
        match proof.code {
            Some(_) if transaction.wrong_codes >= CODE_TRIES => {
                Err(ErrorCode::TransactionStatusInvalid)
            }
            Some(false) => {
                transaction.wrong_codes += 1;
                Err(ErrorCode::InvalidHmac)
            }
            Some(true) | None => Ok(()),
        }
    }

    pub(super) fn confirm(&mut self, id: &str, proof: Proof) -> Heard {
        if proof.signature.is_none() && proof.code.is_none() {
            return Err(ErrorCode::SignatureAndConfirmCodeAreNull);
        }
        let now = self.now;
        self.transaction(id)?.pending(now)?;
        self.check(id, proof)?;
        self.transaction(id)?.finish(Status::Confirmed);
        Ok(())
    }

    /// The code that the user carried to the bank. A try is counted before it is looked at.
    pub(super) fn confirm_offline(&mut self, id: &str, is_right: bool) -> Heard {
        let now = self.now;
        let usable = self.makes_codes();
        let bound = self.current.has_its_device();
        let transaction = self.transaction(id)?;
        if !transaction.offline {
            return Err(ErrorCode::IncorrectTransactionType);
        }
        transaction.pending(now)?;
        usable?;
        if transaction.wrong_codes >= CODE_TRIES {
            return Err(ErrorCode::TransactionStatusInvalid);
        }
        transaction.wrong_codes += 1;
        bound?;
        if !is_right {
            return Err(ErrorCode::InvalidOtp);
        }
        transaction.finish(Status::Confirmed);
        Ok(())
    }

    pub(super) fn decline(&mut self, id: &str) -> Heard {
        let now = self.now;
        let transaction = self.transaction(id)?;
        transaction.pending(now)?;
        transaction.finish(Status::Declined);
        Ok(())
    }

    pub(super) fn operation(&self, id: &str) -> Result<&Operation, ErrorCode> {
        self.operations.get(id).ok_or(ErrorCode::OperationNotExists)
    }

    pub(super) fn can_create(&self, id: &str, size: usize) -> Heard {
        self.can_be_asked()?;
        if self.operations.contains_key(id) {
            return Err(ErrorCode::CreateOperationError);
        }
        let taken = |number| self.transactions.contains_key(&format!("{id}.{number}"));
        if (0..size).any(taken) {
            return Err(ErrorCode::TransactionIsNotUnique);
        }
        Ok(())
    }

    fn members<'a>(&'a self, operation: &'a Operation) -> impl Iterator<Item = &'a Transaction> {
        operation.members.iter().map(|id| &self.transactions[id])
    }

    /// Where it stands: whether anything waits, and whether anything has an outcome.
    fn standing(&self, id: &str) -> Result<(bool, bool), ErrorCode> {
        let operation = self.operation(id)?;
        let statuses: Vec<Status> = self
            .members(operation)
            .map(|member| member.status(self.now))
            .collect();
        if statuses.contains(&Status::Expired) {
            return Err(ErrorCode::OperationExpired);
        }
        let waits = |status: &Status| status.waits();
        let waiting = statuses.iter().filter(|status| waits(status)).count();
        Ok((waiting > 0, waiting < statuses.len()))
    }

    /// Can the device answer anything in it?
    pub(super) fn open_operation(&self, id: &str) -> Heard {
        match self.standing(id)? {
            (true, _) => Ok(()),
            (false, _) => Err(ErrorCode::OperationStatusInvalid),
        }
    }

    /// The device has fetched everything in it.
    pub(super) fn serve(&mut self, id: &str) {
        let Some(operation) = self.operations.get_mut(id) else {
            return;
        };
        operation.served = true;
        for member in &operation.members {
            let member = self.transactions.get_mut(member);
            if let Some(member) = member.filter(|member| member.status.waits()) {
                member.status = Status::DataSent;
            }
        }
    }

    pub(super) fn update_operation(&self, id: &str) -> Heard {
        let untouched = self.standing(id)? == (true, false);
        let operation = self.operation(id)?;
        let sent = |member: &Transaction| member.status == Status::DataSent;
        if !untouched || operation.served || self.members(operation).any(sent) {
            return Err(ErrorCode::OperationStatusInvalid);
        }
        self.can_be_asked()
    }

    pub(super) fn process(&mut self, id: &str, answers: &[(String, Option<Proof>)]) -> Heard {
        self.open_operation(id)?;
        for (member, _) in answers {
            self.transactions[member].pending(self.now)?;
        }
        for (member, proof) in answers {
            if let Some(proof) = proof {
                self.check(member, *proof)?;
            }
        }
        for (member, proof) in answers {
            let status = match proof {
                Some(_) => Status::Confirmed,
                None => Status::Declined,
            };
            self.transaction(member)?.finish(status);
        }
        Ok(())
    }

    pub(super) fn check_data_code(&mut self, is_right: bool) -> Heard {
        self.makes_codes()?;
        self.current.has_its_device()?;
        self.data_codes.take(self.now, is_right)
    }

    pub(super) fn generate_data_code(&self) -> Heard {
        self.makes_codes()?;
        self.current.has_its_device()
    }
}

/// The code of what was heard.
pub(super) fn code_of(heard: Heard) -> ErrorCode {
    heard.err().unwrap_or(Normal)
}
