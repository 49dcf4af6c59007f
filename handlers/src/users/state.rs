//! What is remembered of a person.

use schemas::events::keys::KeyIssued;
use schemas::{CommandId, Timestamp};

use super::Rejection;
use crate::keys::Key;
use crate::operations::Operations;
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
    /// The key in force.
    pub(crate) key: Key,
    /// What the user was asked to confirm.
    pub(crate) transactions: Transactions,
    /// Batches of them.
    pub(crate) operations: Operations,
}

impl Life {
    pub(crate) fn begin(key: &KeyIssued, at: Timestamp, cause: CommandId) -> Self {
        Self::Present(Box::new(Person {
            created_at: at,
            key: Key::issued(key, cause),
            transactions: Transactions::default(),
            operations: Operations::default(),
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
