//! What holds for all histories: random stories of bank, device, house and clock, and the promises nobody may break.

use std::collections::HashMap;

use proptest::prelude::*;
use schemas::commands::Command;
use schemas::commands::keys::{ActivateKey, KeyParts, UpdateUserKey};
use schemas::commands::transactions::{
    ConfirmTransaction, DeclineTransaction, DeleteTransaction, ExpireTransaction,
    GetTransactionData, ListTransactions,
};
use schemas::events::Event;
use schemas::events::keys::KeyEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::flags::DENY_RENEW_PUBLIC_KEY;
use schemas::{Digest, ErrorCode, KeyIndex, RequestId, TransactionId};

use crate::testing::{Story, create_transaction, key_request};
use crate::{OwnerState, evolve};

#[derive(Clone, Debug)]
enum Step {
    Create(u8, i64),
    Confirm(u8),
    ConfirmTwice(u8),
    WrongCode(u8),
    Decline(u8),
    Delete(u8),
    Expire(u8),
    Read(u8),
    List,
    Register,
    Renew,
    Update,
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0_u8..3;
    prop_oneof![
        (id.clone(), 0_i64..100).prop_map(|(id, ttl_s)| Step::Create(id, ttl_s)),
        id.clone().prop_map(Step::Confirm),
        id.clone().prop_map(Step::ConfirmTwice),
        id.clone().prop_map(Step::WrongCode),
        id.clone().prop_map(Step::Decline),
        id.clone().prop_map(Step::Delete),
        id.clone().prop_map(Step::Expire),
        id.prop_map(Step::Read),
        Just(Step::List),
        Just(Step::Register),
        Just(Step::Renew),
        Just(Step::Update),
        (0_i64..60).prop_map(Step::Wait),
    ]
}

fn name(id: u8) -> String {
    format!("invoice-{id}")
}

fn id_of(id: u8) -> TransactionId {
    name(id).parse().unwrap()
}

fn take(story: &mut Story, step: &Step) {
    match step {
        Step::Create(id, ttl_s) => {
            let mut command = create_transaction(&name(*id));
            command.ttl_s = Some(*ttl_s);
            story.bank_asks(command);
        }
        Step::Confirm(id) => {
            let command = story.confirmation(&name(*id));
            story.device_asks(command);
        }
        Step::ConfirmTwice(id) => {
            let command = story.confirmation(&name(*id));
            let envelope = story.device_request(command.clone());
            story.receive(envelope.clone());
            story.receive(envelope);
            story.device_asks(command);
        }
        Step::WrongCode(id) => {
            story.device_asks(ConfirmTransaction {
                transaction_id: id_of(*id),
                signature: None,
                confirm_code: Some("0".repeat(64)),
                device_fingerprint: None,
            });
        }
        Step::Decline(id) => {
            story.device_asks(DeclineTransaction {
                transaction_id: id_of(*id),
                reason: "not me".to_owned(),
                code: None,
            });
        }
        Step::Delete(id) => {
            story.bank_asks(DeleteTransaction {
                transaction_id: id_of(*id),
            });
        }
        Step::Expire(id) => {
            story.house_asks(ExpireTransaction {
                transaction_id: id_of(*id),
            });
        }
        Step::Read(id) => {
            let transaction_id = id_of(*id);
            story.device_asks(GetTransactionData { transaction_id });
        }
        Step::List => {
            story.device_asks(ListTransactions {
                statuses: Vec::new(),
            });
        }
        Step::Register => {
            let command = story.device.registration();
            story.device_asks(command);
        }
        Step::Renew => {
            let command = story.device.renewal();
            story.device_asks(command);
        }
        Step::Update => {
            let key = key_request(KeyParts::Whole);
            story
                .bank_asks(UpdateUserKey {
                    key,
                    is_delayed: false,
                })
                .happens(&["update_user_key"]);
        }
        Step::Wait(seconds) => story.at(story.now().plus_seconds(*seconds)),
    }
}

/// Which end each transaction came to; fails when one came to two.
fn ends(story: &Story) -> HashMap<TransactionId, &'static str> {
    let mut ends = HashMap::new();
    for recorded in &story.history {
        let end = match &recorded.event {
            Event::Transactions(TransactionEvent::Confirmed(event)) => &event.transaction_id,
            Event::Transactions(TransactionEvent::Declined(event)) => &event.transaction_id,
            Event::Transactions(TransactionEvent::Expired(event)) => &event.transaction_id,
            Event::Transactions(TransactionEvent::Deleted(event)) => &event.transaction_id,
            _ => continue,
        };
        let before = ends.insert(end.clone(), recorded.event.word());
        assert_eq!(before, None, "{end} came to two ends");
    }
    ends
}

proptest! {
    #[test]
    fn a_transaction_comes_to_one_end_and_stays_there(steps in prop::collection::vec(step(), 1..40)) {
        let mut story = Story::of_a_registered_device();
        let mut known = HashMap::new();
        for step in &steps {
            take(&mut story, step);
            let now = ends(&story);
            for (id, end) in &known {
                prop_assert_eq!(now.get(id), Some(end));
            }
            known = now;
        }
    }

    #[test]
    fn the_history_is_all_there_is(steps in prop::collection::vec(step(), 1..40)) {
        let mut story = Story::of_a_user();
        for step in &steps {
            take(&mut story, step);
        }
        let mut folded = OwnerState::empty(&story.owner());
        for recorded in &story.history {
            evolve(&mut folded, recorded);
        }
        prop_assert_eq!(folded, story.state);
    }

    #[test]
    fn nothing_is_confirmed_at_or_after_its_deadline(ttl_s in 1_i64..100, late_ms in -2_000_i64..2_000) {
        let mut story = Story::of_a_registered_device();
        story.create_transaction_until("invoice-1", ttl_s);
        story.at(story.now().plus_seconds(ttl_s).plus_ms(late_ms));
        let command = story.confirmation("invoice-1");
        let code = story.device_asks(command).code();
        prop_assert_eq!(code == ErrorCode::Normal, late_ms < 0);
    }

    #[test]
    fn no_more_tries_than_the_limit_are_ever_looked_at(
        attempts_max in 1_u32..8,
        crashes in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let mut story = Story::of_a_user_with(key_request(KeyParts::TwoDrawCode { digits: 6 }));
        story.set("ONLINE_ACTIVATION_ATTEMPTS", &attempts_max.to_string());
        for crash in crashes {
            let guess = story.device_request(ActivateKey { proof: Digest([1; 32]) });
            if crash {
                story.receive_first_step(guess);
            } else {
                story.receive(guess);
            }
        }
        let counted = |wanted: fn(&Event) -> bool| {
            story.history.iter().filter(|recorded| wanted(&recorded.event)).count()
        };
        let reserved = counted(|event| matches!(event, Event::Keys(KeyEvent::ActivationAttempted(_))));
        let looked_at = counted(|event| matches!(event, Event::Keys(KeyEvent::ActivationFailed(_))));
        prop_assert!(looked_at <= reserved);
        prop_assert!(reserved <= attempts_max as usize);
    }

    #[test]
    fn no_more_wrong_codes_than_five_are_ever_looked_at(guesses in 1_usize..20) {
        let mut story = Story::of_a_user();
        story.create_transaction("invoice-1");
        let mut looked_at = 0;
        for _ in 0..guesses {
            let guess = ConfirmTransaction {
                transaction_id: id_of(1),
                signature: None,
                confirm_code: Some("0".repeat(64)),
                device_fingerprint: None,
            };
            looked_at += usize::from(story.device_asks(guess).code() == ErrorCode::InvalidHmac);
        }
        prop_assert_eq!(looked_at, guesses.min(5));
    }

    #[test]
    fn a_request_that_is_sent_again_changes_nothing(
        steps in prop::collection::vec(step(), 0..20),
        delay_s in 0_i64..1000,
    ) {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("captured");
        let command = story.confirmation("captured");
        let captured = story.device_request(command);
        story.receive(captured.clone());
        for step in &steps {
            take(&mut story, step);
        }
        story.at(story.now().plus_seconds(delay_s));
        let (before, mut replayed) = (story.state.clone(), captured);
        replayed.request_id = RequestId([0xee; 32]);
        let code = story.receive(replayed).code();
        prop_assert!(matches!(code, ErrorCode::HttpAuthCodeInvalid | ErrorCode::TimeSyncError), "{}", code);
        prop_assert_eq!(story.state, before);
    }

    #[test]
    fn with_the_flag_a_key_has_one_public_key(steps in prop::collection::vec(step(), 1..40)) {
        let mut request = key_request(KeyParts::Whole);
        request.flags.set(&DENY_RENEW_PUBLIC_KEY, 1);
        let mut story = Story::of_a_user_with(request);
        for step in &steps {
            if !matches!(step, Step::Update) {
                take(&mut story, step);
            }
        }
        let mut keys: HashMap<KeyIndex, Vec<u8>> = HashMap::new();
        for recorded in &story.history {
            if let Event::Keys(KeyEvent::PublicKeyRegistered(event)) = &recorded.event {
                let first = keys.entry(event.key_index).or_insert_with(|| event.public_key.clone());
                prop_assert_eq!(&*first, &event.public_key);
            }
        }
    }

    #[test]
    fn an_outcome_for_a_proven_device_is_always_authenticated_and_journaled(
        steps in prop::collection::vec(step(), 0..20),
        id in 0_u8..3,
    ) {
        let mut story = Story::of_a_user();
        for step in &steps {
            take(&mut story, step);
        }
        let transaction_id = id_of(id);
        let commands: [Command; 4] = [
            GetTransactionData { transaction_id }.into(),
            ListTransactions { statuses: Vec::new() }.into(),
            story.device.renewal().into(),
            story.confirmation(&name(id)).into(),
        ];
        for command in commands {
            let events_before = story.history.len();
            let heard = story.device_asks(command);
            prop_assert_eq!(heard.response_key(), story.device.expected_response_key());
            prop_assert!(story.history.len() > events_before);
        }
    }
}
