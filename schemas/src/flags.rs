//! The flags of a key: what the phone must and may do with it. Seventeen bits, two of the fields two bits wide.
//!
//! Source: reference manual, "Key parameters"; the low bit of a two-bit field comes first (ours where it is silent).

use serde::{Deserialize, Serialize};

/// One flag or two-bit policy of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The manual's constant.
    pub constant: &'static str,
    /// The manual's camel-case (or snake-case) name.
    pub manual_name: &'static str,
    /// The name inside `key_params`.
    pub param: &'static str,
    /// The lowest bit.
    pub bit: u8,
    /// Largest value: 1 for a flag, 3 or 2 for a policy.
    pub value_max: u32,
    /// The setting that gives the default; `None` for the server-signature flag.
    pub default_setting: Option<&'static str>,
}

impl Flag {
    /// How many bits the value takes.
    pub fn width(&self) -> u8 {
        if self.value_max > 1 { 2 } else { 1 }
    }
}

macro_rules! flags {
    ($($name:ident $bit:literal $max:literal $constant:literal $manual:literal $param:literal $setting:expr;)*) => {
        $(
            #[doc = concat!("`", $param, "`, from bit ", $bit, ".")]
            pub const $name: Flag = Flag {
                constant: $constant, manual_name: $manual, param: $param, bit: $bit, value_max: $max,
                default_setting: $setting,
            };
        )*
        /// Every flag, by its lowest bit.
        pub const FLAGS: &[Flag] = &[$($name,)*];
    };
}

flags! {
    WITH_FINGERPRINT 0 1 "KEYFLAG_WITH_FINGERPRINT" "withFingerPrint" "with_finger_print" Some("KEYFLAG_WITH_FINGERPRINT");
    COLLECT_EVENTS 1 1 "KEYFLAG_COLLECT_EVENTS" "collectEvent" "collect_events" Some("KEYFLAG_COLLECT_EVENTS");
    COLLECT_DEVICE_INFO 2 1 "KEYFLAG_COLLECT_DEVICEINFO" "collectDeviceInfo" "collect_device_info" Some("KEYFLAG_COLLECT_DEVICEINFO");
    COLLECT_SIM_INFO 3 1 "KEYFLAG_COLLECT_SIMINFO" "collectDeviceSIMInfo" "collect_device_SIM_info" Some("KEYFLAG_COLLECT_SIMINFO");
    COLLECT_LOCATION 4 1 "KEYFLAG_COLLECT_LOCATION" "collectDeviceLocation" "collect_device_location" Some("KEYFLAG_COLLECT_LOCATION");
    PASS_POLICY 5 3 "KEYFLAG_PASS_POLICY_POS" "passPolicy" "pass_policy" Some("KEYFLAG_PASS_POLICY");
    DENY_STORE_WITH_OS_PROTECTION 7 1 "KEYFLAG_DENY_STORE_WITH_OS_PROTECTION" "denyStoreWithOSProtection" "deny_store_with_OS_protection" Some("KEYFLAG_DENY_STORE_WITH_OS_PROTECTION");
    DENY_RENEW_PUBLIC_KEY 8 1 "KEYFLAG_DENY_RENEW_PUBKEY" "denyRenewPublicKey" "deny_renew_public_key" Some("KEYFLAG_DENY_RENEW_PUBKEY");
    SCORING_ENABLED 9 1 "KEYFLAG_SCORING_ENABLED" "scoring_enabled" "scoring_enabled" Some("KEYFLAG_SCORING_ENABLED");
    AUTOSIGN_ENABLED 10 1 "KEYFLAG_AUTOSIGN_ENABLED" "autosign_enabled" "autosign_enabled" Some("KEYFLAG_AUTOSIGN_ENABLED");
    REMOTE_UPDATE_ENABLED 11 1 "KEYFLAG_REMOTE_UPDATE_ENABLED" "remote_update_enabled" "remote_update_enabled" Some("KEYFLAG_REMOTE_UPDATE_ENABLED");
    SERVER_SIGNER 12 1 "KEYFLAG_SERVERSIGNER" "(server signature flag, unnamed in the manual)" "server_signer" None;
    NFC_POLICY 13 2 "KEYFLAG_NFC_ENABLED_POS" "nfc_policy" "nfc_policy" Some("KEYFLAG_NFC_POLICY");
    TELEGRAM_ENABLED 15 1 "KEYFLAG_TELEGRAM_ENABLED" "telegram_enabled" "telegram_enabled" Some("KEYFLAG_TELEGRAM_ENABLED");
    ONLINE_CREDENTIALS 16 1 "KEYFLAG_ONLINE_CREDENTIALS" "online_credentials" "online_credentials" Some("KEYFLAG_ONLINE_CREDENTIALS");
}

/// The flags of one key, as the integer `key_flags` of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyFlags(u32);

/// Two flags that exclude each other were both set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("with_finger_print and server_signer exclude each other")]
pub struct ConflictingFlags;

impl KeyFlags {
    /// Flags from their wire value; unknown bits are dropped.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits & 0x1_ffff)
    }

    /// The wire value.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The value of a flag: 0 or 1, or a policy's number.
    pub fn get(self, flag: &Flag) -> u32 {
        self.0 >> flag.bit & ((1 << flag.width()) - 1)
    }

    /// Is the flag set, or the policy not zero?
    pub fn has(self, flag: &Flag) -> bool {
        self.get(flag) != 0
    }

    /// Sets a value; one above the flag's largest is taken as the largest.
    pub fn set(&mut self, flag: &Flag, value: u32) {
        let mask = ((1 << flag.width()) - 1) << flag.bit;
        self.0 = self.0 & !mask | value.min(flag.value_max) << flag.bit;
    }

    /// The flags with the manual's rules between them applied: what depends on an absent flag is ignored, and two that
    /// exclude each other are refused.
    pub fn effective(mut self) -> Result<Self, ConflictingFlags> {
        if self.has(&WITH_FINGERPRINT) && self.has(&SERVER_SIGNER) {
            return Err(ConflictingFlags);
        }
        if !self.has(&COLLECT_EVENTS) {
            self.set(&COLLECT_DEVICE_INFO, 0);
        }
        if !self.has(&COLLECT_DEVICE_INFO) {
            self.set(&COLLECT_SIM_INFO, 0);
            self.set(&COLLECT_LOCATION, 0);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn every_bit_has_its_place_and_its_default() {
        let places = FLAGS
            .iter()
            .map(|flag| (flag.param, flag.bit, flag.value_max));
        let table = [
            ("with_finger_print", 0, 1),
            ("collect_events", 1, 1),
            ("collect_device_info", 2, 1),
            ("collect_device_SIM_info", 3, 1),
            ("collect_device_location", 4, 1),
            ("pass_policy", 5, 3),
            ("deny_store_with_OS_protection", 7, 1),
            ("deny_renew_public_key", 8, 1),
            ("scoring_enabled", 9, 1),
            ("autosign_enabled", 10, 1),
            ("remote_update_enabled", 11, 1),
            ("server_signer", 12, 1),
            ("nfc_policy", 13, 2),
            ("telegram_enabled", 15, 1),
            ("online_credentials", 16, 1),
        ];
        assert_eq!(places.collect::<Vec<_>>(), table);
        let width: u8 = FLAGS.iter().map(Flag::width).sum();
        assert_eq!(width, 17);
        for flag in FLAGS {
            let Some(setting) = flag.default_setting else {
                assert_eq!(*flag, SERVER_SIGNER, "only this one has no default");
                continue;
            };
            let mut settings = Settings::default();
            settings.set(setting, &flag.value_max.to_string()).unwrap();
            let flags = settings.default_key_flags();
            assert_eq!(flags.get(flag), flag.value_max, "{setting}");
            settings.set(setting, "0").unwrap();
            assert!(!settings.default_key_flags().has(flag), "{setting}");
        }
    }

    /// The flags without which a flag is ignored, and no others.
    #[test]
    fn every_flag_alone_is_kept_or_ignored_as_the_manual_says() {
        for flag in FLAGS {
            let mut alone = KeyFlags::default();
            alone.set(flag, flag.value_max);
            let kept = alone.effective().unwrap().has(flag);
            let needs_another = [COLLECT_DEVICE_INFO, COLLECT_SIM_INFO, COLLECT_LOCATION];
            assert_eq!(kept, !needs_another.contains(flag), "{}", flag.param);
        }
        for flag in [COLLECT_SIM_INFO, COLLECT_LOCATION] {
            let mut flags = KeyFlags::default();
            flags.set(&COLLECT_EVENTS, 1);
            flags.set(&flag, 1);
            assert!(!flags.effective().unwrap().has(&flag), "{}", flag.param);
            flags.set(&COLLECT_DEVICE_INFO, 1);
            assert!(flags.effective().unwrap().has(&flag), "{}", flag.param);
        }
    }

    #[test]
    fn policies_take_two_bits() {
        let mut flags = KeyFlags::default();
        flags.set(&PASS_POLICY, 3);
        assert_eq!(flags.bits(), 96);
        flags.set(&PASS_POLICY, 0);
        flags.set(&NFC_POLICY, 2);
        assert_eq!(flags.bits(), 16_384);
        flags.set(&NFC_POLICY, 3);
        assert_eq!(flags.get(&NFC_POLICY), 2, "the policy has three values");
    }

    #[test]
    fn device_information_counts_only_with_events() {
        let mut flags = KeyFlags::default();
        flags.set(&COLLECT_DEVICE_INFO, 1);
        flags.set(&COLLECT_LOCATION, 1);
        assert_eq!(flags.effective(), Ok(KeyFlags::default()));
        flags.set(&COLLECT_EVENTS, 1);
        assert_eq!(flags.effective(), Ok(flags));
    }

    #[test]
    fn a_fingerprint_and_a_server_signature_exclude_each_other() {
        let mut flags = KeyFlags::default();
        flags.set(&WITH_FINGERPRINT, 1);
        flags.set(&SERVER_SIGNER, 1);
        assert_eq!(flags.effective(), Err(ConflictingFlags));
    }
}
