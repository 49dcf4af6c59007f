//! What one decision writes, all of it or nothing.

use std::borrow::Cow;

use bytes::Bytes;
use schemas::vault::VaultName;
use schemas::{CommandId, Digest, ErrorCode, Owner, Timestamp};

/// Everything one decision writes. Commits of a group are appended in order, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Whose history grows.
    pub owner: Owner,
    /// The owner's version the decision was made on: the number of its events so far.
    pub expected_version: u64,
    /// What happened, in order. May be empty when only a command id is recorded.
    pub events: Vec<NewEvent>,
    /// The command's identity and answer, for ever; `None` for a look, or for a decision that is not finished yet.
    pub command: Option<CommandRow>,
    /// Rows to write into the owner's part of the vault; an existing row is replaced.
    pub vault: Vec<VaultRow>,
    /// What to erase from the owner's part of the vault, after the rows were written.
    pub erase: Vec<Erase>,
    /// Deadlines to remember.
    pub timers: Vec<Timer>,
    /// Deadlines to forget, by name.
    pub cancelled_timers: Vec<String>,
    /// Names that must be free beyond this owner, for example a transaction id within its system.
    pub claims: Vec<Claim>,
    /// Counters beyond this owner that move with the decision, for example the users of its system.
    pub counts: Vec<Count>,
}

impl Commit {
    /// Events, and nothing besides.
    pub fn of(owner: Owner, expected_version: u64, events: Vec<NewEvent>) -> Self {
        Self {
            owner,
            expected_version,
            events,
            command: None,
            vault: Vec::new(),
            erase: Vec::new(),
            timers: Vec::new(),
            cancelled_timers: Vec::new(),
            claims: Vec::new(),
            counts: Vec::new(),
        }
    }
}

/// An event, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The word, for people who read the table.
    pub word: Cow<'static, str>,
    /// The aggregate, for the subject it is published under.
    pub aggregate: Cow<'static, str>,
    /// When it was recorded.
    pub at: Timestamp,
    /// The encoded envelope.
    pub payload: Bytes,
}

/// Identity of a command, and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRow {
    /// Identity for ever.
    pub command_id: CommandId,
    /// What was asked under this identity.
    pub fingerprint: Digest,
    /// How it was answered.
    pub code: ErrorCode,
    /// The answer, encoded; never with a secret in it.
    pub answer: Vec<u8>,
}

/// A row of the vault: sealed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultRow {
    /// Its name in the owner's part.
    pub name: VaultName,
    /// Sealed bytes.
    pub sealed: Vec<u8>,
}

/// What to erase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erase {
    /// One row of the owner.
    Row(VaultName),
    /// Everything of the owner.
    Owner,
}

/// A deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Its name within the owner; setting it again moves it.
    pub name: String,
    /// When it is due.
    pub due_at: Timestamp,
}

/// A name that only one owner may hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// What kind of name, and in which system: `transaction/<system>`.
    pub scope: String,
    /// The name.
    pub name: String,
}

/// One step of a counter that is nobody's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The counter: `users/<system>`.
    pub name: String,
    /// By how much it moves.
    pub step: i64,
    /// The most it may show afterwards; `None` for a step that nothing limits.
    pub max: Option<i64>,
}
