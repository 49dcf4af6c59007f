//! How readers of the log that nobody waits for give way to the work.

use std::time::Duration;

/// The pace of such a reader: where the machine is busy a piece of its reading takes longer, and it rests longer after it.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// It reads at most one part of so many of the time.
    pub share: u32,
    /// It rests for so long at least.
    pub least: Duration,
    /// And for so long at most: it gets on even where there is never any time.
    pub most: Duration,
}

impl Pace {
    /// Of whoever compares the log with something else over and over, a stretch at a time.
    pub const OF_COMPARISONS: Self = Self {
        share: 200,
        least: Duration::from_secs(1),
        most: Duration::from_secs(10),
    };

    /// How long to rest after reading that took so long.
    pub fn rest(self, took: Duration) -> Duration {
        took.saturating_mul(self.share.saturating_sub(1))
            .clamp(self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_takes_longer_rests_longer_within_its_limits() {
        let pace = Pace {
            share: 10,
            least: Duration::from_secs(1),
            most: Duration::from_secs(10),
        };
        for (took, rest) in [
            (0, 1000),
            (111, 1000),
            (112, 1008),
            (1111, 9999),
            (1112, 10_000),
        ] {
            let rest = Duration::from_millis(rest);
            assert_eq!(pace.rest(Duration::from_millis(took)), rest, "{took}");
        }
        assert_eq!(pace.rest(Duration::MAX), pace.most);
    }
}
