//! The attack catalogue (`docs/attacks.md`), one story an attack. Each says what is heard and what the journal says of it; in
//! none does anything break, and nothing secret comes back.
//!
//! Attacks that another story tells better are named in the catalogue with that story.

mod edge;
mod egress;
mod enrolment;
mod signatures;

use countersign::bank::Bank;
use device::{HttpAnswer, HttpRequest};
use ecdsa::hazmat::sign_prehashed;
use p256::pkcs8::EncodePublicKey as _;
use p256::{NistP256, NonZeroScalar, Scalar, SecretKey};
use schemas::{Digest, TransactionId};
use serde_json::{Value, json};
use tests::house::{Issued, Phone, Plan, TestHouse};

use crate::raw::{Answer, RawDevice, code_of, send};

/// Stands in every text: it must not come back in a refusal.
const CANARY: &str = "canary-5d1e77";

/// A bank, a user whose phone is registered, and the same key in the hands of somebody who knows no rules.
struct Scene {
    house: TestHouse,
    bank: Bank,
    issued: Issued,
    phone: Phone,
    raw: RawDevice,
}

impl Scene {
    async fn open() -> Self {
        Self::on(TestHouse::open().await, json!({})).await
    }

    async fn planned(plan: Plan) -> Self {
        Self::on(TestHouse::start(plan).await, json!({})).await
    }

    async fn on(house: TestHouse, wishes: Value) -> Self {
        let mut scene = Self::unregistered(house, wishes).await;
        scene.phone.register(None, scene.house.now()).await.unwrap();
        scene
    }

    /// The phone has scanned its key and done nothing yet.
    async fn unregistered(house: TestHouse, wishes: Value) -> Self {
        let bank = house.bank().await;
        let issued = house.issue(&bank, wishes).await;
        let phone = house.scanned(&issued.key_text);
        let raw = RawDevice::new(&house, &issued.key_text);
        Self {
            house,
            bank,
            issued,
            phone,
            raw,
        }
    }

    async fn ask(&self) -> TransactionId {
        self.house.ask(&self.bank, &self.phone, CANARY).await
    }

    /// A device's request under a right MAC.
    async fn post(&self, tail: &str, body: Value) -> Answer {
        let answer = self.raw.post(tail, &body, self.house.now()).await;
        unbroken(answer.status, &answer.body);
        answer
    }

    async fn confirm(&self, id: &TransactionId, body: Value) -> u64 {
        let tail = format!("transactions/{id}/confirm");
        self.post(&tail, body).await.code()
    }

    /// How often the bank reads this word with that result in the journal of the scene's user.
    async fn journaled(&self, word: &str, result: u64) -> usize {
        self.house.projector().catch_up().await.unwrap();
        let user = &self.issued.user_id;
        let query = format!("user_id={user}&request_type={word}&result={result}&limit=1000");
        let page = self.bank.events(&query, None).await.unwrap();
        let page = page.success().unwrap();
        page["events"].as_array().unwrap().len()
    }
}

/// Nothing broke, and nothing secret came back.
fn unbroken(status: u16, body: &str) {
    assert!(status < 500, "{status} {body}");
    assert!(status < 400 || !body.contains(CANARY), "{body}");
}

/// Sends captured bytes.
async fn replay(house: &TestHouse, request: &HttpRequest) -> HttpAnswer {
    let answer = send(house, request).await;
    unbroken(answer.status, &String::from_utf8_lossy(&answer.body));
    assert_ne!(code_of(&answer), 100);
    answer
}

/// A key pair of somebody who chooses the nonces.
struct CarelessPair(SecretKey);

impl CarelessPair {
    fn new() -> Self {
        let secret = SecretKey::from_slice(&bus::shell::random_bytes::<32>());
        Self(secret.expect("one draw in 2^32 is none"))
    }

    fn public_key(&self) -> String {
        hex::encode(self.0.public_key().to_public_key_der().unwrap().as_bytes())
    }

    fn sign(&self, digest: &Digest, nonce: u64) -> String {
        let nonce = NonZeroScalar::new(Scalar::from(nonce)).unwrap();
        let secret = self.0.to_nonzero_scalar();
        let (signature, _) =
            sign_prehashed::<NistP256>(&secret, &nonce, digest.as_bytes()).unwrap();
        hex::encode(signature.to_der().as_bytes())
    }
}
