//! A signed text (C2SP `signed-note` v1.0): the text, an empty line, and a line for each signature.
//!
//! ```text
//! audit.example-bank/v1
//! 4211
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — audit.example-bank/v1 Az3grlgt…
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Signatures a note may carry; one with more is not read.
const SIGNATURES_MAX: usize = 100;

/// The kinds of keys we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519 over the text (0x01): a log.
    Log,
    /// Ed25519 over a time and the text (0x04, `tlog-cosignature` v1): a witness.
    Witness,
}

/// A public key with its name: `<name>+<key id>+<kind and key in base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    public: VerifyingKey,
}

/// A text and its signatures, read and not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with its last LF.
    pub text: String,
    signatures: Vec<SignatureLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SignatureLine {
    name: String,
    id: [u8; 4],
    signature: Vec<u8>,
}

/// Why a key or a note cannot be read, or not be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not `<name>+<key id>+<base64>`, or the id is not that of the key.
    #[error("not a verifier key: expected <name>+<key id>+<base64>")]
    Key,
    /// Not a text, an empty line and signature lines.
    #[error("not a signed note: expected a text, an empty line and lines of signatures")]
    Note,
    /// No signature is by that key.
    #[error("the note is not signed with that key")]
    Unsigned,
    /// A signature claims to be by that key and is not.
    #[error("the signature is not by the key it names: the text or the signature was altered")]
    Forged,
}

impl KeyKind {
    /// As the note format numbers it.
    pub fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Witness => 0x04,
        }
    }

    /// The kind of that number; `None` when we do not read it.
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Log, Self::Witness]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}

impl VerifierKey {
    /// A key of that name.
    pub fn new(name: &str, kind: KeyKind, public: &[u8; 32]) -> Result<Self, NoteError> {
        let permitted = |char: char| !char.is_whitespace() && !char.is_control() && char != '+';
        if name.is_empty() || !name.chars().all(permitted) {
            return Err(NoteError::Key);
        }
        Ok(Self {
            name: name.to_owned(),
            kind,
            public: VerifyingKey::from_bytes(public).map_err(|_| NoteError::Key)?,
        })
    }

    /// Whose key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public key itself.
    pub fn public(&self) -> &[u8; 32] {
        self.public.as_bytes()
    }

    /// The four bytes that name the key in a signature: the beginning of SHA-256 over name, LF, kind and key.
    pub fn id(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update(b"\n");
        hash.update([self.kind.byte()]);
        hash.update(self.public.as_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The line of a signature by this key.
    pub fn line(&self, signature: &[u8]) -> String {
        let mut bytes = self.id().to_vec();
        bytes.extend(signature);
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(bytes))
    }

    fn accepts(&self, text: &str, signature: &[u8]) -> bool {
        let (signed, signature) = match self.kind {
            KeyKind::Log => (text.to_owned(), signature),
            KeyKind::Witness => {
                let Some((time, signature)) = signature.split_first_chunk::<8>() else {
                    return false;
                };
                let time = u64::from_be_bytes(*time);
                (format!("cosignature/v1\ntime {time}\n{text}"), signature)
            }
        };
        Signature::from_slice(signature).is_ok_and(|signature| {
            self.public
                .verify_strict(signed.as_bytes(), &signature)
                .is_ok()
        })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let mut key = vec![self.kind.byte()];
        key.extend(self.public.as_bytes());
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, rest) = text.split_once('+').ok_or(NoteError::Key)?;
        let (_, key) = rest.split_once('+').ok_or(NoteError::Key)?;
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let (kind, public) = key.split_first().ok_or(NoteError::Key)?;
        let kind = KeyKind::from_byte(*kind).ok_or(NoteError::Key)?;
        let key = Self::new(name, kind, public.try_into().map_err(|_| NoteError::Key)?)?;
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(NoteError::Key)
        }
    }
}

impl Note {
    /// Believes the text only when this key has signed it.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut by_key = self
            .signatures
            .iter()
            .filter(|line| line.name == key.name && line.id == key.id())
            .peekable();
        if by_key.peek().is_none() {
            return Err(NoteError::Unsigned);
        }
        if by_key.all(|line| key.accepts(&self.text, &line.signature)) {
            Ok(())
        } else {
            Err(NoteError::Forged)
        }
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        // The text may hold empty lines; the last one is where the signatures begin.
        let end = note.rfind("\n\n").ok_or(NoteError::Note)?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let control = |char: char| char.is_control() && char != '\n';
        if text.chars().any(control) || !lines.ends_with('\n') {
            return Err(NoteError::Note);
        }
        let mut signatures = Vec::new();
        for line in lines.trim_end_matches('\n').split('\n') {
            let rest = line.strip_prefix("\u{2014} ").ok_or(NoteError::Note)?;
            let (name, signature) = rest.split_once(' ').ok_or(NoteError::Note)?;
            let bytes = STANDARD.decode(signature).map_err(|_| NoteError::Note)?;
            let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NoteError::Note)?;
            if name.is_empty() || signature.is_empty() || signatures.len() == SIGNATURES_MAX {
                return Err(NoteError::Note);
            }
            signatures.push(SignatureLine {
                name: name.to_owned(),
                id: *id,
                signature: signature.to_vec(),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    /// The example of the specification.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem \
                        is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_note_is_believed() {
        let key: VerifierKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        let note: Note = NOTE.parse().unwrap();
        assert_eq!(note.verify(&key), Ok(()));
        let altered: Note = NOTE.replace("think", "thing").parse().unwrap();
        assert_eq!(altered.verify(&key), Err(NoteError::Forged));
        let other = VerifierKey::new("PeterNeumann", KeyKind::Log, &[1; 32]).unwrap();
        assert_eq!(note.verify(&other), Err(NoteError::Unsigned));
    }

    #[test]
    fn a_line_of_ours_reads_back() {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let key = VerifierKey::new(
            "audit.test/v1",
            KeyKind::Log,
            secret.verifying_key().as_bytes(),
        )
        .unwrap();
        let text = "audit.test/v1\n1\nroot\n";
        let line = key.line(&secret.sign(text.as_bytes()).to_bytes());
        let note: Note = format!("{text}\n{line}").parse().unwrap();
        assert_eq!(note.text, text);
        assert_eq!(note.verify(&key), Ok(()));
        // A second signature by the same key that is wrong spoils the note.
        let note: Note = format!("{text}\n{line}{}", key.line(&[1; 64]))
            .parse()
            .unwrap();
        assert_eq!(note.verify(&key), Err(NoteError::Forged));
    }

    #[test]
    fn a_witness_signs_the_time_with_the_text() {
        let secret = SigningKey::from_bytes(&[9; 32]);
        let public = secret.verifying_key();
        let key = VerifierKey::new("witness.test", KeyKind::Witness, public.as_bytes()).unwrap();
        let text = "audit.test/v1\n1\nroot\n";
        let mut signature = 1_795_435_200_u64.to_be_bytes().to_vec();
        signature.extend(
            secret
                .sign(format!("cosignature/v1\ntime 1795435200\n{text}").as_bytes())
                .to_bytes(),
        );
        let note = |signature: &[u8]| format!("{text}\n{}", key.line(signature)).parse::<Note>();
        assert_eq!(note(&signature).unwrap().verify(&key), Ok(()));
        signature[7] ^= 1;
        assert_eq!(
            note(&signature).unwrap().verify(&key),
            Err(NoteError::Forged)
        );
        assert_eq!(note(&[1; 5]).unwrap().verify(&key), Err(NoteError::Forged));
    }

    #[test]
    fn what_is_no_note_or_no_key_is_refused() {
        for note in [
            "",
            "text\n",
            "text\n\n",
            "text\n\nname AAAAAAAA\n",
            "text\n\n— name\n",
            "text\n\n— name AAAA\n",
            "te\rxt\n\n— name AAAAAAAA\n",
            "text\n\n— name AAAAAAAA",
            "text\n— name AAAAAAAA\n",
        ] {
            assert_eq!(note.parse::<Note>(), Err(NoteError::Note), "{note:?}");
        }
        for key in [
            "",
            "PeterNeumann",
            &KEY.replace("c74f20a3", "c74f20a4"),
            &KEY.replace("+ARpc", "+AZpc"),
            &KEY.replace("PeterNeumann", "Peter Neumann"),
            &KEY.replace("+ARpc", "+BRpc"),
        ] {
            assert_eq!(key.parse::<VerifierKey>(), Err(NoteError::Key), "{key}");
        }
    }
}
