//! A freshly issued key as the phone reads it, and the forms in which a bank may take it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::answers::IssuedKey;
use schemas::settings::Settings;
use schemas::{ErrorCode, SystemId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::render::qr;

/// How the bank wants the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReturnKeyMethod {
    /// A QR code with the whole key.
    #[default]
    FullQr,
    /// The JSON text of the key, to be handed to the application unchanged.
    KeyJson,
    /// A QR code with one half, and the activation code that releases the other.
    SplitQr,
    /// A link that opens the application.
    Deeplink,
    /// Not at all.
    None,
}

/// Template of a deep link where neither the request nor the system names one; `%SCHEME%` is ours.
const DEEPLINK_TEMPLATE: &str = "%SCHEME%://user_key?key_json=%KEY_URLENCODED%";
/// Scheme of a deep link where neither the request nor the system names one.
const DEEPLINK_SCHEME: &str = "paycontrol";

/// `user_created` and `key_updated`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyAnswer {
    /// Whose key.
    pub(crate) user_id: String,
    /// PNG picture of the QR code, base64.
    #[serde(rename = "key_QR", skip_serializing_if = "Option::is_none")]
    pub(crate) key_qr: Option<String>,
    /// The key as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_json: Option<String>,
    /// The link that opens the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_deeplink: Option<String>,
    /// The code we drew, to be told to the user by another channel; absent where the bank chose it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) activation_code: Option<String>,
}

/// The key in the form asked for. 350 when it does not fit into a QR code.
pub(crate) fn answer(
    system_id: &SystemId,
    key: &IssuedKey,
    method: ReturnKeyMethod,
    deeplink_template: Option<&str>,
    scheme: Option<&str>,
    settings: &Settings,
) -> Result<KeyAnswer, ApiError> {
    let text = key_json(system_id, key)?;
    let mut answer = KeyAnswer {
        user_id: key.user_id.to_string(),
        key_qr: None,
        key_json: None,
        key_deeplink: None,
        activation_code: key
            .activation_code
            .as_ref()
            .and_then(|code| code.expose_text().map(str::to_owned)),
    };
    match method {
        ReturnKeyMethod::FullQr | ReturnKeyMethod::SplitQr => {
            let png = qr::png(
                &text,
                settings.key_qr_size_px(),
                settings.qr_data_length_max(),
            )
            .map_err(|qr::TooLong| ApiError::new(ErrorCode::QrGenerationError))?;
            answer.key_qr = Some(STANDARD.encode(png));
        }
        ReturnKeyMethod::KeyJson => answer.key_json = Some(text),
        ReturnKeyMethod::Deeplink => {
            let scheme = scheme
                .or(key.qr_url_scheme.as_deref())
                .unwrap_or(DEEPLINK_SCHEME);
            let template = deeplink_template.unwrap_or(DEEPLINK_TEMPLATE);
            answer.key_deeplink = Some(deeplink(template, scheme, &text, key.user_id.as_str()));
        }
        ReturnKeyMethod::None => {}
    }
    Ok(answer)
}

fn key_json(system_id: &SystemId, key: &IssuedKey) -> Result<String, ApiError> {
    let app_extra = key.app_extra.clone().map(RawValue::from_string);
    let app_extra = app_extra
        .transpose()
        .map_err(|error| ApiError::bug("the application's part of a key is not JSON", &error))?;
    let text = serde_json::to_string(&KeyJson {
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
        app_extra,
    });
    Ok(text.expect("a key has text members only"))
}

fn deeplink(template: &str, scheme: &str, key_json: &str, user_id: &str) -> String {
    template
        .replace("%SCHEME%", scheme)
        .replace("%USER_ID%", &url_encode(user_id))
        .replace("%KEY_URLENCODED%", &url_encode(key_json))
}

/// Everything but the unreserved characters of RFC 3986 becomes `%XX`.
fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    encoded
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
    use schemas::flags::KeyFlags;
    use schemas::{KeyIndex, Secret, Timestamp};

    fn issued() -> IssuedKey {
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
            app_extra: Some(r#"{"b":1,"a":2}"#.to_owned()),
            qr_url_scheme: None,
        }
    }

    fn answered(key: &IssuedKey, method: ReturnKeyMethod, template: Option<&str>) -> KeyAnswer {
        let system_id = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap();
        answer(
            &system_id,
            key,
            method,
            template,
            None,
            &Settings::default(),
        )
        .unwrap()
    }

    #[test]
    fn the_key_s_text_is_the_agreed_one() {
        let answer = answered(&issued(), ReturnKeyMethod::KeyJson, None);
        assert_eq!(
            answer.key_json.as_deref(),
            Some(
                r#"{"v":1,"type":"pc_user","system_id":"f13e4375-e429-496c-ad1e-0fc3c3ecfb53","user_id":"sample-1","key_index":1,"key_flags":67584,"crypt_type":"ECDSA","valid_to":1735035267,"key":{"data":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","enc":"none"},"app_extra":{"b":1,"a":2}}"#
            )
        );
    }

    #[test]
    fn a_link_carries_the_key_encoded_once() {
        let template = "bank://key?k=%KEY_URLENCODED%&u=%USER_ID%";
        let answer = answered(&issued(), ReturnKeyMethod::Deeplink, Some(template));
        let link = answer.key_deeplink.unwrap();
        assert!(link.starts_with("bank://key?k=%7B%22v%22%3A1%2C"), "{link}");
        assert!(link.ends_with("&u=sample-1"), "{link}");
        let answer = answered(&issued(), ReturnKeyMethod::Deeplink, None);
        assert!(
            answer
                .key_deeplink
                .unwrap()
                .starts_with("paycontrol://user_key?key_json=%7B")
        );
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused() {
        let mut key = issued();
        key.user_name = Some("n".repeat(2048));
        let system_id = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap();
        let method = ReturnKeyMethod::FullQr;
        let refused = answer(&system_id, &key, method, None, None, &Settings::default());
        assert_eq!(
            refused.err().map(|error| error.code()),
            Some(ErrorCode::QrGenerationError)
        );
    }
}
