//! One push, from the ledger to the push service and to the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bus::shell::{Clock, RootSecret};
use event_log::{EventLog, Failure};
use schemas::commands::keys::{DeviceType, ForgetPushAddress, KeptPushAddress, KeptTelegramChat};
use schemas::commands::transactions::{NotePushFailed, NotePushSent, PushFailure};
use schemas::vault::VaultName;
use schemas::{Digest, Owner, Secret, Timestamp};
use serde::de::DeserializeOwned;

use crate::house_commands::{HouseCommands, NoAnswer};
use crate::push::configuration::{Os, Purpose};
use crate::push::crowding::Crowding;
use crate::push::ledger::{Owed, Settled, State};
use crate::push::station::{Address, Attempted, End, Job, Progress, PushStation};

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// The wait before each further attempt, ms; the last one holds for all that follow.
const WAITS_MS: [i64; 6] = [
    SECOND_MS,
    5 * SECOND_MS,
    30 * SECOND_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
];

/// Carries pushes.
#[derive(Debug)]
pub(super) struct Carrier {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) root: RootSecret,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) station: Arc<PushStation>,
    pub(super) crowding: Crowding,
    /// From then on nothing new is begun.
    pub(super) is_ending: AtomicBool,
    pub(super) house: HouseCommands,
}

impl Carrier {
    /// Makes one attempt at what is left to do, and says what becomes of it.
    pub(super) async fn carry(&self, owed: Owed) -> Settled {
        let mut settled = Settled {
            id: owed.id.clone(),
            state: owed.state,
            attempt: owed.attempt,
            next_at: owed.next_at,
            progress: owed.progress,
        };
        if self.is_ending.load(Ordering::Relaxed) {
            return settled;
        }
        if owed.state == State::Due {
            settled = self.send(&owed, settled).await;
        }
        if let State::Told(outcome) = settled.state {
            settled.state = match self.tell(&owed, outcome).await {
                Ok(()) => State::Ended,
                Err(NoAnswer) => State::Told(outcome),
            };
            settled.next_at = self.clock.now().plus_ms(SECOND_MS);
        }
        settled
    }

    async fn send(&self, owed: &Owed, settled: Settled) -> Settled {
        let now = self.clock.now();
        if owed.expires_at <= now {
            return outcome_of(owed, settled, End::Failed(PushFailure::Late, ""));
        }
        let addresses = match self.addresses(&owed.owner).await {
            Ok(addresses) => addresses,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a push address could not be looked up; trying again");
                return later(owed, settled, now, None);
            }
        };
        if addresses.is_empty() {
            // The user's device has registered for no pushes, or is gone.
            metrics::counter!("pushes_total", "outcome" => "no_address").increment(1);
            return Settled {
                state: State::Ended,
                ..settled
            };
        }
        if owed.purpose == Purpose::Transaction
            && owed.progress == Progress::default()
            && let Err(wait_ms) = self.crowding.admit(&owed.owner, now)
        {
            metrics::counter!("pushes_total", "outcome" => "crowded").increment(1);
            return later(owed, settled, now, Some(wait_ms));
        }
        let job = Self::job(owed, addresses);
        let attempted = self.station.attempt(&job, owed.progress).await;
        if self.forget_gone(owed, &job, &attempted).await.is_err() {
            // The service will say it again.
            return later(owed, settled, now, None);
        }
        let settled = Settled {
            progress: attempted.progress,
            ..settled
        };
        match attempted.end {
            End::Again {
                asked_ms, tried, ..
            } => {
                let attempt = settled.attempt + u32::from(tried);
                let settled = Settled { attempt, ..settled };
                later(owed, settled, self.clock.now(), asked_ms)
            }
            end => outcome_of(owed, settled, end),
        }
    }

    fn job(owed: &Owed, addresses: Vec<Address>) -> Job {
        let user_id = owed.owner.user_id();
        Job {
            push_id: owed.id.clone(),
            system_id: owed.owner.system_id().to_string(),
            user_id: user_id.map(ToString::to_string).unwrap_or_default(),
            transaction_id: owed.transaction_id.to_string(),
            purpose: owed.purpose,
            addresses,
            expires_at: owed.deadline,
        }
    }

    /// Where pushes reach the user now: the device, and a chat.
    async fn addresses(&self, owner: &Owner) -> Result<Vec<Address>, Failure> {
        let names = [VaultName::push_address(), VaultName::telegram_chat()];
        let rows = self.log.vault(owner, &names).await?;
        let mut rows = rows.into_iter();
        let device = rows.next().flatten();
        let chat = rows.next().flatten();
        let settings = self.station.settings();
        let device = device.and_then(|sealed| {
            let kept: KeptPushAddress = self.open(owner, &names[0], &sealed)?;
            let usual = || settings.app_id_for_pusher(kept.device_type);
            Some(Address {
                os: match kept.device_type {
                    DeviceType::Android => Os::Android,
                    DeviceType::Ios => Os::Ios,
                    DeviceType::Huawei => Os::Huawei,
                },
                app_id: kept.app_id.clone().or_else(usual).unwrap_or_default(),
                token: Secret::new(kept.device_push_id.clone()),
            })
        });
        let chat = chat.and_then(|sealed| {
            let kept: KeptTelegramChat = self.open(owner, &names[1], &sealed)?;
            let usual = || settings.app_id_for_pusher(DeviceType::Android);
            Some(Address {
                os: Os::Telegram,
                app_id: kept.app_id.or_else(usual).unwrap_or_default(),
                token: kept.chat_id,
            })
        });
        Ok(device.into_iter().chain(chat).collect())
    }

    fn open<T: DeserializeOwned>(
        &self,
        owner: &Owner,
        name: &VaultName,
        sealed: &[u8],
    ) -> Option<T> {
        let place = format!("{owner}/{}", name.as_str());
        let opened = self.root.open(owner.system_id().as_str(), &place, sealed);
        let read = opened
            .ok()
            .and_then(|opened| rmp_serde::from_slice(opened.expose()).ok());
        if read.is_none() {
            tracing::error!(vault.row = %place, "a row of the vault does not open");
        }
        read
    }

    /// Tells the log of tokens that their service knows no more.
    async fn forget_gone(
        &self,
        owed: &Owed,
        job: &Job,
        attempted: &Attempted,
    ) -> Result<(), NoAnswer> {
        for (place, gone_since) in &attempted.gone {
            let token = &job.addresses[*place].token;
            let command = ForgetPushAddress {
                token: token.clone(),
                gone_since: *gone_since,
            };
            let identity = format!("{}/{}", owed.id, Digest::sha256(token.expose()));
            self.house.note(&owed.owner, &identity, command).await?;
        }
        Ok(())
    }

    /// Tells the log how the push went. A withdrawal is no fact about the transaction.
    async fn tell(&self, owed: &Owed, outcome: Result<(), PushFailure>) -> Result<(), NoAnswer> {
        if owed.purpose == Purpose::Withdrawal {
            return Ok(());
        }
        let (transaction_id, push_id) = (owed.transaction_id.clone(), owed.id.clone());
        match outcome {
            Ok(()) => {
                let command = NotePushSent {
                    transaction_id,
                    operation_id: owed.operation_id.clone(),
                    push_id,
                };
                self.house.note(&owed.owner, &owed.id, command).await
            }
            Err(reason) => {
                let command = NotePushFailed {
                    transaction_id,
                    push_id,
                    reason,
                };
                self.house.note(&owed.owner, &owed.id, command).await
            }
        }
    }
}

fn outcome_of(owed: &Owed, settled: Settled, end: End) -> Settled {
    let outcome = match end {
        End::Failed(failure, _) if settled.progress.taken == 0 => Err(failure),
        _ => Ok(()),
    };
    if let End::Failed(_, reason) = end {
        tracing::warn!(push.id = owed.id, system.id = %owed.owner.system_id(), reason, "a push failed");
    }
    Settled {
        state: State::Told(outcome),
        ..settled
    }
}

/// Another attempt, or none when it would be too late.
fn later(owed: &Owed, settled: Settled, now: Timestamp, asked_ms: Option<i64>) -> Settled {
    let place = (settled.attempt.max(1) as usize - 1).min(WAITS_MS.len() - 1);
    let wait_ms = spread(&owed.id, settled.attempt, WAITS_MS[place]);
    let next_at = now.plus_ms(wait_ms.max(asked_ms.unwrap_or(0)));
    if next_at >= owed.expires_at {
        return outcome_of(
            owed,
            settled,
            End::Failed(PushFailure::Late, "it would be too late"),
        );
    }
    Settled {
        state: State::Due,
        next_at,
        ..settled
    }
}

/// Up to a tenth to either side, so that a service that comes back is not met by everybody at once.
fn spread(id: &str, attempt: u32, wait_ms: i64) -> i64 {
    let digest = Digest::of(&[b"jitter", id.as_bytes(), &attempt.to_be_bytes()]);
    let part = i64::from(u16::from_be_bytes([digest.0[0], digest.0[1]]));
    wait_ms * 9 / 10 + wait_ms / 5 * part / i64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{BEGINNING, World};

    fn owed(deadline: Option<Timestamp>) -> Owed {
        let id = "t-1".parse().unwrap();
        Owed::about_new(&World::user("one"), &id, None, deadline, BEGINNING)
    }

    fn settled(attempt: u32, taken: u32) -> Settled {
        Settled {
            id: "push_1".to_owned(),
            state: State::Due,
            attempt,
            next_at: BEGINNING,
            progress: Progress { next: 0, taken },
        }
    }

    #[test]
    fn attempts_are_spread_and_grow_apart() {
        for (attempt, wait_ms) in (1..).zip(WAITS_MS.into_iter().chain([10 * MINUTE_MS])) {
            let next = later(&owed(None), settled(attempt, 0), BEGINNING, None);
            assert_eq!(next.state, State::Due);
            let waits_ms = next.next_at.0 - BEGINNING.0;
            assert!(
                (waits_ms - wait_ms).abs() <= wait_ms / 10,
                "{attempt}: {waits_ms}"
            );
        }
        let asked = later(&owed(None), settled(1, 0), BEGINNING, Some(7000));
        assert_eq!(asked.next_at, BEGINNING.plus_ms(7000));
    }

    #[test]
    fn what_would_be_too_late_is_not_tried() {
        let soon = owed(Some(BEGINNING.plus_ms(500)));
        let next = later(&soon, settled(1, 0), BEGINNING, None);
        assert_eq!(next.state, State::Told(Err(PushFailure::Late)));
        let partly = later(&soon, settled(1, 1), BEGINNING, None);
        assert_eq!(partly.state, State::Told(Ok(())), "one message was taken");
    }
}
