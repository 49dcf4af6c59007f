//! What a counter shows, against what the log says happened.

use std::collections::BTreeMap;

use event_log::{EventLog, Failure};
use schemas::events::Event;
use schemas::events::users::UserEvent;

use super::{Placed, Violation};

/// The users of every system, counted twice: from the events, and by the counter that licenses are held against.
pub async fn judge_counters(
    log: &dyn EventLog,
    events: &[Placed],
) -> Result<Vec<Violation>, Failure> {
    let mut users: BTreeMap<String, i64> = BTreeMap::new();
    for (_, recorded) in events {
        let step = match &recorded.event {
            Event::Users(UserEvent::Created(_)) => 1,
            Event::Users(UserEvent::Deleted(_)) => -1,
            _ => continue,
        };
        let system_id = recorded.owner.system_id();
        *users.entry(format!("users/{system_id}")).or_default() += step;
    }
    let mut violations = Vec::new();
    for (counter, counted) in users {
        let shown = log.count(&counter).await?;
        if shown != counted {
            violations.push(Violation::Miscounted(counter, shown, counted));
        }
    }
    Ok(violations)
}

#[cfg(test)]
mod tests {
    use event_log::{Commit, Count, MemoryLog, NewEvent};
    use schemas::context::RequestContext;
    use schemas::envelope::RecordedEvent;
    use schemas::events::users::UserDeleted;
    use schemas::{CommandId, ErrorCode, Lane, Owner, Timestamp, codec};

    use super::*;
    use crate::checker::read_all;

    /// A user who goes, in a log whose counter takes that step.
    async fn judged(step: Option<i64>) -> Vec<Violation> {
        let owner: Owner = "bank/anna".parse().unwrap();
        let recorded = RecordedEvent {
            owner: owner.clone(),
            ordinal: 1,
            recorded_at: Timestamp(0),
            causation_id: CommandId([1; 32]),
            result: ErrorCode::Normal,
            context: RequestContext::default(),
            event: UserDeleted {}.into(),
        };
        let count = |step| Count {
            name: "users/bank".to_owned(),
            step,
            max: None,
        };
        let commit = Commit {
            owner: owner.clone(),
            expected_version: 0,
            events: vec![NewEvent {
                word: recorded.event.word().into(),
                aggregate: recorded.event.aggregate().into(),
                at: Timestamp(0),
                payload: codec::encode(&recorded).into(),
            }],
            command: None,
            vault: Vec::new(),
            erase: Vec::new(),
            timers: Vec::new(),
            cancelled_timers: Vec::new(),
            claims: Vec::new(),
            counts: step.map(count).into_iter().collect(),
        };
        let (log, lane) = (MemoryLog::new(), Lane::of(&owner));
        let opened = log.open_lane(lane).await.unwrap();
        log.append(lane, opened.epoch, &[commit]).await.unwrap();
        let events = read_all(&log).await.unwrap();
        judge_counters(&log, &events).await.unwrap()
    }

    #[tokio::test]
    async fn a_step_that_was_forgotten_or_taken_twice_is_found() {
        assert_eq!(judged(Some(-1)).await, []);
        let wrong = |shown| [Violation::Miscounted("users/bank".to_owned(), shown, -1)];
        assert_eq!(judged(None).await, wrong(0));
        assert_eq!(judged(Some(-2)).await, wrong(-2));
    }
}
