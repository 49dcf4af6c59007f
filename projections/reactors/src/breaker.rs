//! A circuit breaker: an endpoint that fails and fails is left alone, and asked by one letter now and then.
//!
//! It saves the letters' attempts and our connections; the schedule of a letter alone decides when it is given up. What a
//! breaker knows is gone with the process: the first letters after a start find it out again.

use schemas::Timestamp;

/// Failures in a row, without one answer that shows life, after which an endpoint is left alone.
const FAILURES_MAX: u32 = 8;

/// The first pause, ms. It doubles with every question that fails.
const PAUSE_MS: i64 = 5_000;

/// The longest pause, ms: so late at most a receiver that is back is noticed.
const PAUSE_MAX_MS: i64 = 60_000;

/// What is known of an endpoint's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Breaker {
    failures: u32,
    pause: Option<Pause>,
}

/// An endpoint is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pause {
    until: Timestamp,
    length_ms: i64,
}

impl Breaker {
    /// How many letters may be on their way to the endpoint, of `usual` ones.
    pub fn allows(&self, usual: usize, now: Timestamp) -> usize {
        match self.pause {
            None => usual,
            Some(pause) if now < pause.until => 0,
            Some(_) => 1,
        }
    }

    /// Whether the endpoint is left alone.
    pub fn is_open(&self) -> bool {
        self.pause.is_some()
    }

    /// The endpoint answered like one that lives. `true` when it had been left alone.
    pub fn lives(&mut self) -> bool {
        std::mem::take(self).is_open()
    }

    /// The endpoint failed. `true` when it is left alone from now on.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        self.failures = self.failures.saturating_add(1);
        let length_ms = match self.pause {
            // Letters that were on their way when the pause began say nothing new.
            Some(pause) if now < pause.until => return false,
            Some(pause) => (pause.length_ms * 2).min(PAUSE_MAX_MS),
            None if self.failures < FAILURES_MAX => return false,
            None => PAUSE_MS,
        };
        let began = !self.is_open();
        let until = now.plus_ms(length_ms);
        self.pause = Some(Pause { until, length_ms });
        began
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: u32, now: Timestamp) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..times {
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn the_last_failure_of_a_row_and_none_before_opens_it() {
        let now = Timestamp(0);
        assert_eq!(failing(FAILURES_MAX - 1, now).allows(32, now), 32);
        let mut breaker = failing(FAILURES_MAX - 1, now);
        assert!(breaker.failed(now));
        assert_eq!(breaker.allows(32, now), 0);
        assert_eq!(breaker.allows(32, now.plus_ms(PAUSE_MS - 1)), 0);
        assert_eq!(breaker.allows(32, now.plus_ms(PAUSE_MS)), 1);
    }

    #[test]
    fn one_sign_of_life_begins_the_row_anew_and_ends_a_pause() {
        let now = Timestamp(0);
        let mut breaker = failing(FAILURES_MAX - 1, now);
        assert!(!breaker.lives());
        assert!(!breaker.failed(now));
        let mut breaker = failing(FAILURES_MAX, now);
        assert!(breaker.lives());
        assert_eq!(breaker.allows(32, now), 32);
    }

    #[test]
    fn pauses_double_and_letters_under_way_prolong_none() {
        let mut now = Timestamp(0);
        let mut breaker = failing(FAILURES_MAX + 24, now);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let mut pause = 0;
            while breaker.allows(32, now.plus_ms(pause)) == 0 {
                pause += 1_000;
            }
            pauses.push(pause);
            now = now.plus_ms(pause);
            assert!(!breaker.failed(now), "it is open already");
        }
        assert_eq!(pauses, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    }
}
