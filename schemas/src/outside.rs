//! What the house asks of services outside: questions whose answers are facts of a decision, like the time is.
//!
//! They travel sealed on the bus, from the runner to whoever calls out, and back. Nothing of them is kept.

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, KeyIndex, SystemId, TransactionId, UserId};
use crate::sealed::Secret;
use crate::time::Timestamp;

/// A question. The same decision on the same history always asks the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutsideQuestion {
    /// How much is the device, and how it is used, to be trusted?
    Score(ScoreQuestion),
    /// Is this the user, by another authentication than ours?
    ExtAuth(ExtAuthQuestion),
}

/// Asks for the score of a device that wants to confirm a transaction by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreQuestion {
    /// Whose system.
    pub system_id: SystemId,
    /// Which user.
    pub user_id: UserId,
    /// Which key the device holds.
    pub key_index: KeyIndex,
    /// What is to be confirmed.
    pub transaction_id: TransactionId,
    /// Which attempt.
    pub attempt_id: Digest,
    /// The session of the service's own library on the device.
    pub session: Secret,
}

/// Asks a service of the bank's whether the user answered right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtAuthQuestion {
    /// Whose system.
    pub system_id: SystemId,
    /// Which user.
    pub user_id: UserId,
    /// Which of the templates of EXT_AUTH_SETTINGS.
    pub template_id: String,
    /// What the user has set up for it.
    pub requisites: Secret,
    /// What the user was asked under.
    pub challenge: Digest,
    /// What the user answered.
    pub response: Secret,
}

/// An answer. Whatever is not one of the first two, is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutsideAnswer {
    /// The score.
    Scored(Scored),
    /// Whether the user answered right.
    Authenticated {
        /// The service's word.
        accepted: bool,
    },
    /// No answer, a late one, or one that is not understood.
    Unavailable,
}

/// A score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scored {
    /// 0 (no trust at all) to 100.
    pub score: u8,
    /// What the service said besides: JSON. It may be about the person, hence never in an event.
    #[serde(default)]
    pub details: Option<Secret>,
}

/// A question on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideRequest {
    /// Drawn for this sending: an answer to another one is not an answer to this.
    pub id: Digest,
    /// Nobody waits for the answer any longer than this.
    pub deadline: Timestamp,
    /// The question.
    pub question: OutsideQuestion,
}

/// An answer on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideReply {
    /// The request's.
    pub id: Digest,
    /// The answer.
    pub answer: OutsideAnswer,
}
