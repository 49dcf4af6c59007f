//! A command about a user, from a caller somebody vouched for; and the small sentences every decider says.

use schemas::commands::Command;
use schemas::events::access::{Looked, looked_word};
use schemas::events::{Event, Refused};
use schemas::{ErrorCode, OperationId, Secret, SystemId, TransactionId, UserId};

use crate::crypto::signature::verify;
use crate::decision::{Outcome, Refusal};
use crate::facts::{Facts, SignatureCheck};
use crate::keys::Key;
use crate::systems;
use crate::users::Person;

/// What a decider knows besides the command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// What is remembered of the user.
    pub(crate) person: &'a Person,
    /// The key it is about: the one the device holds, or the one in force.
    pub(crate) key: &'a Key,
    /// The user's system.
    pub(crate) system_id: &'a SystemId,
    /// The user.
    pub(crate) user_id: &'a UserId,
    /// What is remembered of the system.
    pub(crate) system: &'a systems::Registered,
    /// What the house vouches for.
    pub(crate) facts: &'a Facts<'a>,
    /// Who asks.
    pub(crate) by: By<'a>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    /// The bank's system.
    Bank,
    /// The user's device, with the secret of its key; `None` when header checks are switched off and the vault has none.
    Device(Option<&'a Secret>),
}

impl<'a> Asked<'a> {
    /// The delayed key, when it is the one the device holds.
    pub(crate) fn delayed(&self) -> Option<&'a Key> {
        let delayed = self.person.keys.delayed.as_ref();
        delayed.filter(|delayed| delayed.index == self.key.index)
    }

    /// Is the question answered with yes? An answer from beside the lane counts only for exactly this question.
    pub(crate) fn is_signed(&self, question: &SignatureCheck) -> bool {
        let answer = self.facts.verified.answer(question);
        answer.unwrap_or_else(|| verify(question).valid)
    }
}

/// Why a command is refused, and which transaction stood in the way when the command is about several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// What the caller hears.
    pub(crate) code: ErrorCode,
    /// The transaction the journal names, besides the command's own.
    pub(crate) transaction_id: Option<TransactionId>,
}

impl From<ErrorCode> for Reason {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            transaction_id: None,
        }
    }
}

/// A refusal that the journal hears.
pub(crate) fn refused(command: &Command, reason: impl Into<Reason>) -> Outcome {
    let Reason {
        code,
        transaction_id,
    } = reason.into();
    Outcome::Refused(Refusal {
        code,
        event: Some(Event::Refused(Refused {
            word: command.word(),
            transaction_id: transaction_id.or_else(|| command.transaction_id().cloned()),
            operation_id: command.operation_id().cloned(),
        })),
        response_key: None,
        events_post_url: None,
    })
}

/// A refusal that leaves no trace.
pub(crate) fn refused_silently(code: ErrorCode) -> Outcome {
    Outcome::Refused(Refusal {
        code,
        event: None,
        response_key: None,
        events_post_url: None,
    })
}

/// The event of a look. The word is one of the table of looks.
pub(crate) fn looked(word: &'static str, transaction_id: Option<TransactionId>) -> Event {
    Event::Looked(Looked {
        word: looked_word(word).expect("deciders name only words of the table of looks"),
        transaction_id,
        callback_url: None,
        operation_id: None,
    })
}

/// The event of a look at operations.
pub(crate) fn looked_at_operation(word: &'static str, operation_id: Option<OperationId>) -> Event {
    Event::Looked(Looked {
        word: looked_word(word).expect("deciders name only words of the table of looks"),
        transaction_id: None,
        callback_url: None,
        operation_id,
    })
}
