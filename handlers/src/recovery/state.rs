//! What is remembered of a user's recovery.

use schemas::events::Refused;
use schemas::events::recovery::RecoveryEvent;
use schemas::{CommandId, Digest, ErrorCode, Timestamp};

/// The word under which refusals tell how a try ended.
pub(super) const WORD: &str = "renew_key_response";

/// How far a recovery got. It is the user's and not a key's: what was set up outlives the key it was set up with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    template_id: Option<String>,
    /// Tries since the last right one, or since it was set up.
    tries: u32,
    /// Whether the last try was used up. It takes the user's signature to set it up again.
    is_exhausted: bool,
    /// The challenge that is open, and the end of its life.
    challenge: Option<(Digest, Timestamp)>,
    /// Commands whose try was counted and not yet looked at, each with the number of its try.
    reserved: Vec<(CommandId, u32)>,
}

impl Recovery {
    /// What the user has set up; `None` when nothing.
    pub(crate) fn template_id(&self) -> Option<&str> {
        self.template_id.as_deref()
    }

    /// Was the last try used up?
    pub(super) fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }

    /// May nothing be tried any more? One that was counted may still be looked at.
    pub(super) fn has_no_try_left(&self, attempts_max: u32) -> bool {
        self.is_exhausted || self.tries >= attempts_max
    }

    /// Number of the next try.
    pub(super) fn next_attempt(&self) -> u32 {
        self.tries.saturating_add(1)
    }

    /// Is this challenge open?
    pub(super) fn is_open(&self, challenge: &Digest, now: Timestamp) -> bool {
        let open = self.challenge.as_ref();
        open.is_some_and(|(open, expires_at)| open == challenge && now < *expires_at)
    }

    /// The number of the try that was counted for this command and not looked at.
    pub(super) fn attempt_of(&self, command_id: &CommandId) -> Option<u32> {
        let own = self.reserved.iter().find(|(id, _)| id == command_id);
        own.map(|(_, attempt)| *attempt)
    }

    /// Folds a fact.
    pub(crate) fn evolve(&mut self, event: &RecoveryEvent) {
        match event {
            RecoveryEvent::TemplateSet(event) => {
                *self = Self {
                    template_id: Some(event.template_id.clone()),
                    ..Self::default()
                };
            }
            RecoveryEvent::ChallengeGiven(event) => {
                self.challenge = Some((event.challenge, event.expires_at));
            }
            RecoveryEvent::ResponseTried(event) => {
                self.challenge = None;
                self.tries = event.attempt.max(self.tries);
                self.reserved.push((event.command_id, event.attempt));
            }
            RecoveryEvent::Renewed(_) => {
                *self = Self {
                    template_id: self.template_id.take(),
                    ..Self::default()
                };
            }
        }
    }

    /// A try that was looked at, or that nobody could look at, ends with a refusal; and refusals are in the log.
    pub(crate) fn note_refusal(&mut self, event: &Refused, result: ErrorCode, cause: CommandId) {
        if event.word != WORD {
            return;
        }
        let counted = self.reserved.len();
        self.reserved.retain(|(id, _)| *id != cause);
        match result {
            // The service outside was silent: that costs nobody a try.
            ErrorCode::ExtAuthFailed if self.reserved.len() < counted => {
                self.tries = self.tries.saturating_sub(1);
            }
            ErrorCode::RemoteUpdateErrorBlock => self.is_exhausted = true,
            _ => {}
        }
    }
}
