//! What a decider says: what happened, or why nothing did.

use schemas::answers::AnswerBody;
use schemas::context::CallbackWishes;
use schemas::events::Event;
use schemas::outside::OutsideQuestion;
use schemas::vault::VaultName;
use schemas::{ErrorCode, Secret, Timestamp};

/// The outcome of a command for its caller and for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an outcome is moved twice in its life; a box would cost more than it saves"
)]
pub enum Outcome {
    /// Something happened, or was looked at.
    Decided(Box<Decision>),
    /// Nothing happened.
    Refused(Refusal),
}

/// What is to be written, all of it or nothing, and what the caller hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Rows for the vault, open; the runner seals them.
    pub vault: Vec<(VaultName, Secret)>,
    /// What to erase from the vault.
    pub erase: Vec<Erasure>,
    /// Deadlines to remember: name and moment.
    pub timers: Vec<(String, Timestamp)>,
    /// Deadlines to forget.
    pub cancelled_timers: Vec<String>,
    /// Names that must be free beyond this owner: scope, name, and what the caller hears when one is taken.
    pub claims: Vec<(String, String, ErrorCode)>,
    /// Counters beyond this owner that move with it.
    pub counts: Vec<CounterStep>,
    /// The code the caller hears; usually `Normal`.
    pub code: ErrorCode,
    /// The substance the caller hears.
    pub answer: AnswerBody,
    /// Whether the answer holds a secret and is kept in the vault for a repeated command.
    pub secret_answer: bool,
    /// Whether the command is finished.
    pub next: Next,
    /// Key to authenticate the answer to a device with.
    pub response_key: Option<Secret>,
    /// Where the command's first event is posted, when the key's flags ask for it.
    pub events_post_url: Option<String>,
    /// How the callbacks of its events are written.
    pub callback: Option<CallbackWishes>,
}

/// A step of a counter that is nobody's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterStep {
    /// Which counter.
    pub counter: String,
    /// By how much it moves.
    pub step: i64,
    /// The most it may show afterwards, and what the caller hears when it would show more; `None` for no limit.
    pub limit: Option<(i64, ErrorCode)>,
}

/// Whether a command is finished once its decision is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Answer the caller.
    Answer,
    /// Decide the same command again on the new history: the first step only reserved something.
    DecideAgain,
    /// Ask the outside, beside the lane, and decide the same command again with its answer. Whoever is asked, is asked only
    /// after everything else was found right, and after the events of this decision are in the log.
    Ask(Box<OutsideQuestion>),
}

/// What to erase from the owner's part of the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// One row.
    Row(VaultName),
    /// Everything of the owner.
    Owner,
}

/// Why nothing happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the caller hears.
    pub code: ErrorCode,
    /// What the journal hears; `None` for a caller nobody could vouch for, who must not be able to fill the log.
    pub event: Option<Event>,
    /// Key to authenticate the answer to a device with.
    pub response_key: Option<Secret>,
    /// Where the event is posted, when the key's flags ask for it.
    pub events_post_url: Option<String>,
}

impl Decision {
    /// A decision that these events happened, answered with success and nothing else.
    pub fn happened(events: Vec<Event>) -> Self {
        Self {
            events,
            vault: Vec::new(),
            erase: Vec::new(),
            timers: Vec::new(),
            cancelled_timers: Vec::new(),
            claims: Vec::new(),
            counts: Vec::new(),
            code: ErrorCode::Normal,
            answer: AnswerBody::Nothing,
            secret_answer: false,
            next: Next::Answer,
            response_key: None,
            events_post_url: None,
            callback: None,
        }
    }

    /// The same, with a substance.
    #[must_use]
    pub fn answering(mut self, answer: AnswerBody) -> Self {
        self.answer = answer;
        self
    }
}
