//! Deadlines of a lane: when one has passed, the house itself asks for what a policy says.

use std::sync::Arc;

use event_log::{Commit, Failure};
use handlers::Outside;
use schemas::commands::{Caller, CommandEnvelope};
use schemas::context::{RequestContext, RequestPrivate};
use schemas::{CommandId, Digest, Lane, RequestId, Timestamp};

use crate::gather::{Gathered, Ready};
use crate::house::House;

/// Due deadlines taken up at once.
const DUE_MAX: usize = 256;
/// How long the house gives its own commands, ms.
const OWN_DEADLINE_MS: i64 = 60_000;

/// The lane's next deadline, so that an idle lane asks the log nothing.
#[derive(Debug)]
pub struct Timers {
    lane: Lane,
    next: Option<Timestamp>,
    is_in_doubt: bool,
}

impl Timers {
    /// Looks for the earliest deadline of the lane.
    pub async fn open(house: &House, lane: Lane) -> Result<Self, Failure> {
        let first = house.log.due_timers(lane, Timestamp(i64::MAX), 1).await?;
        Ok(Self {
            lane,
            next: first.first().map(|due| due.timer.due_at),
            is_in_doubt: false,
        })
    }

    /// Notes the deadlines of a commit that was appended.
    pub fn note(&mut self, commit: &Commit) {
        let earliest = commit.timers.iter().map(|timer| timer.due_at).min();
        self.next = self.next.into_iter().chain(earliest).min();
    }

    /// An append of unknown outcome may have set a deadline, or the log could not be asked: look again soon.
    pub fn doubt(&mut self) {
        self.is_in_doubt = true;
    }

    /// Whether there may be a deadline before the one that is known.
    pub fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// The next deadline, if there is one.
    pub fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// The commands of the deadlines that have passed.
    pub async fn due(&mut self, house: &House) -> Result<Vec<Ready>, Failure> {
        let now = house.clock.now();
        if self.next.is_none_or(|next| next > now) {
            return Ok(Vec::new());
        }
        let due = house.log.due_timers(self.lane, now, DUE_MAX).await?;
        self.next = if due.len() == DUE_MAX {
            Some(now)
        } else {
            // Those that are due are on their way; the earliest of the rest is found when they are settled.
            self.is_in_doubt = true;
            None
        };
        let ready = due.into_iter().filter_map(|due| {
            let Some(command) = handlers::policies::on_deadline(&due.owner, &due.timer.name) else {
                tracing::error!(owner = %due.owner, timer = due.timer.name, "no policy knows this deadline");
                return None;
            };
            let identity = [due.owner.to_string(), due.timer.name.clone(), due.timer.due_at.to_string()].join("\n");
            let command_id = CommandId::from_key("house", "deadline", &identity);
            let envelope = CommandEnvelope {
                command_id,
                fingerprint: Digest::sha256(identity.as_bytes()),
                request_id: RequestId(command_id.0),
                owner: due.owner,
                caller: Caller::House,
                deadline: now.plus_ms(OWN_DEADLINE_MS),
                context: RequestContext::default(),
                private: RequestPrivate::default(),
                traceparent: None,
                command,
            };
            Some(Ready {
                envelope: Arc::new(envelope),
                delivery: None,
                timer: Some(due.timer.name),
                gathered: Gathered::default(),
                outside: Outside::default(),
            })
        });
        Ok(ready.collect())
    }

    /// Looks again for the earliest deadline, after due ones were settled.
    pub async fn refresh(&mut self, house: &House) -> Result<(), Failure> {
        *self = Self::open(house, self.lane).await?;
        Ok(())
    }
}
