//! The user's phone: the reference device, with its key in a file, told the time by this process's clock.

use std::path::Path;

use bus::shell::{Clock as _, SystemClock};
use device::{Device, DeviceKey, KeyFile, ReqwestTransport};
use schemas::Timestamp;

use crate::AnyError;

/// The phone's PIN in this story.
pub const PIN: &str = "2468-Sesame";

/// A phone.
pub type Phone = Device<ReqwestTransport>;

/// What time it is for the phone.
pub fn now() -> Timestamp {
    SystemClock.now()
}

/// Scans a key: what is in the QR code becomes a phone with a key.
pub fn scan(key_text: &str, mobile_door: &str) -> Result<Phone, AnyError> {
    Ok(Device::at(
        mobile_door,
        DeviceKey::import(key_text)?,
        ReqwestTransport::new()?,
    )?)
}

/// Stores the key under the PIN and takes it from there again, as after a restart of the phone.
pub fn store_and_reopen(phone: Phone, file: &Path, mobile_door: &str) -> Result<Phone, AnyError> {
    let file = KeyFile::new(file);
    file.save(phone.key(), PIN)?;
    Ok(Device::at(
        mobile_door,
        file.load(PIN)?,
        ReqwestTransport::new()?,
    )?)
}
