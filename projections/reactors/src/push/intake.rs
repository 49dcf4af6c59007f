//! From the log to the ledger: which pushes the events owe, and which they end.

use std::sync::Arc;

use bus::shell::Clock;
use event_log::EventLog;
use schemas::commands::operations::OperationStatus;
use schemas::commands::transactions::NotificationType;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::operations::OperationEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::{OperationId, TransactionId};

use super::ledger::{Ledger, Owed, PUSHES, Withdrawals, about};
use super::station::PushStation;
use crate::following::Follower;
use crate::reactor::ReactorError;

/// Reads the log and writes what it owes.
#[derive(Debug)]
pub(crate) struct Intake {
    follower: Follower,
    clock: Arc<dyn Clock>,
    ledger: Ledger,
    station: Arc<PushStation>,
}

/// What an event means for pushes.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// There is something to be told.
    Owes(Box<Owed>),
    /// It has its outcome.
    Ends(String),
    Nothing,
}

impl Intake {
    /// An intake that goes on where the ledger says, or is born at the log's ends.
    pub(crate) async fn begin(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        ledger: Ledger,
        station: Arc<PushStation>,
    ) -> Result<Self, ReactorError> {
        Ok(Self {
            follower: Follower::begin(log, ledger.store.clone(), PUSHES).await?,
            clock,
            ledger,
            station,
        })
    }

    /// Takes in the next batch of events. `None` when there was none to read; else whether there is something to do.
    pub(crate) async fn take(&mut self) -> Result<Option<bool>, ReactorError> {
        let Some(batch) = self.follower.next().await? else {
            return Ok(None);
        };
        let (mut new, mut over) = (Vec::new(), Vec::new());
        for (_, event) in &batch.events {
            match meaning(event) {
                Meaning::Owes(owed) => new.push(*owed),
                Meaning::Ends(about) => over.push(about),
                Meaning::Nothing => {}
            }
        }
        let withdrawals = withdrawals(&self.station);
        let now = self.clock.now();
        let moved = (&batch.before[..], &batch.after[..]);
        let added = self.ledger.add(moved, &new, &over, withdrawals, now).await;
        self.follower.taken(batch.after, added).await?;
        Ok(Some(!new.is_empty() || !over.is_empty()))
    }
}

/// Whether the templates in force take pushes back.
pub(crate) fn withdrawals(station: &PushStation) -> Withdrawals {
    if station.withdraws() {
        Withdrawals::Sent
    } else {
        Withdrawals::NotSent
    }
}

/// An operation is told by one push, whatever is in it.
fn meaning(event: &RecordedEvent) -> Meaning {
    let owes = |transaction_id: &TransactionId, operation_id: Option<&OperationId>, expires_at| {
        let owed = Owed::about_new(
            &event.owner,
            transaction_id,
            operation_id,
            expires_at,
            event.recorded_at,
        );
        Meaning::Owes(Box::new(owed))
    };
    let ends = |id: &TransactionId| Meaning::Ends(about(&event.owner, id, None));
    let ends_operation = |id: &OperationId| {
        let nobody: TransactionId = "-".parse().expect("it is an identifier");
        Meaning::Ends(about(&event.owner, &nobody, Some(id)))
    };
    match &event.event {
        Event::Transactions(TransactionEvent::Created(created))
            if created.notification_type == NotificationType::Push =>
        {
            owes(&created.transaction_id, None, created.expires_at)
        }
        Event::Operations(OperationEvent::Created(created))
            if created.notification_type == NotificationType::Push =>
        {
            match created.transactions.first() {
                Some(first) => owes(
                    &first.transaction_id,
                    Some(&created.operation_id),
                    created.expires_at,
                ),
                None => Meaning::Nothing,
            }
        }
        Event::Transactions(event) => match (event.operation(), event) {
            (Some(step), _) if is_final(step.status) => ends_operation(&step.operation_id),
            (_, TransactionEvent::Confirmed(event)) => ends(&event.transaction_id),
            (_, TransactionEvent::Autoconfirmed(event)) => ends(&event.transaction_id),
            (_, TransactionEvent::Declined(event)) => ends(&event.transaction_id),
            (_, TransactionEvent::Expired(event)) => ends(&event.transaction_id),
            (_, TransactionEvent::Deleted(event)) => ends(&event.transaction_id),
            _ => Meaning::Nothing,
        },
        Event::Operations(OperationEvent::Processed(event)) if is_final(event.status) => {
            ends_operation(&event.operation_id)
        }
        Event::Operations(OperationEvent::Expired(event)) => ends_operation(&event.operation_id),
        _ => Meaning::Nothing,
    }
}

fn is_final(status: OperationStatus) -> bool {
    match status {
        OperationStatus::Created | OperationStatus::Partly => false,
        OperationStatus::Processed | OperationStatus::Expired => true,
    }
}

#[cfg(test)]
mod tests {
    use schemas::context::RequestContext;
    use schemas::events::operations::{MemberCreated, OperationCreated, OperationExpired};
    use schemas::events::transactions::{TransactionCreated, TransactionExpired};
    use schemas::{CommandId, Digest, Timestamp};

    use super::*;
    use crate::world::{BEGINNING, World, confirmed};

    fn means(event: impl Into<Event>) -> Meaning {
        let event = event.into();
        meaning(&RecordedEvent {
            owner: World::user("one"),
            ordinal: 1,
            recorded_at: BEGINNING,
            causation_id: CommandId([1; 32]),
            result: event.result(),
            context: RequestContext::default(),
            event,
        })
    }

    fn created(notification_type: NotificationType) -> TransactionCreated {
        TransactionCreated {
            transaction_id: "t-1".parse().unwrap(),
            digest: Digest([1; 32]),
            has_binary: false,
            expires_at: Some(Timestamp(7)),
            callback_url: None,
            confirm_code_length: None,
            notification_type,
            kind: None,
        }
    }

    fn owed(meaning: Meaning) -> Owed {
        match meaning {
            Meaning::Owes(owed) => *owed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_to_be_told_by_push_owes_one() {
        let one = owed(means(created(NotificationType::Push)));
        assert_eq!(
            (one.deadline, one.expires_at),
            (Some(Timestamp(7)), Timestamp(7))
        );
        for other in [NotificationType::Offline, NotificationType::Url] {
            assert_eq!(means(created(other)), Meaning::Nothing);
        }
    }

    #[test]
    fn every_outcome_ends_what_was_owed() {
        let one = owed(means(created(NotificationType::Push)));
        assert_eq!(
            means(confirmed("t-1", "")),
            Meaning::Ends(one.about.clone())
        );
        let expired = TransactionExpired {
            transaction_id: "t-1".parse().unwrap(),
            callback_url: None,
        };
        assert_eq!(means(expired), Meaning::Ends(one.about));
    }

    #[test]
    fn an_operation_owes_one_push_for_all_of_it() {
        let member = |id: &str| MemberCreated {
            transaction_id: id.parse().unwrap(),
            digest: Digest([1; 32]),
            has_binary: false,
        };
        let one = owed(means(OperationCreated {
            operation_id: "o".parse().unwrap(),
            content_digest: Digest([2; 32]),
            expires_at: None,
            callback_url: None,
            confirm_code_length: None,
            notification_type: NotificationType::Push,
            transactions: vec![member("t-1"), member("t-2")],
        }));
        assert_eq!(one.transaction_id.as_str(), "t-1");
        let expired = OperationExpired {
            operation_id: "o".parse().unwrap(),
            transactions: Vec::new(),
            callback_url: None,
        };
        assert_eq!(means(expired), Meaning::Ends(one.about));
    }
}
