//! Server settings: the manual's table, and one set of values over it with typed access.

mod limits;
mod outside;
mod table;

use std::collections::BTreeMap;

pub use outside::{ExtAuthMethod, ExtAuthTemplate, ScoringSettings, Service, UnusableSetting};
pub use table::{SETTINGS, Setting};

use crate::commands::keys::DeviceType;
use crate::flags::KeyFlags;

/// The values in force. What is not set has the table's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<&'static str, String>,
}

/// Why a value cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// The table has no such name.
    #[error("no setting is named {0}; `countersign contract settings` lists them")]
    Unknown(String),
    /// The value is not one the table permits.
    #[error("{name} does not take {value:?}; permitted: {}", permitted(.values, *.limits))]
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What the table permits.
        values: &'static str,
        /// Least and most, for a number.
        limits: Option<(u32, u32)>,
    },
}

fn permitted(values: &str, limits: Option<(u32, u32)>) -> String {
    match limits {
        Some((least, most)) => format!("{values}, {least} to {most}"),
        None => values.to_owned(),
    }
}

/// What stands for a value that holds credentials, wherever values are shown.
pub const MASK: &str = "***";

impl Settings {
    /// Sets one value after checking it against the table.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidSetting> {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name == name)
            .ok_or_else(|| InvalidSetting::Unknown(name.to_owned()))?;
        if !setting.permits(value) {
            return Err(InvalidSetting::Value {
                name: setting.name,
                value: value.to_owned(),
                values: setting.values,
                limits: limits::of(setting.name),
            });
        }
        self.values.insert(setting.name, value.to_owned());
        Ok(())
    }

    /// These values, and over them the stored ones. A stored value that this program does not know or no longer permits is
    /// left out: it was stored by a newer one, or under older limits.
    #[must_use]
    pub fn under<'a>(&self, stored: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut settings = self.clone();
        for (name, value) in stored {
            // What cannot be set stays what the configuration says.
            settings.set(name, value).ok();
        }
        settings
    }

    /// Every setting's value in force, by name; what holds credentials is masked.
    pub fn shown(&self) -> BTreeMap<String, String> {
        let shown = SETTINGS.iter().map(|setting| {
            let value = self.text(setting);
            (setting.name.to_owned(), setting.shown(value).to_owned())
        });
        shown.collect()
    }

    /// The value in force, as text.
    pub fn text(&self, setting: &Setting) -> &str {
        self.values
            .get(setting.name)
            .map_or(setting.default_in_force(), String::as_str)
    }

    fn named(&self, name: &'static str) -> &str {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        self.text(
            setting.expect("the name is written beside the table and a test reads every accessor"),
        )
    }

    fn number(&self, name: &'static str) -> i64 {
        self.named(name)
            .parse()
            .expect("set() admits only numbers here, and so does the table")
    }

    fn is_on(&self, name: &'static str) -> bool {
        self.named(name) == "1"
    }

    /// T_AUTH_CODE: half-width of the window a request's time must fall into, seconds.
    pub fn auth_code_step_s(&self) -> i64 {
        self.number("T_AUTH_CODE")
    }

    /// T_CONFIRM_CODE: length of a confirmation code's time step, seconds.
    pub fn confirm_code_step_s(&self) -> i64 {
        self.number("T_CONFIRM_CODE")
    }

    /// KEY_INFO_LIFE_TIME: lifetime of a key, days. A system's own value comes first.
    pub fn key_life_days(&self) -> i64 {
        self.number("KEY_INFO_LIFE_TIME")
    }

    /// KEY_QR_SIZE: side of the key's QR code, pixels.
    pub fn key_qr_size_px(&self) -> u32 {
        self.number("KEY_QR_SIZE") as u32
    }

    /// TRANSACTION_QR_SIZE: side of a transaction's QR code, pixels.
    pub fn transaction_qr_size_px(&self) -> u32 {
        self.number("TRANSACTION_QR_SIZE") as u32
    }

    /// QR_DATA_LENGTH_LIMIT: most characters a QR code may hold.
    pub fn qr_data_length_max(&self) -> usize {
        self.number("QR_DATA_LENGTH_LIMIT") as usize
    }

    /// QR_LOGO_LOCATION: file of the picture in the middle of a key's QR code; `None` when nothing is to be drawn.
    pub fn qr_logo_location(&self) -> Option<&str> {
        Some(self.named("QR_LOGO_LOCATION")).filter(|path| !path.is_empty())
    }

    /// QR_COLOR: red, green and blue of a QR code's dark modules. It counts only where a logo's path is set.
    pub fn qr_color(&self) -> [u8; 3] {
        let digits = self.named("QR_COLOR").trim_start_matches('#');
        let number = u32::from_str_radix(digits, 16)
            .expect("set() admits only six hex digits here, and so does the table");
        let [_, red, green, blue] = number.to_be_bytes();
        [red, green, blue]
    }

    /// DEFAULT_CRYPT_TYPE: the cryptography of a key whose request names none.
    pub fn default_crypt_type(&self) -> &str {
        self.named("DEFAULT_CRYPT_TYPE")
    }

    /// CLEAN_TRANSACTION: erase a transaction's text and binary once it is confirmed.
    pub fn clean_transaction(&self) -> bool {
        self.is_on("CLEAN_TRANSACTION")
    }

    /// CLEAN_LOGIN_TRANSACTION: erase the text of a login once it is confirmed.
    pub fn clean_login_transaction(&self) -> bool {
        self.is_on("CLEAN_LOGIN_TRANSACTION")
    }

    /// DEFAULT_TRANSACTION_TTL, seconds; `None` means without limit.
    pub fn default_transaction_ttl_s(&self) -> Option<i64> {
        Some(self.number("DEFAULT_TRANSACTION_TTL")).filter(|seconds| *seconds > 0)
    }

    /// CHECK_HTTP_AUTH_HEADER: authenticate requests of the mobile application by their header.
    pub fn check_auth_header(&self) -> bool {
        self.is_on("CHECK_HTTP_AUTH_HEADER")
    }

    /// CHECK_HTTP_AUTH_HEADER_TIME_INTERVAL: refuse a header whose time is too far from ours.
    pub fn check_auth_time(&self) -> bool {
        self.is_on("CHECK_HTTP_AUTH_HEADER_TIME_INTERVAL")
    }

    /// ONLINE_ACTIVATION_ATTEMPTS: tries a user has to enter the activation code.
    pub fn activation_attempts_max(&self) -> u32 {
        self.number("ONLINE_ACTIVATION_ATTEMPTS") as u32
    }

    /// ONLINE_PASSWORD_ATTEMPTS: wrong passwords of a key, one after the other, after which it is blocked.
    pub fn password_attempts_max(&self) -> u32 {
        self.number("ONLINE_PASSWORD_ATTEMPTS") as u32
    }

    /// NETWORK_TIMEOUT: longest wait for a connection of ours to be accepted, ms.
    pub fn network_timeout_ms(&self) -> u64 {
        self.number("NETWORK_TIMEOUT") as u64
    }

    /// APP_ID_FOR_PUSHER: the application that pushes go to when a device has named none.
    pub fn app_id_for_pusher(&self, device_type: DeviceType) -> Option<String> {
        let ids: BTreeMap<String, String> =
            serde_json::from_str(self.named("APP_ID_FOR_PUSHER")).ok()?;
        let name = match device_type {
            DeviceType::Android => "Android",
            DeviceType::Ios => "iOS",
            DeviceType::Huawei => "Huawei",
        };
        ids.get(name).filter(|id| !id.is_empty()).cloned()
    }

    /// COLLECT_EVENTS: post the events of keys with that flag, and keep what they tell of their devices.
    pub fn collect_events(&self) -> bool {
        self.is_on("COLLECT_EVENTS")
    }

    /// EVENTS_TRANSPARENT: an event that is posted does not show in the journal.
    pub fn events_transparent(&self) -> bool {
        self.is_on("EVENTS_TRANSPARENT")
    }

    /// ALLOW_EVENTS_REMOVE: records may be removed from the journal.
    pub fn allow_events_remove(&self) -> bool {
        self.is_on("ALLOW_EVENTS_REMOVE")
    }

    /// HTTP_HEADERS_PASSTHROUGH: carry headers of a request into the callbacks and posts it causes.
    pub fn pass_headers_through(&self) -> bool {
        self.is_on("HTTP_HEADERS_PASSTHROUGH")
    }

    /// CALLBACK_VERSION: 1, 2 or 3.
    pub fn callback_version(&self) -> u8 {
        self.number("CALLBACK_VERSION") as u8
    }

    /// SET_APP_ID_FOR_TRANSACTION_CALLBACK: tell the application's id in the outcome of a transaction.
    pub fn tell_app_id(&self) -> bool {
        self.is_on("SET_APP_ID_FOR_TRANSACTION_CALLBACK")
    }

    /// SEND_EVENT_IN_CALLBACK: tell the journal record in the callback.
    pub fn tell_event(&self) -> bool {
        self.is_on("SEND_EVENT_IN_CALLBACK")
    }

    /// ARM_RKS_ENABLED: serve the operators' interface.
    pub fn serves_operators(&self) -> bool {
        self.is_on("ARM_RKS_ENABLED")
    }

    /// LICENSE_FILE_LOCATION: folder of the license files.
    pub fn license_file_location(&self) -> &str {
        self.named("LICENSE_FILE_LOCATION")
    }

    /// LICENSE_CACHE_SIZE: license files whose signature need not be checked again; 0 checks every time.
    pub fn license_cache_size(&self) -> usize {
        self.number("LICENSE_CACHE_SIZE") as usize
    }

    /// LICENSE_CACHE_TTL: for how long, seconds.
    pub fn license_cache_ttl_s(&self) -> i64 {
        self.number("LICENSE_CACHE_TTL")
    }

    /// DEBUG_INFO: log what only somebody who looks for a fault wants to read.
    pub fn debug_info(&self) -> bool {
        self.is_on("DEBUG_INFO")
    }

    /// BILL_PERIOD, days. A system's own value comes first.
    pub fn billing_days(&self) -> i64 {
        self.number("BILL_PERIOD")
    }

    /// REPORT_TEMPLATE: path of the report's template; `None` when unset. A system's own value comes first.
    pub fn report_template(&self) -> Option<&str> {
        Some(self.named("REPORT_TEMPLATE")).filter(|path| !path.is_empty())
    }

    /// COLLECT_DEVICE_INFORMATION: keep the device information that keys with that flag send.
    pub fn collect_device_information(&self) -> bool {
        self.is_on("COLLECT_DEVICE_INFORMATION")
    }

    /// The flags a key gets where the request names none: the KEYFLAG_* settings.
    pub fn default_key_flags(&self) -> KeyFlags {
        let mut flags = KeyFlags::default();
        for flag in crate::flags::FLAGS {
            if let Some(setting) = flag.default_setting {
                flags.set(flag, self.number(setting) as u32);
            }
        }
        flags
    }
}

impl Setting {
    /// What counts when nothing is set. Two settings were switched on by a later version of the manual's product.
    pub fn default_in_force(&self) -> &'static str {
        match self.name {
            "COLLECT_EVENTS" | "COLLECT_DEVICE_INFORMATION" => "1",
            _ => self.default,
        }
    }

    /// The setting of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Does its value hold credentials of another service? Such a value is stored in the vault, and shown to nobody.
    pub fn holds_credentials(&self) -> bool {
        matches!(self.name, "SCORING_SETTINGS" | "EXT_AUTH_SETTINGS")
    }

    /// A value of it, as it may be shown.
    pub fn shown<'a>(&self, value: &'a str) -> &'a str {
        if self.holds_credentials() && value != self.default_in_force() {
            MASK
        } else {
            value
        }
    }

    /// Is this text a value of this setting?
    pub fn permits(&self, value: &str) -> bool {
        if value.len() > limits::TEXT_LENGTH_MAX || value.contains('\0') {
            return false;
        }
        match self.values {
            values if values.starts_with("int") => {
                let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
                let number = value.parse::<u32>().ok().filter(|_| is_plain);
                let (least, most) = limits::of(self.name).unwrap_or((0, i32::MAX as u32));
                number.is_some_and(|number| (least..=most).contains(&number))
            }
            "path" | "text" => true,
            "URL" => value.starts_with("http://") || value.starts_with("https://"),
            "JSON" => {
                serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(value).is_ok()
            }
            "#RRGGBB" => {
                let digits = value.strip_prefix('#').unwrap_or_default();
                digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
            listed => listed
                .split('|')
                .any(|permitted| permitted.trim_matches('"') == value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_the_table_permits() {
        for setting in SETTINGS {
            assert!(setting.permits(setting.default), "{}", setting.name);
        }
    }

    #[test]
    fn the_usual_application_of_pushes_is_one_for_each_kind_of_device() -> Result<(), InvalidSetting>
    {
        let mut settings = Settings::default();
        let usual = Some("ru.safe-tech.PayControl.v3".to_owned());
        assert_eq!(settings.app_id_for_pusher(DeviceType::Ios), usual);
        assert_eq!(settings.app_id_for_pusher(DeviceType::Huawei), None);
        settings.set("APP_ID_FOR_PUSHER", r#"{"Huawei": "bank", "iOS": ""}"#)?;
        assert_eq!(
            settings.app_id_for_pusher(DeviceType::Huawei).as_deref(),
            Some("bank")
        );
        assert_eq!(settings.app_id_for_pusher(DeviceType::Ios), None);
        Ok(())
    }

    #[test]
    fn a_value_is_checked_before_it_is_set() -> Result<(), InvalidSetting> {
        let mut settings = Settings::default();
        settings.set("DEFAULT_TRANSACTION_TTL", "600")?;
        assert_eq!(settings.default_transaction_ttl_s(), Some(600));
        for (name, value) in [
            ("NO_SUCH_SETTING", "1"),
            ("T_AUTH_CODE", "-1"),
            ("T_AUTH_CODE", "0"),
            ("T_AUTH_CODE", "+5"),
            ("KEY_QR_SIZE", "100000"),
            ("REPORT_TEMPLATE", "/opt/\0"),
            ("CLEAN_TRANSACTION", "2"),
            ("KEYFLAG_NFC_POLICY", "3"),
            ("QR_COLOR", "#12345G"),
            ("SCORING_SETTINGS", "[]"),
            ("DEFAULT_CRYPT_TYPE", "RSA"),
        ] {
            assert!(settings.set(name, value).is_err(), "{name}={value}");
        }
        settings.set("DEFAULT_CRYPT_TYPE", "CryptoPro JCP 2.0")
    }

    #[test]
    fn stored_values_lie_over_the_configuration() -> Result<(), InvalidSetting> {
        let mut base = Settings::default();
        base.set("KEY_QR_SIZE", "400")?;
        base.set("KEY_INFO_LIFE_TIME", "30")?;
        let stored = [
            ("KEY_QR_SIZE", "500"),
            ("T_AUTH_CODE", "0"),
            ("FROM_THE_FUTURE", "1"),
        ];
        let settings = base.under(stored);
        assert_eq!(
            (settings.key_qr_size_px(), settings.key_life_days()),
            (500, 30)
        );
        assert_eq!(settings.auth_code_step_s(), 180);
        Ok(())
    }

    #[test]
    fn credentials_are_masked() -> Result<(), InvalidSetting> {
        let mut settings = Settings::default();
        assert_eq!(settings.shown()["SCORING_SETTINGS"], "{}");
        settings.set("SCORING_SETTINGS", r#"{"token":"t"}"#)?;
        let shown = settings.shown();
        assert_eq!((shown.len(), &*shown["SCORING_SETTINGS"]), (61, MASK));
        Ok(())
    }

    #[test]
    fn every_limit_has_a_row_and_every_number_a_limit() {
        for setting in SETTINGS {
            let is_number = setting.values.starts_with("int");
            assert_eq!(
                limits::of(setting.name).is_some(),
                is_number,
                "{}",
                setting.name
            );
        }
    }

    #[test]
    fn every_accessor_reads_its_row() {
        let settings = Settings::default();
        assert_eq!(
            (settings.auth_code_step_s(), settings.confirm_code_step_s()),
            (180, 180)
        );
        assert_eq!(
            (settings.key_life_days(), settings.key_qr_size_px()),
            (365, 300)
        );
        assert_eq!(
            (
                settings.qr_data_length_max(),
                settings.activation_attempts_max()
            ),
            (2048, 5)
        );
        assert_eq!(
            (
                settings.network_timeout_ms(),
                settings.default_transaction_ttl_s()
            ),
            (1000, None)
        );
        assert!(
            settings.clean_transaction()
                && settings.clean_login_transaction()
                && settings.transaction_qr_size_px() == 300
                && settings.check_auth_header()
                && settings.check_auth_time()
        );
        assert!(settings.collect_events() && settings.collect_device_information());
        assert!(!settings.events_transparent() && !settings.allow_events_remove());
        assert!(!settings.pass_headers_through() && !settings.tell_app_id());
        assert!(settings.tell_event() && settings.serves_operators());
        assert_eq!(
            (settings.callback_version(), settings.billing_days()),
            (3, 365)
        );
        assert_eq!(settings.report_template(), None);
        assert_eq!(settings.default_key_flags().bits(), 67_584);
        assert_eq!(settings.password_attempts_max(), 10);
        assert_eq!(settings.qr_logo_location(), Some("/opt/pc/qr_logo.png"));
        assert_eq!(settings.qr_color(), [0x06, 0x6a, 0xb2]);
        assert_eq!(settings.default_crypt_type(), "ECDSA");
    }
}
