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
        &["IOS_PUSH_PAYLOAD_TEMPLATE", "ANDROID_PUSH_PAYLOAD_TEMPLATE"],
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
        Kind::Setting,
        &["PKI_SETTINGS_PATH", "PDF_SIGNATURE_SETTINGS"],
        "certificates and PDF signatures are not built yet; kept and shown, read by nothing",
    ),
    (
        Kind::Setting,
        &["SERVER_SIGNER_PERS_URL"],
        "the server's signer is not built yet; kept and shown, read by nothing",
    ),
    (
        Kind::Word,
        &[
            "create_certificate_request",
            "issue_certificate",
            "get_certificate_status",
            "revoke_certificate",
            "get_signed_pdf",
            "reassemble_pdf",
            "rks_check_cms",
            "rks_check_pdf",
        ],
        "certificates and PDF signatures are not built yet",
    ),
    (
        Kind::Code,
        &[
            "318", "319", "320", "321", "322", "323", "324", "325", "326", "327", "329", "330",
            "331",
        ],
        "certificates and PDF signatures are not built yet",
    ),
    (
        Kind::Code,
        &["206", "207"],
        "a user is named by the path, where an empty name is another route (289); a prefix is optional",
    ),
    (
        Kind::Code,
        &["212", "213", "214", "250"],
        "of key stores on the device, which the server of this protocol never sees",
    ),
    (
        Kind::Code,
        &["210"],
        "a check of a signature ends with yes or no: a wrong one is 278, a broken one 211",
    ),
    (
        Kind::Code,
        &["215"],
        "a transaction's data belongs to its user by the path: another user's transaction is 231",
    ),
    (
        Kind::Code,
        &["234", "241", "243", "246", "249", "252"],
        "of choices that older generations had: there is one kind of user, of system and of data here",
    ),
    (
        Kind::Code,
        &["239"],
        "one-time passwords of older generations; confirmation codes have 244 and 253",
    ),
    (
        Kind::Code,
        &["248", "268"],
        "of activation by one code that the device sends as it is; here it sends a proof (342, 283)",
    ),
    (
        Kind::Code,
        &["263", "264"],
        "of keys encrypted under a PIN by the server; the device encrypts its key itself",
    ),
    (
        Kind::Code,
        &["282"],
        "one version of the scheme is spoken; another path is another route (289)",
    ),
    (
        Kind::Code,
        &["273"],
        "users have no closing dates of their own: their bill follows from the log",
    ),
    (
        Kind::Code,
        &["347"],
        "no national cryptography in this build",
    ),
];
