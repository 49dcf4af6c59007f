//! Looks worth journaling: reads of the API, and what a device reports about itself. They change no state but one: the
//! journal.

use serde::{Deserialize, Serialize};

use crate::ids::{OperationId, TransactionId};

/// Something was looked at, or reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// The manual's word.
    #[serde(skip, default)]
    pub word: &'static str,
    /// Which transaction it concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// Where a deleted key is reported; of no other look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Which operation it concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
}

/// The words that carry this body, each with its aggregate.
pub const LOOKED_WORDS: &[(&str, &str)] = &[
    ("refresh_properties", "server"),
    ("rks_user_details", "operators"),
    ("rks_transactions_data", "operators"),
    ("rks_events_data", "operators"),
    ("rks_check_confirmation", "operators"),
    ("get_system_info", "systems"),
    ("system_report", "systems"),
    ("get_events", "journal"),
    ("get_event_info", "journal"),
    ("get_user_info", "users"),
    ("get_transactions", "transactions"),
    ("get_transaction_info", "transactions"),
    ("get_transaction_binary_data", "transactions"),
    ("attempt_scoring_details", "transactions"),
    ("gen_confirm_code", "codes"),
    ("gen_common_confirm_code", "codes"),
    ("get_operation_list", "operations"),
    ("get_operation_info", "operations"),
    ("get_scoring_settings", "devices"),
    ("remote_update_get_available_template", "recovery"),
    ("remote_update_get_requisites", "recovery"),
    ("key_deleted", "devices"),
    ("root_detected", "devices"),
    ("high_risk_apps_detected", "devices"),
    ("password_incorrect", "devices"),
    ("password_correct", "devices"),
    ("password_changed", "devices"),
];

/// The table's own copy of a word that is looked at; `None` when there is no such word.
pub fn looked_word(word: &str) -> Option<&'static str> {
    LOOKED_WORDS
        .iter()
        .map(|(known, _)| *known)
        .find(|known| *known == word)
}

/// The aggregate of any word of the house.
pub fn aggregate_of(word: &str) -> &'static str {
    let kinds = super::kinds().map(|kind| (kind.word, kind.aggregate));
    kinds
        .chain(LOOKED_WORDS.iter().copied())
        .chain(crate::commands::words())
        .find(|(known, _)| *known == word)
        .map_or("journal", |(_, aggregate)| aggregate)
}
