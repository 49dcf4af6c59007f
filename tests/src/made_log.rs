//! A long log, made without a service: what many users do, event by event, as the house would have written it.

use event_log::{Commit, EventLog, NewEvent};
use schemas::commands::transactions::NotificationType;
use schemas::context::RequestContext;
use schemas::envelope::RecordedEvent;
use schemas::events::transactions::{TransactionConfirmed, TransactionCreated, TransactionServed};
use schemas::events::{Event, keys::KeyIssued, users::UserCreated};
use schemas::flags::KeyFlags;
use schemas::{CommandId, Digest, KeyIndex, Lane, Owner, Timestamp, codec};

/// The system that the users are of.
pub const SYSTEM: &str = "99999999-8888-4777-8666-555555555555";
/// Transactions of a user, three events each.
const TRANSACTIONS: u64 = 33;
/// Events of a user.
pub const EVENTS_OF_A_USER: u64 = 1 + 3 * TRANSACTIONS;
/// When it begins.
const BEGINNING: i64 = 1_795_435_200_000;

/// Appends what so many users did, a hundred events each.
pub async fn fill(log: &dyn EventLog, users: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut lanes: Vec<Vec<Owner>> = vec![Vec::new(); usize::from(Lane::COUNT)];
    for number in 0..users {
        let owner: Owner = format!("{SYSTEM}/user-{number}").parse()?;
        lanes[usize::from(Lane::of(&owner).number())].push(owner);
    }
    for (lane, owners) in Lane::all().zip(lanes) {
        let epoch = log.open_lane(lane).await?.epoch;
        for owners in owners.chunks(16) {
            let group: Vec<Commit> = owners.iter().map(life).collect();
            log.append(lane, epoch, &group).await?;
        }
    }
    Ok(())
}

fn life(owner: &Owner) -> Commit {
    let user = owner.user_id().map_or("", |user_id| user_id.as_str());
    let mut events: Vec<Event> = vec![
        UserCreated {
            key: KeyIssued {
                key_index: KeyIndex(1),
                flags: KeyFlags::from_bits(67_585),
                valid_to: Timestamp(BEGINNING + 31_536_000_000),
                two_parts: false,
            },
        }
        .into(),
    ];
    for number in 0..TRANSACTIONS {
        events.extend(transaction(&format!("{user}-{number}")));
    }
    let framed = (1..).zip(events).map(|(ordinal, event)| {
        let at = Timestamp(BEGINNING + ordinal as i64 * 1000);
        let recorded = RecordedEvent {
            owner: owner.clone(),
            ordinal,
            recorded_at: at,
            causation_id: CommandId::from_key(&owner.to_string(), "made", &ordinal.to_string()),
            result: event.result(),
            context: RequestContext {
                request_url: format!("/pc-api/{SYSTEM}/users/{user}/transactions"),
                request_hash: Some(Digest([1; 32])),
                instance: Some("made".to_owned()),
                ..RequestContext::default()
            },
            event,
        };
        NewEvent {
            word: recorded.event.word().into(),
            aggregate: recorded.event.aggregate().into(),
            at,
            payload: codec::encode(&recorded).into(),
        }
    });
    Commit::of(owner.clone(), 0, framed.collect())
}

/// Asked for, shown, confirmed.
fn transaction(id: &str) -> [Event; 3] {
    let transaction_id: schemas::TransactionId = id.parse().expect("a valid id");
    let digest = Digest::sha256(id.as_bytes());
    [
        TransactionCreated {
            transaction_id: transaction_id.clone(),
            digest,
            has_binary: false,
            expires_at: Some(Timestamp(BEGINNING + 600_000)),
            callback_url: None,
            confirm_code_length: None,
            notification_type: NotificationType::Push,
            kind: None,
        }
        .into(),
        TransactionServed {
            transaction_id: transaction_id.clone(),
            to_device: true,
        }
        .into(),
        TransactionConfirmed {
            transaction_id,
            key_index: KeyIndex(1),
            signature: Some(vec![0x30; 71]),
            confirm_code: None,
            digest,
            callback_url: None,
            operation: None,
        }
        .into(),
    ]
}
