//! Commands about recovering a key: another key for a device whose user passes an additional authentication.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::ids::Digest;
use crate::sealed::Secret;

commands! {
    /// About recovering a key.
    RecoveryCommand of Recovery {
        GetTemplates(GetRecoveryTemplates) "remote_update_get_available_template" Read by Device;
        SetTemplate(SetRecoveryTemplate) "remote_update_set_template" Write by Device;
        GetRequisites(GetRecoveryRequisites) "remote_update_get_requisites" Read by Device;
        Challenge(ChallengeRenewal) "renew_key_challenge" Write by Device;
        Respond(RespondToChallenge) "renew_key_response" Write by Device;
    }
}

/// Asks which ways of additional authentication there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetRecoveryTemplates {}

/// Sets up one of them for the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRecoveryTemplate {
    /// Which one.
    pub template_id: String,
    /// What the user has to show or to name in it.
    pub requisites: Requisites,
    /// ECDSA P-256 by the registered pair over all of it, DER as received.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
}

/// What a user has set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requisites {
    /// A code word: how it is stretched, and what follows from it.
    CodeWord {
        /// Drawn by the device, 16 bytes.
        #[serde(with = "serde_bytes")]
        salt: Vec<u8>,
        /// Follows from the stretched word, 32 bytes.
        verifier: Secret,
    },
    /// A text for the service that checks the answer; may be empty.
    Text(Secret),
}

impl Requisites {
    /// The type of template they belong to.
    pub fn word(&self) -> &'static str {
        match self {
            Self::CodeWord { .. } => "code_word",
            Self::Text(_) => "http",
        }
    }

    /// The bytes that are signed.
    pub fn signed(&self) -> Secret {
        match self {
            Self::CodeWord { salt, verifier } => Secret::new([salt, verifier.expose()].concat()),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Asks what the user has set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetRecoveryRequisites {}

/// Asks for a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeRenewal {}

/// Answers a challenge; the right answer brings another key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RespondToChallenge {
    /// Which challenge.
    pub challenge: Digest,
    /// The answer.
    pub response: Response,
}

/// The answer to a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Follows from code word and challenge.
    Proof(Digest),
    /// A text for the service that checks it.
    Text(Secret),
}
