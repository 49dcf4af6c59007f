//! How much, how long and how often: the limits both buses keep.

use std::time::Duration;

/// How long a command lives on the bus. Whoever sent it has long given up by then.
///
/// `nats/cmd.json` says the same to the server as `max_age`.
pub const COMMAND_LIFE: Duration = Duration::from_mins(1);

/// Limits of commands and of what a reader may fall behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How often a command is delivered before it is put aside; default 5. A postponed delivery counts.
    pub attempts_max: u64,
    /// Pause before a dropped command is delivered again; default 100 ms. It grows fourfold with every attempt, up to
    /// `silence_max`.
    pub retry_after: Duration,
    /// A command whose reader says nothing for so long is delivered again; default 10 s. Only JetStream needs it: in one
    /// process nobody dies alone.
    pub silence_max: Duration,
    /// Commands of one lane that may wait or be under way; default 4096.
    pub lane_commands_max: usize,
    /// The largest command or event, bytes; default 8 MiB less 64 KiB, so that it fits a server's `max_payload` of 8 MiB
    /// together with its headers.
    pub payload_bytes_max: usize,
    /// Events of one lane that the in-process bus keeps for readers that come late; default 1024.
    pub lane_events_kept: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempts_max: 5,
            retry_after: Duration::from_millis(100),
            silence_max: Duration::from_secs(10),
            lane_commands_max: 4096,
            payload_bytes_max: (8 * 1024 - 64) * 1024,
            lane_events_kept: 1024,
        }
    }
}

impl Limits {
    /// Pause after that attempt (1 is the first) was dropped.
    pub fn pause_after(&self, attempt: u64) -> Duration {
        let exponent = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.retry_after
            .saturating_mul(4_u32.saturating_pow(exponent))
            .min(self.silence_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let limits = Limits::default();
        let pauses: Vec<u128> = (1..=6)
            .map(|attempt| limits.pause_after(attempt).as_millis())
            .collect();
        assert_eq!(pauses, [100, 400, 1600, 6400, 10_000, 10_000]);
        assert_eq!(limits.pause_after(u64::MAX), limits.silence_max);
    }

    #[test]
    fn a_command_that_kills_every_reader_is_put_aside_before_it_expires() {
        let limits = Limits::default();
        assert!(limits.silence_max * (limits.attempts_max as u32) < COMMAND_LIFE);
    }
}
