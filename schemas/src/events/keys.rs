//! Facts about the keys of a user.

use serde::{Deserialize, Serialize};

use crate::commands::keys::DeviceType;
use crate::errors::ErrorCode;
use crate::events::events;
use crate::flags::KeyFlags;
use crate::ids::{CommandId, KeyIndex, TransactionId};
use crate::left_out::is_false;
use crate::time::Timestamp;

events! {
    /// About the keys of a user.
    KeyEvent of Keys "keys" {
        Updated(KeyUpdated) "update_user_key" 1 Manual Success;
        ActivationAttempted(ActivationAttempted) "activate_key_attempt" 1 House Success;
        Activated(KeyActivated) "activate_key" 1 House Success;
        ActivationFailed(ActivationFailed) "activate_key_failure" 1 House Outcome;
        PublicKeyRegistered(PublicKeyRegistered) "register_public_key" 1 House Success;
        PutInForce(KeyPutInForce) "put_key_in_force" 1 House Success;
        Exported(KeyExported) "export_user_key" 1 Manual Success;
        TriesRestored(TriesRestored) "restore_key_tries" 1 House Success;
        NonceRepeated(NonceRepeated) "key_compromised_nonce" 1 House Outcome;
        PushAddressForgotten(PushAddressForgotten) "forget_push_address" 1 House Success;
    }
}

impl KeyEvent {
    /// What the caller heard.
    pub fn result(&self) -> ErrorCode {
        match self {
            Self::ActivationFailed(event) => event.result,
            Self::NonceRepeated(_) => ErrorCode::UserIsBlocked,
            Self::Updated(_)
            | Self::ActivationAttempted(_)
            | Self::Activated(_)
            | Self::PublicKeyRegistered(_)
            | Self::PutInForce(_)
            | Self::Exported(_)
            | Self::TriesRestored(_)
            | Self::PushAddressForgotten(_) => ErrorCode::Normal,
        }
    }

    /// The key it is about.
    pub fn key_index(&self) -> KeyIndex {
        match self {
            Self::Updated(event) => event.key.key_index,
            Self::ActivationAttempted(event) => event.key_index,
            Self::Activated(event) => event.key_index,
            Self::ActivationFailed(event) => event.key_index,
            Self::PublicKeyRegistered(event) => event.key_index,
            Self::PutInForce(event) => event.key_index,
            Self::Exported(event) => event.key_index,
            Self::TriesRestored(event) => event.key_index,
            Self::NonceRepeated(event) => event.key_index,
            Self::PushAddressForgotten(event) => event.key_index,
        }
    }
}

/// What a key is, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIssued {
    /// Its number in the key ring.
    pub key_index: KeyIndex,
    /// Its flags.
    pub flags: KeyFlags,
    /// End of its life.
    pub valid_to: Timestamp,
    /// Whether an activation code releases its second half.
    pub two_parts: bool,
}

/// The bank had a new key issued. The one before is replaced, unless the new one is delayed; a key that was delayed until
/// then is replaced in both cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUpdated {
    /// The new key.
    pub key: KeyIssued,
    /// Whether the key in force stays in force until the new one is activated.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_delayed: bool,
    /// The delayed key that this one replaces; `None` when none was delayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_delayed: Option<KeyIndex>,
    /// The key in force that this one replaces; `None` for a delayed key, and in events of a time before delayed keys,
    /// where it is the key before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<KeyIndex>,
}

/// The delayed key is the key in force from here on: the bank said so, or its device registered with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPutInForce {
    /// The key that was delayed.
    pub key_index: KeyIndex,
    /// The key that was in force.
    pub replaced: KeyIndex,
    /// Whether a public key is registered with it.
    pub is_registered: bool,
}

/// The bank had the key in force handed out anew: same number, flags and end of life, another secret. What was handed out
/// before opens nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyExported {
    /// Which key.
    pub key_index: KeyIndex,
    /// Whether an activation code releases its second half.
    pub two_parts: bool,
}

/// The bank gave a key its tries back, of the activation code and of the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriesRestored {
    /// Which key.
    pub key_index: KeyIndex,
    /// Whether a public key is registered with it.
    pub is_registered: bool,
}

/// A try of the activation code was counted. This stands in the log before the code is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationAttempted {
    /// Which key.
    pub key_index: KeyIndex,
    /// Which try: 1, 2, 3 …
    pub attempt: u32,
    /// The command that made it: a redelivery continues with this try instead of counting another.
    pub command_id: CommandId,
}

/// The code was right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyActivated {
    /// Which key.
    pub key_index: KeyIndex,
}

/// The code was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationFailed {
    /// Which key.
    pub key_index: KeyIndex,
    /// What the device heard: 342, or 341 with the last try.
    pub result: ErrorCode,
    /// Whether that was the last try, and the key is blocked now.
    pub blocked: bool,
}

/// A device registered its public key, and where pushes reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKeyRegistered {
    /// Which key of the ring it belongs to.
    pub key_index: KeyIndex,
    /// SubjectPublicKeyInfo, DER.
    #[serde(with = "serde_bytes")]
    pub public_key: Vec<u8>,
    /// Public key of the pair for automatic confirmations, SubjectPublicKeyInfo, DER; `None` when none came with it.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub autosign_public_key: Option<Vec<u8>>,
    /// Whose pushes reach the device. The token lies in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<PushRegistered>,
    /// Where the bank is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}

/// A push address was given, without the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRegistered {
    /// Whose push service.
    pub device_type: DeviceType,
    /// The application's identifier there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
}

/// A right signature had the nonce of an earlier one over something else: whoever has seen both knows the private key. The
/// key is blocked for good. The refusal beside this has the manual's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceRepeated {
    /// Which key.
    pub key_index: KeyIndex,
    /// The transaction that was not confirmed.
    pub transaction_id: TransactionId,
}

/// The push service knew the device's token no more: pushes reach the device again once it brings another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushAddressForgotten {
    /// The key whose device it was.
    pub key_index: KeyIndex,
}
