//! The device in front of the mobile door: one key, one server, one session.

mod activation;
pub mod autoconfirm;
mod offline;
pub mod operations;
pub mod password;
pub mod recovery;
mod registration;
mod reports;
pub mod transactions;

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use schemas::flags::COLLECT_DEVICE_INFO;
use schemas::{Timestamp, TransactionId};
use serde::Serialize;

use crate::chance;
use crate::confirm_code::STEP_S;
use crate::contents::Content;
use crate::door::{Door, segment};
use crate::error::{Error, LocalError};
use crate::key::DeviceKey;
use crate::request::{BodyContext, DeviceEventId, Prepared, Submission};
use crate::transport::Transport;

/// A device with one key. It repeats nothing by itself: retries are the caller's business.
///
/// Every call is told what time it is. After an activation, a registration or a new fingerprint the key has changed:
/// save it.
pub struct Device<T> {
    key: DeviceKey,
    door: Door,
    session_id: String,
    /// Facts about the device; `None` when there are none or the key does not ask for them.
    info: Option<serde_json::Value>,
    confirm_code_step_s: i64,
    /// The time in the newest header, ms since the Unix epoch.
    newest_header_ms: AtomicI64,
    transport: T,
}

/// A clock set back by more than this is believed, ms; by less, header times still grow.
const CLOCK_CORRECTION_MS: i64 = 10_000;

impl<T: Transport> Device<T> {
    /// A device at the server its key names.
    pub fn new(key: DeviceKey, transport: T) -> Result<Self, LocalError> {
        let url = key.info.url.clone().ok_or(LocalError::NoUrl)?;
        Self::at(&url, key, transport)
    }

    /// A device at a server the caller names.
    pub fn at(url: &str, key: DeviceKey, transport: T) -> Result<Self, LocalError> {
        Ok(Self {
            door: Door::new(url, &key.info.system_id, &key.info.user_id)?,
            key,
            session_id: chance::uuid(),
            info: None,
            confirm_code_step_s: STEP_S,
            newest_header_ms: AtomicI64::new(0),
            transport,
        })
    }

    /// The time step of confirmation codes, seconds, where the operator has set another than 180 (`T_CONFIRM_CODE`).
    #[must_use]
    pub fn with_confirm_code_step(mut self, step_s: i64) -> Self {
        self.confirm_code_step_s = step_s;
        self
    }

    /// Facts about the device. They are sent only when the key's flags ask for them.
    #[must_use]
    pub fn with_device_info(mut self, info: serde_json::Map<String, serde_json::Value>) -> Self {
        let asked = self.key.info.key_flags.has(&COLLECT_DEVICE_INFO);
        self.info = asked.then_some(serde_json::Value::Object(info));
        self
    }

    /// The key, for the store and the screen.
    pub fn key(&self) -> &DeviceKey {
        &self.key
    }

    /// The key, taken back.
    pub fn into_key(self) -> DeviceKey {
        self.key
    }

    /// The ready HTTP request of a submission, with a fresh nonce. Answers are checked with what comes beside it.
    pub fn prepare<C>(
        &self,
        submission: &Submission<C>,
        now: Timestamp,
    ) -> Result<Prepared<C>, LocalError> {
        let key = self.key.request_key()?;
        Ok(submission.prepare(
            &self.door,
            (&self.key.info).into(),
            key,
            self.header_time(now),
        ))
    }

    /// Sends a submission and opens the answer. Sending the same one again is the safe retry after an unknown outcome.
    pub async fn submit<C: Content>(
        &self,
        submission: &Submission<C>,
        now: Timestamp,
    ) -> Result<C, Error> {
        self.exchange(self.prepare(submission, now)?).await
    }

    /// The time for the next header. A server may ask that it grows with every request of a key, and one call may make two
    /// requests in the same millisecond.
    fn header_time(&self, now: Timestamp) -> Timestamp {
        let after = |newest: i64| {
            let behind_ms = newest.saturating_sub(now.0);
            if (0..CLOCK_CORRECTION_MS).contains(&behind_ms) {
                newest + 1
            } else {
                now.0
            }
        };
        let newest = &self.newest_header_ms;
        let before = newest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |newest| {
            Some(after(newest))
        });
        Timestamp(after(before.expect("there is always a next time")))
    }

    async fn exchange<C: Content>(&self, prepared: Prepared<C>) -> Result<C, Error> {
        let answer = self.transport.send(prepared.request).await?;
        prepared.check.open(&answer)
    }

    fn submission<C>(
        &self,
        tail: impl Into<String>,
        event_id: &DeviceEventId,
        now: Timestamp,
        content: impl Serialize,
    ) -> Submission<C> {
        let context = BodyContext {
            session_id: &self.session_id,
            device_event_id: event_id,
            device_time: now,
            device_info: self.info.as_ref(),
        };
        Submission::new(tail.into(), &context, content)
    }

    fn about<C>(
        &self,
        transaction_id: &TransactionId,
        verb: &str,
        event_id: &DeviceEventId,
        now: Timestamp,
        content: impl Serialize,
    ) -> Result<Submission<C>, LocalError> {
        let tail = format!("transactions/{}/{verb}", segment(transaction_id.as_str())?);
        Ok(self.submission(tail, event_id, now, content))
    }
}

impl<T> fmt::Debug for Device<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("key", &self.key)
            .field("door", &self.door)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

/// The content of a question that needs no words of its own.
#[derive(Serialize)]
struct NoWords {}
