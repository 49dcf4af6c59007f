//! Facts about confirmation codes for data that is no transaction. The data itself is in none of them.

use serde::{Deserialize, Serialize};

use crate::events::events;
use crate::ids::{CommandId, Digest};

events! {
    /// About confirmation codes.
    CodeEvent of Codes "codes" {
        CheckAttempted(CodeCheckAttempted) "check_confirm_code_attempt" 1 House Success;
        Checked(CodeChecked) "check_confirm_code" 1 Manual Success;
        CommonCheckAttempted(CommonCodeCheckAttempted) "check_common_confirm_code_attempt" 1 House Success;
        CommonChecked(CommonCodeChecked) "check_common_confirm_code" 1 Manual Success;
    }
}

/// A try was counted, before the code was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeCheckAttempted {
    /// For which command.
    pub command_id: CommandId,
}

/// The code on the user's key was right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChecked {}

/// A try on a code of the server's own key was counted, before the code was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonCodeCheckAttempted {
    /// What was tried, as a MAC under the server's key: it tells only whether two tries were about the same.
    pub subject: Digest,
    /// For which command.
    pub command_id: CommandId,
}

/// The code on the server's own key was right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommonCodeChecked {
    /// What was tried, as a MAC under the server's key.
    pub subject: Digest,
}
