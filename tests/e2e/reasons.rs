//! Reasons that people type: told as long as they are kept, erased in every way that erases, and in no event at any time.

use std::time::Duration;

use countersign::bank::Bank;
use countersign::receiver::Receiver;
use device::{Answer, Declination};
use reqwest::Method;
use schemas::vault::VaultName;
use schemas::{Owner, TransactionId};
use serde_json::{Value, json};
use tests::house::{LogChoice, Phone, Plan, SYSTEM_ID, TestHouse, owner};

const PATIENCE: Duration = Duration::from_secs(15);

/// What is typed, in letters that stand nowhere else.
const BY_USER: &str = "mark-user-91c4 это не моя операция";
const BY_BANK: &str = "mark-bank-2f07 fraud";
const IN_OPERATION: &str = "mark-batch-66d1 left in October";
const BLOCKED: &str = "mark-block-5b3e lost phone";
const BLOCKED_AGAIN: &str = "mark-again-c0aa lost again";
const LIFTED: &str = "mark-lifted-7e19 found";
const ALL: [&str; 6] = [
    BY_USER,
    BY_BANK,
    IN_OPERATION,
    BLOCKED,
    BLOCKED_AGAIN,
    LIFTED,
];

struct Typed {
    house: TestHouse,
    bank: Bank,
    receiver: Receiver,
    user_id: String,
    owner: Owner,
    /// Declined by the user, by the bank, and in an operation.
    declined: [TransactionId; 3],
    /// While the user was blocked for the first time.
    blocked_at: i64,
}

async fn post(bank: &Bank, tail: &str, body: Value) -> Value {
    let path = format!("/{SYSTEM_ID}{tail}");
    let reply = bank.call(Method::POST, &path, None, Some(body)).await;
    reply.unwrap().success().unwrap()
}

/// The callback that tells of a declined transaction, alone or in an operation.
async fn told_of(receiver: &Receiver, id: &TransactionId) -> Value {
    let found = receiver.wait_for(PATIENCE, |body| declination(body, id).is_some());
    let found = found.await.unwrap().json();
    declination(&found, id).unwrap().clone()
}

fn declination<'a>(body: &'a Value, id: &TransactionId) -> Option<&'a Value> {
    let alone = &body["pc_callback"]["transaction_callback"];
    let members = body["pc_callback"]["operation_callback"]["transactions"].as_array();
    let mut all = std::iter::once(alone).chain(members.into_iter().flatten());
    let about = all.find(|told| told["transaction_id"] == id.as_str())?;
    about.get("declination")
}

async fn decline_in_operation(house: &TestHouse, bank: &Bank, phone: &Phone) -> TransactionId {
    let body = json!({ "transactions": [{ "text": "salary 1" }, { "text": "salary 2" }] });
    let batch = house.ask_operation(bank, phone, body).await;
    let shown = phone.show_operation(&batch, house.now()).await.unwrap();
    let texts = shown.members.iter().map(|member| member.shown.as_ref());
    let texts: Vec<_> = texts.map(Option::unwrap).collect();
    let why = Declination {
        reason: IN_OPERATION.to_owned(),
        code: None,
    };
    let id = texts[1].transaction_id().clone();
    let answers = [Answer::Confirm(texts[0]), Answer::Decline(&id, &why)];
    phone.process(&batch, &answers, house.now()).await.unwrap();
    id
}

impl Typed {
    /// Everything is typed once, and told.
    async fn everywhere() -> Self {
        let house = TestHouse::start(Plan::new(LogChoice::Sqlite)).await;
        let (bank, receiver, _) = house.bank_with_receiver().await;
        let phone = house.phone(&bank).await;
        let user_id = phone.key().info().user_id.to_string();
        let first = house.ask(&bank, &phone, "to a stranger").await;
        let why = Declination {
            reason: BY_USER.to_owned(),
            code: Some(7),
        };
        phone.decline(&first, &why, house.now()).await.unwrap();
        let second = house.ask(&bank, &phone, "to another").await;
        let tail = format!("/users/{user_id}/transactions/{second}/decline");
        post(&bank, &tail, json!({ "reason": BY_BANK })).await;
        let third = decline_in_operation(&house, &bank, &phone).await;
        let mut blocked_at = 0;
        for (what, reason) in [
            ("block", BLOCKED),
            ("unblock", LIFTED),
            ("block", BLOCKED_AGAIN),
        ] {
            let tail = format!("/users/{user_id}/{what}");
            post(&bank, &tail, json!({ "reason": reason })).await;
            if reason == BLOCKED {
                blocked_at = house.now().0;
            }
            house.advance_ms(1_000);
        }
        let declined = [first, second, third];
        for (id, told) in declined.iter().zip([
            json!({ "reason": BY_USER, "code": 7 }),
            json!({ "reason": BY_BANK }),
            json!({ "reason": IN_OPERATION }),
        ]) {
            assert_eq!(told_of(&receiver, id).await, told);
        }
        Self {
            owner: owner(&phone),
            house,
            bank,
            receiver,
            user_id,
            declined,
            blocked_at,
        }
    }

    /// How many rows of reasons there are.
    async fn kept(&self) -> usize {
        let history = self.house.history(&self.owner).await;
        let mut causes: Vec<_> = history.iter().map(|event| event.causation_id).collect();
        causes.dedup();
        let names: Vec<_> = causes.iter().map(VaultName::reasons).collect();
        let rows = self.house.log().vault(&self.owner, &names).await.unwrap();
        rows.into_iter().flatten().count()
    }

    async fn user(&self, query: &str) -> Value {
        let path = format!("/users/{}{query}", self.user_id);
        self.bank.get(&path).await.unwrap().success().unwrap()
    }

    async fn clean(&self, word: &str) {
        self.house.projector().catch_up().await.unwrap();
        let cleaned = post(&self.bank, "/events/clean", json!({ "request_type": word })).await;
        assert_ne!(cleaned["cleaned"], 0);
    }

    /// Every letter of the past comes once more; what they say of the declined transactions.
    async fn told_again(&self) -> Vec<Value> {
        let all_taken = async || {
            let how = self.bank.get("/letters/receivers").await.unwrap();
            how.substance["endpoints"][0]["owed"] == 0
        };
        crate::until(all_taken).await;
        let before = self.receiver.received().len();
        let (from, until) = (self.house.now().0 - 3_600_000, self.house.now().0 + 1);
        let body = json!({ "from": from, "until": until });
        post(&self.bank, "/letters/replay", body).await;
        // A registration, two declinations, an operation.
        crate::until(async || self.receiver.received().len() == before + 4).await;
        let again = self.receiver.received().split_off(before);
        let again: Vec<Value> = again
            .iter()
            .map(countersign::receiver::Received::json)
            .collect();
        let told = self.declined.iter().map(|id| {
            let mut about = again.iter().filter_map(|body| declination(body, id));
            about.next().unwrap().clone()
        });
        told.collect()
    }

    async fn nothing_of_it_is_in_the_log(&self) {
        for event in self.house.log().load(&self.owner, 0).await.unwrap() {
            for typed in ALL {
                let mark = &typed.as_bytes()[..10];
                let mut parts = event.payload.windows(mark.len());
                assert!(!parts.any(|part| part == mark), "{} tells it", event.word);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_told_and_shown_as_long_as_it_is_kept_and_erased_with_its_record() {
    let typed = Typed::everywhere().await;
    typed.nothing_of_it_is_in_the_log().await;
    assert_eq!(typed.kept().await, 6);
    let again = typed.told_again().await;
    assert_eq!(again[0], json!({ "reason": BY_USER, "code": 7 }));
    assert_eq!(again[2]["reason"], IN_OPERATION);
    assert_eq!(typed.user("").await["block_reason"], BLOCKED_AGAIN);
    let as_of = format!("?as_of={}", typed.blocked_at);
    assert_eq!(typed.user(&as_of).await["block_reason"], BLOCKED);

    // The record of a declination takes the reason with it, and nothing else.
    typed.clean("decline_transaction").await;
    assert_eq!(typed.kept().await, 4);
    let again = typed.told_again().await;
    assert_eq!(again[..2], [json!({ "code": 7 }), json!({})]);
    assert_eq!(again[2]["reason"], IN_OPERATION);
    typed.clean("operations_process").await;
    assert_eq!(typed.kept().await, 3);
    assert_eq!(typed.told_again().await[2], json!({}));
    assert_eq!(typed.user("").await["block_reason"], BLOCKED_AGAIN);

    // A block without its reason is still one, now and then.
    typed.clean("change_user").await;
    assert_eq!(typed.kept().await, 0);
    for query in ["", &as_of] {
        let user = typed.user(query).await;
        assert_eq!(
            (&user["block_reason"], &user["key_status"]),
            (&json!(""), &json!("blocked"))
        );
    }
    let path = format!(
        "/users/{}/transactions/{}",
        typed.user_id, typed.declined[0]
    );
    let declined = typed.bank.get(&path).await.unwrap().success().unwrap();
    assert_eq!(declined["status"], "declined");
    typed.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_user_go_the_reasons_about_the_user() {
    let typed = Typed::everywhere().await;
    assert_eq!(typed.kept().await, 6);
    let path = format!("/{SYSTEM_ID}/users/{}", typed.user_id);
    let deleted = typed.bank.call(Method::DELETE, &path, None, None).await;
    deleted.unwrap().success().unwrap();
    assert_eq!(typed.kept().await, 0);
    typed.nothing_of_it_is_in_the_log().await;
    let again = typed.told_again().await;
    assert_eq!(again, [json!({ "code": 7 }), json!({}), json!({})]);
    // A log without the words reads and folds as one with them.
    let typed = Typed {
        house: typed.house.restart().await,
        ..typed
    };
    let house = &typed.house;
    house.projector().catch_up().await.unwrap();
    for name in projections::names() {
        let rebuilt = house
            .projector()
            .rebuild(name, projections::OnDifference::KeepBoth, |_| {});
        assert!(rebuilt.await.unwrap().is_equal(), "{name}");
    }
    assert_eq!(house.count(&typed.owner, "decline_transaction", 0).await, 2);
    typed.house.end().await;
}
