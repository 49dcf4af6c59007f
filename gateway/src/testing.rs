//! A door in memory before a bus that answers what the test says.

mod answers;
mod fake_bus;
mod fake_evidence;
mod fake_journal;
mod fake_letters;
mod fake_pushes;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use bus::shell::{LiveSettings, ManualClock, RootSecret, random_bytes};
use bus::{Bus, Sealer};
use schemas::answers::AnswerBody;
use schemas::commands::CommandEnvelope;
use schemas::pc_auth::PcAuth;
use schemas::settings::Settings;
use schemas::{Digest, ErrorCode, KeyIndex, Timestamp};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::context::Connection;
use crate::journal::JournalQuery;
use crate::options::{GatewayOptions, House};
use crate::router;
use crate::state::Gateway;

pub(crate) use self::answers::{
    key_issued, operation_data, operation_info, period, system_info, transaction_data,
    transaction_info, user_info,
};
pub(crate) use self::fake_bus::FakeBus;
pub(crate) use self::fake_evidence::FakeEvidence;
pub(crate) use self::fake_journal::FakeJournal;
use self::fake_letters::FakeLetters;
use self::fake_pushes::FakePushes;

pub(crate) const SYSTEM: &str = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53";
pub(crate) const USER: &str = "sample-1";
pub(crate) const NOW: Timestamp = Timestamp(1_703_499_267_298);
const RESPONSE_KEY: [u8; 32] = [5; 32];

/// A door, what it sent, and how the next request is made.
#[derive(Clone)]
pub(crate) struct TestDoor {
    router: Router,
    bus: Arc<FakeBus>,
    pub(crate) journal: Arc<FakeJournal>,
    pushes: Arc<FakePushes>,
    pub(crate) evidence: Arc<FakeEvidence>,
    headers: Vec<(&'static str, String)>,
    remote: SocketAddr,
}

impl TestDoor {
    /// The bus answers with success and this.
    pub(crate) fn answering(body: AnswerBody) -> Self {
        Self::answering_with(ErrorCode::Normal, body)
    }

    /// The bus answers with this code.
    pub(crate) fn refusing(code: ErrorCode) -> Self {
        Self::answering_with(code, AnswerBody::Nothing)
    }

    pub(crate) fn answering_with(code: ErrorCode, body: AnswerBody) -> Self {
        Self::before(FakeBus::answering(code, body), |_| {})
    }

    /// Nothing is sent, or anything may be answered.
    pub(crate) fn with_options(change: impl FnOnce(&mut GatewayOptions)) -> Self {
        Self::before(
            FakeBus::answering(ErrorCode::Normal, AnswerBody::Nothing),
            change,
        )
    }

    pub(crate) fn before(bus: FakeBus, change: impl FnOnce(&mut GatewayOptions)) -> Self {
        let mut options = GatewayOptions::at(([127, 0, 0, 1], 0).into());
        change(&mut options);
        let (bus, journal) = (Arc::new(bus), Arc::new(FakeJournal::default()));
        let evidence = Arc::new(FakeEvidence::default());
        let pushes = Arc::new(FakePushes::default());
        let house = House {
            evidence: evidence.clone(),
            pushes: Some(pushes.clone()),
            ..house(bus.clone(), journal.clone())
        };
        let gateway = Gateway::new(options, house);
        Self {
            router: router::router(gateway),
            bus,
            journal,
            pushes,
            evidence,
            headers: Vec::new(),
            remote: ([127, 0, 0, 1], 40_000).into(),
        }
    }

    /// Its push station has no room from now on.
    pub(crate) fn fill_pushes(&self) {
        self.pushes.fill();
    }

    /// The next requests carry this header.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut door = self.clone();
        door.headers.push((name, value.to_owned()));
        door
    }

    pub(crate) fn keyed(&self, key: &str) -> Self {
        self.with("idempotency-key", key)
    }

    pub(crate) fn from(&self, remote: &str) -> Self {
        let mut door = self.clone();
        door.remote = remote.parse().unwrap();
        door
    }

    pub(crate) fn sent(&self) -> Vec<CommandEnvelope> {
        self.bus.sent()
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.request("GET", path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answered {
        self.request("DELETE", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answered {
        self.request("POST", path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answered {
        self.request("PATCH", path, Some(body)).await
    }

    /// A device's request, with its header.
    pub(crate) async fn device(&self, tail: &str, body: &Value) -> Answered {
        let path = format!("/pc-client-api/v1/{SYSTEM}/users/{USER}/{tail}");
        let auth = pc_auth(random_bytes());
        let mut answered = self
            .with(PcAuth::HEADER, &auth.to_string())
            .post(&path, body)
            .await;
        answered.nonce = Some(auth.nonce);
        answered
    }

    pub(crate) async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answered {
        for (name, value) in &self.headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let local = ([127, 0, 0, 1], 443).into();
        let remote = self.remote;
        request
            .extensions_mut()
            .insert(Connection { remote, local });
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answered {
            status: parts.status.as_u16(),
            headers: parts.headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8_lossy(&body).into_owned(),
            nonce: None,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
    nonce: Option<[u8; 16]>,
}

impl Answered {
    /// The error code inside the envelope.
    #[track_caller]
    pub(crate) fn code(&self) -> u64 {
        assert_eq!(self.json["answer_version"], 3, "{}", self.text);
        let code = self.json["answer"]["result"]["error_code"]
            .as_u64()
            .unwrap();
        assert_eq!(code == 0, self.status == 200, "{}", self.text);
        code
    }

    /// The substance of a success.
    #[track_caller]
    pub(crate) fn content(&self, answer_type: &str) -> &Value {
        assert_eq!((self.status, self.code()), (200, 0), "{}", self.text);
        assert_eq!(self.json["answer_type"], answer_type);
        assert_eq!(self.json["answer"]["result"]["error_message"], "Success");
        &self.json["answer"][answer_type]
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Whether the device can tell that the answer is ours.
    pub(crate) fn has_right_seal(&self) -> bool {
        let body = Digest::sha256(self.text.as_bytes());
        let message = PcAuth::response_message(&self.nonce.unwrap(), self.status, &body);
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &RESPONSE_KEY);
        let expected = hex::encode(aws_lc_rs::hmac::sign(&key, &message));
        self.header(PcAuth::RESPONSE_HEADER) == Some(&format!("v1 mac={expected}"))
    }
}

pub(crate) fn house(bus: Arc<dyn Bus>, journal: Arc<dyn JournalQuery>) -> House {
    House {
        bus,
        sealer: sealer(),
        clock: Arc::new(ManualClock::new(NOW)),
        settings: LiveSettings::new(Settings::default()),
        journal,
        evidence: Arc::new(FakeEvidence::default()),
        letters: Arc::new(FakeLetters),
        pushes: None,
        root: root(),
        instance: Some("pcs-node-1".to_owned()),
    }
}

fn root() -> RootSecret {
    RootSecret::new([7; 32])
}

fn sealer() -> Sealer {
    Sealer::new(root())
}

pub(crate) fn pc_auth(nonce: [u8; 16]) -> PcAuth {
    PcAuth {
        system_id: SYSTEM.parse().unwrap(),
        user_id: USER.parse().unwrap(),
        key_index: KeyIndex(1),
        timestamp: NOW,
        nonce,
        mac: Digest([9; 32]),
    }
}
