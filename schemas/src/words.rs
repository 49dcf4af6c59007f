//! The manual's event words and journal fields: the public vocabulary of the audit journal.
//!
//! Source: reference manual, "Events". Words that are ours are listed in `events.rs` and never clash with these.

/// An event word of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word on the wire.
    pub name: &'static str,
    /// The version that introduced it; `base` where the manual names none.
    pub since: &'static str,
    /// What happened, in English.
    pub text: &'static str,
}

/// A field of a journal record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalField {
    /// The field's name on the wire.
    pub name: &'static str,
    /// The version that introduced it; `base` where the manual names none.
    pub since: &'static str,
    /// What it holds.
    pub text: &'static str,
}

const fn word(name: &'static str, since: &'static str, text: &'static str) -> Word {
    Word { name, since, text }
}

const fn field(name: &'static str, since: &'static str, text: &'static str) -> JournalField {
    JournalField { name, since, text }
}

/// All 66 event words, in the manual's order.
pub const WORDS: &[Word] = &[
    word(
        "decline_transaction",
        "base",
        "Transaction declined (cancelled)",
    ),
    word(
        "autoconfirm_transaction",
        "base",
        "Automatic confirmation of a transaction",
    ),
    word(
        "confirm_transaction",
        "base",
        "Transaction confirmed by the user",
    ),
    word("create_transaction", "base", "Transaction created"),
    word(
        "get_autoconfirm_list",
        "base",
        "List of transactions for automatic confirmation obtained",
    ),
    word(
        "get_transactions",
        "base",
        "List of transactions to confirm obtained",
    ),
    word(
        "get_transaction_info",
        "base",
        "Transaction information obtained",
    ),
    word("get_transaction_data", "base", "Transaction data obtained"),
    word(
        "get_transaction_binary_data",
        "base",
        "Transaction binary data obtained",
    ),
    word(
        "attempt_scoring_details",
        "base",
        "Scoring details of an autoconfirmation attempt",
    ),
    word("change_user", "base", "User changed (data updated)"),
    word("create_user", "base", "User created"),
    word(
        "renew_key_challenge",
        "base",
        "Challenge sent for confirming a remote (mobile-initiated) key-information update",
    ),
    word(
        "renew_key_response",
        "base",
        "Response received to the challenge for a remote (mobile-initiated) key-information update",
    ),
    word(
        "export_user_key",
        "base",
        "Initialization key information exported",
    ),
    word(
        "update_user_key",
        "base",
        "Application system requested an update of the user's key",
    ),
    word(
        "remote_update_user_key",
        "base",
        "Application system requested a two-part key update (QR code + activation code); occurs only for requests through the SOAP API",
    ),
    word("delete_user", "base", "User deleted"),
    word("get_user_info", "base", "User information obtained"),
    word(
        "remote_update_set_template",
        "base",
        "Template set for remote recovery of the user's key",
    ),
    word(
        "remote_update_get_available_template",
        "base",
        "List of available templates for remote key recovery obtained",
    ),
    word(
        "remote_update_get_requisites",
        "base",
        "Configured parameters for remote key-information recovery obtained",
    ),
    word(
        "get_scoring_settings",
        "base",
        "Scoring configuration parameters obtained",
    ),
    word("register_system", "base", "Application system registered"),
    word(
        "get_system_info",
        "base",
        "Application system information obtained",
    ),
    word(
        "change_system",
        "base",
        "Application system parameters changed",
    ),
    word("remove_system", "base", "Application system removed"),
    word(
        "system_report",
        "base",
        "Functional usage report of the system obtained",
    ),
    word(
        "billing_close",
        "base",
        "Settlement period closed for the post-paid model",
    ),
    word(
        "rks_events_data",
        "base",
        "Event information for a given user obtained through ARM RKS (or through the RKS endpoint of the PC Server API)",
    ),
    word(
        "rks_transactions_data",
        "base",
        "Transaction information obtained through ARM RKS (or through the RKS endpoint of the PC Server API)",
    ),
    word(
        "rks_check_confirmation",
        "base",
        "Signature value verified through ARM RKS (or through the RKS endpoint of the PC Server API)",
    ),
    word(
        "rks_user_details",
        "base",
        "User information obtained through ARM RKS (or through the RKS endpoint of the PC Server API)",
    ),
    word(
        "key_deleted",
        "base",
        "Key information deleted from the mobile device",
    ),
    word(
        "root_detected",
        "base",
        "root/jailbreak detected on the mobile device",
    ),
    word(
        "high_risk_apps_detected",
        "base",
        "Potentially malicious applications detected",
    ),
    word(
        "password_incorrect",
        "base",
        "Incorrect password to the key information entered on the mobile device",
    ),
    word("get_signed_pdf", "5.2", "Signed PDF obtained"),
    word(
        "reassemble_pdf",
        "5.2",
        "Previously produced signature added into the original PDF file",
    ),
    word("create_operation", "5.2", "Operation created"),
    word("update_operation", "5.2", "Operation changed"),
    word(
        "get_operation_info",
        "5.2",
        "Operation information obtained",
    ),
    word("get_operation_list", "5.2", "List of operations obtained"),
    word("get_operation_data_list", "5.2", "Operation data obtained"),
    word("operations_process", "5.2", "Operations processed"),
    word(
        "get_event_info",
        "5.2",
        "Detailed information on a given event obtained",
    ),
    word(
        "create_certificate",
        "5.2",
        "User PKI certificate created. Only in 5.2; renamed to create_certificate_request from 5.3",
    ),
    word(
        "get_certificate_status",
        "5.2",
        "Status of the user's certificate obtained",
    ),
    word("revoke_certificate", "5.2", "User certificate revoked"),
    word(
        "rks_check_cms",
        "5.2",
        "CMS signature value verified through ARM RKS (or through the RKS endpoint of the PC Server API)",
    ),
    word(
        "rks_check_pdf",
        "5.2",
        "PDF signature value verified through ARM RKS (or through the RKS endpoint of the PC Server API)",
    ),
    word(
        "get_events",
        "5.3",
        "Events obtained using filters given in the request",
    ),
    word(
        "clean_events",
        "5.3",
        "Information cleared from event records: fields device_info, event_data, connection_info",
    ),
    word("password_correct", "5.3", "Password entered (correct)"),
    word("password_changed", "5.3", "Password changed"),
    word(
        "create_certificate_request",
        "5.3",
        "User certificate request created",
    ),
    word(
        "issue_certificate",
        "5.3",
        "User certificate request signed; certificate issued",
    ),
    word(
        "gen_confirm_code",
        "5.3",
        "Server generated a confirmation code on the user's symmetric key",
    ),
    word(
        "check_confirm_code",
        "5.3",
        "Verified a confirmation code produced on the user's symmetric key for data confirmed without creating a transaction",
    ),
    word(
        "gen_common_confirm_code",
        "5.3",
        "Server generated a confirmation code on the server's symmetric key for data confirmed without creating a transaction",
    ),
    word(
        "check_common_confirm_code",
        "5.3",
        "Verified a confirmation code produced on the server's symmetric key for data confirmed without creating a transaction",
    ),
    word(
        "get_credentials",
        "5.5",
        "Attempt to obtain the access key for the key on the mobile device",
    ),
    word(
        "get_credentials_salt",
        "5.5",
        "Salt requested for setting the password of the user's key",
    ),
    word(
        "set_credentials",
        "5.5",
        "Password of the user's key set on the server",
    ),
    word(
        "refresh_properties",
        "6.0",
        "PCS configuration parameters re-read from the DB and loaded; values shown in the response body to the request that obtains these parameters",
    ),
    word(
        "load_and_refresh_properties",
        "6.0",
        "New PCS parameters set",
    ),
];

/// All 22 journal fields, in the manual's order.
pub const JOURNAL_FIELDS: &[JournalField] = &[
    field(
        "event_id",
        "base",
        "Identifier of the event in the system audit log",
    ),
    field("created_at", "base", "Time the audit record was created"),
    field("user_id", "base", "User identifier"),
    field("transaction_id", "base", "Transaction identifier"),
    field(
        "session_id",
        "base",
        "Identifier of the session on the mobile device",
    ),
    field(
        "device_event_id",
        "base",
        "Identifier of the event on the mobile device",
    ),
    field(
        "device_time",
        "base",
        "Time of the event on the mobile device",
    ),
    field("auth_code", "base", "Authentication code of the request"),
    field("request_hash", "base", "Hash of the request"),
    field(
        "request_hmac",
        "base",
        "Authentication code (HMAC) of the request body",
    ),
    field(
        "request_type",
        "base",
        "Type of the request/event (an event type name)",
    ),
    field("device_info", "base", "Device information"),
    field(
        "requester_ip_address",
        "base",
        "IP address of the request source",
    ),
    field(
        "request_result",
        "base",
        "Result of executing the request (0 = success, otherwise the error code)",
    ),
    field("operationid", "base", "Operation identifier"),
    field("request_url", "5.3", "Address (URL of the request)"),
    field(
        "pc_version",
        "5.3",
        "PC component, its version and API version",
    ),
    field("system_id", "5.3", "Application system identifier"),
    field(
        "connection_info",
        "5.3",
        "Data on the network connection related to the event",
    ),
    field(
        "pc_instance_name",
        "5.3",
        "Name of the PC instance. Optional; set through the Java environment parameter pc_instance_name of the PCS server, e.g. -Dpc_instance_name=pcs-node-1",
    ),
    field(
        "device_fingerprint",
        "5.4",
        "Device fingerprint (if required; decided by the key flag at issue)",
    ),
    field("key_index", "5.4", "Ordinal number of the key for the user"),
];
