//! Registration: the public key, where pushes reach the device, and the device's fingerprint.

use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::flags::AUTOSIGN_ENABLED;
use schemas::{Digest, Timestamp};
use serde::Serialize;

use super::Device;
use crate::contents::{FingerprintSet, Registered};
use crate::error::{Error, LocalError};
use crate::key::PendingRegistration;
use crate::request::{DeviceEventId, Submission};
use crate::signer::{KeyPair, autosign_renewal_message, renewal_message};
use crate::transport::Transport;

#[derive(Serialize)]
struct Register<'a> {
    public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key_signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    autosign_public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    autosign_public_key_signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push: Option<Push<'a>>,
}

#[derive(Serialize)]
struct Push<'a> {
    device_push_id: &'a str,
    device_type: DeviceType,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<&'a str>,
}

#[derive(Serialize)]
struct SetFingerprint<'a> {
    device_fingerprint: &'a Digest,
}

impl<T: Transport> Device<T> {
    /// Registers this device: draws a key pair, and a second one where the key confirms automatically, and sends the public keys. When a pair is registered already, this renews
    /// it: the old pair signs the new public key.
    ///
    /// A registration whose outcome stayed unknown is finished as it was begun, whatever `push` says now.
    pub async fn register(
        &mut self,
        push: Option<&PushAddress>,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.key.registering.is_none() {
            self.prepare_registration(push, now)?;
        }
        // The pending pair stays where it is while we wait: a caller who gives up waiting must not lose it.
        let pending = self.key.registering.as_ref().expect("it was just prepared");
        let outcome = self.submit(&pending.submission, now).await;
        match outcome {
            Ok(Registered {}) => {
                if let Some(registered) = self.key.registering.take() {
                    self.key.pair = Some(registered.pair);
                    self.key.autosign_pair =
                        registered.autosign_pair.or(self.key.autosign_pair.take());
                }
                Ok(())
            }
            Err(error) => {
                if error.is_final() {
                    self.key.registering = None;
                }
                Err(error)
            }
        }
    }

    /// Draws the key pair and fixes the request without sending it, so that the key can be saved first: then no crash
    /// loses a pair the server may have accepted. `register` sends it.
    pub fn prepare_registration(
        &mut self,
        push: Option<&PushAddress>,
        now: Timestamp,
    ) -> Result<(), LocalError> {
        self.key.check_renewal()?;
        self.key.request_key()?;
        let pair = KeyPair::generate();
        let confirms_by_itself = self.key.info.key_flags.has(&AUTOSIGN_ENABLED);
        let autosign_pair = confirms_by_itself.then(KeyPair::generate);
        let pairs = (&pair, autosign_pair.as_ref());
        let submission = self.registration(pairs, push, &DeviceEventId::fresh(), now);
        self.key.registering = Some(PendingRegistration {
            pair,
            autosign_pair,
            submission,
        });
        Ok(())
    }

    fn registration(
        &self,
        (pair, autosign_pair): (&KeyPair, Option<&KeyPair>),
        push: Option<&PushAddress>,
        event_id: &DeviceEventId,
        now: Timestamp,
    ) -> Submission<Registered> {
        let public_key = pair.public_key_spki();
        let info = &self.key.info;
        let signature = self.key.pair.as_ref().map(|old| {
            old.sign(&renewal_message(
                &info.system_id,
                &info.user_id,
                info.key_index,
                &public_key,
            ))
        });
        let autosign_public_key = autosign_pair.map(KeyPair::public_key_spki);
        let old = self.key.autosign_pair.as_ref();
        let autosign_signature = old.zip(autosign_public_key.as_ref()).map(|(old, new)| {
            old.sign(&autosign_renewal_message(
                &info.system_id,
                &info.user_id,
                info.key_index,
                new,
            ))
        });
        let content = Register {
            public_key: hex::encode(&public_key),
            public_key_signature: signature.map(hex::encode),
            autosign_public_key: autosign_public_key.map(hex::encode),
            autosign_public_key_signature: autosign_signature.map(hex::encode),
            push: push.map(Push::of),
        };
        self.submission("register", event_id, now, content)
    }

    /// Tells the server where pushes reach this device now; the public key stays.
    pub async fn update_push(&self, push: &PushAddress, now: Timestamp) -> Result<(), Error> {
        let public_key = self.key.pair()?.public_key_spki();
        let content = Register {
            public_key: hex::encode(public_key),
            public_key_signature: None,
            autosign_public_key: None,
            autosign_public_key_signature: None,
            push: Some(Push::of(push)),
        };
        let submission = self.submission("register", &DeviceEventId::fresh(), now, content);
        let Registered {} = self.submit(&submission, now).await?;
        Ok(())
    }

    /// Binds the key to this device. The fingerprint is 32 bytes the application derives from the device and can derive
    /// again; it then enters every confirmation code. Only for a key with the flag `with_finger_print`, and once: the same
    /// fingerprint may be set again, another is refused (247).
    pub async fn set_fingerprint(
        &mut self,
        fingerprint: Digest,
        now: Timestamp,
    ) -> Result<(), Error> {
        let content = SetFingerprint {
            device_fingerprint: &fingerprint,
        };
        let submission = self.submission("fingerprint", &DeviceEventId::fresh(), now, content);
        let FingerprintSet {} = self.submit(&submission, now).await?;
        self.key.fingerprint = Some(fingerprint);
        Ok(())
    }
}

impl<'a> Push<'a> {
    fn of(push: &'a PushAddress) -> Self {
        Self {
            device_push_id: &push.device_push_id,
            device_type: push.device_type,
            app_id: push.app_id.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_server::{FakeServer, NOW, WHOLE_KEY};
    use crate::key::DeviceKey;
    use crate::store::{Cost, KeyFile};

    fn device<'a>(server: &'a FakeServer, key: &str) -> Device<&'a FakeServer> {
        Device::new(DeviceKey::import(key).unwrap(), server).unwrap()
    }

    fn push() -> PushAddress {
        PushAddress {
            device_push_id: "token".to_owned(),
            device_type: DeviceType::Ios,
            app_id: None,
        }
    }

    #[tokio::test]
    async fn a_registered_device_holds_the_pair_whose_public_key_the_server_has() {
        let server = FakeServer::whole();
        let mut device = device(&server, WHOLE_KEY);
        device.register(Some(&push()), NOW).await.unwrap();
        assert_eq!(device.key().public_key_spki(), server.public_key());
        let body = &server.heard("register")[0];
        assert_eq!(
            body["push"],
            serde_json::json!({"device_push_id": "token", "device_type": "iOS"})
        );
        assert!(body.get("public_key_signature").is_none());
    }

    #[tokio::test]
    async fn the_old_pair_signs_for_the_new_one() {
        let server = FakeServer::whole();
        let mut device = device(&server, WHOLE_KEY);
        device.register(None, NOW).await.unwrap();
        let old = device.key().public_key_spki();
        device.register(None, NOW).await.unwrap();
        assert_ne!(device.key().public_key_spki(), old);
        assert_eq!(device.key().public_key_spki(), server.public_key());
    }

    #[tokio::test]
    async fn a_pair_whose_answer_was_lost_is_kept_and_finished_even_after_a_restart() {
        let server = FakeServer::whole();
        let mut before = device(&server, WHOLE_KEY);
        server.lose(1);
        let error = before.register(None, NOW).await.unwrap_err();
        assert!(matches!(error, Error::Network(_)) && !error.is_final());
        assert!(!before.key().is_registered() && before.key().is_registration_pending());

        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::with_cost(folder.path().join("key"), Cost::for_tests());
        file.save(before.key(), "").unwrap();
        let mut after = Device::new(file.load("").unwrap(), &server).unwrap();
        after.register(None, NOW.plus_seconds(60)).await.unwrap();
        assert_eq!(after.key().public_key_spki(), server.public_key());
        let heard = server.heard("register");
        assert_eq!(heard[0], heard[1], "the retry is the same request");
    }

    #[tokio::test]
    async fn a_new_push_address_leaves_the_pair_as_it_is() {
        let server = FakeServer::whole();
        let mut device = device(&server, WHOLE_KEY);
        device.register(None, NOW).await.unwrap();
        let pair = server.public_key();
        device.update_push(&push(), NOW).await.unwrap();
        assert_eq!(server.public_key(), pair);
        assert_eq!(
            server.heard("register")[1]["push"]["device_push_id"],
            "token"
        );
    }

    #[tokio::test]
    async fn a_wrong_clock_loses_no_pair() {
        let server = FakeServer::whole();
        let mut device = device(&server, WHOLE_KEY);
        server.lose(1);
        device.register(None, NOW).await.unwrap_err();
        let error = device
            .register(None, NOW.plus_seconds(400))
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(schemas::ErrorCode::TimeSyncError));
        assert!(device.key().is_registration_pending());
        device.register(None, NOW).await.unwrap();
        assert_eq!(device.key().public_key_spki(), server.public_key());
    }

    #[tokio::test]
    async fn a_key_may_forbid_the_renewal() {
        let server = FakeServer::whole();
        // 67584 + 256: deny_renew_public_key.
        let mut device = device(&server, &WHOLE_KEY.replace("67584", "67840"));
        device.register(None, NOW).await.unwrap();
        let error = device.register(None, NOW).await.unwrap_err();
        assert!(matches!(error, Error::Local(LocalError::RenewalDenied)));
        assert_eq!(server.heard("register").len(), 1);
    }

    #[tokio::test]
    async fn an_authenticated_refusal_ends_a_registration() {
        let server = FakeServer::whole();
        let mut device = device(&server, WHOLE_KEY);
        server.lie(|envelope| {
            envelope["answer_type"] = "error".into();
            envelope["answer"] =
                serde_json::json!({"result": {"error_code": 295, "error_message": "…"}});
        });
        let error = device.register(None, NOW).await.unwrap_err();
        assert_eq!(error.code(), Some(schemas::ErrorCode::KeyExpired));
        assert!(error.is_final() && !device.key().is_registration_pending());
    }
}
