//! The reference manual's server settings: name, default, unit or values, since which version.
//!
//! Source: reference manual, "PCS settings".

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The manual's name.
    pub name: &'static str,
    /// The default of the first version that had it, as text; empty means unset. See [`Setting::default_in_force`].
    pub default: &'static str,
    /// The version that introduced it; `base` where the manual names none.
    pub since: &'static str,
    /// Unit or permitted values, in the manual's words.
    pub values: &'static str,
}

const fn setting(
    name: &'static str,
    default: &'static str,
    since: &'static str,
    values: &'static str,
) -> Setting {
    Setting {
        name,
        default,
        since,
        values,
    }
}

/// All 61 settings, in the manual's order.
pub const SETTINGS: &[Setting] = &[
    setting("REPORT_TEMPLATE", "", "base", "path"),
    setting("KEY_INFO_LIFE_TIME", "365", "base", "int, days"),
    setting("BILL_PERIOD", "365", "base", "int, days"),
    setting("DEBUG_INFO", "0", "base", "0|1"),
    setting("CRYPTO_PROVIDER", "BC", "base", "BC"),
    setting("T_AUTH_CODE", "180", "base", "int, seconds"),
    setting("T_CONFIRM_CODE", "180", "base", "int, seconds"),
    setting("KEY_QR_SIZE", "300", "base", "int, pixels"),
    setting("TRANSACTION_QR_SIZE", "300", "base", "int, pixels"),
    setting("CLEAN_TRANSACTION", "1", "base", "0|1"),
    setting("DEFAULT_TRANSACTION_TTL", "0", "base", "int, seconds"),
    setting("COLLECT_EVENTS", "0", "base", "0|1"),
    setting("COLLECT_DEVICE_INFORMATION", "0", "base", "0|1"),
    setting("CHECK_HTTP_AUTH_HEADER", "1", "base", "0|1"),
    setting("IOS_PUSH_PAYLOAD_TEMPLATE", "", "base", "text"),
    setting("ANDROID_PUSH_PAYLOAD_TEMPLATE", "", "base", "text"),
    setting("KEYFLAG_WITH_FINGERPRINT", "0", "3.6.355", "0|1"),
    setting("KEYFLAG_COLLECT_EVENTS", "0", "3.6.355", "0|1"),
    setting("KEYFLAG_COLLECT_DEVICEINFO", "0", "3.6.355", "0|1"),
    setting("KEYFLAG_COLLECT_SIMINFO", "0", "3.6.355", "0|1"),
    setting("KEYFLAG_COLLECT_LOCATION", "0", "3.6.355", "0|1"),
    setting("KEYFLAG_PASS_POLICY", "0", "3.6.355", "0|1|2|3"),
    setting(
        "KEYFLAG_DENY_STORE_WITH_OS_PROTECTION",
        "0",
        "3.6.355",
        "0|1",
    ),
    setting("KEYFLAG_DENY_RENEW_PUBKEY", "0", "3.6.355", "0|1"),
    setting("KEYFLAG_SCORING_ENABLED", "0", "5.0", "0|1"),
    setting("KEYFLAG_AUTOSIGN_ENABLED", "0", "5.0", "0|1"),
    setting("KEYFLAG_REMOTE_UPDATE_ENABLED", "1", "5.2", "0|1"),
    setting("KEYFLAG_NFC_POLICY", "0", "5.3", "0|1|2"),
    setting("KEYFLAG_TELEGRAM_ENABLED", "0", "5.4", "0|1"),
    setting("KEYFLAG_ONLINE_CREDENTIALS", "1", "5.5", "0|1"),
    setting("NETWORK_TIMEOUT", "1000", "3.6.368", "int, ms"),
    setting(
        "APP_ID_FOR_PUSHER",
        r#"{"Android":"ru.safe-tech.PayControl.v3","iOS":"ru.safe-tech.PayControl.v3"}"#,
        "3.8",
        "JSON",
    ),
    setting("QR_LOGO_LOCATION", "/opt/pc/qr_logo.png", "5.0", "path"),
    setting("QR_COLOR", "#066AB2", "5.0", "#RRGGBB"),
    setting("CLEAN_LOGIN_TRANSACTION", "1", "5.0", "0|1"),
    setting("CALLBACK_VERSION", "3", "5.0", "1|2|3"),
    setting("ARM_RKS_ENABLED", "1", "5.0", "0|1"),
    setting("SCORING_SETTINGS", "{}", "5.0", "JSON"),
    setting("EXT_AUTH_SETTINGS", "{}", "5.0", "JSON"),
    setting("LICENSE_FILE_LOCATION", "/opt/pc/", "5.1", "path"),
    setting("USER_CACHE_TTL", "600", "5.1", "int, seconds"),
    setting("USER_CACHE_SIZE", "100", "5.1", "int"),
    setting("LICENSE_CACHE_TTL", "600", "5.1", "int, seconds"),
    setting("LICENSE_CACHE_SIZE", "10", "5.1", "int"),
    setting("SYSTEM_CACHE_TTL", "600", "5.1", "int, seconds"),
    setting("SYSTEM_CACHE_SIZE", "10", "5.1", "int"),
    setting("SET_APP_ID_FOR_TRANSACTION_CALLBACK", "0", "5.1.140", "0|1"),
    setting("CHECK_HTTP_AUTH_HEADER_TIME_INTERVAL", "1", "5.2", "0|1"),
    setting("EXT_AUTH_FAIL_LIMIT", "5", "5.2", "int"),
    setting(
        "PKI_SETTINGS_PATH",
        "/opt/pc/pki/pki-settings.properties",
        "5.2",
        "path",
    ),
    setting(
        "SERVER_SIGNER_PERS_URL",
        "http://localhost:8080/pc-server-signer-api/personalize_async",
        "5.2",
        "URL",
    ),
    setting(
        "PDF_SIGNATURE_SETTINGS",
        r##"{"position": { "x": 0, "y": 0, "width": 220, "height": 65}, "frame_color": "#004D99", "pdf_permissions": 1, "visualize_signature": true, "image_uri":"/opt/pc/logo.svg"}"##,
        "5.2",
        "JSON",
    ),
    setting("SEND_EVENT_IN_CALLBACK", "1", "5.4", "0|1"),
    setting("ONLINE_ACTIVATION_ATTEMPTS", "5", "5.5", "int"),
    setting("ONLINE_PASSWORD_ATTEMPTS", "10", "5.5", "int"),
    setting("GOST_IMIT_PROVIDER", "", "5.5", "text"),
    setting("ALLOW_EVENTS_REMOVE", "0", "5.5.304", "0|1"),
    setting("EVENTS_TRANSPARENT", "0", "5.5.304", "0|1"),
    setting("HTTP_HEADERS_PASSTHROUGH", "0", "5.5.306", "0|1"),
    setting("QR_DATA_LENGTH_LIMIT", "2048", "6.0", "int, characters"),
    setting(
        "DEFAULT_CRYPT_TYPE",
        "ECDSA",
        "6.0",
        r#"ECDSA|"CryptoPro JCP 2.0""#,
    ),
];
