//! The registration request of a system: made and signed by whoever issues them, carried to us in base64.
//!
//! Decoded: `{"request": {...}, "signature": "<base64 DER>"}`. The signature is ECDSA P-256 SHA-256 over the bytes of the
//! value of `request`, exactly as they stand in the decoded text.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::commands::systems::{RegisterSystem, SystemParameters};
use schemas::{ErrorCode, SystemId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::ids::parse_system_id;
use crate::json;
use crate::routes::check_url;

/// Length of the fixed head of a P-256 SubjectPublicKeyInfo; the uncompressed point follows.
const SPKI_HEAD: usize = 26;

/// Which registration requests are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Policy<'a> {
    /// Only those signed by this key, SubjectPublicKeyInfo DER.
    Signed(&'a [u8]),
    /// Any: only callers on this machine reach the door.
    Any,
    /// None: nobody said who may issue them.
    Closed,
}

/// Reads a registration request: whom it registers, and the command.
pub(crate) fn read(
    encoded: &str,
    policy: Policy<'_>,
) -> Result<(SystemId, RegisterSystem), ApiError> {
    let structure = ErrorCode::ErrorParseRegisterSystemInfo;
    let text = STANDARD
        .decode(encoded)
        .map_err(|_| ApiError::because(structure, "the request is not base64"))?;
    let signed: Signed = json::read_as(&text, structure)?;
    match policy {
        Policy::Signed(key) => verify(key, &signed)?,
        Policy::Any => {}
        Policy::Closed => return Err(ApiError::new(ErrorCode::SystemNotValid)),
    }

    let request: SystemRequest = json::read_as(signed.request.get().as_bytes(), structure)?;
    let id = request
        .id
        .ok_or_else(|| ApiError::new(ErrorCode::SystemIdIsNull))?;
    let system_id = parse_system_id(&id)?;
    let name = request
        .name
        .filter(|name| !name.trim().is_empty())
        .ok_or_else(|| ApiError::new(ErrorCode::SystemNameIsNull))?;
    check_url(
        "interactionExternalURL",
        request.interaction_external_url.as_deref(),
    )?;
    check_url(
        "interactionInternalURL",
        request.interaction_internal_url.as_deref(),
    )?;
    check_url("eventsPostUrl", request.events_post_url.as_deref())?;
    check_url("callbackUrl", request.callback_url.as_deref())?;

    let command = RegisterSystem {
        name,
        description: request.description.unwrap_or_default(),
        qr_url_scheme: request.qr_url_scheme,
        billing_type: request.billing_type.unwrap_or_default(),
        billing_period: request.bill_period,
        parameters: SystemParameters {
            user_keys_expiration_period: request.key_info_life_time_val,
            pc_is_external_url: request.interaction_external_url,
            pc_is_internal_url: request.interaction_internal_url,
            events_post_url: request.events_post_url,
            callback_url: request.callback_url,
            billing_period: None,
            report_template_path: request.report_template_path,
        },
        register_request: encoded.to_owned(),
    };
    Ok((system_id, command))
}

fn verify(public_key: &[u8], signed: &Signed) -> Result<(), ApiError> {
    let refused = || ApiError::new(ErrorCode::RequestSignatureNotValid);
    let signature = signed.signature.as_deref().ok_or_else(refused)?;
    let signature = STANDARD.decode(signature).map_err(|_| refused())?;
    let point = public_key.get(SPKI_HEAD..).ok_or_else(refused)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(signed.request.get().as_bytes(), &signature)
        .map_err(|_| refused())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    request: Box<RawValue>,
    signature: Option<String>,
}

/// The manual's names, and `callbackUrl` of ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SystemRequest {
    id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    #[serde(rename = "qrURLScheme")]
    qr_url_scheme: Option<String>,
    billing_type: Option<i64>,
    bill_period: Option<i64>,
    #[serde(rename = "interactionExternalURL")]
    interaction_external_url: Option<String>,
    #[serde(rename = "interactionInternalURL")]
    interaction_internal_url: Option<String>,
    key_info_life_time_val: Option<i64>,
    events_post_url: Option<String>,
    callback_url: Option<String>,
    report_template_path: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

    const REQUEST: &str =
        r#"{"id":"f13e4375-e429-496c-ad1e-0fc3c3ecfb53",  "name":"Bank","billPeriod":30}"#;

    fn encoded(request: &str, signature: Option<&[u8]>) -> String {
        let signature = signature.map_or(String::new(), |bytes| {
            format!(r#","signature":"{}""#, STANDARD.encode(bytes))
        });
        STANDARD.encode(format!(r#"{{ "request": {request}{signature}}}"#))
    }

    fn refusal(encoded: &str, policy: Policy<'_>) -> u16 {
        read(encoded, policy)
            .err()
            .map_or(0, |error| error.code().number())
    }

    #[test]
    fn a_request_signed_by_the_issuer_is_taken_and_no_other() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let spki = pair.public_key().as_der().unwrap();
        let policy = Policy::Signed(spki.as_ref());
        let signature = pair.sign(&SystemRandom::new(), REQUEST.as_bytes()).unwrap();
        let signed = encoded(REQUEST, Some(signature.as_ref()));
        let (system_id, command) = read(&signed, policy).unwrap();
        assert_eq!(system_id.as_str(), "f13e4375-e429-496c-ad1e-0fc3c3ecfb53");
        assert_eq!(
            (command.name.as_str(), command.billing_period),
            ("Bank", Some(30))
        );

        let altered = REQUEST.replace("Bank", "Bonk");
        assert_eq!(
            refusal(&encoded(&altered, Some(signature.as_ref())), policy),
            221
        );
        assert_eq!(refusal(&encoded(REQUEST, None), policy), 221);
        assert_eq!(refusal(&encoded(REQUEST, Some(b"x")), policy), 221);
        assert_eq!(refusal(&signed, Policy::Closed), 222);
    }

    #[test]
    fn every_wrong_structure_has_its_code() {
        let code = |request: &str| refusal(&encoded(request, None), Policy::Any);
        assert_eq!(code(REQUEST), 0);
        assert_eq!(code("[]"), 233);
        assert_eq!(code(r#"{"unknown":1}"#), 233);
        assert_eq!(code(r#"{"name":"x"}"#), 201);
        assert_eq!(
            code(r#"{"id":"F13E4375-e429-496c-ad1e-0fc3c3ecfb53","name":"x"}"#),
            202
        );
        assert_eq!(code(&REQUEST.replace("Bank", " ")), 205);
        assert_eq!(refusal("%%%", Policy::Any), 233);
        assert_eq!(refusal(&STANDARD.encode("<?xml?>"), Policy::Any), 233);
    }
}
