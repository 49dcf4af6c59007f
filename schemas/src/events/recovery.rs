//! Facts about recovering a key. Nothing here follows from a code word.

use serde::{Deserialize, Serialize};

use crate::events::events;
use crate::events::keys::KeyIssued;
use crate::ids::{CommandId, Digest, KeyIndex};
use crate::time::Timestamp;

events! {
    /// About recovering a key.
    RecoveryEvent of Recovery "recovery" {
        TemplateSet(TemplateSet) "remote_update_set_template" 1 Manual Success;
        ChallengeGiven(ChallengeGiven) "renew_key_challenge" 1 Manual Success;
        ResponseTried(ResponseTried) "renew_key_attempt" 1 House Success;
        Renewed(KeyRenewed) "renew_key_response" 1 Manual Success;
    }
}

impl RecoveryEvent {
    /// The key it is about.
    pub fn key_index(&self) -> KeyIndex {
        match self {
            Self::TemplateSet(event) => event.key_index,
            Self::ChallengeGiven(event) => event.key_index,
            Self::ResponseTried(event) => event.key_index,
            Self::Renewed(event) => event.key.key_index,
        }
    }
}

/// The user set up an additional authentication. What was set up lies in the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateSet {
    /// With which key.
    pub key_index: KeyIndex,
    /// Which template of EXT_AUTH_SETTINGS.
    pub template_id: String,
    /// How it works: `code_word` or `http`.
    pub method: String,
}

/// A challenge was given. It counts once, and any other makes it worthless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeGiven {
    /// To the device with which key.
    pub key_index: KeyIndex,
    /// The challenge.
    pub challenge: Digest,
    /// End of its life.
    pub expires_at: Timestamp,
}

/// An answer is about to be looked at: the try is counted first, and the challenge is used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseTried {
    /// With which key.
    pub key_index: KeyIndex,
    /// Number of the try since the last right one, from 1.
    pub attempt: u32,
    /// To which challenge.
    pub challenge: Digest,
    /// For which command.
    pub command_id: CommandId,
}

/// The answer was right: the device has another key, and the one before is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRenewed {
    /// The new key.
    pub key: KeyIssued,
    /// The key that was in force until then.
    pub replaced: KeyIndex,
    /// The key that was delayed until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_delayed: Option<KeyIndex>,
    /// By which template.
    pub template_id: String,
    /// Where the bank is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}
