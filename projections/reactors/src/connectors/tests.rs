//! What a service may answer, and what is made of it.

use std::time::Duration;

use bus::InProcessBus;
use bus::shell::{ManualClock, random_bytes};
use schemas::outside::{ExtAuthQuestion, OutsideRequest, ScoreQuestion, Scored};
use schemas::settings::Settings;
use schemas::{Digest, KeyIndex, Secret, Timestamp};

use super::*;
use crate::EgressOptions;
use crate::bank::{Answer, Bank};
use crate::world::here;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const A_WHILE: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_mins(1);

fn question() -> OutsideQuestion {
    OutsideQuestion::Score(ScoreQuestion {
        system_id: "f13e4375".parse().expect("an id"),
        user_id: "sample-1".parse().expect("an id"),
        key_index: KeyIndex(1),
        transaction_id: "invoice-1".parse().expect("an id"),
        attempt_id: Digest([7; 32]),
        session: Secret::new("session-1"),
    })
}

struct Stage {
    bank: Bank,
    bus: Arc<dyn Bus>,
    sealer: Sealer,
    task: tokio::task::JoinHandle<Result<(), BusError>>,
}

impl Stage {
    /// A connector whose service is this one.
    async fn with(bank: Bank) -> Self {
        Self::that_calls(here(), bank).await
    }

    async fn that_calls(egress: Arc<EgressPolicy>, bank: Bank) -> Self {
        let mut settings = Settings::default();
        let scoring = serde_json::json!({ "url": bank.url, "token": "t", "score_min": 50 });
        settings
            .set("SCORING_SETTINGS", &scoring.to_string())
            .expect("it is an object");
        let (bus, root) = (InProcessBus::new(), RootSecret::new([7; 32]));
        let connectors = Connectors::new(ConnectorOptions {
            bus: Arc::clone(&bus),
            root: root.clone(),
            settings: LiveSettings::new(settings),
            egress,
            clock: Arc::new(ManualClock::new(NOW)),
        });
        let connectors = connectors.expect("a client without special wishes");
        let task = tokio::spawn(connectors.run(std::future::pending()));
        let stage = Self {
            bank,
            bus,
            sealer: Sealer::new(root),
            task,
        };
        stage.is_served().await;
        stage
    }

    /// Waits until the connector serves. Until then nobody does, and a question has no answer at once.
    async fn is_served(&self) {
        let asks_nothing = OutsideRequest {
            id: Digest([0; 32]),
            deadline: NOW.plus_ms(5000),
            question: OutsideQuestion::ExtAuth(ExtAuthQuestion {
                system_id: "f13e4375".parse().expect("an id"),
                user_id: "sample-1".parse().expect("an id"),
                template_id: "none".to_owned(),
                requisites: Secret::new(""),
                challenge: Digest([0; 32]),
                response: Secret::new(""),
            }),
        };
        let sealed = self.sealer.close_question(&asks_nothing);
        while self.ask(sealed.clone(), LONG).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    async fn ask(&self, sealed: Vec<u8>, patience: Duration) -> Result<OutsideReply, ()> {
        let answered = self.bus.ask(subjects::outside(), sealed.into(), patience);
        let reply = answered.await.map_err(drop)?;
        self.sealer.open_reply(&reply).map_err(drop)
    }

    async fn score(&self) -> OutsideAnswer {
        let request = OutsideRequest {
            id: Digest(random_bytes()),
            deadline: NOW.plus_ms(5000),
            question: question(),
        };
        let reply = self.ask(self.sealer.close_question(&request), LONG).await;
        let reply = reply.expect("the connector answers everything it can open");
        assert_eq!(reply.id, request.id);
        reply.answer
    }
}

#[tokio::test]
async fn the_service_s_score_comes_back() {
    let bank = Bank::open().await;
    let body = r#"{"score":87,"details":{"rule":"calm"},"more":1}"#;
    bank.will_answer([Answer::Body(200, body.to_owned())]);
    let stage = Stage::with(bank).await;
    let details = Some(Secret::new(r#"{"rule":"calm"}"#));
    let scored = OutsideAnswer::Scored(Scored { score: 87, details });
    assert_eq!(stage.score().await, scored);
    let sent = stage.bank.letters().remove(0);
    assert_eq!(sent.header("authorization"), "Bearer t");
    let expected = serde_json::json!({
        "version": 1, "system_id": "f13e4375", "user_id": "sample-1", "key_index": 1,
        "transaction_id": "invoice-1", "attempt_id": "07".repeat(32), "scoring_session": "session-1",
    });
    assert_eq!(sent.json(), expected);
    stage.task.abort();
}

#[tokio::test]
async fn whatever_is_not_a_score_is_no_answer() {
    let body = |status: u16, body: &str| Answer::Body(status, body.to_owned());
    let bank = Bank::open().await;
    let long = format!(
        r#"{{"score":87,"details":{{"a":"{}"}}}}"#,
        "x".repeat(70_000)
    );
    let deep = format!(r#"{{"score":87,"other":{}"#, "[".repeat(10_000));
    let wrong = [
        body(200, ""),
        body(200, r#"{"score":NaN}"#),
        body(200, r#"{"score":101}"#),
        body(200, r#"{"score":-1}"#),
        body(200, r#"{"score":87.5}"#),
        body(200, r#"{"score":"87"}"#),
        body(200, r#"{"score":87,"score":10}"#),
        body(200, r#"{"score":87} {"score":87}"#),
        body(200, r#"{"score":87,"details":[]}"#),
        body(200, "{}"),
        body(200, &long),
        body(200, &deep),
        body(500, r#"{"score":87}"#),
        Answer::Status(204),
        Answer::With(302, "location", bank.url.clone()),
        Answer::Endless,
    ];
    let count = wrong.len();
    bank.will_answer(wrong);
    let stage = Stage::with(bank).await;
    for number in 0..count {
        assert_eq!(stage.score().await, OutsideAnswer::Unavailable, "{number}");
    }
    assert_eq!(stage.bank.letters().len(), count, "one call each");
    stage.task.abort();
}

#[tokio::test]
async fn a_question_that_is_forged_or_late_is_never_asked_outside() {
    let stage = Stage::with(Bank::open().await).await;
    assert!(stage.ask(b"forged".to_vec(), A_WHILE).await.is_err());
    let late = OutsideRequest {
        id: Digest([1; 32]),
        deadline: NOW,
        question: question(),
    };
    let late = stage.sealer.close_question(&late);
    assert!(stage.ask(late, A_WHILE).await.is_err());
    assert!(stage.bank.letters().is_empty());
    stage.task.abort();
}

#[tokio::test]
async fn a_service_that_must_not_be_called_gives_no_answer() {
    let elsewhere = EgressPolicy::new(EgressOptions::default());
    let stage = Stage::that_calls(elsewhere, Bank::open().await).await;
    assert_eq!(stage.score().await, OutsideAnswer::Unavailable);
    assert!(stage.bank.letters().is_empty());
    stage.task.abort();
}
