//! Exact amounts. A float never comes near one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency we settle in, with its number of decimal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Russian ruble.
    Rub,
    /// United States dollar.
    Usd,
    /// Euro.
    Eur,
}

impl Currency {
    /// The ISO letters.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rub => "RUB",
            Self::Usd => "USD",
            Self::Eur => "EUR",
        }
    }
}

/// An exact amount. `minor` counts the smallest unit (kopecks for RUB).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Smallest units; negative for a debt.
    pub minor: i64,
    /// Of which currency.
    pub currency: Currency,
}

/// The text is not an amount such as `1234.50`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount: expected digits, a point and two digits, for example 1234.50")]
pub struct InvalidAmount;

impl Money {
    /// Reads `1234.50` or `1234`; at most two decimals, no exponent, no separators, no plus sign.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, InvalidAmount> {
        let (negative, digits) = text
            .strip_prefix('-')
            .map_or((false, text), |rest| (true, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "00"));
        let part_is_two_digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || !part_is_two_digits
            || !whole.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(InvalidAmount);
        }
        let whole = i64::from_str(whole).map_err(|_| InvalidAmount)?;
        let part = i64::from_str(part).map_err(|_| InvalidAmount)?;
        let minor = whole
            .checked_mul(100)
            .and_then(|minor| minor.checked_add(part))
            .ok_or(InvalidAmount)?;
        Ok(Self {
            minor: if negative { -minor } else { minor },
            currency,
        })
    }

    /// `None` on overflow or when the currencies differ.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_add(other.minor)?;
        (self.currency == other.currency).then_some(Self { minor, ..self })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        write!(
            f,
            "{sign}{}.{:02} {}",
            minor / 100,
            minor % 100,
            self.currency.code()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_is_refused_when_it_could_be_misread() {
        for text in [
            "",
            "-",
            ".50",
            "1.5",
            "1.505",
            "1,50",
            "+1.00",
            "1e3",
            "99999999999999999999",
        ] {
            assert_eq!(
                Money::parse(text, Currency::Rub),
                Err(InvalidAmount),
                "{text}"
            );
        }
    }

    #[test]
    fn different_currencies_do_not_add() {
        let ruble = Money {
            minor: 1,
            currency: Currency::Rub,
        };
        assert_eq!(
            ruble.checked_add(Money {
                minor: 1,
                currency: Currency::Eur
            }),
            None
        );
        assert_eq!(
            ruble.checked_add(Money {
                minor: i64::MAX,
                currency: Currency::Rub
            }),
            None
        );
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_from_its_text(minor in -1_000_000_000_000_i64..1_000_000_000_000) {
            let money = Money { minor, currency: Currency::Rub };
            let text = money.to_string();
            prop_assert_eq!(Money::parse(text.trim_end_matches(" RUB"), Currency::Rub), Ok(money));
        }
    }
}
