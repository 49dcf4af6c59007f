//! Registration requests as an issuer makes them: a JSON text, and the issuer's signature over exactly that text.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::EcdsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

/// An unsigned request: accepted on loopback by a server that trusts no particular issuer.
pub fn registration_request(system_id: &str, name: &str, mobile_door: &str) -> String {
    BASE64.encode(
        json!({ "request": fields(system_id, name, mobile_door), "signature": "" }).to_string(),
    )
}

/// A request signed by an issuer.
pub fn signed_registration_request(
    issuer: &EcdsaKeyPair,
    system_id: &str,
    name: &str,
    mobile_door: &str,
) -> String {
    let request = fields(system_id, name, mobile_door).to_string();
    let signature = issuer
        .sign(&SystemRandom::new(), request.as_bytes())
        .expect("the operating system has a random source");
    let signature = BASE64.encode(signature);
    BASE64.encode(format!(
        r#"{{"request":{request},"signature":"{signature}"}}"#
    ))
}

fn fields(system_id: &str, name: &str, mobile_door: &str) -> serde_json::Value {
    json!({
        "id": system_id,
        "name": name,
        "description": "",
        "billingType": 2,
        "billPeriod": 365,
        "keyInfoLifeTimeVal": 365,
        "interactionExternalURL": mobile_door,
    })
}
