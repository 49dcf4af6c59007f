//! A door in memory before a bus that answers what the test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use bus::shell::{LiveSettings, ManualClock, RootSecret, random_bytes};
use bus::{
    Bus, BusError, Delivery, Parked, Publication, Question, Sealer, SendError, StreamEvent,
    Unanswered,
};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use schemas::answers::{
    Answer, AnswerBody, BillingPeriod, IssuedKey, OperationData, OperationInfo, OperationMember,
    SystemInfo, TransactionData, TransactionInfo, UserInfo,
};
use schemas::canonical::TextType;
use schemas::commands::CommandEnvelope;
use schemas::commands::journal::RecordToClean;
use schemas::commands::keys::{DeviceType, PushAddress};
use schemas::commands::operations::OperationStatus;
use schemas::commands::systems::SystemParameters;
use schemas::commands::transactions::{NotificationType, TransactionKind, TransactionStatus};
use schemas::flags::KeyFlags;
use schemas::operation_content::Described;
use schemas::pc_auth::PcAuth;
use schemas::settings::Settings;
use schemas::{
    Digest, ErrorCode, KeyIndex, Lane, Owner, Position, Secret, SystemId, Timestamp, TransactionId,
    UserId,
};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::context::Connection;
use crate::journal::{Figures, JournalFailure, JournalFilter, JournalQuery};
use crate::options::{GatewayOptions, House};
use crate::router;
use crate::state::Gateway;

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
        let gateway = Gateway::new(options, house(bus.clone(), journal.clone()));
        Self {
            router: router::router(gateway),
            bus,
            journal,
            headers: Vec::new(),
            remote: ([127, 0, 0, 1], 40_000).into(),
        }
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
        self.bus.sent.lock().unwrap().clone()
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

/// A bus that remembers what was sent, and gives every command the same answer.
#[derive(Debug)]
pub(crate) struct FakeBus {
    outcome: Outcome,
    sent: Mutex<Vec<CommandEnvelope>>,
}

#[derive(Debug)]
enum Outcome {
    Answer(Box<Answer>),
    Unknown,
    Refused,
    Garbage,
    Never,
}

impl FakeBus {
    pub(crate) fn answering(code: ErrorCode, body: AnswerBody) -> Self {
        let position = Position {
            lane: Lane::new(3).unwrap(),
            number: 7,
        };
        Self::with(Outcome::Answer(Box::new(Answer {
            code,
            position: Some(position),
            response_key: Some(Secret::new(RESPONSE_KEY)),
            answered_at: NOW,
            body,
        })))
    }

    pub(crate) fn that_times_out() -> Self {
        Self::with(Outcome::Unknown)
    }

    pub(crate) fn that_refuses() -> Self {
        Self::with(Outcome::Refused)
    }

    pub(crate) fn that_is_forged() -> Self {
        Self::with(Outcome::Garbage)
    }

    pub(crate) fn that_never_answers() -> Self {
        Self::with(Outcome::Never)
    }

    fn with(outcome: Outcome) -> Self {
        Self {
            outcome,
            sent: Mutex::default(),
        }
    }
}

impl Bus for FakeBus {
    fn send<'a>(
        &'a self,
        lane: Lane,
        system_id: &'a SystemId,
        verb: &'a str,
        payload: Bytes,
        _deadline: Duration,
    ) -> BoxFuture<'a, Result<Bytes, SendError>> {
        Box::pin(async move {
            let envelope = sealer().open_command(&payload).unwrap();
            assert_eq!(lane, Lane::of(&envelope.owner));
            assert_eq!(system_id, envelope.owner.system_id());
            assert_eq!(verb, envelope.command.word());
            assert!(envelope.deadline > NOW);
            self.sent.lock().unwrap().push(envelope);
            match &self.outcome {
                Outcome::Answer(answer) => Ok(sealer().close_answer(answer).into()),
                Outcome::Unknown => Err(SendError::Unknown),
                Outcome::Refused => Err(SendError::Refused("the stream is full".to_owned())),
                Outcome::Garbage => Ok(Bytes::from_static(b"garbage")),
                Outcome::Never => std::future::pending().await,
            }
        })
    }

    fn commands(&self, _: Lane) -> BoxFuture<'_, Result<BoxStream<'static, Delivery>, BusError>> {
        unreachable!("a door takes no commands")
    }

    fn publish<'a>(&'a self, _: &'a [Publication]) -> BoxFuture<'a, Result<(), BusError>> {
        unreachable!("a door publishes nothing")
    }

    fn published(&self) -> BoxFuture<'_, Result<Vec<u64>, BusError>> {
        unreachable!("a door publishes nothing")
    }

    fn events(
        &self,
        _: Lane,
        _: u64,
    ) -> BoxFuture<'_, Result<BoxStream<'static, StreamEvent>, BusError>> {
        unreachable!("a door reads no events")
    }

    fn tell<'a>(&'a self, _: &'a str, _: Bytes) -> BoxFuture<'a, Result<(), BusError>> {
        unreachable!("a door tells nothing")
    }

    fn hear<'a>(
        &'a self,
        _: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Bytes>, BusError>> {
        unreachable!("a door hears nothing")
    }

    fn ask<'a>(
        &'a self,
        _: &'a str,
        _: Bytes,
        _: Duration,
    ) -> BoxFuture<'a, Result<Bytes, Unanswered>> {
        unreachable!("a door asks nobody outside")
    }

    fn serve<'a>(
        &'a self,
        _: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Question>, BusError>> {
        unreachable!("a door answers nobody on the bus")
    }

    fn parked(&self, _: usize) -> BoxFuture<'_, Result<Vec<Parked>, BusError>> {
        unreachable!("a door parks nothing")
    }
}

/// A journal with one record, number 42.
#[derive(Debug, Default)]
pub(crate) struct FakeJournal {
    /// What is said to be not cleaned yet.
    pub(crate) uncleaned: Mutex<Vec<(Owner, RecordToClean)>>,
    asked: Mutex<Vec<JournalFilter>>,
    waited: Mutex<Vec<String>>,
}

impl FakeJournal {
    pub(crate) fn asked(&self) -> Vec<JournalFilter> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn waited(&self) -> Vec<String> {
        self.waited.lock().unwrap().clone()
    }
}

fn record() -> Map<String, Value> {
    let Value::Object(record) = json!({"event_id": 42, "request_type": "confirm_transaction"})
    else {
        unreachable!("it is an object");
    };
    record
}

impl JournalQuery for FakeJournal {
    fn page<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<Map<String, Value>>, JournalFailure>> {
        self.asked.lock().unwrap().push(filter.clone());
        Box::pin(async { Ok(vec![record()]) })
    }

    fn one<'a>(
        &'a self,
        _: &'a SystemId,
        event_id: i64,
    ) -> BoxFuture<'a, Result<Option<Map<String, Value>>, JournalFailure>> {
        Box::pin(async move { Ok((event_id == 42).then(record)) })
    }

    fn uncleaned<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<(Owner, RecordToClean)>, JournalFailure>> {
        self.asked.lock().unwrap().push(filter.clone());
        let found = self.uncleaned.lock().unwrap().clone();
        Box::pin(async { Ok(found) })
    }

    fn owner_of<'a>(
        &'a self,
        _: &'a SystemId,
        transaction_id: &'a TransactionId,
    ) -> BoxFuture<'a, Result<Option<UserId>, JournalFailure>> {
        let found = (transaction_id.as_str() == "invoice-42").then(|| USER.parse().unwrap());
        Box::pin(async { Ok(found) })
    }

    fn figures<'a>(
        &'a self,
        _: &'a SystemId,
        _: Timestamp,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, JournalFailure>> {
        let figures = Figures {
            users: 7,
            ..Figures::default()
        };
        Box::pin(async { Ok(figures) })
    }

    fn wait_for(&self, position: Position, _: Duration) -> BoxFuture<'_, bool> {
        self.waited.lock().unwrap().push(position.to_string());
        Box::pin(async { true })
    }
}

/// Ten minutes, of a system without a template.
pub(crate) fn period() -> BillingPeriod {
    BillingPeriod {
        system: registered_system(),
        from: NOW.plus_seconds(-600),
        to: NOW,
    }
}

pub(crate) fn system_info() -> AnswerBody {
    AnswerBody::System(Box::new(registered_system()))
}

fn registered_system() -> SystemInfo {
    SystemInfo {
        system_id: SYSTEM.parse().unwrap(),
        name: "Bank".to_owned(),
        description: String::new(),
        created_at: NOW,
        updated_at: NOW,
        billing_type: 2,
        billing_period: 365,
        parameters: SystemParameters::default(),
        register_request: "e30=".to_owned(),
        licenses: Vec::new(),
        is_deleted: false,
    }
}

pub(crate) fn key_issued(activation_code: Option<&str>) -> AnswerBody {
    AnswerBody::KeyIssued(Box::new(IssuedKey {
        user_id: USER.parse().unwrap(),
        key_index: KeyIndex(1),
        flags: KeyFlags::from_bits(67_584),
        valid_to: NOW,
        user_name: None,
        url: None,
        first_part: Secret::new([1; 32]),
        activation_code: activation_code.map(Secret::new),
        two_parts: activation_code.is_some(),
        app_extra: None,
        qr_url_scheme: None,
    }))
}

pub(crate) fn user_info() -> AnswerBody {
    AnswerBody::User(Box::new(UserInfo {
        user_id: USER.parse().unwrap(),
        user_name: Some("Anna".to_owned()),
        created_at: NOW,
        key_index: KeyIndex(1),
        key_flags: KeyFlags::from_bits(67_584),
        key_valid_to: NOW,
        key_status: "active".to_owned(),
        delayed_key_index: None,
        block_reason: None,
        public_key: Some(vec![1, 2, 3]),
        autosign_public_key: None,
        push: Some(PushAddress {
            device_push_id: "push-token".to_owned(),
            device_type: DeviceType::Ios,
            app_id: None,
        }),
        device_fingerprint: None,
    }))
}

pub(crate) fn transaction_info() -> TransactionInfo {
    TransactionInfo {
        transaction_id: "invoice-42".parse().unwrap(),
        status: TransactionStatus::PushSent,
        created_at: NOW,
        expires_at: None,
        finished_at: None,
        has_binary: false,
        operation_id: None,
        kind: TransactionKind::Ordinary,
    }
}

pub(crate) fn operation_info() -> OperationInfo {
    OperationInfo {
        operation_id: "salaries-11".parse().unwrap(),
        status: OperationStatus::Partly,
        created_at: NOW,
        expires_at: Some(NOW.plus_seconds(60)),
        finished_at: None,
        notification_type: NotificationType::Push,
        total: 2,
        waiting: 1,
        transactions: vec![TransactionInfo {
            operation_id: Some("salaries-11".parse().unwrap()),
            ..transaction_info()
        }],
    }
}

pub(crate) fn operation_data() -> AnswerBody {
    let described = |text: &str| Described {
        text: Secret::new(text),
        text_type: TextType::Markdown,
    };
    let AnswerBody::TransactionData(shown) = transaction_data() else {
        unreachable!("it is one");
    };
    let member = |data| OperationMember {
        info: transaction_info(),
        snippet: Some(described("5 ₽")),
        data,
    };
    AnswerBody::OperationData(Box::new(OperationData {
        info: OperationInfo {
            transactions: Vec::new(),
            ..operation_info()
        },
        description: Some(described("# Salaries")),
        app_extra: Some(Secret::new(r#"{"batch":1}"#)),
        members: vec![member(Some(*shown)), member(None)],
    }))
}

pub(crate) fn transaction_data() -> AnswerBody {
    AnswerBody::TransactionData(Box::new(TransactionData {
        transaction_id: "invoice-42".parse().unwrap(),
        salt: vec![3; 32],
        text_type: TextType::Raw,
        text: Secret::new("Перевод 5 ₽"),
        binary_sha256: None,
        digest: Digest([4; 32]),
        expires_at: None,
        confirm_code_length: None,
    }))
}
