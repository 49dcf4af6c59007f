//! The banks' door, `/pc-api/`.

pub(crate) mod activate_key;
pub(crate) mod attempt_scoring;
pub(crate) mod billing_close;
pub(crate) mod block_user;
pub(crate) mod change_system;
pub(crate) mod change_user;
pub(crate) mod check_common_confirm_code;
pub(crate) mod check_confirm_code;
pub(crate) mod clean_events;
pub(crate) mod confirm_transaction;
pub(crate) mod create_operation;
pub(crate) mod create_transaction;
pub(crate) mod create_user;
pub(crate) mod decline_transaction;
pub(crate) mod delete_transaction;
pub(crate) mod delete_user;
pub(crate) mod evidence_checkpoint;
pub(crate) mod evidence_consistency;
pub(crate) mod evidence_tile;
pub(crate) mod export_key;
pub(crate) mod gen_common_confirm_code;
pub(crate) mod gen_confirm_code;
pub(crate) mod get_event;
pub(crate) mod get_events;
pub(crate) mod get_system_info;
pub(crate) mod get_user_info;
mod key_wishes;
pub(crate) mod list_operations;
pub(crate) mod list_transactions;
pub(crate) mod operation_data;
pub(crate) mod operation_info;
pub(crate) mod register_system;
pub(crate) mod remove_events;
pub(crate) mod remove_system;
pub(crate) mod rotate_webhook_keys;
pub(crate) mod send_activation_code;
pub(crate) mod server_events;
pub(crate) mod server_settings;
pub(crate) mod set_server_settings;
mod system_entry;
pub(crate) mod system_report;
pub(crate) mod transaction_binary_data;
pub(crate) mod transaction_data;
pub(crate) mod transaction_info;
pub(crate) mod unblock_user;
pub(crate) mod update_operation;
pub(crate) mod update_user_key;

use schemas::UserId;
use serde::Serialize;
use utoipa::ToSchema;

/// Longest name of a user, bytes.
const USER_NAME_LENGTH_MAX: usize = 256;
/// Longest reason for a block or its end, bytes.
const REASON_LENGTH_MAX: usize = 1024;

/// An answer that only names the user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserNamed {
    /// Which one.
    user_id: String,
}

impl From<&UserId> for UserNamed {
    fn from(user_id: &UserId) -> Self {
        Self {
            user_id: user_id.to_string(),
        }
    }
}
