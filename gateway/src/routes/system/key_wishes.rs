//! What a bank may wish of a key it has issued, with a new user or for a known one.

use axum::body::Body;
use axum::http::Response;
use schemas::answers::{AnswerBody, IssuedKey};
use schemas::commands::keys::{KeyCarrier, KeyParts, KeyRequest};
use schemas::settings::Settings;
use schemas::{ErrorCode, SystemId};
use serde_json::value::RawValue;

use crate::answer::Reply;
use crate::error::ApiError;
use crate::flags::KeyParams;
use crate::json::{self, SecretText};
use crate::render::key::{self, AnswerForm, KeyAnswer, ReturnKeyMethod};
use crate::render::qr::ImageType;
use crate::routes::check_length;
use crate::state::Gateway;

/// Digits of an activation code we draw, unless the bank asks for another number.
const ACTIVATION_CODE_DIGITS: u8 = 10;
/// The only cryptography there is: P-256 with SHA-256, HMAC-SHA256.
const CRYPT_TYPE: &str = "ECDSA";
/// Longest JSON for the application inside a key, bytes: it has to fit into a QR code.
const APP_EXTRA_LENGTH_MAX: usize = 2048;
/// Longest template of a deep link, bytes.
const TEMPLATE_LENGTH_MAX: usize = 2048;

/// The wishes, as read.
#[derive(Debug, Default)]
pub(crate) struct KeyWishes {
    pub(crate) key_params: Option<KeyParams>,
    pub(crate) key_encryption_password: Option<SecretText>,
    pub(crate) activation_code_length: Option<u8>,
    pub(crate) return_key_method: Option<ReturnKeyMethod>,
    pub(crate) app_extra: Option<Box<RawValue>>,
    pub(crate) crypt_type: Option<String>,
    pub(crate) deeplink_template: Option<String>,
    pub(crate) qr_url_scheme: Option<String>,
    pub(crate) qr_image_type: Option<ImageType>,
}

/// In which form a key is asked for.
#[derive(Debug)]
pub(crate) struct KeyForm {
    pub(crate) parts: KeyParts,
    pub(crate) app_extra: Option<String>,
    pub(crate) carrier: KeyCarrier,
}

impl KeyWishes {
    /// What the runner is asked for when it is to issue a key.
    pub(crate) fn key_request(&self, settings: &Settings) -> Result<KeyRequest, ApiError> {
        let crypt_type = self.crypt_type.as_deref();
        if crypt_type.unwrap_or(settings.default_crypt_type()) != CRYPT_TYPE {
            return Err(ApiError::because(
                ErrorCode::CryptTypeIsNotDefined,
                format_args!("only {CRYPT_TYPE} is offered"),
            ));
        }
        let named = self.key_params.clone().unwrap_or_default();
        let form = self.form()?;
        Ok(KeyRequest {
            flags: named.over(settings.default_key_flags())?,
            parts: form.parts,
            app_extra: form.app_extra,
            carrier: form.carrier,
        })
    }

    /// The form, checked.
    pub(crate) fn form(&self) -> Result<KeyForm, ApiError> {
        if let Some(template) = &self.deeplink_template {
            check_length("deeplink_template", template, TEMPLATE_LENGTH_MAX)?;
            if !template.contains("%KEY_URLENCODED%") {
                return Err(ApiError::at(
                    "deeplink_template does not hold %KEY_URLENCODED%",
                ));
            }
        }
        if self
            .qr_url_scheme
            .as_deref()
            .is_some_and(|scheme| !is_scheme(scheme))
        {
            return Err(ApiError::because(
                ErrorCode::UrlSchemeNotDefined,
                "qr_url_scheme",
            ));
        }
        if let Some(app_extra) = &self.app_extra {
            json::check_object("app_extra", app_extra, APP_EXTRA_LENGTH_MAX)?;
        }
        Ok(KeyForm {
            parts: self.parts()?,
            app_extra: self.app_extra.as_ref().map(|extra| extra.get().to_owned()),
            carrier: self.carrier(),
        })
    }

    fn carrier(&self) -> KeyCarrier {
        match self.return_key_method.unwrap_or_default() {
            ReturnKeyMethod::FullQr | ReturnKeyMethod::SplitQr => KeyCarrier::QrCode,
            ReturnKeyMethod::KeyJson | ReturnKeyMethod::None => KeyCarrier::Text,
            ReturnKeyMethod::Deeplink => {
                let template = self.deeplink_template.as_deref();
                let names_scheme = key::needs_scheme(template);
                if names_scheme && self.qr_url_scheme.is_none() {
                    KeyCarrier::LinkOfTheSystem
                } else {
                    KeyCarrier::Text
                }
            }
        }
    }

    fn parts(&self) -> Result<KeyParts, ApiError> {
        let split = self.return_key_method == Some(ReturnKeyMethod::SplitQr);
        if let Some(SecretText(code)) = &self.key_encryption_password {
            let graphic = code.expose().iter().all(u8::is_ascii_graphic);
            if !graphic || !(6..=64).contains(&code.expose().len()) {
                return Err(ApiError::because(
                    ErrorCode::SpartLengthIsWrong,
                    "key_encryption_password is not 6 to 64 visible ASCII characters",
                ));
            }
            return Ok(KeyParts::TwoGivenCode { code: code.clone() });
        }
        match self.activation_code_length {
            Some(digits) if !(6..=20).contains(&digits) => Err(ApiError::because(
                ErrorCode::SpartLengthIsWrong,
                "activation_code_length is not 6 to 20",
            )),
            Some(_) if !split => Err(ApiError::at(
                "activation_code_length goes with SPLIT_QR only",
            )),
            length if split => Ok(KeyParts::TwoDrawCode {
                digits: length.unwrap_or(ACTIVATION_CODE_DIGITS),
            }),
            _ => Ok(KeyParts::Whole),
        }
    }

    /// The answer to the bank: the issued key in the form wished.
    pub(crate) async fn render(
        self,
        gateway: &Gateway,
        system_id: SystemId,
        mut reply: Reply,
        answer_type: &str,
    ) -> Result<Response<Body>, ApiError> {
        match std::mem::replace(&mut reply.body, AnswerBody::Nothing) {
            AnswerBody::KeyIssued(issued) => {
                let answer = self.answer(gateway, system_id, *issued).await?;
                Ok(reply.render(answer_type, &answer))
            }
            _ => Err(reply.unexpected()),
        }
    }

    async fn answer(
        self,
        gateway: &Gateway,
        system_id: SystemId,
        issued: IssuedKey,
    ) -> Result<KeyAnswer, ApiError> {
        let settings = gateway.house.settings.current();
        let default_scheme = gateway.options.deeplink_scheme.clone();
        let drawing = gateway.draw(move || {
            let scheme = self.qr_url_scheme.as_deref();
            let scheme = scheme
                .or(issued.qr_url_scheme.as_deref())
                .or(default_scheme.as_deref());
            let form = AnswerForm {
                method: self.return_key_method.unwrap_or_default(),
                deeplink_template: self.deeplink_template.as_deref(),
                scheme,
                image_type: self.qr_image_type.unwrap_or_default(),
            };
            key::answer(&system_id, &issued, &form, &settings)
        });
        drawing.await?
    }
}

/// A scheme of an address, RFC 3986.
fn is_scheme(text: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(rest)
}
