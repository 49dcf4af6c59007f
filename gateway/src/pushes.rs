//! The port to the push station: who sends is none of the doors' business.

use schemas::{Secret, SystemId, Timestamp, TransactionId, UserId};

/// Sends pushes for callers of another process.
pub trait PushDesk: Send + Sync + std::fmt::Debug {
    /// Takes a push; `Err` when its queue is full.
    fn take(&self, order: PushOrder) -> Result<(), PushQueueFull>;

    /// What became of a push; `None` when it is not known, or not any more.
    fn standing(&self, push_id: &str) -> Option<PushStanding>;
}

/// A push that somebody wants to be sent.
#[derive(Clone, Debug)]
pub struct PushOrder {
    /// Its identity.
    pub push_id: String,
    /// In which system.
    pub system_id: SystemId,
    /// Whose.
    pub user_id: UserId,
    /// About which transaction.
    pub transaction_id: TransactionId,
    /// Whether it takes an earlier push back.
    pub withdraws: bool,
    /// From then on it is of no use; `None` without a deadline.
    pub expires_at: Option<Timestamp>,
    /// Which messages were taken already, as [`PushStanding`] told: the next one, and how many.
    pub progress: (u32, u32),
    /// Where to.
    pub targets: Vec<PushTarget>,
}

/// One device, or one chat.
#[derive(Clone, Debug)]
pub struct PushTarget {
    /// `android`, `ios`, `huawei` or `telegram`.
    pub os: &'static str,
    /// The application, as the push service knows it.
    pub app_id: String,
    /// The device's token, or the chat.
    pub token: Secret,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushStanding {
    /// `queued`, `again`, `sent` or `failed`.
    pub status: &'static str,
    /// Which messages were taken: the next one, and how many.
    pub progress: (u32, u32),
    /// Why it does not stand better, in words.
    pub reason: Option<&'static str>,
    /// The word of the failure; `None` unless it failed.
    pub failure: Option<&'static str>,
    /// How long to wait before it is tried again, ms; `None` when the service did not say.
    pub asked_ms: Option<i64>,
    /// Places of targets whose service knows the token no more, and since when.
    pub gone: Vec<(usize, Option<Timestamp>)>,
}

/// Every worker is at work, and the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushQueueFull;
