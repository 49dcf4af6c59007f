//! The key on disk: one file for each key, sealed under the user's password.

mod online;
mod private_file;
mod record;
mod sealing;

use std::io;
use std::path::{Path, PathBuf};

use crate::credentials::OnlineLock;
use crate::key::DeviceKey;
use crate::password::{PasswordError, PasswordPolicy};

pub use online::LockedKey;
pub use sealing::Cost;

/// The longest file that is read, bytes.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A file that holds one key.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
    cost: Cost,
}

/// Why a key was not saved or not loaded.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The key's policy does not permit the password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The file cannot be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Not a file of ours, or of a version or a cost this client does not take.
    #[error("not a key file this client can read")]
    NotAKeyFile,
    /// The file opens with the server's help only: take it with [`KeyFile::locked`].
    #[error("the key file opens with the server's help only")]
    NeedsServer,
    /// The password is wrong, or the file was changed: the two cannot be told apart.
    #[error("the password is wrong or the file was changed")]
    NotOpened,
}

impl KeyFile {
    /// A key file at this path, with the usual cost of a guess.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_cost(path, Cost::default())
    }

    /// The same with another cost, for what is saved from now on.
    pub fn with_cost(path: impl Into<PathBuf>, cost: Cost) -> Self {
        Self {
            path: path.into(),
            cost,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file as a whole: after a crash it is the old one or the new one. Only its owner may read it.
    ///
    /// The password's derivation takes noticeable time and memory; call it where blocking is allowed.
    pub fn save(&self, key: &DeviceKey, password: &str) -> Result<(), StoreError> {
        PasswordPolicy::of(key.info.key_flags).check(password)?;
        let sealed = sealing::seal(&record::encode(key), password, self.cost);
        private_file::replace(&self.path, &sealed).map_err(self.io("write"))
    }

    /// Replaces the file by one that opens with the server's help, with any of these locks: one, or two while a password is
    /// being changed. Only for a key that is active.
    pub fn save_online(&self, key: &DeviceKey, locks: &[&OnlineLock]) -> Result<(), StoreError> {
        let sealed = online::seal(key, locks)?;
        private_file::replace(&self.path, &sealed).map_err(self.io("write"))
    }

    /// Does the file open with the server's help only?
    pub fn is_online(&self) -> Result<bool, StoreError> {
        Ok(online::is_online(&self.read()?))
    }

    /// A file that opens with the server's help, still closed.
    pub fn locked(&self) -> Result<LockedKey, StoreError> {
        LockedKey::read(&self.read()?)
    }

    fn read(&self) -> Result<Vec<u8>, StoreError> {
        private_file::read(&self.path, FILE_BYTES_MAX).map_err(self.io("read"))
    }

    /// Opens the file. Blocks like [`KeyFile::save`].
    pub fn load(&self, password: &str) -> Result<DeviceKey, StoreError> {
        let sealed = self.read()?;
        if online::is_online(&sealed) {
            return Err(StoreError::NeedsServer);
        }
        record::decode(&sealing::open(&sealed, password)?).ok_or(StoreError::NotAKeyFile)
    }

    /// Deletes the file: the user has deleted the key.
    pub fn delete(&self) -> Result<(), StoreError> {
        private_file::delete(&self.path).map_err(self.io("delete"))
    }

    fn io(&self, action: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        let path = self.path.clone();
        move |source| StoreError::Io {
            action,
            path,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::fake_server::{HALF_KEY, WHOLE_KEY};

    fn file(folder: &tempfile::TempDir) -> KeyFile {
        KeyFile::with_cost(folder.path().join("key.json"), Cost::for_tests())
    }

    #[test]
    fn a_key_comes_back_under_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        for text in [HALF_KEY, WHOLE_KEY] {
            let key = DeviceKey::import(text).unwrap();
            file.save(&key, "correct horse").unwrap();
            let loaded = file.load("correct horse").unwrap();
            assert_eq!(loaded.info(), key.info());
            assert_eq!(loaded.is_activated(), key.is_activated());
        }
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn a_wrong_password_and_a_changed_file_look_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        file.save(&DeviceKey::import(WHOLE_KEY).unwrap(), "correct horse")
            .unwrap();
        let wrong = file.load("correct hors").unwrap_err();
        let text = fs::read_to_string(file.path()).unwrap();
        for changed in [
            text.replace("\"passes\":1", "\"passes\":2"),
            text.replace("\"sealed\":\"", "\"sealed\":\"AAAA"),
        ] {
            assert_ne!(changed, text);
            fs::write(file.path(), changed).unwrap();
            let error = file.load("correct horse").unwrap_err();
            assert_eq!(error.to_string(), wrong.to_string());
            assert!(matches!(error, StoreError::NotOpened));
        }
    }

    #[test]
    fn the_file_says_nothing_about_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        file.save(&DeviceKey::import(WHOLE_KEY).unwrap(), "correct horse")
            .unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(
            !text.contains("sample-1") && !text.contains("AAECAw"),
            "{text}"
        );
    }

    #[test]
    fn a_password_below_the_policy_is_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        // 67584 + 96: policy 3.
        let key = DeviceKey::import(&WHOLE_KEY.replace("67584", "67680")).unwrap();
        let error = file.save(&key, "correct horse").unwrap_err();
        assert!(matches!(
            error,
            StoreError::Password(PasswordError::NeedsLetters)
        ));
        assert!(!file.path().exists());
    }

    #[test]
    fn a_file_that_would_exhaust_the_device_is_not_tried() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        file.save(&DeviceKey::import(WHOLE_KEY).unwrap(), "")
            .unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        for (from, to) in [
            ("\"memory_kib\":64", "\"memory_kib\":4294967295"),
            ("\"passes\":1", "\"passes\":1000000"),
            ("\"v\":1", "\"v\":3"),
            ("argon2id", "argon2i"),
        ] {
            assert!(text.contains(from), "{text}");
            fs::write(file.path(), text.replace(from, to)).unwrap();
            assert!(matches!(
                file.load("").unwrap_err(),
                StoreError::NotAKeyFile
            ));
        }
        fs::write(file.path(), text.replace("\"v\":1", "\"v\":2")).unwrap();
        assert!(matches!(
            file.load("").unwrap_err(),
            StoreError::NeedsServer
        ));
        fs::write(file.path(), "hello").unwrap();
        assert!(matches!(
            file.load("").unwrap_err(),
            StoreError::NotAKeyFile
        ));
        file.delete().unwrap();
        assert!(matches!(file.load("").unwrap_err(), StoreError::Io { .. }));
    }
}
