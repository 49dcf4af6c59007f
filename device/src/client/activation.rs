//! Activation: the user's code releases the second half of the key.

use schemas::{Digest, Timestamp};
use serde::Serialize;

use zeroize::Zeroizing;

use super::Device;
use crate::error::{Error, LocalError};
use crate::key::PendingActivation;
use crate::request::DeviceEventId;
use crate::transport::Transport;

#[derive(Serialize)]
struct Activate {
    activation_code_proof: Digest,
}

impl<T: Transport> Device<T> {
    /// Activates a two-part key. The code itself is never sent. A wrong one costs a try: 342 says how many are left.
    ///
    /// The server releases its half once. An activation whose outcome stayed unknown is therefore finished first, by the
    /// very same request; only when it turns out to have failed is another code tried.
    pub async fn activate(&mut self, code: &str, now: Timestamp) -> Result<(), Error> {
        self.key.activation()?;
        let begun_with_another = match &self.key.activating {
            None => {
                self.prepare_activation(code, now)?;
                false
            }
            Some(pending) => *pending.code != code,
        };
        match self.finish_activation(now).await {
            Err(error) if begun_with_another && error.is_final() => {}
            settled => return settled,
        }
        self.prepare_activation(code, now)?;
        self.finish_activation(now).await
    }

    /// Fixes the request without sending it, so that the key can be saved first: then no crash loses a released half.
    /// `activate` sends it.
    pub fn prepare_activation(&mut self, code: &str, now: Timestamp) -> Result<(), LocalError> {
        if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(LocalError::ActivationCodeRefused);
        }
        let (first, _) = self.key.activation()?;
        let content = Activate {
            activation_code_proof: first.activation_proof(code),
        };
        let submission = self.submission("activate", &DeviceEventId::fresh(), now, content);
        self.key.activating = Some(PendingActivation {
            code: Zeroizing::new(code.to_owned()),
            submission,
        });
        Ok(())
    }

    async fn finish_activation(&mut self, now: Timestamp) -> Result<(), Error> {
        let pending = self
            .key
            .activating
            .as_ref()
            .expect("the caller prepared it");
        let (_, activation_key) = self.key.activation()?;
        let time = self.header_time(now);
        let prepared =
            pending
                .submission
                .prepare(&self.door, (&self.key.info).into(), activation_key, time);
        let outcome = self.exchange(prepared).await;
        if outcome.as_ref().is_err_and(Error::is_final) {
            self.key.activating = None;
        }
        Ok(self.key.complete(&outcome?.released)?)
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;

    use super::*;
    use crate::error::AnswerError;
    use crate::fake_server::{CODE, FakeServer, HALF_KEY, NOW, WHOLE_KEY};
    use crate::key::DeviceKey;
    use crate::store::{Cost, KeyFile};

    fn device(server: &FakeServer) -> Device<&FakeServer> {
        Device::new(DeviceKey::import(HALF_KEY).unwrap(), server).unwrap()
    }

    #[tokio::test]
    async fn the_right_code_makes_the_key_whole() {
        let server = FakeServer::half();
        let mut device = device(&server);
        let early = device.list(NOW).await.unwrap_err();
        assert!(matches!(early, Error::Local(LocalError::NotActivated)));
        device.activate(CODE, NOW).await.unwrap();
        assert!(device.key().is_activated());
        // The server knows K = K1 xor K2 and accepts the device's MACs: both have the same K now.
        assert_eq!(device.list(NOW).await.unwrap().len(), 1);
        let again = device.activate(CODE, NOW).await.unwrap_err();
        assert!(matches!(again, Error::Local(LocalError::ActiveAlready)));
    }

    #[tokio::test]
    async fn the_code_itself_is_never_sent() {
        let server = FakeServer::half();
        device(&server).activate(CODE, NOW).await.unwrap();
        assert!(!server.heard("activate")[0].to_string().contains(CODE));
    }

    #[tokio::test]
    async fn a_wrong_code_costs_a_try_and_a_repetition_costs_no_other() {
        let server = FakeServer::half();
        let mut device = device(&server);
        server.lose(1);
        let lost = device.activate("0000000000", NOW).await.unwrap_err();
        assert!(!lost.is_final() && device.key().is_activation_pending());
        let Err(Error::Server(refusal)) = device.activate("0000000000", NOW).await else {
            panic!("the code is wrong")
        };
        assert_eq!(refusal.code, ErrorCode::ActivationCodeIncorrect);
        assert!(refusal.authenticated && refusal.is_final());
        assert_eq!(refusal.attempts_left, Some(4));
        let error = device.activate("0000000001", NOW).await.unwrap_err();
        assert!(matches!(error, Error::Server(refusal) if refusal.attempts_left == Some(3)));
        assert!(!device.key().is_activated());
    }

    #[tokio::test]
    async fn a_released_half_that_was_lost_is_asked_for_again_even_after_a_restart() {
        let server = FakeServer::half();
        let mut before = device(&server);
        server.lose(1);
        before.activate(CODE, NOW).await.unwrap_err();
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::with_cost(folder.path().join("key"), Cost::for_tests());
        file.save(before.key(), "").unwrap();

        let mut after = Device::new(file.load("").unwrap(), &server).unwrap();
        // The user is not sure of the code any more; the one that was right counts.
        after
            .activate("0000000000", NOW.plus_seconds(60))
            .await
            .unwrap();
        assert_eq!(after.list(NOW.plus_seconds(60)).await.unwrap().len(), 1);
        assert!(!after.key().is_activation_pending());
        let heard = server.heard("activate");
        assert_eq!(heard[0], heard[1], "the retry is the same request");
    }

    #[tokio::test]
    async fn a_failed_activation_that_was_lost_gives_way_to_the_next_code() {
        let server = FakeServer::half();
        let mut device = device(&server);
        server.lose(1);
        device.activate("0000000000", NOW).await.unwrap_err();
        device.activate(CODE, NOW).await.unwrap();
        assert!(device.key().is_activated());
        assert_eq!(server.heard("activate").len(), 3);
    }

    #[tokio::test]
    async fn a_half_for_somebody_else_does_not_activate() {
        let server = FakeServer::half();
        let mut device = device(&server);
        server.lie(|envelope| {
            envelope["answer"]["key_activated"]["released"] = "00".repeat(60).into();
        });
        let error = device.activate(CODE, NOW).await.unwrap_err();
        assert!(matches!(
            error,
            Error::Untrusted(AnswerError::ReleaseMismatch(_))
        ));
        assert!(!device.key().is_activated());
    }

    #[tokio::test]
    async fn a_whole_key_and_an_empty_code_ask_nobody() {
        let server = FakeServer::whole();
        let mut whole = Device::new(DeviceKey::import(WHOLE_KEY).unwrap(), &server).unwrap();
        let error = whole.activate(CODE, NOW).await.unwrap_err();
        assert!(matches!(error, Error::Local(LocalError::ActiveAlready)));
        for code in ["", "код", "3468 045516"] {
            let error = device(&server).activate(code, NOW).await.unwrap_err();
            assert!(matches!(
                error,
                Error::Local(LocalError::ActivationCodeRefused)
            ));
        }
        assert!(server.heard("activate").is_empty());
    }
}
