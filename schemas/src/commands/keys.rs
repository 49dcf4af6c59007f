//! Commands about the keys of a user.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::flags::KeyFlags;
use crate::ids::{Digest, KeyIndex};
use crate::sealed::Secret;
use crate::time::Timestamp;

commands! {
    /// About the keys of a user.
    KeyCommand of Keys {
        Update(UpdateUserKey) "update_user_key" Write by Bank;
        ActivateDelayed(ActivateDelayedKey) "change_user" Write by Bank;
        Export(ExportUserKey) "export_user_key" Write by Bank;
        Activate(ActivateKey) "activate_key" Write by Device;
        RegisterPublicKey(RegisterPublicKey) "register_public_key" Write by Device;
        ForgetPushAddress(ForgetPushAddress) "forget_push_address" Write by House;
    }
}

/// How a key is to be issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRequest {
    /// The flags: the request's over the settings' defaults.
    pub flags: KeyFlags,
    /// Whole, or in two parts.
    pub parts: KeyParts,
    /// Free JSON for the application, carried inside the key.
    #[serde(default)]
    pub app_extra: Option<String>,
    /// What the key's text has to fit into.
    #[serde(default)]
    pub carrier: KeyCarrier,
}

/// What the text of a key is put into. A key that does not fit is not issued at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyCarrier {
    /// Nothing that could be too small.
    #[default]
    Text,
    /// A QR code, within QR_DATA_LENGTH_LIMIT.
    QrCode,
    /// A link that takes its scheme from the system's registration.
    LinkOfTheSystem,
}

/// Whole key or two parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyParts {
    /// The QR code holds everything.
    Whole,
    /// The QR code holds one half; we draw a code of so many digits that releases the other.
    TwoDrawCode {
        /// Number of digits, 6 to 20.
        digits: u8,
    },
    /// The same, with a code that the bank chose (`key_encryption_password`).
    TwoGivenCode {
        /// The code.
        code: Secret,
    },
}

/// Issues the user's next key; the one before is replaced at once, unless the new one is delayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateUserKey {
    /// The key to issue.
    pub key: KeyRequest,
    /// Whether the key in force stays in force until the new one is activated.
    #[serde(default)]
    pub is_delayed: bool,
}

/// Puts the delayed key in force. Its word is the manual's for a change of the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivateDelayedKey {
    /// Which key the bank believes to be delayed; `None` means whichever is.
    #[serde(default)]
    pub key_index: Option<KeyIndex>,
}

/// Hands the key in force out anew, as long as no device has registered with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportUserKey {
    /// Whole, or in two parts.
    pub parts: KeyParts,
    /// Free JSON for the application, carried inside the key.
    #[serde(default)]
    pub app_extra: Option<String>,
    /// What the key's text has to fit into.
    #[serde(default)]
    pub carrier: KeyCarrier,
}

/// A device proves that its user knows the activation code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivateKey {
    /// HMAC-SHA256 of the code under a key derived from the first half.
    pub proof: Digest,
}

/// Registers a device: its public key, and where pushes reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterPublicKey {
    /// SubjectPublicKeyInfo of a P-256 key, DER, 91 bytes. The door has parsed it: named curve, uncompressed point.
    #[serde(with = "serde_bytes")]
    pub public_key: Vec<u8>,
    /// Signature of the new public key by the old one, DER.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub public_key_signature: Option<Vec<u8>>,
    /// Public key of the pair for automatic confirmations, in the same form.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub autosign_public_key: Option<Vec<u8>>,
    /// Signature of the new public key of that pair by the old one of that pair, DER.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub autosign_public_key_signature: Option<Vec<u8>>,
    /// Where pushes reach the device.
    #[serde(default)]
    pub push: Option<PushAddress>,
    /// The chat in which the user let the bank's bot of Telegram write; for keys that permit it.
    #[serde(default)]
    pub telegram_chat_id: Option<Secret>,
}

/// Where pushes reach a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushAddress {
    /// The token of the push service.
    pub device_push_id: String,
    /// Whose push service.
    pub device_type: DeviceType,
    /// The application's identifier there.
    #[serde(default)]
    pub app_id: Option<String>,
}

/// Where pushes reach a device, as the vault keeps it. It reads as a [`PushAddress`], too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPushAddress {
    /// The token of the push service.
    pub device_push_id: String,
    /// Whose push service.
    pub device_type: DeviceType,
    /// The application, as the push service knows it.
    #[serde(default)]
    pub app_id: Option<String>,
    /// When the device brought it; `None` in rows older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_at: Option<Timestamp>,
}

/// A chat of Telegram, as the vault keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTelegramChat {
    /// The chat.
    pub chat_id: Secret,
    /// The application whose bot writes there; `None` for the usual one.
    #[serde(default)]
    pub app_id: Option<String>,
}

/// The push service knows a token no more: the house forgets where pushes reached the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetPushAddress {
    /// The token it does not know. Another one is left alone: the device has brought it meanwhile.
    pub token: Secret,
    /// Since when it does not know it; a token that was brought later is left alone. `None` when it did not say.
    #[serde(default)]
    pub gone_since: Option<Timestamp>,
}

/// The push services, by the manual's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceType {
    /// Firebase.
    Android,
    /// Apple.
    #[serde(rename = "iOS")]
    Ios,
    /// Huawei.
    Huawei,
}
