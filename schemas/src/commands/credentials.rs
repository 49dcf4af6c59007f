//! Commands about the password of a key: the server's part in it. The password itself never leaves the device.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::sealed::Secret;

commands! {
    /// About the password of a key.
    CredentialsCommand of Credentials {
        GetSalt(GetCredentialsSalt) "get_credentials_salt" Write by Device;
        Set(SetCredentials) "set_credentials" Write by Device;
        Get(GetCredentials) "get_credentials" Write by Device;
    }
}

/// Asks for the salt of the password. The first time draws it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetCredentialsSalt {}

/// Sets the first password of a key, or another one in place of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetCredentials {
    /// Follows from the new password by a slow derivation, 32 bytes.
    pub proof: Secret,
    /// The same of the password before; `None` with the first one.
    #[serde(default)]
    pub old_proof: Option<Secret>,
}

/// A device asks for the access key, with what follows from the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetCredentials {
    /// Follows from the password by a slow derivation, 32 bytes.
    pub proof: Secret,
}
