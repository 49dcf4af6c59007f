//! A customer of a bank: both ends of the conversation, insisting under one identity until an answer is final, and noting
//! what was heard.

mod newcomer;

use std::time::Duration;

use bus::shell::{Clock as _, SystemClock};
use countersign::bank::{Bank, BankError, Reply};
use countersign::registration::registration_request;
use device::{
    Declination, Device, DeviceEventId, DeviceKey, Error, ReqwestTransport, Shown, Submission,
};
use reqwest::Method;
use schemas::{CommandId, ErrorCode, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::history::{History, Kind, Operation, Outcome};

/// Pause before an unanswered question is asked again.
const PAUSE: Duration = Duration::from_millis(25);

/// How a customer reaches the house.
#[derive(Clone, Debug)]
pub struct Way {
    /// The bank's own system.
    pub bank: Bank,
    /// Address of the mobile door.
    pub mobile_door: String,
    /// The phone's connections.
    pub transport: ReqwestTransport,
    /// Where everything heard is noted.
    pub history: History,
    /// How long to insist.
    pub patience: Duration,
}

/// A customer with a registered phone.
#[derive(Debug)]
pub struct Customer {
    way: Way,
    user_id: String,
    phone: Device<ReqwestTransport>,
}

impl Way {
    /// To a house whose doors are at `host:port`, for this system.
    pub fn to(
        address: &str,
        system_id: &str,
        history: &History,
        patience: Duration,
        answer: Duration,
    ) -> Self {
        let builder = ReqwestTransport::configured(reqwest::Client::builder())
            .no_proxy()
            .timeout(answer);
        Self {
            bank: Bank::new(&format!("http://{address}/pc-api"), system_id, answer)
                .expect("the client needs nothing"),
            mobile_door: format!("http://{address}/pc-client-api"),
            transport: ReqwestTransport::with_client(
                builder.build().expect("the client needs nothing"),
            ),
            history: history.clone(),
            patience,
        }
    }

    /// Registers the bank, to be told of outcomes at `callback_url`; the substance of the answer.
    pub async fn register_bank(&self, callback_url: &str) -> Value {
        let request = registration_request(self.bank.system_id(), "Bank", &self.mobile_door);
        let body = json!({ "request": request });
        let registered = self.call_as_bank(Method::POST, "/", "register", body).await;
        let path = format!("/{}", self.bank.system_id());
        self.call_as_bank(
            Method::PATCH,
            &path,
            "change",
            json!({ "callback_url": callback_url }),
        )
        .await;
        registered
    }

    async fn call_as_bank(&self, method: Method, path: &str, key: &str, body: Value) -> Value {
        let ask = || {
            self.bank
                .call(method.clone(), path, Some(key), Some(body.clone()))
        };
        let answer = self
            .insist_as_bank(ask)
            .await
            .expect("the house answers in time");
        answer.success().expect("the bank is welcome")
    }

    /// The final answer to a bank's look at something below its system.
    pub async fn look(&self, path: &str) -> Reply {
        self.insist_as_bank(|| self.bank.get(path))
            .await
            .expect("the house answers in time")
    }

    /// A new user with a whole key, whose phone has registered.
    pub async fn enroll(&self, name: &str) -> Customer {
        let (user_id, issued) = self.issue(name, "KEY_JSON").await;
        let text = issued["key_json"]
            .as_str()
            .expect("the answer has the key")
            .to_owned();
        let mut phone = self.phone(&text);
        self.register(&mut phone).await;
        Customer {
            way: self.clone(),
            user_id,
            phone,
        }
    }

    async fn issue(&self, name: &str, method: &str) -> (String, Value) {
        let body = json!({ "id_prefix": format!("{name}-"), "return_key_method": method });
        let key = format!("user-{name}");
        let issued = self
            .insist_as_bank(|| self.bank.create_user(body.clone(), Some(&key)))
            .await;
        let issued = issued
            .expect("the house answers in time")
            .success()
            .expect("a user can be created");
        (
            issued["user_id"]
                .as_str()
                .expect("the answer names the user")
                .to_owned(),
            issued,
        )
    }

    fn phone(&self, key_text: &str) -> Device<ReqwestTransport> {
        let key = DeviceKey::import(key_text).expect("the key is one of ours");
        Device::at(&self.mobile_door, key, self.transport.clone())
            .expect("the door is on this machine")
    }

    async fn register(&self, phone: &mut Device<ReqwestTransport>) {
        let end = Instant::now() + self.patience;
        while let Err(error) = phone.register(None, now()).await {
            assert!(
                !error.is_final() && Instant::now() < end,
                "the phone cannot register: {error:?}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The final answer to a bank's question; `None` when none came in time.
    async fn insist_as_bank<A>(&self, ask: impl Fn() -> A) -> Option<Reply>
    where
        A: Future<Output = Result<Reply, BankError>>,
    {
        let end = Instant::now() + self.patience;
        while Instant::now() < end {
            if let Ok(reply) = ask().await
                && !is_open(reply.error_code)
            {
                return Some(reply);
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }
}

impl Customer {
    /// Whose phone it is.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The bank asks for a confirmation. `ttl_s` is the transaction's life.
    pub async fn create(&self, transaction_id: &str, ttl_s: i64) -> Outcome {
        self.create_as(transaction_id, ttl_s, &format!("create-{transaction_id}"))
            .await
    }

    /// The same under an identity of the caller's choice.
    pub async fn create_as(&self, transaction_id: &str, ttl_s: i64, key: &str) -> Outcome {
        let outcome = self.create_once(transaction_id, ttl_s, key).await;
        let again = self.create_once(transaction_id, ttl_s, key).await;
        let command_id = CommandId::from_key(self.way.bank.system_id(), "idempotency-key", key);
        self.note(Kind::Create, transaction_id, command_id, &outcome, again);
        outcome
    }

    async fn create_once(&self, transaction_id: &str, ttl_s: i64, key: &str) -> Outcome {
        let text = format!("Pay for {transaction_id}");
        let body = json!({ "transaction_id": transaction_id, "transaction_data": { "text": text }, "ttl": ttl_s });
        let ask = || {
            self.way
                .bank
                .create_transaction(&self.user_id, body.clone(), Some(key))
        };
        match self.way.insist_as_bank(ask).await {
            None => Outcome::Unknown,
            Some(reply) if reply.error_code == 0 => Outcome::Done(
                reply
                    .position
                    .map(|text| text.parse().expect("the header holds a position")),
            ),
            Some(reply) => {
                Outcome::Refused(u16::try_from(reply.error_code).expect("codes are small"))
            }
        }
    }

    /// The phone fetches and shows a transaction; `None` when it could not in time, or when there is nothing to show.
    pub async fn show(&self, transaction_id: &str) -> Option<Shown> {
        let transaction_id = transaction_id.parse().expect("our ids are ids");
        let end = Instant::now() + self.way.patience;
        while Instant::now() < end {
            match self.phone.show(&transaction_id, now()).await {
                Ok(shown) => return Some(shown),
                Err(error) if error.is_final() => return None,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        None
    }

    /// The user confirms.
    pub async fn confirm(&self, shown: &Shown) -> Outcome {
        let event_id = DeviceEventId::fresh();
        let confirmation = self
            .phone
            .confirmation(shown, &event_id, now())
            .expect("the key is registered");
        self.insist_and_note(
            Kind::Confirm,
            shown.transaction_id().as_str(),
            &event_id,
            &confirmation,
        )
        .await
    }

    /// The user declines.
    pub async fn decline(&self, transaction_id: &str) -> Outcome {
        let event_id = DeviceEventId::fresh();
        let id = transaction_id.parse().expect("our ids are ids");
        let why = Declination {
            reason: "not mine".to_owned(),
            code: None,
        };
        let declination = self
            .phone
            .declination(&id, &why, &event_id, now())
            .expect("our ids are ids");
        self.insist_and_note(Kind::Decline, transaction_id, &event_id, &declination)
            .await
    }

    /// A phone that repeats itself under a new identity after an answer was lost, against the protocol. Whether the first
    /// try had an answer is up to the faults.
    pub async fn confirm_forgetting_the_identity(&self, shown: &Shown) -> Outcome {
        let first = self.phone.confirm(shown, now()).await;
        assert!(first.is_err(), "the answer was to be lost");
        self.confirm(shown).await
    }

    async fn insist_and_note<C: device::contents::Content>(
        &self,
        kind: Kind,
        transaction_id: &str,
        event_id: &DeviceEventId,
        submission: &Submission<C>,
    ) -> Outcome {
        let outcome = self.insist(submission).await;
        let again = self.insist(submission).await;
        let scope = format!("{}/{}", self.way.bank.system_id(), self.user_id);
        let command_id = CommandId::from_key(&scope, "device_event_id", event_id.as_str());
        self.note(kind, transaction_id, command_id, &outcome, again);
        outcome
    }

    async fn insist<C: device::contents::Content>(&self, submission: &Submission<C>) -> Outcome {
        let end = Instant::now() + self.way.patience;
        while Instant::now() < end {
            let settled = settled(self.phone.submit(submission, now()).await.map(drop));
            if settled != Outcome::Unknown {
                return settled;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Outcome::Unknown
    }

    fn note(
        &self,
        kind: Kind,
        about: &str,
        command_id: CommandId,
        outcome: &Outcome,
        again: Outcome,
    ) {
        let history = &self.way.history;
        history.note(Operation {
            kind,
            about: about.to_owned(),
            command_id,
            outcome: outcome.clone(),
            again: Some(again),
            phase: history.phase(),
        });
    }
}

/// What a phone's attempt means; unknown as long as the same may and must be sent again.
fn settled(outcome: Result<(), Error>) -> Outcome {
    match outcome {
        Ok(()) => Outcome::Done(None),
        Err(Error::Server(refusal)) if refusal.is_final() => {
            Outcome::Refused(refusal.code.number())
        }
        Err(error) => {
            assert!(!error.is_final(), "the phone itself refused: {error:?}");
            Outcome::Unknown
        }
    }
}

/// Does this code leave the outcome open?
fn is_open(code: u64) -> bool {
    [
        ErrorCode::JavaInternalError,
        ErrorCode::RequestIsLockedByAnotherRequest,
    ]
    .iter()
    .any(|open| u64::from(open.number()) == code)
}

fn now() -> Timestamp {
    SystemClock.now()
}
