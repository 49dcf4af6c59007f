//! How fast a replay goes.

use std::str::FromStr;
use std::time::Duration;

use schemas::Timestamp;
use tokio::time::Instant;

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// So many times as fast as it happened.
    Times(u32),
    /// So many events a second.
    PerSecond(u32),
}

/// Keeps the pace.
#[derive(Debug)]
pub struct Pace {
    speed: Option<Speed>,
    began: Instant,
    first: Option<Timestamp>,
    events: u64,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, speed): (&str, fn(u32) -> Self) = match text.strip_suffix('x') {
            Some(times) => (times, Self::Times),
            None => (text, Self::PerSecond),
        };
        let number = number.parse().ok().filter(|number| *number > 0);
        let number =
            number.ok_or_else(|| format!("{text:?} is no speed: 10x, or 500 events a second"))?;
        Ok(speed(number))
    }
}

impl Pace {
    /// From now on; `None` is as fast as possible.
    pub fn new(speed: Option<Speed>) -> Self {
        Self {
            speed,
            began: Instant::now(),
            first: None,
            events: 0,
        }
    }

    /// Is it too early for the event of that moment?
    pub fn has_to_wait(&mut self, at: Timestamp) -> bool {
        self.first.get_or_insert(at);
        self.events += 1;
        self.due(at).is_some_and(|due| due > Instant::now())
    }

    /// Waits until it is not.
    pub async fn wait(&self, at: Timestamp) {
        if let Some(due) = self.due(at) {
            tokio::time::sleep_until(due).await;
        }
    }

    fn due(&self, at: Timestamp) -> Option<Instant> {
        let after = match self.speed? {
            Speed::Times(times) => {
                let first = self.first.unwrap_or(at);
                let ms = at.0.saturating_sub(first.0).max(0) as u64;
                Duration::from_millis(ms) / times
            }
            Speed::PerSecond(events) => {
                Duration::from_secs_f64((self.events - 1) as f64 / f64::from(events))
            }
        };
        Some(self.began + after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn events_come_at_their_time() {
        for (speed, expected) in [("10x", [0, 100, 900]), ("2", [0, 500, 1000])] {
            let mut pace = Pace::new(Some(speed.parse().expect("a speed")));
            let began = Instant::now();
            for (at, expected) in [5_000, 6_000, 14_000].into_iter().zip(expected) {
                if pace.has_to_wait(Timestamp(at)) {
                    pace.wait(Timestamp(at)).await;
                }
                assert_eq!(began.elapsed(), Duration::from_millis(expected));
            }
        }
        let mut unhurried = Pace::new(None);
        assert!(!unhurried.has_to_wait(Timestamp(0)) && !unhurried.has_to_wait(Timestamp(9_000)));
        for wrong in ["", "x", "0", "-1x", "fast"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }
}
