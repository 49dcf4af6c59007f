//! The push services, each in a room of its own: what they are sent, and what their answers mean.

mod apns;
mod controls;
mod fcm;
mod hms;
mod oauth;
mod telegram;

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use bus::shell::Clock;
use futures::future::BoxFuture;
use schemas::Timestamp;
use serde_json::Value;

use super::clients::{Clients, NoClient};
use super::configuration::{Configuration, Os};
use super::jwt::WrongKey;
use super::verdict::Verdict;

/// One message for one device.
#[derive(Clone)]
pub(crate) struct Message<'a> {
    /// Its identity: the same over all attempts.
    pub(crate) id: String,
    /// The device's token.
    pub(crate) token: &'a str,
    /// The template, filled.
    pub(crate) body: Value,
    /// From then on it is of no use; `None` without a deadline.
    pub(crate) expires_at: Option<Timestamp>,
}

/// A push service, with the credentials of one application.
pub(crate) trait Service: Debug + Send + Sync {
    /// Sends a message, once.
    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Verdict>;
}

/// A service, and whether it wants to be left alone for a while.
#[derive(Debug)]
pub(crate) struct Channel {
    service: Arc<dyn Service>,
    clock: Arc<dyn Clock>,
    held_until: AtomicI64,
    /// Exchanges in a row that came to nothing.
    broken: AtomicU32,
}

/// Every channel of a configuration.
#[derive(Debug)]
pub(crate) struct Channels(HashMap<(String, Os), Channel>);

/// Why a configuration cannot be used: which file, which field, and why.
#[derive(Debug, thiserror::Error)]
#[error("apps/{app_id}.json: {field}: {reason}")]
pub(crate) struct Unusable {
    app_id: String,
    pub(crate) field: &'static str,
    pub(crate) reason: String,
}

impl Unusable {
    /// Which file.
    pub(crate) fn file(&self) -> String {
        format!("apps/{}.json", self.app_id)
    }
}

/// The longest wait a push service can ask for, ms.
const HELD_MAX_MS: i64 = 3_600_000;

/// So many exchanges in a row that come to nothing, and the service is left alone: workers who wait for it would be missing
/// for the others.
const BROKEN_MAX: u32 = 5;

/// How long a service is left alone that does not answer, or asks for it without saying how long, ms.
const HELD_MS: i64 = 10_000;

impl Channel {
    fn new(service: impl Service + 'static, clock: &Arc<dyn Clock>) -> Self {
        Self {
            service: Arc::new(service),
            clock: Arc::clone(clock),
            held_until: AtomicI64::new(0),
            broken: AtomicU32::new(0),
        }
    }

    /// Sends a message, unless the service wants to be left alone.
    pub(crate) async fn send(&self, message: Message<'_>) -> Verdict {
        let now = self.clock.now();
        let wait_ms = self.held_until.load(Ordering::Relaxed) - now.0;
        if wait_ms > 0 {
            return Verdict::Held(wait_ms);
        }
        let verdict = self.service.send(message).await;
        let Verdict::Later {
            reason,
            asked_ms,
            holds,
        } = verdict
        else {
            self.broken.store(0, Ordering::Relaxed);
            return verdict;
        };
        let broken = self.broken.fetch_add(1, Ordering::Relaxed) + 1;
        if !holds && broken < BROKEN_MAX {
            return verdict;
        }
        let asked_ms = asked_ms.unwrap_or(HELD_MS).clamp(0, HELD_MAX_MS);
        let until = self.clock.now().plus_ms(asked_ms);
        self.held_until.fetch_max(until.0, Ordering::Relaxed);
        Verdict::Later {
            reason,
            asked_ms: Some(asked_ms),
            holds: true,
        }
    }
}

impl Channels {
    /// The channels of every application; a key that is none is found here.
    pub(crate) fn of(
        configuration: &Configuration,
        clients: &Clients,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Unusable> {
        let mut channels = HashMap::new();
        for (app_id, app) in &configuration.apps {
            let unusable = |field, reason: &dyn std::fmt::Display| Unusable {
                app_id: app_id.clone(),
                field,
                reason: reason.to_string(),
            };
            let mut add = |os, channel| channels.insert((app_id.clone(), os), channel);
            let fcm = |account| {
                fcm::FcmService::new(account, clients.clone(), Arc::clone(clock))
                    .map_err(|error: WrongKey| unusable("android.private_key", &error))
            };
            if let Some(account) = &app.android {
                add(Os::Android, Channel::new(fcm(account)?, clock));
            }
            if let Some(ios) = &app.ios {
                let channel = match (ios.apns(), &app.android) {
                    (Some(apns), _) => {
                        let client = Clients::showing(configuration, &apns.key);
                        let client = client.map_err(|error| unusable(place(&error), &error))?;
                        let service = apns::ApnsService::new(
                            app_id,
                            apns,
                            client,
                            clients.clone(),
                            Arc::clone(clock),
                        );
                        let service =
                            service.map_err(|error| unusable("ios.apns_p8.apns_key", &error))?;
                        Channel::new(service, clock)
                    }
                    (None, Some(account)) => {
                        Channel::new(fcm::ToIphones::new(fcm(account)?, app_id, clock), clock)
                    }
                    (None, None) => continue,
                };
                add(Os::Ios, channel);
            }
            if let Some(hms) = &app.huawei {
                let service = hms::HmsService::new(hms, clients.clone(), Arc::clone(clock));
                add(Os::Huawei, Channel::new(service, clock));
            }
            if let Some(bot) = &app.telegram {
                let service = telegram::TelegramService::new(bot, clients.clone());
                add(Os::Telegram, Channel::new(service, clock));
            }
        }
        Ok(Self(channels))
    }

    /// No channel at all.
    pub(crate) fn none() -> Self {
        Self(HashMap::new())
    }

    /// The channel to devices of that kind with that application.
    pub(crate) fn to(&self, app_id: &str, os: Os) -> Option<&Channel> {
        self.0.get(&(app_id.to_owned(), os))
    }
}

fn place(error: &NoClient) -> &'static str {
    match error {
        NoClient::Store => "ios.apns_p12.apns_certificate",
        NoClient::Client(_) => "ios",
    }
}

/// Seconds until a moment, at least one.
fn seconds_until(moment: Timestamp, now: Timestamp) -> i64 {
    ((moment.0 - now.0) / 1000).max(1)
}

#[cfg(test)]
mod tests {
    use bus::shell::ManualClock;
    use futures::FutureExt as _;

    use super::*;

    /// A service that says the same to everybody, and counts.
    #[derive(Debug)]
    struct Always(Verdict, Arc<AtomicU32>);

    impl Service for Always {
        fn send<'a>(&'a self, _: Message<'a>) -> BoxFuture<'a, Verdict> {
            self.1.fetch_add(1, Ordering::SeqCst);
            std::future::ready(self.0).boxed()
        }
    }

    fn message() -> Message<'static> {
        Message {
            id: "push_1/0".to_owned(),
            token: "t",
            body: Value::Null,
            expires_at: None,
        }
    }

    fn channel(verdict: Verdict) -> (Channel, Arc<ManualClock>, Arc<AtomicU32>) {
        let (clock, asked) = (Arc::new(ManualClock::new(Timestamp(0))), Arc::default());
        let ours: Arc<dyn Clock> = clock.clone();
        let channel = Channel::new(Always(verdict, Arc::clone(&asked)), &ours);
        (channel, clock, asked)
    }

    #[tokio::test]
    async fn a_service_that_does_not_answer_is_left_alone_for_a_while() {
        let (channel, clock, asked) = channel(Verdict::interrupted("no answer in time"));
        for _ in 0..BROKEN_MAX {
            assert!(matches!(
                channel.send(message()).await,
                Verdict::Later { .. }
            ));
        }
        assert_eq!(channel.send(message()).await, Verdict::Held(HELD_MS));
        clock.advance_ms(HELD_MS);
        // One try shows whether it is back; the next ones wait again.
        assert!(matches!(
            channel.send(message()).await,
            Verdict::Later { .. }
        ));
        assert_eq!(channel.send(message()).await, Verdict::Held(HELD_MS));
        assert_eq!(asked.load(Ordering::SeqCst), BROKEN_MAX + 1);
    }

    #[tokio::test]
    async fn what_one_message_hears_holds_up_no_other() {
        for verdict in [Verdict::Taken, Verdict::Gone(None), Verdict::Refused("no")] {
            let (channel, _, asked) = channel(verdict);
            for _ in 0..BROKEN_MAX + 2 {
                assert_eq!(channel.send(message()).await, verdict);
            }
            assert_eq!(asked.load(Ordering::SeqCst), BROKEN_MAX + 2);
        }
    }
}
