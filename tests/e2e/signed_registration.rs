//! A system is registered with what its issuer signed, and with nothing else.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::registration::{registration_request, signed_registration_request};
use reqwest::Method;
use serde_json::json;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_issuer_signed_registers_a_system() {
    let new_pair = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let (issuer, stranger) = (new_pair(), new_pair());
    let spki = issuer.public_key().as_der().unwrap();
    let plan = Plan::new(LogChoice::Memory).registered_by(spki.as_ref());
    let house = TestHouse::start(plan).await;
    let bank = house.stranger(SYSTEM_ID);
    let request = signed_registration_request(&issuer, SYSTEM_ID, "Bank", "");
    let altered = String::from_utf8(STANDARD.decode(&request).unwrap()).unwrap();
    let altered = STANDARD.encode(altered.replace("Bank", "Bonk"));
    let forged = signed_registration_request(&stranger, SYSTEM_ID, "Bank", "");
    let unsigned = registration_request(SYSTEM_ID, "Bank", "");
    let heads = house.heads().await;
    for (request, heard) in [(altered, 221), (forged, 221), (unsigned, 221)] {
        let body = Some(json!({ "request": request }));
        let answer = bank.call(Method::POST, "/", None, body).await.unwrap();
        assert_eq!((answer.status, answer.error_code), (400, heard));
        tests::coverage::note_code(heard);
    }
    assert_eq!(house.heads().await, heads, "a stranger leaves nothing");
    let body = Some(json!({ "request": request }));
    let answer = bank.call(Method::POST, "/", None, body).await.unwrap();
    assert_eq!(answer.error_code, 0, "{}", answer.error_message);
    house.end().await;
}
