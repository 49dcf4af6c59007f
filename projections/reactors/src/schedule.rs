//! When a letter is tried again.

use schemas::{Digest, Timestamp};

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The wait before each attempt, ms: ten attempts over about 75 hours.
pub(crate) const WAITS_MS: [i64; 10] = [
    0,
    5 * SECOND_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
];

/// The longest wait a receiver can ask for, ms.
const RETRY_AFTER_MAX_MS: i64 = 24 * HOUR_MS;

/// The moment of the next attempt after `made` attempts; `None` when there is none.
///
/// The wait is spread by up to a tenth to either side, so that a receiver that comes back is not met by everybody at once.
/// The spread follows from the letter's identity: a restart does not change it. A receiver may ask for a longer wait.
pub(crate) fn next_attempt(
    id: &str,
    made: u32,
    now: Timestamp,
    asked_ms: Option<i64>,
) -> Option<Timestamp> {
    let wait = *WAITS_MS.get(usize::try_from(made).ok()?)?;
    let spread = Digest::of(&[b"jitter", id.as_bytes(), &made.to_be_bytes()]);
    let spread = i64::from(u16::from_be_bytes([spread.0[0], spread.0[1]]));
    let wait = wait * 9 / 10 + wait / 5 * spread / i64::from(u16::MAX);
    let asked = asked_ms.unwrap_or(0).clamp(0, RETRY_AFTER_MAX_MS);
    Some(now.plus_ms(wait.max(asked)))
}

/// What `Retry-After` asks for, ms: whole seconds, or a date (RFC 9110, 10.2.3); `None` when it is neither.
pub(crate) fn retry_after_ms(value: &str, now: Timestamp) -> Option<i64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(i64::from(seconds) * SECOND_MS);
    }
    let date = http_date_s(value)?;
    Some((date * SECOND_MS - now.0).max(0))
}

/// Seconds of an IMF-fixdate, as in `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date_s(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, text) = text.split_once(", ")?;
    let words: Vec<&str> = text.split(' ').collect();
    let [day, month, year, time, "GMT"] = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let (day, year): (i64, i64) = (day.parse().ok()?, year.parse().ok()?);
    let time: Vec<i64> = time
        .split(':')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [hour, minute, second] = time[..] else {
        return None;
    };
    // A year that begins in March puts the leap day last: days before a month are then linear.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let since_epoch = days - 719_468;
    (0..=9999)
        .contains(&year)
        .then_some(since_epoch * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::{option, prelude::*};

    use super::*;

    #[test]
    fn ten_attempts_are_spread_over_three_days() {
        let mut now = Timestamp(0);
        for made in 1..10 {
            let next = next_attempt("msg_1", made, now, None).expect("there are ten attempts");
            let wait = WAITS_MS[made as usize];
            assert!((next.0 - now.0 - wait).abs() <= wait / 10, "attempt {made}");
            assert_eq!(Some(next), next_attempt("msg_1", made, now, None));
            now = next;
        }
        assert_eq!(next_attempt("msg_1", 10, now, None), None);
        assert!((60..90).contains(&(now.0 / HOUR_MS)));
    }

    proptest! {
        #[test]
        fn whatever_the_letter_the_schedule_keeps_its_promise(id in ".{0,40}", asked in vec(option::of(-1_000..200_000_000_i64), 9)) {
            let (mut plain, mut patient) = (Timestamp(0), Timestamp(0));
            for (made, asked) in (1..10).zip(asked) {
                let wait = WAITS_MS[made as usize];
                prop_assert!(wait >= WAITS_MS[made as usize - 1], "the waits grow");
                let next = next_attempt(&id, made, plain, None).expect("there are ten attempts");
                prop_assert!(next > plain, "the moments grow");
                prop_assert!((next.0 - plain.0 - wait).abs() <= wait / 10);
                // Whoever asks is never called sooner, neither than it asks nor than without asking, and not put off for ever.
                let later = next_attempt(&id, made, patient, asked).expect("there are ten attempts");
                let asked = asked.unwrap_or(0).min(RETRY_AFTER_MAX_MS);
                prop_assert_eq!(later.0 - patient.0, asked.max(next.0 - plain.0));
                (plain, patient) = (next, later);
            }
            prop_assert_eq!(next_attempt(&id, 10, plain, None), None);
            let promised: i64 = WAITS_MS.iter().sum();
            prop_assert_eq!(promised / HOUR_MS, 75);
            prop_assert!((plain.0 - promised).abs() <= promised / 10);
        }
    }

    #[test]
    fn a_receiver_may_ask_for_patience_but_not_for_ever() {
        let now = Timestamp(784_111_777_000);
        let after = |value| {
            next_attempt("msg_1", 1, now, retry_after_ms(value, now)).map(|at| at.0 - now.0)
        };
        assert_eq!(after("120"), Some(120_000));
        assert_eq!(after("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120_000));
        assert_eq!(after("99999999"), Some(RETRY_AFTER_MAX_MS));
        assert_eq!(
            after("soon"),
            next_attempt("msg_1", 1, now, None).map(|at| at.0 - now.0)
        );
        assert_eq!(after("Sun, 06 Nov 1984 08:51:37 GMT"), after("0"));
    }

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(
            http_date_s("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(
            http_date_s("Tue, 29 Feb 2000 00:00:00 GMT"),
            Some(951_782_400)
        );
        assert_eq!(http_date_s("Tue, 29 Foo 2000 00:00:00 GMT"), None);
    }
}
