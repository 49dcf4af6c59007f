//! The judge: compares what the callers saw with what the log holds, and names every promise that was broken.

mod callbacks;
mod counters;
#[cfg(test)]
mod fabricated;
mod order;

use std::collections::{HashMap, HashSet};

use event_log::{EventLog, Failure};
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::keys::KeyEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::{CommandId, Lane, Position, codec};

use crate::history::{Kind, Operation, Outcome, Phase};

pub use callbacks::{judge_callbacks, owed};
pub use counters::judge_counters;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A caller was told "done", and the log does not hold it.
    Lost(Kind, String),
    /// A caller was told "done" at a place where the log holds something else.
    Misplaced(Kind, String),
    /// A caller was told "no", and it happened all the same.
    Contradicted(Kind, String),
    /// It happened, and nobody asked for it under that identity.
    Unexpected(Kind, String),
    /// The same question under the same identity had two answers.
    AnsweredDifferently(Kind, String),
    /// Even after the faults ended nobody could say how it ended.
    Unresolved(Kind, String),
    /// A transaction began twice, or ended twice.
    Doubled(String),
    /// The positions of a lane have a gap or a repetition.
    NotDense(Lane, u64),
    /// The versions of an owner have a gap or a repetition.
    NotSuccessive(String, u64),
    /// One command left the same word twice.
    CommandTwice(CommandId, &'static str),
    /// An activation code was looked at without the try standing in the log first, or tries were counted wrongly.
    NotCounted(String),
    /// An outcome that a callback was owed for, and none came.
    CallbackMissing(String),
    /// A callback told of an outcome that the log does not hold.
    CallbackUnlogged(String),
    /// One outcome was told under more than one webhook id.
    CallbackRenamed(String),
    /// One webhook id came with two bodies.
    CallbackChanged(String),
    /// A callback whose signatures are wrong.
    CallbackForged(String),
    /// A read model is not what the log says.
    TableDiffers(String),
    /// A counter shows one number, and the log says another.
    Miscounted(String, i64, i64),
    /// The run proves nothing: in this phase only so many operations succeeded.
    Vacuous(Phase, usize),
}

/// How many operations must succeed in a phase for a run to prove anything.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// Before the first fault.
    pub before: usize,
    /// While faults were being injected.
    pub during: usize,
    /// After the last one.
    pub after: usize,
}

impl Floor {
    /// A fabricated history proves something by itself.
    pub const NONE: Self = Self {
        before: 0,
        during: 0,
        after: 0,
    };

    fn of(&self, phase: Phase) -> usize {
        match phase {
            Phase::Before => self.before,
            Phase::During => self.during,
            Phase::After => self.after,
        }
    }
}

/// An event and where it lies.
pub type Placed = (Position, RecordedEvent);

/// The whole log, lane by lane.
pub async fn read_all(log: &dyn EventLog) -> Result<Vec<Placed>, Failure> {
    const AT_ONCE: usize = 1000;
    let mut all = Vec::new();
    for lane in Lane::all() {
        let mut from = 1;
        loop {
            let events = log.read(lane, from, AT_ONCE).await?;
            let Some(last) = events.last() else { break };
            from = last.position.number + 1;
            for event in &events {
                let recorded = codec::decode(&event.payload).map_err(|error| Failure {
                    attempt: format!("cannot decode {}", event.position),
                    source: Some(Box::new(error)),
                })?;
                all.push((event.position, recorded));
            }
        }
    }
    Ok(all)
}

/// Judges a run.
pub fn judge(operations: &[Operation], log: &[Placed], floor: Floor) -> Vec<Violation> {
    let mut violations = order::judge(log);
    for phase in [Phase::Before, Phase::During, Phase::After] {
        let done = |operation: &&Operation| {
            operation.phase == phase && matches!(operation.outcome, Outcome::Done(_))
        };
        let done = operations.iter().filter(done).count();
        if done < floor.of(phase) {
            violations.push(Violation::Vacuous(phase, done));
        }
    }
    let effects = Effects::of(log);
    for operation in operations {
        violations.extend(effects.judge(operation));
    }
    let asked: HashSet<CommandId> = operations
        .iter()
        .map(|operation| operation.command_id)
        .collect();
    let unasked = effects
        .all
        .iter()
        .filter(|effect| !asked.contains(&effect.command_id));
    violations
        .extend(unasked.map(|effect| Violation::Unexpected(effect.kind, effect.about.clone())));
    violations
}

/// What callers' commands brought about.
#[derive(Debug)]
struct Effects {
    all: Vec<Effect>,
    /// Where the last event of each command lies: what its caller is told.
    last_of: HashMap<CommandId, Position>,
}

#[derive(Debug)]
struct Effect {
    kind: Kind,
    about: String,
    command_id: CommandId,
}

impl Effects {
    fn of(log: &[Placed]) -> Self {
        let last_of = log
            .iter()
            .map(|(position, event)| (event.causation_id, *position))
            .collect();
        let effect = |(_, event): &Placed| {
            let (kind, about) = match &event.event {
                Event::Transactions(TransactionEvent::Created(created)) => {
                    (Kind::Create, created.transaction_id.to_string())
                }
                Event::Transactions(TransactionEvent::Confirmed(confirmed)) => {
                    (Kind::Confirm, confirmed.transaction_id.to_string())
                }
                Event::Transactions(TransactionEvent::Declined(declined)) => {
                    (Kind::Decline, declined.transaction_id.to_string())
                }
                Event::Keys(KeyEvent::Activated(_)) => {
                    (Kind::Activate, event.owner.user_id()?.to_string())
                }
                _ => return None,
            };
            Some(Effect {
                kind,
                about,
                command_id: event.causation_id,
            })
        };
        Self {
            all: log.iter().filter_map(effect).collect(),
            last_of,
        }
    }

    fn judge(&self, operation: &Operation) -> Vec<Violation> {
        let (kind, about) = (operation.kind, operation.about.clone());
        let is_it = |effect: &Effect| {
            effect.command_id == operation.command_id
                && effect.kind == kind
                && effect.about == about
        };
        let happened = self.all.iter().any(is_it);
        let mut violations = Vec::new();
        match &operation.outcome {
            Outcome::Done(_) if !happened => violations.push(Violation::Lost(kind, about.clone())),
            Outcome::Done(Some(told)) if self.last_of.get(&operation.command_id) != Some(told) => {
                violations.push(Violation::Misplaced(kind, about.clone()));
            }
            Outcome::Refused(_) if happened => {
                violations.push(Violation::Contradicted(kind, about.clone()));
            }
            Outcome::Unknown => violations.push(Violation::Unresolved(kind, about.clone())),
            Outcome::Done(_) | Outcome::Refused(_) => {}
        }
        if operation
            .again
            .as_ref()
            .is_some_and(|again| *again != operation.outcome)
        {
            violations.push(Violation::AnsweredDifferently(kind, about));
        }
        violations
    }
}
