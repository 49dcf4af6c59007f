//! How a system reads on the wire. Source: reference manual's `system_info`.

use schemas::answers::{LicenseUse, SystemInfo};
use serde::Serialize;
use utoipa::ToSchema;

use bus::shell::WebhookKeys;

/// A system's parameters.
#[derive(Serialize, ToSchema)]
pub(crate) struct SystemEntry<'a> {
    system_id: &'a str,
    name: &'a str,
    description: &'a str,
    /// `YYYY-MM-DD HH:MM:SS.mmm +0000`.
    created_at: String,
    /// `YYYY-MM-DD HH:MM:SS.mmm +0000`.
    updated_at: String,
    billing_type: i64,
    /// Days.
    billing_period: i64,
    /// Lifetime of its users' keys, days; null takes the server's setting.
    user_keys_expiration_period: Option<i64>,
    /// Path of the report's template; the server's setting where the system has none.
    report_template_path: Option<&'a str>,
    pc_is_external_url: Option<&'a str>,
    pc_is_internal_url: Option<&'a str>,
    events_post_url: Option<&'a str>,
    callback_url: Option<&'a str>,
    /// The registration request as received, base64.
    register_request: &'a str,
    license: Licenses<'a>,
    is_deleted: bool,
    /// What the bank verifies callbacks with; only in the answer to the registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<WebhookEntry>,
}

/// The licenses that count for the system now; none where nothing is limited.
#[derive(Serialize, ToSchema)]
pub(crate) struct Licenses<'a> {
    licenses: Vec<LicenseEntry<'a>>,
}

/// A license, and how far it is used.
#[derive(Serialize, ToSchema)]
pub(crate) struct LicenseEntry<'a> {
    /// Users it lets be there at once.
    users_count: i64,
    /// Users that take it up.
    used: i64,
    /// Its name among the issuer's licenses.
    #[serde(rename = "licenseID")]
    license_id: &'a str,
}

/// Keys of the callbacks, as Standard Webhooks writes them.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookEntry {
    /// `whsec_` and the HMAC key, base64.
    secret: String,
    /// `whpk_` and the Ed25519 public key, base64.
    public_key: String,
}

impl WebhookEntry {
    pub(crate) fn of(keys: &WebhookKeys) -> Self {
        Self {
            secret: keys
                .secret_text()
                .expose_text()
                .expect("base64 is text")
                .to_owned(),
            public_key: keys.public_key_text(),
        }
    }
}

impl<'a> LicenseEntry<'a> {
    fn of(license: &'a LicenseUse) -> Self {
        Self {
            users_count: license.users_count,
            used: license.used,
            license_id: &license.license_id,
        }
    }
}

impl<'a> SystemEntry<'a> {
    pub(crate) fn of(info: &'a SystemInfo) -> Self {
        let parameters = &info.parameters;
        Self {
            system_id: info.system_id.as_str(),
            name: &info.name,
            description: &info.description,
            created_at: info.created_at.system_info_text(),
            updated_at: info.updated_at.system_info_text(),
            billing_type: info.billing_type,
            billing_period: info.billing_period,
            user_keys_expiration_period: parameters.user_keys_expiration_period,
            report_template_path: parameters.report_template_path.as_deref(),
            pc_is_external_url: parameters.pc_is_external_url.as_deref(),
            pc_is_internal_url: parameters.pc_is_internal_url.as_deref(),
            events_post_url: parameters.events_post_url.as_deref(),
            callback_url: parameters.callback_url.as_deref(),
            register_request: &info.register_request,
            license: Licenses {
                licenses: info.licenses.iter().map(LicenseEntry::of).collect(),
            },
            is_deleted: info.is_deleted,
            webhook: None,
        }
    }

    pub(crate) fn with_webhook(mut self, keys: &WebhookKeys) -> Self {
        self.webhook = Some(WebhookEntry::of(keys));
        self
    }
}
