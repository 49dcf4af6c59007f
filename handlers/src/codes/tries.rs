//! How often codes were tried. A try is in the log before anybody looks at the code, so a crash costs a try and never gives
//! one away.

use std::collections::HashMap;

use schemas::{CommandId, Digest, Timestamp};

/// Tries before no code is looked at for a while.
pub(crate) const TRIES_MAX: u32 = 5;
/// The first pause, seconds. Every further one is twice as long.
const PAUSE_S: i64 = 15 * 60;
/// How often a pause is doubled at most: to sixteen hours.
const DOUBLINGS_MAX: u32 = 6;
/// Different data of one system whose tries are remembered. The oldest are forgotten first.
const REMEMBERED_MAX: usize = 1024;

/// The tries on a user's key, whatever the data: the bank can draw new data as often as it likes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tries {
    /// Since the last right code, or since the last pause.
    used: u32,
    /// Pauses since the last right code.
    pauses: u32,
    last_at: Option<Timestamp>,
    /// Commands whose try was counted and not yet looked at.
    reserved: Vec<CommandId>,
}

impl Tries {
    /// May another code be tried?
    pub(crate) fn may_try(&self, now: Timestamp) -> bool {
        self.used < TRIES_MAX || self.pause_ends().is_none_or(|end| end <= now)
    }

    /// Was a try counted for this command, and not looked at yet?
    pub(crate) fn is_reserved(&self, command_id: &CommandId) -> bool {
        self.reserved.contains(command_id)
    }

    /// Counts a try.
    pub(crate) fn reserve(&mut self, command_id: CommandId, at: Timestamp) {
        if self.used >= TRIES_MAX {
            self.used = 0;
            self.reserved.clear();
        }
        self.used += 1;
        self.last_at = Some(at);
        self.reserved.push(command_id);
        if self.used == TRIES_MAX {
            self.pauses += 1;
        }
    }

    fn pause_ends(&self) -> Option<Timestamp> {
        let doublings = self.pauses.saturating_sub(1).min(DOUBLINGS_MAX);
        Some(self.last_at?.plus_seconds(PAUSE_S << doublings))
    }
}

/// The tries on the server's key, by what was tried: a thousand customers type their codes at the same time, and one of
/// them who errs must not stop the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommonTries {
    by_subject: HashMap<Digest, Tries>,
}

impl CommonTries {
    /// May another code be tried on this?
    pub(crate) fn may_try(&self, subject: &Digest, now: Timestamp) -> bool {
        let tries = self.by_subject.get(subject);
        tries.is_none_or(|tries| tries.may_try(now))
    }

    /// Was a try counted for this command, and not looked at yet?
    pub(crate) fn is_reserved(&self, subject: &Digest, command_id: &CommandId) -> bool {
        let tries = self.by_subject.get(subject);
        tries.is_some_and(|tries| tries.is_reserved(command_id))
    }

    /// Counts a try.
    pub(crate) fn reserve(&mut self, subject: Digest, command_id: CommandId, at: Timestamp) {
        self.by_subject
            .entry(subject)
            .or_default()
            .reserve(command_id, at);
        if self.by_subject.len() > REMEMBERED_MAX {
            let oldest = self
                .by_subject
                .iter()
                .min_by_key(|(subject, tries)| (tries.last_at, **subject))
                .map(|(subject, _)| *subject);
            if let Some(oldest) = oldest {
                self.by_subject.remove(&oldest);
            }
        }
    }

    /// Forgets the tries on what was right.
    pub(crate) fn succeed(&mut self, subject: &Digest) {
        self.by_subject.remove(subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> CommandId {
        CommandId([number; 32])
    }

    #[test]
    fn after_five_tries_there_is_a_pause_and_the_next_is_longer() {
        let mut tries = Tries::default();
        let mut now = Timestamp(0);
        for pause_s in [900, 1800, 3600, 7200, 14_400, 28_800, 57_600, 57_600] {
            for number in 0..5 {
                assert!(tries.may_try(now), "{number}");
                tries.reserve(id(number), now);
                assert!(tries.is_reserved(&id(number)));
            }
            let end = now.plus_seconds(pause_s);
            assert!(!tries.may_try(end.plus_ms(-1)), "{pause_s}");
            assert!(tries.may_try(end), "{pause_s}");
            now = end;
        }
    }

    #[test]
    fn data_that_is_tried_stops_no_other_data_and_the_oldest_is_forgotten() {
        let mut tries = CommonTries::default();
        let subject = |number: u32| Digest::sha256(&number.to_be_bytes());
        for _ in 0..5 {
            tries.reserve(subject(0), id(1), Timestamp(0));
        }
        assert!(!tries.may_try(&subject(0), Timestamp(1)));
        assert!(tries.may_try(&subject(1), Timestamp(1)));
        for number in 1..=1024 {
            tries.reserve(subject(number), id(2), Timestamp(i64::from(number)));
        }
        assert_eq!(tries.by_subject.len(), 1024);
        assert!(tries.may_try(&subject(0), Timestamp(1)), "forgotten");
        tries.succeed(&subject(7));
        assert!(!tries.is_reserved(&subject(7), &id(2)));
    }
}
