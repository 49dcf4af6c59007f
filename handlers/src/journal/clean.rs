//! `clean_events`: what records tell of devices and connections, and the reason that was typed, is erased from the vault.

use std::collections::BTreeSet;

use schemas::commands::journal::CleanEvents;
use schemas::context::RequestPrivate;
use schemas::events::journal::EventsCleaned;
use schemas::vault::VaultName;
use schemas::{CommandId, Secret};

use crate::decision::{Decision, Erasure};
use crate::facts::VaultFacts;

/// The rows it opens: each holds also what stays, the source's address.
pub(crate) fn needs(command: &CleanEvents) -> Vec<VaultName> {
    causes(command).iter().map(VaultName::request).collect()
}

/// The commands behind the records.
fn causes(command: &CleanEvents) -> BTreeSet<CommandId> {
    let records = command.records.iter().take(CleanEvents::RECORDS_MAX);
    records.map(|record| record.command_id).collect()
}

/// Leaves of every row what is not to be erased; a row of which nothing is left, or that does not read, goes. Cleaning
/// again changes nothing, so it needs no history.
pub(crate) fn decide(command: &CleanEvents, vault: &VaultFacts) -> Decision {
    let records = command.records.iter().take(CleanEvents::RECORDS_MAX);
    let event_ids = records.map(|record| record.event_id).collect();
    let mut decision = Decision::happened(vec![EventsCleaned { event_ids }.into()]);
    for cause in causes(command) {
        decision
            .erase
            .push(Erasure::Row(VaultName::reasons(&cause)));
        let name = VaultName::request(&cause);
        let Some(row) = vault.get(&name) else {
            continue;
        };
        let left = rmp_serde::from_slice(row).map(|private: RequestPrivate| RequestPrivate {
            requester_ip_address: private.requester_ip_address,
            ..RequestPrivate::default()
        });
        match left {
            Ok(left) if left != RequestPrivate::default() => {
                decision.vault.push((name, encoded(&left)));
            }
            _ => decision.erase.push(Erasure::Row(name)),
        }
    }
    decision
}

fn encoded(private: &RequestPrivate) -> Secret {
    let bytes = rmp_serde::to_vec_named(private);
    Secret::new(bytes.expect("a record of texts holds nothing MessagePack cannot"))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::journal::RecordToClean;
    use schemas::commands::transactions::DeclineTransaction;
    use schemas::commands::users::{DeleteUser, GetUserInfo};
    use schemas::envelope::RecordedEvent;

    use super::*;
    use crate::testing::Story;

    fn record(number: u8) -> RecordToClean {
        RecordToClean {
            event_id: number.into(),
            command_id: CommandId([number; 32]),
        }
    }

    fn keep(story: &mut Story, number: u8, private: &RequestPrivate) -> VaultName {
        let name = VaultName::request(&CommandId([number; 32]));
        story.vault.rows.insert(name.clone(), encoded(private));
        name
    }

    #[test]
    fn what_tells_of_the_device_goes_and_the_address_stays() {
        let mut story = Story::of_a_user();
        let full = RequestPrivate {
            requester_ip_address: Some("192.0.2.1".to_owned()),
            connection_info: Some("{}".to_owned()),
            device_info: Some("{}".to_owned()),
            event_data: Some("{}".to_owned()),
            headers: vec![("x-pass-a".to_owned(), "1".to_owned())],
        };
        let first = keep(&mut story, 1, &full);
        let without_address = RequestPrivate {
            requester_ip_address: None,
            ..full.clone()
        };
        let second = keep(&mut story, 2, &without_address);
        let third = keep(&mut story, 3, &full);
        let records = vec![record(1), record(2), record(1), record(9)];
        story
            .bank_asks(CleanEvents { records })
            .happens(&["clean_events"]);
        let left = RequestPrivate {
            requester_ip_address: full.requester_ip_address.clone(),
            ..RequestPrivate::default()
        };
        assert_eq!(story.vault.get(&first), Some(encoded(&left).expose()));
        assert_eq!(story.vault.get(&second), None);
        assert_eq!(story.vault.get(&third), Some(encoded(&full).expose()));
    }

    #[test]
    fn the_reason_that_a_record_brought_goes_with_it() {
        let mut story = Story::of_a_user();
        for transaction_id in ["invoice-1", "invoice-2"] {
            story.create_transaction(transaction_id);
            let decline = DeclineTransaction {
                transaction_id: transaction_id.parse().unwrap(),
                reason: "not me".to_owned(),
                code: None,
            };
            story.device_asks(decline).happens(&["decline_transaction"]);
        }
        let is_declined = |event: &&RecordedEvent| event.event.word() == "decline_transaction";
        let declined = story.history.iter().filter(is_declined);
        let causes: Vec<CommandId> = declined.map(|event| event.causation_id).collect();
        let kept = |story: &Story| {
            let rows = causes.iter().map(VaultName::reasons);
            rows.map(|name| story.vault.get(&name).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(&story), [true, true]);
        let records = vec![RecordToClean {
            event_id: 1,
            command_id: causes[0],
        }];
        story
            .bank_asks(CleanEvents { records })
            .happens(&["clean_events"]);
        assert_eq!(kept(&story), [false, true]);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        assert_eq!(kept(&story), [false, false]);
    }

    #[test]
    fn no_command_cleans_more_than_its_limit() {
        let mut story = Story::of_a_user();
        let records = (0..=CleanEvents::RECORDS_MAX as u8).map(record).collect();
        let last = keep(
            &mut story,
            CleanEvents::RECORDS_MAX as u8,
            &RequestPrivate::default(),
        );
        story
            .bank_asks(CleanEvents { records })
            .happens(&["clean_events"]);
        assert!(story.vault.get(&last).is_some());
    }

    #[test]
    fn a_deleted_users_records_can_be_cleaned_and_an_unknown_ones_cannot() {
        let mut story = Story::of_a_user();
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .bank_asks(GetUserInfo {})
            .is_refused(ErrorCode::UserIsDeleted);
        // The refused look above brought an address and a connection of its own.
        let name = keep(&mut story, 1, &RequestPrivate::default());
        let records = vec![record(1)];
        let command = CleanEvents { records };
        story.bank_asks(command.clone()).happens(&["clean_events"]);
        assert_eq!(story.vault.get(&name), None);
        Story::of_a_system()
            .bank_asks(command.clone())
            .is_refused_silently(ErrorCode::UserNotFound);
        Story::of_a_user()
            .device_asks(command)
            .is_refused(ErrorCode::RequestError);
    }
}
