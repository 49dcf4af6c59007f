//! The station for callers of another process (the manual's module PCP): they say where to, and ask later how it went.
//!
//! One round of attempts is made for each push. Whoever wants another sends it again: what is owed is theirs to keep.

use std::sync::Arc;

use futures::FutureExt as _;
use schemas::Secret;

use super::configuration::{Os, Purpose};
use super::station::{Address, Full, Job, Progress, PushStation};

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
    /// Takes a push about a transaction to these devices.
    pub fn take(
        self: &Arc<Self>,
        push_id: &str,
        (system_id, user_id, transaction_id): (&str, &str, &str),
        targets: Vec<Target>,
    ) -> Result<(), Full> {
        let addresses = targets.into_iter().map(|target| Address {
            os: target.os.0,
            app_id: target.app_id,
            token: target.token,
        });
        let job = Job {
            push_id: push_id.to_owned(),
            system_id: system_id.to_owned(),
            user_id: user_id.to_owned(),
            transaction_id: transaction_id.to_owned(),
            purpose: Purpose::Transaction,
            addresses: addresses.collect(),
            expires_at: None,
        };
        let station = Arc::clone(self);
        self.note_queued(push_id);
        self.submit(
            async move {
                station.attempt(&job, Progress::default()).await;
            }
            .boxed(),
        )
    }
}
