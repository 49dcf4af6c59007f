//! Least and most of every setting that is a number. The manual names no limits; these are ours: wide enough for any use
//! of the setting, and narrow enough that none of them divides by zero, overflows or fills the memory.

/// Longest value of any setting, bytes.
pub(super) const TEXT_LENGTH_MAX: usize = 8192;

const DAY_S: u32 = 86_400;
const CENTURY_DAYS: u32 = 36_525;

/// Least and most, in the setting's own unit; `None` for a setting that is no number.
pub(super) fn of(name: &str) -> Option<(u32, u32)> {
    Some(match name {
        "KEY_INFO_LIFE_TIME" | "BILL_PERIOD" => (1, CENTURY_DAYS),
        "T_AUTH_CODE" | "T_CONFIRM_CODE" => (1, DAY_S),
        "KEY_QR_SIZE" | "TRANSACTION_QR_SIZE" => (32, 4096),
        // Ten years; 0 is without limit.
        "DEFAULT_TRANSACTION_TTL" => (0, 3650 * DAY_S),
        "NETWORK_TIMEOUT" => (1, 60_000),
        "USER_CACHE_TTL" | "LICENSE_CACHE_TTL" | "SYSTEM_CACHE_TTL" => (0, DAY_S),
        "USER_CACHE_SIZE" | "LICENSE_CACHE_SIZE" | "SYSTEM_CACHE_SIZE" => (0, 1_000_000),
        "EXT_AUTH_FAIL_LIMIT" | "ONLINE_ACTIVATION_ATTEMPTS" | "ONLINE_PASSWORD_ATTEMPTS" => {
            (1, 1000)
        }
        // The most digits that any QR code holds.
        "QR_DATA_LENGTH_LIMIT" => (1, 7089),
        _ => return None,
    })
}
