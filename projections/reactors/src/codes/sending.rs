//! What every transport is given, and what it says.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Longest attempt, everything together.
pub(super) const ATTEMPT_MAX: Duration = Duration::from_secs(30);

/// A message to send.
pub(super) struct Message {
    /// Its name, the same over all attempts: letters, digits and hyphens.
    pub id: String,
    /// A number, or an address.
    pub to: String,
    /// Empty for a text message.
    pub subject: String,
    pub body: String,
}

/// How an attempt ended, in a word of ours for the journal: never in the words of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempted {
    /// The other side took the message over.
    Taken,
    /// It did not, and another attempt may do better.
    NotNow(&'static str),
    /// It did not, and will not.
    Never(&'static str),
    /// It may have.
    Unknown(&'static str),
}

/// Connections that wait for the next message.
#[derive(Debug)]
pub(super) struct Idle<T>(Mutex<Vec<(T, Instant)>>);

/// Connections that are kept.
const KEPT_MAX: usize = 4;
/// How long one is kept. Servers end idle ones after minutes.
const KEPT_FOR: Duration = Duration::from_secs(30);

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Idle<T> {
    /// A connection that was used a moment ago, if there is one.
    pub(super) fn take(&self) -> Option<T> {
        let mut kept = self.kept();
        kept.retain(|(_, since)| since.elapsed() < KEPT_FOR);
        kept.pop().map(|(connection, _)| connection)
    }

    /// Keeps a connection for the next message.
    pub(super) fn put(&self, connection: T) {
        let mut kept = self.kept();
        if kept.len() < KEPT_MAX {
            kept.push((connection, Instant::now()));
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<(T, Instant)>> {
        let kept = self.0.lock();
        kept.expect("nothing panics while it holds the connections")
    }
}
