//! Time as data: milliseconds since the Unix epoch, UTC. Nobody here asks what time it is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment, ms since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment `seconds` later; saturates at the end of time.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_ms(seconds.saturating_mul(1000))
    }

    /// The moment `ms` later; saturates at the end of time.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Whole seconds since the Unix epoch.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The number of the time step of `step_s` seconds this moment falls into.
    pub fn step(self, step_s: i64) -> i64 {
        self.seconds().div_euclid(step_s.max(1))
    }

    /// The distance to another moment, ms, never negative.
    pub fn distance_ms(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    /// Year, month, day (UTC) of this moment.
    pub fn date(self) -> (i64, u32, u32) {
        // Days to civil date, by Howard Hinnant's well-known algorithm; eras of 400 years.
        let days = self.seconds().div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month as u32, day as u32)
    }

    /// A moment as RFC 3339 writes it (what is finer than a ms is cut off), a day (its first moment, UTC), or ms since the Unix
    /// epoch; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(ms) = text.parse::<u64>() {
            return i64::try_from(ms).ok().map(Self);
        }
        let Some((day, time)) = text.split_once(['T', 't']) else {
            return Self::of_day(text);
        };
        let at = time.find(['Z', 'z', '+', '-'])?;
        let (time, zone) = time.split_at(at);
        let (time, fraction) = match time.split_once('.') {
            Some((time, fraction)) => (time, Some(fraction)),
            None => (time, None),
        };
        let number = |part: &str, below: i64| {
            let is_right = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            let number: i64 = part.parse().ok()?;
            (is_right && number < below).then_some(number)
        };
        let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else {
            return None;
        };
        let seconds = number(hour, 24)? * 3600 + number(minute, 60)? * 60 + number(second, 60)?;
        let ms = match fraction {
            None => 0,
            Some(digits)
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                return None;
            }
            Some(digits) => format!("{digits:0<3}")[..3].parse().ok()?,
        };
        let east = match zone.split_at(1) {
            ("Z" | "z", "") => 0,
            (sign, zone) => {
                let (hours, minutes) = zone.split_once(':')?;
                let east = number(hours, 24)? * 3600 + number(minutes, 60)? * 60;
                if sign == "-" { -east } else { east }
            }
        };
        Some(Self::of_day(day)?.plus_seconds(seconds - east).plus_ms(ms))
    }

    /// The first moment of a day (UTC), written `YYYY-MM-DD`; `None` for what is no day of the years 1970 to 9999.
    pub fn of_day(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let in_digits = |part: &str, length| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if parts.next().is_some()
            || !in_digits(year, 4)
            || !in_digits(month, 2)
            || !in_digits(day, 2)
        {
            return None;
        }
        let (year, month, day): (i64, i64, i64) =
            (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        // The way back of `date`, by the same author.
        let shifted = year - i64::from(month <= 2);
        let era = shifted.div_euclid(400);
        let year_of_era = shifted.rem_euclid(400);
        let month_from_march = (month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let moment = Self((era * 146_097 + day_of_era - 719_468) * 86_400_000);
        // The 31st of a month of thirty days would be another day.
        let is_that_day = moment.date() == (year, month as u32, day as u32);
        (is_that_day && moment.0 >= 0).then_some(moment)
    }

    /// `YYYY-MM-DD`: the day (UTC) of this moment.
    pub fn day_text(self) -> String {
        let (year, month, day) = self.date();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `DD.MM.YYYY`, as the manual's messages write a date.
    pub fn russian_date(self) -> String {
        let (year, month, day) = self.date();
        format!("{day:02}.{month:02}.{year}")
    }

    /// `YYYY-MM-DD HH:MM:SS.mmm +0000`, as `system_info` writes a moment.
    pub fn system_info_text(self) -> String {
        let (year, month, day) = self.date();
        let second = self.seconds().rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!(
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03} +0000",
            self.0.rem_euclid(1000)
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_civil() {
        assert_eq!(Timestamp(0).date(), (1970, 1, 1));
        assert_eq!(Timestamp(951_782_400_000).date(), (2000, 2, 29));
        assert_eq!(Timestamp(1_617_062_400_000).russian_date(), "30.03.2021");
        assert_eq!(Timestamp(-1).date(), (1969, 12, 31));
        assert_eq!(
            Timestamp(1_703_499_267_298).system_info_text(),
            "2023-12-25 10:14:27.298 +0000"
        );
    }

    #[test]
    fn a_day_has_one_spelling_and_begins_at_midnight() {
        for days in (0..2_932_896).step_by(97) {
            let moment = Timestamp(days * 86_400_000);
            assert_eq!(Timestamp::of_day(&moment.day_text()), Some(moment));
        }
        assert_eq!(
            Timestamp::of_day("2024-02-29"),
            Some(Timestamp(1_709_164_800_000))
        );
        for wrong in [
            "2023-02-29",
            "2023-04-31",
            "2023-13-01",
            "2023-00-10",
            "2023-1-01",
            "1969-12-31",
            "2023-01-01 ",
            "+023-01-01",
            "2023-01-01-01",
            "",
        ] {
            assert_eq!(Timestamp::of_day(wrong), None, "{wrong}");
        }
    }
}
