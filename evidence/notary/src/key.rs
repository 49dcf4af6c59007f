//! A signing key, the notary's or a witness's, in a file of one line.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use evidence::{Checkpoint, KeyKind, NoteError, VerifierKey};
use schemas::Digest;
use zeroize::Zeroizing;

/// Before the name of the key.
const PREFIX: &str = "PRIVATE+KEY+";

/// What signs checkpoints. It prints as its public half.
pub struct NoteKey {
    secret: SigningKey,
    public: VerifierKey,
}

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is not one line of a private key.
    #[error("{0} does not hold a signing key")]
    Malformed(String),
    /// The file can be read by others.
    #[error("{0} can be read by other users: run chmod 600 on it")]
    TooOpen(String),
    /// The file cannot be read or written.
    #[error("cannot use the key file {path}")]
    File {
        /// Which file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The name cannot stand in a note.
    #[error("the name of the journal cannot stand in a checkpoint")]
    Name(#[from] NoteError),
}

impl NoteKey {
    /// A key from its 32 secret bytes.
    pub fn new(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = SigningKey::from_bytes(seed);
        let public = VerifierKey::new(name, kind, secret.verifying_key().as_bytes())?;
        Ok(Self { secret, public })
    }

    /// Reads the key; `None` when there is no file.
    pub fn open(path: &Path) -> Result<Option<Self>, KeyError> {
        let shown = || path.display().to_string();
        let failed = |source| KeyError::File {
            path: shown(),
            source,
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mode = std::fs::metadata(path)
            .map_err(failed)?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(KeyError::TooOpen(shown()));
        }
        let key = Self::read(text.trim_end()).ok_or_else(|| KeyError::Malformed(shown()))?;
        Ok(Some(key))
    }

    /// What a journal is called when the operator does not say: after its key.
    pub fn name_of_journal(seed: &[u8; 32]) -> String {
        let secret = SigningKey::from_bytes(seed);
        let digest = Digest::sha256(secret.verifying_key().as_bytes()).to_string();
        digest[..16].to_owned()
    }

    /// Makes a key of these 32 random bytes and writes it to a file that only its owner can read.
    pub fn create(
        path: &Path,
        name: &str,
        kind: KeyKind,
        seed: &[u8; 32],
    ) -> Result<Self, KeyError> {
        let key = Self::new(name, kind, seed)?;
        let write = || {
            let beside = path.with_extension("key.new");
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&beside)?;
            file.write_all(key.to_text().as_bytes())?;
            file.sync_all()?;
            // A key that exists is never replaced.
            std::fs::hard_link(&beside, path)?;
            std::fs::remove_file(&beside)?;
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|source| KeyError::File {
            path: path.display().to_string(),
            source,
        })?;
        Ok(key)
    }

    /// The public half.
    pub fn public(&self) -> &VerifierKey {
        &self.public
    }

    /// The line of a witness's signature: over the time, in seconds since 1970, and the text of a checkpoint.
    pub fn cosign(&self, text: &str, seconds: u64) -> String {
        let signed = format!("cosignature/v1\ntime {seconds}\n{text}");
        let mut signature = seconds.to_be_bytes().to_vec();
        signature.extend(self.secret.sign(signed.as_bytes()).to_bytes());
        self.public.line(&signature)
    }

    /// The signed note of a checkpoint. The same checkpoint always gives the same note.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.to_string();
        let signature = self.secret.sign(text.as_bytes());
        format!("{text}\n{}", self.public.line(&signature.to_bytes()))
    }

    fn to_text(&self) -> Zeroizing<String> {
        let mut secret = Zeroizing::new(vec![self.public.kind().byte()]);
        secret.extend(self.secret.as_bytes());
        let id = u32::from_be_bytes(self.public.id());
        let encoded = Zeroizing::new(STANDARD.encode(&*secret));
        let name = self.public.name();
        Zeroizing::new(format!("{PREFIX}{name}+{id:08x}+{}\n", &*encoded))
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(PREFIX)?.splitn(3, '+');
        let (name, _, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let secret = Zeroizing::new(STANDARD.decode(secret).ok()?);
        let (kind, seed) = secret.split_first()?;
        let key = Self::new(name, KeyKind::from_byte(*kind)?, seed.try_into().ok()?).ok()?;
        (key.to_text().trim_end() == text).then_some(key)
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteKey({})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lies_in_a_file_of_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.key");
        assert!(NoteKey::open(&path).unwrap().is_none());
        let made = NoteKey::create(&path, "audit.bank/v1", KeyKind::Log, &[3; 32]).unwrap();
        assert_eq!(made.public().name(), "audit.bank/v1");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = NoteKey::open(&path).unwrap().unwrap();
        assert_eq!(read.public(), made.public());
        assert!(
            NoteKey::create(&path, "other", KeyKind::Log, &[4; 32]).is_err(),
            "a key is never replaced"
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(NoteKey::open(&path), Err(KeyError::TooOpen(_))));
    }

    #[test]
    fn what_is_no_key_is_refused_and_a_key_does_not_print_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.key");
        let key = NoteKey::new("audit.bank/v1", KeyKind::Log, &[3; 32]).unwrap();
        let text = key.to_text();
        for wrong in [
            "",
            "PRIVATE+KEY+",
            &text.replace("audit", "other"),
            &text[..text.len() - 3],
        ] {
            let file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path);
            file.unwrap().write_all(wrong.as_bytes()).unwrap();
            assert!(
                matches!(NoteKey::open(&path), Err(KeyError::Malformed(_))),
                "{wrong:?}"
            );
        }
        assert!(!format!("{key:?}").contains(&STANDARD.encode([3; 30])));
        assert!(NoteKey::new("two words", KeyKind::Log, &[3; 32]).is_err());
    }
}
