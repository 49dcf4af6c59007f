//! What no story can touch, and why.

use tests::coverage::Kind;

/// Kind, names, reason.
pub const ABSENCES: &[(Kind, &[&str], &str)] = &[
    (
        Kind::Setting,
        &["CRYPTO_PROVIDER"],
        "obsolete in the manual: it has one value",
    ),
    (
        Kind::Setting,
        &[
            "IOS_PUSH_PAYLOAD_TEMPLATE",
            "ANDROID_PUSH_PAYLOAD_TEMPLATE",
            "APP_ID_FOR_PUSHER",
        ],
        "of generations before 5.1; kept and shown, read by nothing",
    ),
    (
        Kind::Setting,
        &[
            "USER_CACHE_TTL",
            "USER_CACHE_SIZE",
            "SYSTEM_CACHE_TTL",
            "SYSTEM_CACHE_SIZE",
        ],
        "kept and shown: our caches are told of every change and need no age",
    ),
    (
        Kind::Setting,
        &["GOST_IMIT_PROVIDER"],
        "no national cryptography in this build",
    ),
    (
        Kind::Word,
        &["create_certificate"],
        "the manual's older name of create_certificate_request",
    ),
    (
        Kind::Word,
        &["remote_update_user_key"],
        "the manual: only through the SOAP interface, which we do not have",
    ),
    (
        Kind::Code,
        &["347"],
        "no national cryptography in this build",
    ),
];
