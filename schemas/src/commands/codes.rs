//! Commands about confirmation codes for data that is no transaction.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::sealed::Secret;

commands! {
    /// About confirmation codes.
    CodeCommand of Codes {
        Generate(GenerateConfirmCode) "gen_confirm_code" Read by Bank;
        Check(CheckConfirmCode) "check_confirm_code" Write by Bank;
        GenerateCommon(GenerateCommonConfirmCode) "gen_common_confirm_code" Read by Bank;
        CheckCommon(CheckCommonConfirmCode) "check_common_confirm_code" Write by Bank;
    }
}

/// Asks for a code on the user's symmetric key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerateConfirmCode {
    /// What the code is for.
    pub data: Secret,
    /// Decimal digits, 4 to 10; `None` means all 64 hex digits.
    #[serde(default)]
    pub confirm_code_length: Option<u8>,
}

/// Asks whether a code on the user's symmetric key is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckConfirmCode {
    /// What the code is for.
    pub data: Secret,
    /// The code as the user typed it.
    pub confirm_code: String,
    /// Decimal digits the code must have, 4 to 10; `None` means all 64 hex digits.
    #[serde(default)]
    pub confirm_code_length: Option<u8>,
}

/// Asks for a code on the server's own symmetric key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerateCommonConfirmCode {
    /// What the code is for.
    pub data: Secret,
    /// Decimal digits, 4 to 10; `None` means all 64 hex digits.
    #[serde(default)]
    pub confirm_code_length: Option<u8>,
}

/// Asks whether a code on the server's own symmetric key is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCommonConfirmCode {
    /// What the code is for.
    pub data: Secret,
    /// The code as somebody typed it.
    pub confirm_code: String,
    /// Decimal digits the code must have, 4 to 10; `None` means all 64 hex digits.
    #[serde(default)]
    pub confirm_code_length: Option<u8>,
}
