//! A freshly issued key as the phone reads it, and the forms in which a bank may take it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::answers::IssuedKey;
use schemas::key_text::key_text;
use schemas::settings::Settings;
use schemas::{ErrorCode, SystemId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::render::design::Design;
use crate::render::qr::{self, ImageType};

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

/// What stands for the scheme in a template; ours.
const SCHEME: &str = "%SCHEME%";
/// Template of a deep link where the request names none.
const DEEPLINK_TEMPLATE: &str = "%SCHEME%://user_key?key_json=%KEY_URLENCODED%";

/// In which form a key is answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AnswerForm<'a> {
    pub(crate) method: ReturnKeyMethod,
    pub(crate) deeplink_template: Option<&'a str>,
    pub(crate) scheme: Option<&'a str>,
    pub(crate) image_type: ImageType,
}

/// Does a link of this template have to be given a scheme?
pub(crate) fn needs_scheme(template: Option<&str>) -> bool {
    template.unwrap_or(DEEPLINK_TEMPLATE).contains(SCHEME)
}

/// `user_created`, `key_updated` and `key_exported`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyAnswer {
    /// Whose key.
    pub(crate) user_id: String,
    /// Its number in the user's ring.
    pub(crate) key_index: u32,
    /// Picture of the QR code, base64.
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

/// The key in the form asked for. The runner has seen to it that it fits.
pub(crate) fn answer(
    system_id: &SystemId,
    key: &IssuedKey,
    form: &AnswerForm<'_>,
    settings: &Settings,
) -> Result<KeyAnswer, ApiError> {
    let text = key_text(system_id, key)
        .map_err(|error| ApiError::bug("the application's part of a key is not JSON", &error))?;
    let mut answer = KeyAnswer {
        user_id: key.user_id.to_string(),
        key_index: key.key_index.0,
        key_qr: None,
        key_json: None,
        key_deeplink: None,
        activation_code: key
            .activation_code
            .as_ref()
            .and_then(|code| code.expose_text().map(str::to_owned)),
    };
    match form.method {
        ReturnKeyMethod::FullQr | ReturnKeyMethod::SplitQr => {
            let design = Design::of(&text, settings.key_qr_size_px(), settings)
                .map_err(|qr::TooLong| ApiError::new(ErrorCode::QrGenerationError))?;
            answer.key_qr = Some(STANDARD.encode(design.drawn_as(form.image_type)));
        }
        ReturnKeyMethod::KeyJson => answer.key_json = Some(text),
        ReturnKeyMethod::Deeplink => {
            let scheme = form.scheme.or(key.qr_url_scheme.as_deref());
            let template = form.deeplink_template.unwrap_or(DEEPLINK_TEMPLATE);
            if scheme.is_none() && needs_scheme(form.deeplink_template) {
                return Err(ApiError::new(ErrorCode::UrlSchemeNotDefined));
            }
            let scheme = scheme.unwrap_or_default();
            answer.key_deeplink = Some(deeplink(template, scheme, &text, key.user_id.as_str()));
        }
        ReturnKeyMethod::None => {}
    }
    Ok(answer)
}

fn deeplink(template: &str, scheme: &str, key_json: &str, user_id: &str) -> String {
    template
        .replace(SCHEME, scheme)
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

    fn answered(key: &IssuedKey, form: AnswerForm<'_>) -> Result<KeyAnswer, ApiError> {
        let system_id = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap();
        answer(&system_id, key, &form, &Settings::default())
    }

    fn link(template: Option<&str>, scheme: Option<&str>) -> Result<String, u16> {
        let form = AnswerForm {
            method: ReturnKeyMethod::Deeplink,
            deeplink_template: template,
            scheme,
            ..AnswerForm::default()
        };
        match answered(&issued(), form) {
            Ok(answer) => Ok(answer.key_deeplink.unwrap()),
            Err(error) => Err(error.code().number()),
        }
    }

    #[test]
    fn a_link_carries_the_key_encoded_once() {
        let template = "bank://key?k=%KEY_URLENCODED%&u=%USER_ID%";
        let text = link(Some(template), None).unwrap();
        assert!(text.starts_with("bank://key?k=%7B%22v%22%3A1%2C"), "{text}");
        assert!(text.ends_with("&u=sample-1"), "{text}");
        let text = link(None, Some("ourbank")).unwrap();
        assert!(
            text.starts_with("ourbank://user_key?key_json=%7B"),
            "{text}"
        );
    }

    #[test]
    fn a_link_without_a_scheme_is_none() {
        assert_eq!(link(None, None), Err(333));
        assert_eq!(link(Some("%SCHEME%://k/%KEY_URLENCODED%"), None), Err(333));
    }

    #[test]
    fn a_picture_is_png_or_svg() {
        for (image_type, beginning) in [
            (ImageType::Png, &b"\x89PNG"[..]),
            (ImageType::Svg, &b"<?xml"[..]),
        ] {
            let form = AnswerForm {
                image_type,
                ..AnswerForm::default()
            };
            let answer = answered(&issued(), form).unwrap();
            let picture = STANDARD.decode(answer.key_qr.unwrap()).unwrap();
            assert!(picture.starts_with(beginning), "{image_type:?}");
        }
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused() {
        let mut key = issued();
        key.user_name = Some("n".repeat(2048));
        let refused = answered(&key, AnswerForm::default());
        assert_eq!(
            refused.err().map(|error| error.code()),
            Some(ErrorCode::QrGenerationError)
        );
    }
}
