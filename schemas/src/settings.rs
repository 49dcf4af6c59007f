//! Server settings: the manual's table, and one set of values over it with typed access.

mod table;

use std::collections::BTreeMap;

pub use table::{SETTINGS, Setting};

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
    #[error("{name} does not take {value:?}; permitted: {values}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What the table permits.
        values: &'static str,
    },
}

impl Settings {
    /// Sets one value after checking it against the table.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidSetting> {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name == name)
            .ok_or_else(|| InvalidSetting::Unknown(name.to_owned()))?;
        if !setting.permits(value) {
            let (name, values) = (setting.name, setting.values);
            return Err(InvalidSetting::Value {
                name,
                value: value.to_owned(),
                values,
            });
        }
        self.values.insert(setting.name, value.to_owned());
        Ok(())
    }

    /// The value in force, as text.
    pub fn text(&self, setting: &Setting) -> &str {
        self.values
            .get(setting.name)
            .map_or(setting.default, String::as_str)
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

    /// QR_DATA_LENGTH_LIMIT: most characters a QR code may hold.
    pub fn qr_data_length_max(&self) -> usize {
        self.number("QR_DATA_LENGTH_LIMIT") as usize
    }

    /// CLEAN_TRANSACTION: erase a transaction's text and binary once it is confirmed.
    pub fn clean_transaction(&self) -> bool {
        self.is_on("CLEAN_TRANSACTION")
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

    /// NETWORK_TIMEOUT: longest wait for a connection of ours to be accepted, ms.
    pub fn network_timeout_ms(&self) -> u64 {
        self.number("NETWORK_TIMEOUT") as u64
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
    /// Is this text a value of this setting?
    fn permits(&self, value: &str) -> bool {
        match self.values {
            values if values.starts_with("int") => value
                .parse::<u32>()
                .is_ok_and(|number| i32::try_from(number).is_ok()),
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
    fn a_value_is_checked_before_it_is_set() -> Result<(), InvalidSetting> {
        let mut settings = Settings::default();
        settings.set("DEFAULT_TRANSACTION_TTL", "600")?;
        assert_eq!(settings.default_transaction_ttl_s(), Some(600));
        for (name, value) in [
            ("NO_SUCH_SETTING", "1"),
            ("T_AUTH_CODE", "-1"),
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
                && settings.check_auth_header()
                && settings.check_auth_time()
        );
        assert!(!settings.collect_device_information());
        assert_eq!(settings.default_key_flags().bits(), 67_584);
    }
}
