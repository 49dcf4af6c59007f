//! A command about a user, from a caller somebody vouched for; and the small sentences every decider says.

use schemas::commands::Command;
use schemas::events::access::{Looked, looked_word};
use schemas::events::{Event, Refused};
use schemas::{ErrorCode, Secret, SystemId, TransactionId, UserId};

use crate::crypto::signature::verify;
use crate::decision::{Outcome, Refusal};
use crate::facts::{Facts, SignatureCheck};
use crate::systems;
use crate::users::Person;

/// What a decider knows besides the command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// What is remembered of the user.
    pub(crate) person: &'a Person,
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

impl Asked<'_> {
    /// Is the question answered with yes? An answer from beside the lane counts only for exactly this question.
    pub(crate) fn is_signed(&self, question: &SignatureCheck) -> bool {
        match &self.facts.verified {
            Some(verified) if verified.check == *question => verified.valid,
            _ => verify(question).valid,
        }
    }
}

/// A refusal that the journal hears.
pub(crate) fn refused(command: &Command, code: ErrorCode) -> Outcome {
    Outcome::Refused(Refusal {
        code,
        event: Some(Event::Refused(Refused {
            word: command.word(),
            transaction_id: command.transaction_id().cloned(),
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
    })
}
