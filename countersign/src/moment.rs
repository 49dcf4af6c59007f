//! Moments as people give them on the command line.

use schemas::Timestamp;

/// A day, a moment of RFC 3339, or milliseconds since the Unix epoch.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| {
        format!("{text:?} is no moment: give 2026-11-26, 2026-11-26T09:30:00Z, or milliseconds since 1970 (UTC)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_a_time_or_a_number() {
        for (text, expected) in [
            ("1970-01-02", 86_400_000),
            ("1970-01-01T00:00:01Z", 1_000),
            ("1970-01-01T03:00:01+03:00", 1_000),
            ("2023-12-25T10:14:27Z", 1_703_499_267_000),
            ("1703499267298", 1_703_499_267_298),
        ] {
            assert_eq!(parse(text), Ok(Timestamp(expected)), "{text}");
        }
        for wrong in [
            "",
            "-1",
            "yesterday",
            "2026-02-30",
            "2026-01-01T24:00:00Z",
            "2026-01-01T1:00:00Z",
            "2026-01-01T10:00:00",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
