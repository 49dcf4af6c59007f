//! What is remembered of a person.

use schemas::events::code_orders::CodeOrderEvent;
use schemas::events::codes::CodeEvent;
use schemas::events::keys::KeyIssued;
use schemas::events::recovery::RecoveryEvent;
use schemas::events::users::{UserChange, UserChanged};
use schemas::{CommandId, Digest, Timestamp};

use super::Rejection;
use crate::code_orders::Orders;
use crate::codes::Tries;
use crate::keys::Ring;
use crate::operations::Operations;
use crate::recovery::Recovery;
use crate::transactions::Transactions;

/// Whether a person is known to the house. A deleted one leaves nothing but the fact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Life {
    /// Nothing has happened.
    #[default]
    Missing,
    /// A user.
    Present(Box<Person>),
    /// A user once.
    Deleted,
}

/// A user. There is always a key in force: creating a user issues the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// When the user was created.
    pub(crate) created_at: Timestamp,
    /// The keys.
    pub(crate) keys: Ring,
    /// The bank's block; `None` while there is none. Keys are blocked each for itself.
    pub(crate) block: Option<Block>,
    /// What the user was asked to confirm.
    pub(crate) transactions: Transactions,
    /// Batches of them.
    pub(crate) operations: Operations,
    /// Confirmation codes that were tried for data that is no transaction.
    pub(crate) code_tries: Tries,
    /// Activation codes that are being sent, or count against the limit.
    pub(crate) code_orders: Orders,
    /// How a key is recovered.
    pub(crate) recovery: Recovery,
}

impl Person {
    /// Folds a fact about a code on the user's key.
    pub(crate) fn evolve_codes(&mut self, event: &CodeEvent, at: Timestamp) {
        match event {
            CodeEvent::CheckAttempted(event) => self.code_tries.reserve(event.command_id, at),
            CodeEvent::Checked(_) => self.code_tries = Tries::default(),
            // A system's.
            CodeEvent::CommonCheckAttempted(_) | CodeEvent::CommonChecked(_) => {}
        }
    }
}

impl Person {
    /// Folds a fact about sending an activation code.
    pub(crate) fn evolve_code_orders(
        &mut self,
        event: &CodeOrderEvent,
        at: Timestamp,
        cause: CommandId,
    ) {
        self.code_orders.evolve(event, &self.keys, (at, cause));
    }

    /// Folds a fact about recovering a key.
    pub(crate) fn evolve_recovery(&mut self, event: &RecoveryEvent, cause: CommandId) {
        if let RecoveryEvent::Renewed(event) = event {
            self.keys.renew(&event.key, cause);
        }
        self.recovery.evolve(event);
    }
}

/// The bank does not want the user to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// For a reason in a word of ours; in old records in the bank's.
    Said(String),
    /// For a reason that lies in the vault: the command that brought it, and its digest.
    Kept(CommandId, Digest),
}

impl Person {
    /// Can nothing be asked of the user: because the bank says so, or because tries of the key in force were used up?
    pub(crate) fn is_blocked(&self) -> bool {
        self.block.is_some() || self.keys.current.is_blocked()
    }

    /// Folds what the bank changed. A name and a reason lie in the vault.
    pub(crate) fn change(&mut self, event: &UserChanged, cause: CommandId) {
        match event.change {
            Some(UserChange::Blocked) => {
                let said = || Block::Said(event.reason.clone().unwrap_or_default());
                let kept = event.reason_digest.map(|digest| Block::Kept(cause, digest));
                self.block = Some(kept.unwrap_or_else(said));
            }
            Some(UserChange::Unblocked) => self.block = None,
            Some(UserChange::DelayedKeyActivated) | None => {}
        }
    }
}

impl Life {
    pub(crate) fn begin(key: &KeyIssued, at: Timestamp, cause: CommandId) -> Self {
        Self::Present(Box::new(Person {
            created_at: at,
            keys: Ring::begin(key, cause),
            block: None,
            transactions: Transactions::default(),
            operations: Operations::default(),
            code_tries: Tries::default(),
            code_orders: Orders::default(),
            recovery: Recovery::default(),
        }))
    }

    /// The user, or what a caller of the bank hears instead.
    pub(crate) fn present(&self) -> Result<&Person, Rejection> {
        match self {
            Self::Missing => Err(Rejection::NotFound),
            Self::Present(person) => Ok(person),
            Self::Deleted => Err(Rejection::Deleted),
        }
    }

    pub(crate) fn person_mut(&mut self) -> Option<&mut Person> {
        match self {
            Self::Present(person) => Some(person),
            Self::Missing | Self::Deleted => None,
        }
    }
}
