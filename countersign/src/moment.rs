//! Moments as people give them on the command line.

use schemas::Timestamp;

/// `2026-11-26`, `2026-11-26T09:30:00Z`, or milliseconds since the Unix epoch; always UTC.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    moment(text).ok_or_else(|| {
        format!("{text:?} is no moment: give 2026-11-26, 2026-11-26T09:30:00Z, or milliseconds since 1970 (UTC)")
    })
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(ms) = text.parse::<u64>() {
        return i64::try_from(ms).ok().map(Timestamp);
    }
    let Some((day, time)) = text.split_once('T') else {
        return Timestamp::of_day(text);
    };
    let parts: Vec<&str> = time.strip_suffix('Z')?.split(':').collect();
    let [hour, minute, second] = parts[..] else {
        return None;
    };
    let number = |part: &str, below: i64| {
        let is_right = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = part.parse().ok()?;
        (is_right && number < below).then_some(number)
    };
    let seconds = number(hour, 24)? * 3600 + number(minute, 60)? * 60 + number(second, 60)?;
    Some(Timestamp::of_day(day)?.plus_seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_a_time_or_a_number() {
        for (text, expected) in [
            ("1970-01-02", 86_400_000),
            ("1970-01-01T00:00:01Z", 1_000),
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
            "2026-01-01T10:00:00+03:00",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
