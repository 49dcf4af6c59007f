//! The station for callers of another process (the manual's module PCP): they say where to, and ask later how it went.
//!
//! One round of attempts is made for each push. Whoever wants another sends it again: what is owed is theirs to keep.

use std::sync::Arc;

use futures::FutureExt as _;
use schemas::{Secret, Timestamp};

use super::configuration::{Os, Purpose};
use super::station::{Address, Full, Job, Progress, PushStation};

/// A push that somebody wants to be sent.
#[derive(Clone, Debug)]
pub struct PushOrder {
    /// Its identity.
    pub push_id: String,
    /// In which system.
    pub system_id: String,
    /// Whose.
    pub user_id: String,
    /// About which transaction.
    pub transaction_id: String,
    /// Whether it takes an earlier push back.
    pub withdraws: bool,
    /// From then on it is of no use; `None` without a deadline.
    pub expires_at: Option<Timestamp>,
    /// The first message that an earlier attempt did not try to an end, and how many were taken.
    pub progress: (u32, u32),
    /// Where to.
    pub targets: Vec<Target>,
}

/// Where a push goes.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whose push service.
    pub os: TargetOs,
    /// The application, as the push service knows it.
    pub app_id: String,
    /// The device's token, or the chat.
    pub token: Secret,
}

/// Whose push service, by the word of the templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetOs(Os);

impl TargetOs {
    /// The service of that word: `android`, `ios`, `huawei` or `telegram`.
    pub fn from_word(word: &str) -> Option<Self> {
        Os::from_word(word).map(Self)
    }
}

impl PushStation {
    /// Takes a push.
    pub fn take(self: &Arc<Self>, order: PushOrder) -> Result<(), Full> {
        let addresses = order.targets.into_iter().map(|target| Address {
            os: target.os.0,
            app_id: target.app_id,
            token: target.token,
        });
        let job = Job {
            push_id: order.push_id,
            system_id: order.system_id,
            user_id: order.user_id,
            transaction_id: order.transaction_id,
            purpose: if order.withdraws {
                Purpose::Withdrawal
            } else {
                Purpose::Transaction
            },
            addresses: addresses.collect(),
            expires_at: order.expires_at,
        };
        let (next, taken) = order.progress;
        let station = Arc::clone(self);
        if self.room() == 0 {
            return Err(Full);
        }
        self.note_queued(&job.push_id);
        self.submit(
            async move {
                station.attempt(&job, Progress { next, taken }).await;
            }
            .boxed(),
        )
    }
}
