//! A token that is good for a while: got once, used by everybody, and got anew by one of those who find it stale.

use bus::shell::Clock;
use schemas::{Secret, Timestamp};
use tokio::sync::Mutex;

use super::verdict::Verdict;

/// A token in use.
#[derive(Debug, Default)]
pub(crate) struct Access(Mutex<Option<Token>>);

#[derive(Debug)]
struct Token {
    secret: Secret,
    got_at: Timestamp,
    /// From then on another one is got.
    good_until: Timestamp,
}

impl Access {
    /// The token; `stale` is one that was just not accepted. A token that is younger than `young_ms` and yet not accepted is
    /// not got anew: then the credentials are wrong, and asking again would only anger the service.
    ///
    /// `fetch` answers with a token and its life, ms.
    pub(crate) async fn token<F>(
        &self,
        clock: &dyn Clock,
        stale: Option<&str>,
        young_ms: i64,
        fetch: impl FnOnce() -> F,
    ) -> Result<String, Verdict>
    where
        F: Future<Output = Result<(String, i64), Verdict>>,
    {
        let mut known = self.0.lock().await;
        let now = clock.now();
        if let Some(token) = &*known {
            let text = token.secret.expose_text().unwrap_or_default();
            let is_stale = stale == Some(text);
            if is_stale && now.0 < token.got_at.0 + young_ms {
                return Err(Verdict::unaccepted());
            }
            if !is_stale && now < token.good_until {
                return Ok(text.to_owned());
            }
        }
        let (text, life_ms) = fetch().await?;
        *known = Some(Token {
            secret: Secret::new(text.clone()),
            got_at: now,
            good_until: now.plus_ms(life_ms),
        });
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use bus::shell::ManualClock;

    use super::*;

    struct Issuer(AtomicU32);

    impl Issuer {
        fn issue(&self) -> std::future::Ready<Result<(String, i64), Verdict>> {
            let number = self.0.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Ok((format!("token-{number}"), 1000)))
        }
    }

    #[tokio::test]
    async fn a_token_is_got_once_and_again_when_it_is_old() {
        let (clock, issuer) = (ManualClock::new(Timestamp(0)), Issuer(AtomicU32::new(0)));
        let access = Access::default();
        let get = async |stale| access.token(&clock, stale, 100, || issuer.issue()).await;
        let many = futures::future::join_all((0..20).map(|_| get(None))).await;
        assert!(many.iter().all(|token| token.as_deref() == Ok("token-0")));
        clock.advance_ms(999);
        assert_eq!(get(None).await.as_deref(), Ok("token-0"));
        clock.advance_ms(1);
        assert_eq!(get(None).await.as_deref(), Ok("token-1"));
    }

    #[tokio::test]
    async fn a_stale_token_is_got_anew_by_one_and_not_in_a_storm() {
        let (clock, issuer) = (ManualClock::new(Timestamp(0)), Issuer(AtomicU32::new(0)));
        let access = Access::default();
        let get = async |stale| access.token(&clock, stale, 100, || issuer.issue()).await;
        get(None).await.unwrap();
        assert_eq!(get(Some("token-0")).await, Err(Verdict::unaccepted()));
        clock.advance_ms(100);
        let many = futures::future::join_all((0..20).map(|_| get(Some("token-0")))).await;
        assert!(many.iter().all(|token| token.as_deref() == Ok("token-1")));
        assert_eq!(get(Some("token-1")).await, Err(Verdict::unaccepted()));
    }
}
