//! The password of a key with the server's help: setting it, changing it, and opening a key that lies locked.

use schemas::Timestamp;
use schemas::flags::ONLINE_CREDENTIALS;
use serde::Serialize;

use super::{Device, NoWords};
use crate::chance;
use crate::contents::{Credentials, CredentialsSalt, CredentialsSet};
use crate::credentials::{AccessKey, OnlineLock, SALT_BYTES, StretchedPassword};
use crate::door::Door;
use crate::error::{AnswerError, Error, LocalError};
use crate::key::DeviceKey;
use crate::password::PasswordPolicy;
use crate::request::{BodyContext, DeviceEventId, Submission};
use crate::secrets::ReleaseError;
use crate::store::{Cost, LockedKey, StoreError};
use crate::transport::Transport;

/// The server's name of the derivation.
const KDF: &str = schemas::password_kdf::NAME;

#[derive(Serialize)]
struct Set<'a> {
    password_proof: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_password_proof: Option<&'a str>,
}

#[derive(Serialize)]
struct Get<'a> {
    password_proof: &'a str,
}

/// Why a locked key was not opened.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The server did not release its part: 344 says how many tries are left.
    #[error(transparent)]
    Call(#[from] Error),
    /// The server released its part, and the file does not open with it: it was changed, or belongs to another key.
    #[error(transparent)]
    File(#[from] StoreError),
}

impl<T: Transport> Device<T> {
    /// Protects the key by a password and the server, from now on. Save the key with the lock that comes back.
    ///
    /// Where the server has a password of this key already (another device set it, or an answer was lost), it must be this
    /// one. The derivation takes noticeable time and memory; call it where blocking is allowed.
    pub async fn protect(&self, password: &str, now: Timestamp) -> Result<OnlineLock, Error> {
        self.check_password(password)?;
        let (salt, cost) = self.salt(now).await?;
        let password = stretch(password, &salt, cost)?;
        let proof = password.proof_text();
        let content = Set {
            password_proof: &proof,
            old_password_proof: None,
        };
        let event_id = DeviceEventId::fresh();
        let submission = self.submission("credentials/set", &event_id, now, content);
        let set: Result<CredentialsSet, Error> = self.submit(&submission, now).await;
        let access_key = match set {
            Ok(set) => self.open_access_key(&password, &set.access_key)?,
            // There is a password already.
            Err(error) if error.code() == Some(schemas::ErrorCode::PinIsEmpty) => {
                let content = Get {
                    password_proof: &proof,
                };
                let event_id = DeviceEventId::fresh();
                let submission: Submission<Credentials> =
                    self.submission("credentials/get", &event_id, now, content);
                let key = self.key.credentials_key()?;
                let owner = (&self.key.info).into();
                let prepared = submission.prepare(&self.door, owner, &key, self.header_time(now));
                let released = self.exchange(prepared).await?;
                self.open_access_key(&password, &released.access_key)?
            }
            Err(error) => return Err(error),
        };
        Ok(OnlineLock {
            salt,
            cost,
            password,
            access_key,
        })
    }

    /// The lock of another password. Save the key with both locks before [`Device::change_password`]: then no crash and no
    /// lost answer can lock the user out. Blocks like [`Device::protect`].
    pub fn prepare_password_change(
        &self,
        lock: &OnlineLock,
        new_password: &str,
    ) -> Result<OnlineLock, LocalError> {
        self.check_password(new_password)?;
        Ok(OnlineLock {
            salt: lock.salt,
            cost: lock.cost,
            password: stretch(new_password, &lock.salt, lock.cost)?,
            access_key: lock.access_key.clone(),
        })
    }

    /// Tells the server about the new password. After a success save the key with the new lock alone, after a final error
    /// with the old one alone.
    pub async fn change_password(
        &self,
        old: &OnlineLock,
        new: &OnlineLock,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (proof, old_proof) = (new.password.proof_text(), old.password.proof_text());
        let content = Set {
            password_proof: &proof,
            old_password_proof: Some(&old_proof),
        };
        let event_id = DeviceEventId::fresh();
        let submission = self.submission("credentials/set", &event_id, now, content);
        let set: CredentialsSet = self.submit(&submission, now).await?;
        if self.open_access_key(&new.password, &set.access_key)? == new.access_key {
            Ok(())
        } else {
            Err(AnswerError::ReleaseMismatch(ReleaseError).into())
        }
    }

    fn check_password(&self, password: &str) -> Result<(), LocalError> {
        let flags = self.key.info.key_flags;
        if !flags.has(&ONLINE_CREDENTIALS) {
            return Err(LocalError::NotOnline);
        }
        Ok(PasswordPolicy::of(flags).check(password)?)
    }

    async fn salt(&self, now: Timestamp) -> Result<([u8; SALT_BYTES], Cost), Error> {
        let event_id = DeviceEventId::fresh();
        let question = self.submission("credentials/salt", &event_id, now, NoWords {});
        let given: CredentialsSalt = self.submit(&question, now).await?;
        let mut salt = [0; SALT_BYTES];
        hex::decode_to_slice(&given.salt, &mut salt)
            .map_err(|_| AnswerError::ValueImpossible("salt"))?;
        let cost = Cost::offered(given.memory_kib, given.passes, given.lanes)
            .filter(|_| given.kdf == KDF)
            .ok_or(LocalError::DerivationRefused)?;
        Ok((salt, cost))
    }

    fn open_access_key(
        &self,
        password: &StretchedPassword,
        released: &str,
    ) -> Result<AccessKey, AnswerError> {
        Ok(password.open_access_key(released, (&self.key.info).into())?)
    }
}

impl LockedKey {
    /// Opens the key with the password and the server's help. A wrong password costs a try (344, with the tries that are
    /// left); after the last one the key is blocked (343). `url` overrides the address in the file.
    ///
    /// Blocks like [`Device::protect`].
    pub async fn unlock(
        &self,
        url: Option<&str>,
        password: &str,
        transport: &impl Transport,
        now: Timestamp,
    ) -> Result<(DeviceKey, OnlineLock), UnlockError> {
        let url = url.or(self.url()).ok_or(LocalError::NoUrl);
        let url = url.map_err(Error::Local)?;
        let owner = self.owner();
        let door = Door::new(url, owner.system_id, owner.user_id).map_err(Error::Local)?;
        let stretched = stretch(password, &self.salt, self.cost).map_err(Error::Local)?;
        let proof = stretched.proof_text();
        let (session_id, event_id) = (chance::uuid(), DeviceEventId::fresh());
        let context = BodyContext {
            session_id: &session_id,
            device_event_id: &event_id,
            device_time: now,
            device_info: None,
        };
        let content = Get {
            password_proof: &proof,
        };
        let submission: Submission<Credentials> =
            Submission::new("credentials/get".to_owned(), &context, content);
        let prepared = submission.prepare(&door, owner, self.request_key(), now);
        let answer = transport.send(prepared.request).await;
        let released = prepared
            .check
            .open::<Credentials>(&answer.map_err(Error::from)?)?;
        let access_key = stretched
            .open_access_key(&released.access_key, owner)
            .map_err(|error| Error::from(AnswerError::from(error)))?;
        let lock = OnlineLock {
            salt: self.salt,
            cost: self.cost,
            password: stretched,
            access_key,
        };
        Ok((self.open(&lock)?, lock))
    }
}

fn stretch(
    password: &str,
    salt: &[u8; SALT_BYTES],
    cost: Cost,
) -> Result<StretchedPassword, LocalError> {
    StretchedPassword::of(password, salt, cost).ok_or(LocalError::DerivationRefused)
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;

    use super::*;
    use crate::fake_server::{FakeServer, NOW, WHOLE_KEY};
    use crate::store::KeyFile;

    const PASSWORD: &str = "correct horse";

    fn device(server: &FakeServer) -> Device<&FakeServer> {
        Device::new(DeviceKey::import(WHOLE_KEY).unwrap(), server).unwrap()
    }

    struct Scene {
        server: FakeServer,
        _folder: tempfile::TempDir,
        file: KeyFile,
        unlocks: std::cell::Cell<i64>,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self {
                server: FakeServer::whole(),
                file: KeyFile::new(folder.path().join("key.json")),
                unlocks: std::cell::Cell::new(100),
                _folder: folder,
            }
        }

        async fn protected(&self) -> OnlineLock {
            let device = device(&self.server);
            let lock = device.protect(PASSWORD, NOW).await.unwrap();
            self.file.save_online(device.key(), &[&lock]).unwrap();
            lock
        }

        async fn unlock(&self, password: &str) -> Result<(DeviceKey, OnlineLock), UnlockError> {
            let locked = self.file.locked().unwrap();
            self.unlocks.set(self.unlocks.get() + 1);
            let now = NOW.plus_ms(self.unlocks.get());
            locked.unlock(None, password, &self.server, now).await
        }
    }

    fn code(error: &UnlockError) -> Option<ErrorCode> {
        match error {
            UnlockError::Call(error) => error.code(),
            UnlockError::File(_) => None,
        }
    }

    #[tokio::test]
    async fn a_key_opens_with_its_password_and_the_server() {
        let scene = Scene::new();
        scene.protected().await;
        let (key, _) = scene.unlock(PASSWORD).await.unwrap();
        assert_eq!(key.info().user_id.as_str(), "sample-1");
        let heard = scene.server.heard("credentials/set");
        assert!(!heard[0].to_string().contains(PASSWORD));
        let error = scene.unlock("wrong horse").await.unwrap_err();
        assert_eq!(code(&error), Some(ErrorCode::PasswordIncorrect));
        let UnlockError::Call(Error::Server(refusal)) = error else {
            panic!("the server refuses");
        };
        assert_eq!(refusal.attempts_left, Some(9));
        assert!(refusal.authenticated);
    }

    #[tokio::test]
    async fn a_lost_answer_to_the_first_password_is_made_up_for() {
        let scene = Scene::new();
        scene.server.lose(2);
        let device = device(&scene.server);
        assert!(device.protect(PASSWORD, NOW).await.is_err());
        assert!(device.protect(PASSWORD, NOW).await.is_err());
        let lock = device.protect(PASSWORD, NOW).await.unwrap();
        scene.file.save_online(device.key(), &[&lock]).unwrap();
        scene.unlock(PASSWORD).await.unwrap();
        // The server has a password now: another one is wrong.
        let error = device.protect("another horse", NOW).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::PasswordIncorrect));
    }

    #[tokio::test]
    async fn a_changed_password_opens_whatever_became_of_the_change() {
        for lost in [0, 1] {
            let scene = Scene::new();
            let old = scene.protected().await;
            let device = device(&scene.server);
            let new = device
                .prepare_password_change(&old, "battery staple")
                .unwrap();
            scene.file.save_online(device.key(), &[&old, &new]).unwrap();
            scene.server.lose(lost);
            let changed = device.change_password(&old, &new, NOW).await;
            assert_eq!(changed.is_ok(), lost == 0);
            // Nobody has saved the file since.
            scene.unlock("battery staple").await.unwrap();
            let error = scene.unlock(PASSWORD).await.unwrap_err();
            assert_eq!(code(&error), Some(ErrorCode::PasswordIncorrect));
        }
    }

    #[tokio::test]
    async fn a_change_that_never_arrived_leaves_the_old_password() {
        let scene = Scene::new();
        let old = scene.protected().await;
        let device = device(&scene.server);
        let new = device
            .prepare_password_change(&old, "battery staple")
            .unwrap();
        scene.file.save_online(device.key(), &[&old, &new]).unwrap();
        scene.unlock(PASSWORD).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_asks_for_a_cheap_derivation_is_not_obeyed() {
        for lie in [
            |envelope: &mut serde_json::Value| {
                envelope["answer"]["credentials_salt"]["memory_kib"] = 64.into();
            },
            |envelope: &mut serde_json::Value| {
                envelope["answer"]["credentials_salt"]["passes"] = 100_000.into();
            },
            |envelope: &mut serde_json::Value| {
                envelope["answer"]["credentials_salt"]["kdf"] = "md5".into();
            },
        ] {
            let scene = Scene::new();
            scene.server.lie(lie);
            let error = device(&scene.server)
                .protect(PASSWORD, NOW)
                .await
                .unwrap_err();
            assert!(matches!(error, Error::Local(LocalError::DerivationRefused)));
        }
    }

    #[tokio::test]
    async fn a_password_below_the_policy_or_a_key_without_the_flag_is_refused_here() {
        let server = FakeServer::whole();
        let error = device(&server).protect("short", NOW).await.unwrap_err();
        assert!(matches!(error, Error::Local(LocalError::Password(_))));
        let key = DeviceKey::import(&WHOLE_KEY.replace("67584", "2048")).unwrap();
        let without = Device::new(key, &server).unwrap();
        let error = without.protect(PASSWORD, NOW).await.unwrap_err();
        assert!(matches!(error, Error::Local(LocalError::NotOnline)));
        assert!(server.heard("credentials/salt").is_empty());
    }
}
