//! The one table of the curated form: every word that analysts are given, with the fields they are given of it.

use Kind::{Flag, Identifier, Length, Moment, Number, Word};

/// A word that analysts are given.
#[derive(Clone, Copy, Debug)]
pub struct CuratedWord {
    /// The word.
    pub word: &'static str,
    /// What of the body is shown.
    pub fields: &'static [CuratedField],
}

/// A field that is shown.
#[derive(Clone, Copy, Debug)]
pub struct CuratedField {
    /// Where it is in the body, steps divided by dots.
    pub path: &'static str,
    /// What it is.
    pub kind: Kind,
}

impl CuratedField {
    /// What it is called in the curated form: the last step.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }
}

/// What a field is. A value that is something else is not shown.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A whole number.
    Number,
    /// Milliseconds since the Unix epoch, UTC.
    Moment,
    /// Yes or no.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// How many items a list has; not what they are.
    Length,
    /// An identifier of something.
    Identifier(Space),
}

/// Of what something is an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// A user.
    User,
    /// A transaction.
    Transaction,
    /// An operation.
    Operation,
}

impl Space {
    /// What its pseudonyms begin with.
    pub fn letter(self) -> char {
        match self {
            Self::User => 'u',
            Self::Transaction => 't',
            Self::Operation => 'o',
        }
    }
}

const fn word(word: &'static str, fields: &'static [CuratedField]) -> CuratedWord {
    CuratedWord { word, fields }
}

const fn field(path: &'static str, kind: Kind) -> CuratedField {
    CuratedField { path, kind }
}

/// What is shown of a refusal, whatever the word.
pub const REFUSED: &[CuratedField] = &[
    field("transaction_id", Identifier(Space::Transaction)),
    field("operation_id", Identifier(Space::Operation)),
];

/// The words, with the values that a word may have written out: whatever else stands there is not shown.
pub const CURATED: &[CuratedWord] = &[
    word("clean_events", &[field("event_ids", Length)]),
    word("remove_events", &[field("before", Moment)]),
    word(
        "register_system",
        &[
            field("billing_type", Number),
            field("billing_period", Number),
        ],
    ),
    word("change_system", &[]),
    word("remove_system", &[]),
    word(
        "billing_close",
        &[field("from", Moment), field("to", Moment)],
    ),
    word("webhook_keys_rotated", &[field("generation", Number)]),
    word("get_letters", &[]),
    word(
        "letters_ordered",
        &[
            field("order", Word(&["retry", "drop", "replay"])),
            field("from", Moment),
            field("until", Moment),
        ],
    ),
    word(
        "create_user",
        &[
            field("key.key_index", Number),
            field("key.flags", Number),
            field("key.two_parts", Flag),
            field("key.valid_to", Moment),
        ],
    ),
    word(
        "change_user",
        &[field(
            "change",
            Word(&["blocked", "unblocked", "delayed_key_activated"]),
        )],
    ),
    word("delete_user", &[]),
    word("callback_receipts", &[field("receipts", Length)]),
    word(
        "update_user_key",
        &[
            field("key.key_index", Number),
            field("key.flags", Number),
            field("key.two_parts", Flag),
            field("key.valid_to", Moment),
        ],
    ),
    word(
        "export_user_key",
        &[field("key_index", Number), field("two_parts", Flag)],
    ),
    word("activate_key", &[field("key_index", Number)]),
    word(
        "activate_key_attempt",
        &[field("key_index", Number), field("attempt", Number)],
    ),
    word(
        "activate_key_failure",
        &[
            field("key_index", Number),
            field("blocked", Flag),
            field("result", Number),
        ],
    ),
    word(
        "register_public_key",
        &[
            field("key_index", Number),
            field("push.device_type", Word(&["Android", "iOS", "Huawei"])),
        ],
    ),
    word(
        "put_key_in_force",
        &[
            field("key_index", Number),
            field("is_registered", Flag),
            field("replaced", Number),
        ],
    ),
    word(
        "restore_key_tries",
        &[field("key_index", Number), field("is_registered", Flag)],
    ),
    word(
        "key_compromised_nonce",
        &[
            field("key_index", Number),
            field("transaction_id", Identifier(Space::Transaction)),
        ],
    ),
    word("forget_push_address", &[field("key_index", Number)]),
    word("get_credentials", &[field("key_index", Number)]),
    word("get_credentials_salt", &[field("key_index", Number)]),
    word(
        "set_credentials",
        &[field("key_index", Number), field("is_change", Flag)],
    ),
    word("password_attempt", &[field("key_index", Number)]),
    word(
        "password_failure",
        &[
            field("key_index", Number),
            field("blocked", Flag),
            field("result", Number),
        ],
    ),
    word("remote_update_set_template", &[field("key_index", Number)]),
    word(
        "renew_key_challenge",
        &[field("key_index", Number), field("expires_at", Moment)],
    ),
    word(
        "renew_key_attempt",
        &[field("key_index", Number), field("attempt", Number)],
    ),
    word(
        "renew_key_response",
        &[
            field("key.key_index", Number),
            field("key.flags", Number),
            field("key.two_parts", Flag),
            field("key.valid_to", Moment),
            field("replaced", Number),
        ],
    ),
    word("set_device_fingerprint", &[field("key_index", Number)]),
    word(
        "create_transaction",
        &[
            field("transaction_id", Identifier(Space::Transaction)),
            field("notification_type", Word(&["Push", "Offline", "URL"])),
            field("kind", Word(&["ordinary", "login"])),
            field("has_binary", Flag),
            field("confirm_code_length", Number),
            field("expires_at", Moment),
        ],
    ),
    word(
        "confirm_transaction",
        &[
            field("transaction_id", Identifier(Space::Transaction)),
            field("key_index", Number),
            field("operation.operation_id", Identifier(Space::Operation)),
            field(
                "operation.status",
                Word(&["created", "partly", "processed", "expired"]),
            ),
        ],
    ),
    word(
        "confirm_transaction_attempt",
        &[
            field("transaction_id", Identifier(Space::Transaction)),
            field("attempt", Number),
        ],
    ),
    word(
        "decline_transaction",
        &[
            field("transaction_id", Identifier(Space::Transaction)),
            field("code", Number),
            field("operation.operation_id", Identifier(Space::Operation)),
            field(
                "operation.status",
                Word(&["created", "partly", "processed", "expired"]),
            ),
        ],
    ),
    word(
        "delete_transaction",
        &[
            field("transaction_id", Identifier(Space::Transaction)),
            field("operation.operation_id", Identifier(Space::Operation)),
            field(
                "operation.status",
                Word(&["created", "partly", "processed", "expired"]),
            ),
        ],
    ),
    word(
        "expire_transaction",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "clean_transaction",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "get_transaction_data",
        &[
            field("transaction_id", Identifier(Space::Transaction)),
            field("to_device", Flag),
        ],
    ),
    word(
        "autoconfirm_transaction",
        &[
            field("transaction_id", Identifier(Space::Transaction)),
            field("key_index", Number),
            field("score", Number),
        ],
    ),
    word(
        "autoconfirm_transaction_attempt",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "get_autoconfirm_list",
        &[field("attempts", Length), field("expires_at", Moment)],
    ),
    word(
        "send_push",
        &[
            field("transaction_id", Identifier(Space::Transaction)),
            field("announced", Length),
        ],
    ),
    word(
        "fail_push",
        &[
            field("transaction_id", Identifier(Space::Transaction)),
            field(
                "reason",
                Word(&[
                    "token_gone",
                    "refused",
                    "late",
                    "no_credentials",
                    "no_template",
                ]),
            ),
        ],
    ),
    word(
        "create_operation",
        &[
            field("operation_id", Identifier(Space::Operation)),
            field("transactions", Length),
            field("notification_type", Word(&["Push", "Offline", "URL"])),
            field("confirm_code_length", Number),
            field("expires_at", Moment),
        ],
    ),
    word(
        "update_operation",
        &[
            field("operation_id", Identifier(Space::Operation)),
            field("expires_at", Moment),
        ],
    ),
    word(
        "expire_operation",
        &[
            field("operation_id", Identifier(Space::Operation)),
            field("transactions", Length),
        ],
    ),
    word(
        "operations_process",
        &[
            field("operation_id", Identifier(Space::Operation)),
            field("key_index", Number),
            field("confirmed", Length),
            field("declined", Length),
            field("cleaned", Flag),
            field(
                "status",
                Word(&["created", "partly", "processed", "expired"]),
            ),
        ],
    ),
    word(
        "get_operation_data_list",
        &[
            field("operation_id", Identifier(Space::Operation)),
            field("to_device", Flag),
        ],
    ),
    word("check_confirm_code", &[]),
    word("check_confirm_code_attempt", &[]),
    word("check_common_confirm_code", &[]),
    word("check_common_confirm_code_attempt", &[]),
    word(
        "send_activation_code",
        &[
            field("key_index", Number),
            field("channels", Length),
            field("language", Word(&["ru", "en"])),
        ],
    ),
    word(
        "send_activation_code_attempt",
        &[
            field("key_index", Number),
            field("channel", Word(&["sms", "email"])),
            field("attempt", Number),
        ],
    ),
    word(
        "send_activation_code_result",
        &[
            field("key_index", Number),
            field("channel", Word(&["sms", "email"])),
            field("outcome", Word(&["sent", "failed", "unknown", "withdrawn"])),
        ],
    ),
    word(
        "send_activation_code_receipt",
        &[
            field("key_index", Number),
            field("channel", Word(&["sms", "email"])),
            field(
                "outcome",
                Word(&[
                    "delivered",
                    "undeliverable",
                    "expired",
                    "rejected",
                    "unknown",
                ]),
            ),
        ],
    ),
    word(
        "get_transactions",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "get_transaction_info",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "get_transaction_binary_data",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "attempt_scoring_details",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "get_scoring_settings",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "key_deleted",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "root_detected",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "high_risk_apps_detected",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "password_incorrect",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "password_correct",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "password_changed",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "get_user_info",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "get_events",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "get_event_info",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "rks_user_details",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "rks_transactions_data",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "rks_events_data",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "rks_check_confirmation",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "remote_update_get_available_template",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word(
        "remote_update_get_requisites",
        &[field("transaction_id", Identifier(Space::Transaction))],
    ),
    word("get_system_info", &[]),
    word("system_report", &[]),
    word("gen_confirm_code", &[]),
    word("gen_common_confirm_code", &[]),
    word(
        "get_operation_list",
        &[field("operation_id", Identifier(Space::Operation))],
    ),
    word(
        "get_operation_info",
        &[field("operation_id", Identifier(Space::Operation))],
    ),
];

/// The words that no analyst is given, and why.
pub const LEFT_OUT: &[(&str, &str)] = &[
    (
        "load_and_refresh_properties",
        "the server's own: settings belong to no system",
    ),
    (
        "refresh_properties",
        "the server's own: settings belong to no system",
    ),
    (
        "grant_analytics",
        "the server's own: who sees what is nothing for those who see it",
    ),
    (
        "revoke_analytics",
        "the server's own: who sees what is nothing for those who see it",
    ),
    ("begin_code_sending", "asked by the house of itself"),
    ("end_code_order", "asked by the house of itself"),
    ("note_code_receipt", "asked by the house of itself"),
    ("settle_code_sending", "asked by the house of itself"),
    (
        "rotate_webhook_keys",
        "a refused order about secrets of the bank",
    ),
    ("order_letters", "a refused order about letters of the bank"),
    (
        "report_device",
        "its refusals say nothing about what was reported",
    ),
];
