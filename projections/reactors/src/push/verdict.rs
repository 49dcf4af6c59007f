//! What a push service said to one message.

use reqwest::StatusCode;
use schemas::Timestamp;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was taken.
    Taken,
    /// The service knows the token no more; since when, if it says so.
    Gone(Option<Timestamp>),
    /// Not now. Whether others of the same application should wait, too, and how long it asks for, ms.
    Later {
        /// The word for logs and statuses.
        reason: &'static str,
        /// How long the service asks to wait, ms.
        asked_ms: Option<i64>,
        /// Whether it concerns all pushes of the application, and not this one alone.
        holds: bool,
    },
    /// Not now, and nothing was sent: the service asked before to be left alone, so long from now, ms.
    Held(i64),
    /// Never like this.
    Refused(&'static str),
    /// The credentials of the request were not accepted: worth one more try with new ones.
    Stale,
}

impl Verdict {
    /// Something between us and the service.
    pub(crate) fn interrupted(reason: &'static str) -> Self {
        Self::Later {
            reason,
            asked_ms: None,
            holds: false,
        }
    }

    /// The service does not accept who we are, even with new credentials: somebody has to look.
    pub(crate) fn unaccepted() -> Self {
        Self::Later {
            reason: "the push service does not accept the credentials",
            asked_ms: Some(UNACCEPTED_MS),
            holds: true,
        }
    }

    /// What a status means everywhere; `None` where the service's own words count.
    pub(crate) fn of_status(status: StatusCode, asked_ms: Option<i64>) -> Option<Self> {
        let later = |reason, holds| {
            Some(Self::Later {
                reason,
                asked_ms,
                holds,
            })
        };
        match status.as_u16() {
            200..=299 => Some(Self::Taken),
            429 => later("too many requests", true),
            503 => later("the push service is not available", true),
            500..=599 => later("the push service has an error", false),
            300..=399 => Some(Self::Refused(
                "the push service answers with another address",
            )),
            _ => None,
        }
    }
}

/// How long nothing is tried with credentials that are not accepted, ms.
const UNACCEPTED_MS: i64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_asked_for_by_two_statuses_and_concerns_everybody() {
        for (status, holds) in [(429, true), (503, true), (500, false), (504, false)] {
            let verdict = Verdict::of_status(StatusCode::from_u16(status).unwrap(), Some(7));
            let Some(Verdict::Later {
                asked_ms,
                holds: does,
                ..
            }) = verdict
            else {
                panic!("{status}: {verdict:?}");
            };
            assert_eq!((asked_ms, does), (Some(7), holds), "{status}");
        }
        assert_eq!(
            Verdict::of_status(StatusCode::OK, None),
            Some(Verdict::Taken)
        );
        assert_eq!(Verdict::of_status(StatusCode::GONE, None), None);
        let elsewhere = Verdict::of_status(StatusCode::TEMPORARY_REDIRECT, None);
        assert!(matches!(elsewhere, Some(Verdict::Refused(_))));
    }
}
