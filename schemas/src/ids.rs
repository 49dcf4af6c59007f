//! Identifiers: parsed at the door, trusted afterwards.
//!
//! Text identifiers hold only `A-Z a-z 0-9 . _ : -`, so they are safe in a path, a log line and a subject. Their text is shared:
//! an owner goes along with every event and every row, and copies nothing.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// Why a text is not an identifier of that kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: 1 to {length_max} characters of A-Z a-z 0-9 . _ : - are allowed")]
pub struct InvalidId {
    kind: &'static str,
    length_max: usize,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $length_max:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest permitted text, in bytes.
            pub const LENGTH_MAX: usize = $length_max;

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let fits = !text.is_empty() && text.len() <= $length_max;
                if fits && text.bytes().all(is_id_byte) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { kind: stringify!($name), length_max: $length_max })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Parsed(PhantomData))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

/// Reads an identifier from wherever its text lies.
struct Parsed<Id>(PhantomData<Id>);

impl<Id: FromStr<Err = InvalidId>> Visitor<'_> for Parsed<Id> {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an identifier")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id, E> {
        text.parse().map_err(E::custom)
    }
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')
}

ids! {
    /// An application system: a UUID in lower case, chosen by whoever issued its registration request.
    SystemId, 36;
    /// A person inside one system: the bank's prefix (at most 64 characters) and a UUID.
    UserId, 100;
    /// A transaction: chosen by the bank, or a UUID we draw. Unique within its system.
    TransactionId, 64;
    /// An operation, a batch of transactions: chosen by the bank, or a UUID we draw. Unique within its system.
    OperationId, 64;
    /// An order to send an activation code: a UUID that follows from the command.
    CodeOrderId, 36;
    /// A letter: what its receiver tells repetitions by, the `webhook-id` of a callback.
    LetterId, 64;
}

/// Ordinal number of a key in its user's key ring: 1 for the first, one more with every issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyIndex(pub u32);

impl fmt::Display for KeyIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose history a fact belongs to: the consistency boundary of the house.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// The server itself: its settings. It belongs to no system, and no bank speaks for it.
    Server,
    /// The application system itself: its registration and its settings.
    System(SystemId),
    /// One person: profile, key ring, devices, transactions, attempt counters.
    User(SystemId, UserId),
}

/// What stands for a system's id where the server itself is meant. A door takes only UUIDs, so no system has it.
static SERVER: LazyLock<SystemId> = LazyLock::new(|| SystemId("server".into()));

impl Owner {
    /// The system this owner lives in; a reserved id for the server itself.
    pub fn system_id(&self) -> &SystemId {
        match self {
            Self::Server => &SERVER,
            Self::System(system_id) | Self::User(system_id, _) => system_id,
        }
    }

    /// The person, when the owner is one.
    pub fn user_id(&self) -> Option<&UserId> {
        match self {
            Self::Server | Self::System(_) => None,
            Self::User(_, user_id) => Some(user_id),
        }
    }
}

/// `server`, `<system>` or `<system>/<user>`: the form the log stores.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => SERVER.fmt(f),
            Self::System(system_id) => write!(f, "{system_id}"),
            Self::User(system_id, user_id) => write!(f, "{system_id}/{user_id}"),
        }
    }
}

impl FromStr for Owner {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once('/') {
            None if text == SERVER.as_str() => Ok(Self::Server),
            None => Ok(Self::System(text.parse()?)),
            Some((system_id, user_id)) => Ok(Self::User(system_id.parse()?, user_id.parse()?)),
        }
    }
}

macro_rules! digests {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// SHA-256 over the parts, each preceded by its length (8 bytes, big endian), so that no two lists of parts
            /// share a digest.
            pub fn of(parts: &[&[u8]]) -> Self {
                let mut hash = sha2::Sha256::new();
                for part in parts {
                    hash.update((part.len() as u64).to_be_bytes());
                    hash.update(part);
                }
                Self(hash.finalize().into())
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = hex::FromHexError;

            fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes)?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
                    let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(serde::de::Error::custom)?;
                    Ok(Self(bytes))
                }
            }
        }
    )*};
}

digests! {
    /// Identity of a command for ever: the same id is applied once, and answered from the log afterwards.
    CommandId;
    /// Identity of one HTTP request. A redelivery on the bus keeps it; a client's retry does not.
    RequestId;
    /// A SHA-256 digest.
    Digest;
}

impl CommandId {
    /// The identity that a caller's own key gives its command.
    ///
    /// `scope` keeps callers apart (a system, or a system and user), `kind` keeps the sources of keys apart.
    pub fn from_key(scope: &str, kind: &str, key: &str) -> Self {
        Self::of(&[
            b"command",
            scope.as_bytes(),
            kind.as_bytes(),
            key.as_bytes(),
        ])
    }

    /// A UUID that follows from this identity, so that a repeated command names the same new thing.
    pub fn derived_uuid(&self, purpose: &str) -> uuid::Uuid {
        let digest = Digest::of(&[b"uuid", &self.0, purpose.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.0[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

impl Digest {
    /// Plain SHA-256 of the bytes.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_reads_back_from_its_text() {
        for text in [
            "server",
            "f13e4375-e429-496c-ad1e-0fc3c3ecfb53",
            "f13e4375/sample-1",
        ] {
            assert_eq!(
                text.parse::<Owner>().map(|owner| owner.to_string()),
                Ok(text.to_owned())
            );
        }
        assert_eq!("server".parse(), Ok(Owner::Server));
    }

    #[test]
    fn an_id_refuses_what_could_leave_its_place() {
        for text in ["", "a b", "a/b", "a*", "a>", "a\n", "ё", &"x".repeat(101)] {
            assert!(text.parse::<UserId>().is_err(), "{text:?}");
        }
        assert!("x".repeat(100).parse::<UserId>().is_ok());
    }

    #[test]
    fn parts_of_a_digest_cannot_be_shifted() {
        assert_ne!(Digest::of(&[b"ab", b"c"]), Digest::of(&[b"a", b"bc"]));
    }
}
