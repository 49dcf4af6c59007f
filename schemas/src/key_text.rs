//! The text of an issued key, as a phone reads it: JSON, carried by a QR code, a link or a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::answers::IssuedKey;
use crate::ids::SystemId;

/// Most bytes a QR code holds that may lose an eighth of its area: version 40, error correction M.
pub const QR_BYTES_MAX: usize = 2331;

/// The text of a key. It fails when the application's part of the key is not JSON.
pub fn key_text(system_id: &SystemId, key: &IssuedKey) -> Result<String, serde_json::Error> {
    let app_extra = key.app_extra.clone().map(RawValue::from_string);
    serde_json::to_string(&KeyJson {
        v: 1,
        r#type: "pc_user",
        system_id: system_id.as_str(),
        user_id: key.user_id.as_str(),
        key_index: key.key_index.0,
        key_flags: key.flags.bits(),
        url: key.url.as_deref(),
        name: key.user_name.as_deref(),
        crypt_type: "ECDSA",
        valid_to: key.valid_to.seconds(),
        key: KeyPart {
            data: STANDARD.encode(key.first_part.expose()),
            enc: if key.two_parts { "half" } else { "none" },
        },
        app_extra: app_extra.transpose()?,
    })
}

/// Does the text fit into a QR code, within the operator's limit in characters?
pub fn fits_a_qr_code(text: &str, characters_max: usize) -> bool {
    text.len() <= QR_BYTES_MAX && text.chars().count() <= characters_max
}

#[derive(Serialize)]
struct KeyJson<'a> {
    v: u8,
    r#type: &'static str,
    system_id: &'a str,
    user_id: &'a str,
    key_index: u32,
    key_flags: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    crypt_type: &'static str,
    valid_to: i64,
    key: KeyPart,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_extra: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct KeyPart {
    data: String,
    enc: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::KeyFlags;
    use crate::{KeyIndex, Secret, Timestamp};

    fn issued(app_extra: &str) -> IssuedKey {
        IssuedKey {
            user_id: "sample-1".parse().unwrap(),
            key_index: KeyIndex(1),
            flags: KeyFlags::from_bits(67_584),
            valid_to: Timestamp(1_735_035_267_298),
            user_name: None,
            url: None,
            first_part: Secret::new([0; 32]),
            activation_code: None,
            two_parts: false,
            app_extra: Some(app_extra.to_owned()),
            qr_url_scheme: None,
        }
    }

    #[test]
    fn the_text_is_the_agreed_one() {
        let system_id = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap();
        assert_eq!(
            key_text(&system_id, &issued(r#"{"b":1,"a":2}"#)).unwrap(),
            r#"{"v":1,"type":"pc_user","system_id":"f13e4375-e429-496c-ad1e-0fc3c3ecfb53","user_id":"sample-1","key_index":1,"key_flags":67584,"crypt_type":"ECDSA","valid_to":1735035267,"key":{"data":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","enc":"none"},"app_extra":{"b":1,"a":2}}"#
        );
        assert!(key_text(&system_id, &issued("{")).is_err());
    }

    #[test]
    fn a_qr_code_holds_so_many_characters_and_bytes() {
        assert!(fits_a_qr_code(&"x".repeat(2048), 2048));
        assert!(!fits_a_qr_code(&"x".repeat(2049), 2048));
        assert!(!fits_a_qr_code(&"ж".repeat(1200), 2048), "2400 bytes");
    }
}
