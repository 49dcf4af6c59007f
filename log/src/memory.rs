//! The log in memory: for tests and simulations. Written as plainly as possible, because it is also the model that the
//! other stores are compared with.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use futures::FutureExt;
use futures::future::BoxFuture;
use schemas::vault::VaultName;
use schemas::{CommandId, Lane, Owner, Position, SystemId, Timestamp};

use crate::commit::{Claim, Commit, Erase, Timer};
use crate::group;
use crate::kept::KeptOf;
use crate::port::{
    AppendError, Appended, CommandRecord, DueTimer, Epoch, EventLog, Failure, LogEvent, OpenLane,
};
use crate::restoring::behind_the_end;

/// A log that forgets everything when it is dropped.
#[derive(Debug)]
pub struct MemoryLog(Mutex<State>);

#[derive(Debug)]
struct State {
    lanes: Vec<LaneState>,
    histories: HashMap<Owner, Vec<Position>>,
    commands: HashMap<CommandId, CommandRecord>,
    vault: HashMap<Owner, BTreeMap<VaultName, Vec<u8>>>,
    timers: HashMap<(Owner, String), Timestamp>,
    due: BTreeSet<(Lane, Timestamp, String, String)>,
    claims: BTreeSet<Claim>,
    counts: BTreeMap<String, i64>,
}

#[derive(Debug)]
struct LaneState {
    epoch: Epoch,
    events: Vec<LogEvent>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self(Mutex::new(State {
            lanes: Lane::all().map(|_| LaneState::unopened()).collect(),
            histories: HashMap::new(),
            commands: HashMap::new(),
            vault: HashMap::new(),
            timers: HashMap::new(),
            due: BTreeSet::new(),
            claims: BTreeSet::new(),
            counts: BTreeMap::new(),
        }))
    }

    fn put_back(&self, event: &LogEvent) -> Result<(), Failure> {
        let (lane, number) = (event.position.lane.number(), event.position.number);
        let mut state = self.state();
        let lane = &mut state.lanes[usize::from(lane)].events;
        let place = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        let Some(place) = place.and_then(|place| lane.get_mut(place)) else {
            return Err(behind_the_end(event.position));
        };
        *place = event.clone();
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("nothing panics while it holds the state")
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn lane(&self, lane: Lane) -> &LaneState {
        &self.lanes[usize::from(lane.number())]
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut LaneState {
        &mut self.lanes[usize::from(lane.number())]
    }

    fn version(&self, owner: &Owner) -> u64 {
        self.histories.get(owner).map_or(0, Vec::len) as u64
    }

    /// Looks for anything that stands in the way of the group, in the order of its commits.
    fn check(&self, group: &[Commit]) -> Result<(), AppendError> {
        let mut versions = HashMap::new();
        let mut commands = HashSet::new();
        let mut claims = BTreeSet::new();
        let mut counts = self.counts.clone();
        for commit in group {
            if let Some(command) = &commit.command {
                let id = command.command_id;
                if self.commands.contains_key(&id) || !commands.insert(id) {
                    return Err(AppendError::Duplicate(id));
                }
            }
            let version = versions
                .entry(&commit.owner)
                .or_insert_with(|| self.version(&commit.owner));
            if *version != commit.expected_version {
                return Err(AppendError::Conflict);
            }
            *version += commit.events.len() as u64;
            for claim in commit.claims.iter().collect::<BTreeSet<_>>() {
                if self.claims.contains(claim) || !claims.insert(claim) {
                    return Err(AppendError::Taken {
                        scope: claim.scope.clone(),
                        name: claim.name.clone(),
                    });
                }
            }
            for count in &commit.counts {
                let shown = counts.entry(count.name.clone()).or_default();
                *shown += count.step;
                if count.max.is_some_and(|max| *shown > max) {
                    let name = count.name.clone();
                    return Err(AppendError::Full { name });
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, lane: Lane, commit: &Commit) {
        for event in &commit.events {
            let position = Position {
                lane,
                number: self.lane(lane).last() + 1,
            };
            let history = self.histories.entry(commit.owner.clone()).or_default();
            history.push(position);
            let version = history.len() as u64;
            self.lane_mut(lane).events.push(LogEvent {
                position,
                owner: commit.owner.clone(),
                version,
                word: event.word.clone(),
                aggregate: event.aggregate.clone(),
                at: event.at,
                payload: event.payload.clone(),
            });
        }
        if let Some(command) = &commit.command {
            let record = CommandRecord {
                fingerprint: command.fingerprint,
                code: command.code,
                answer: command.answer.clone(),
                position: Position {
                    lane,
                    number: self.lane(lane).last(),
                },
            };
            self.commands.insert(command.command_id, record);
        }
        let part = self.vault.entry(commit.owner.clone()).or_default();
        for row in &commit.vault {
            part.insert(row.name.clone(), row.sealed.clone());
        }
        for erase in &commit.erase {
            match erase {
                Erase::Row(name) => drop(part.remove(name)),
                Erase::Owner => part.clear(),
            }
        }
        for timer in &commit.timers {
            self.set_timer(lane, &commit.owner, &timer.name, Some(timer.due_at));
        }
        for name in &commit.cancelled_timers {
            self.set_timer(lane, &commit.owner, name, None);
        }
        self.claims.extend(commit.claims.iter().cloned());
        for count in &commit.counts {
            *self.counts.entry(count.name.clone()).or_default() += count.step;
        }
    }

    fn set_timer(&mut self, lane: Lane, owner: &Owner, name: &str, due_at: Option<Timestamp>) {
        let key = (owner.clone(), name.to_owned());
        let due = |at| (lane, at, owner.to_string(), name.to_owned());
        let before = match due_at {
            Some(at) => self.timers.insert(key, at),
            None => self.timers.remove(&key),
        };
        if let Some(before) = before {
            self.due.remove(&due(before));
        }
        self.due.extend(due_at.map(due));
    }
}

impl LaneState {
    fn unopened() -> Self {
        Self {
            epoch: Epoch(0),
            events: Vec::new(),
        }
    }

    fn last(&self) -> u64 {
        self.events.len() as u64
    }
}

impl EventLog for MemoryLog {
    fn open_lane(&self, lane: Lane) -> BoxFuture<'_, Result<OpenLane, Failure>> {
        async move {
            let mut state = self.state();
            let lane = state.lane_mut(lane);
            lane.epoch.0 += 1;
            Ok(OpenLane {
                epoch: lane.epoch,
                last: lane.last(),
            })
        }
        .boxed()
    }

    fn append<'a>(
        &'a self,
        lane: Lane,
        epoch: Epoch,
        group: &'a [Commit],
    ) -> BoxFuture<'a, Result<Appended, AppendError>> {
        async move {
            // Asserts that every owner lives here.
            group::owners(lane, group);
            let mut state = self.state();
            if state.lane(lane).epoch != epoch {
                return Err(AppendError::Fenced { lane });
            }
            state.check(group).map_err(|error| match group {
                [_] => error,
                _ => AppendError::Group,
            })?;
            let first = state.lane(lane).last() + 1;
            for commit in group {
                state.apply(lane, commit);
            }
            let last = state.lane(lane).last();
            Ok(Appended { first, last })
        }
        .boxed()
    }

    fn load<'a>(
        &'a self,
        owner: &'a Owner,
        after: u64,
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>> {
        async move {
            let state = self.state();
            let positions = state.histories.get(owner).map_or(&[][..], Vec::as_slice);
            let event = |position: &Position| {
                state.lane(position.lane).events[position.number as usize - 1].clone()
            };
            let positions = positions.iter().skip(after as usize);
            Ok(positions.map(event).collect())
        }
        .boxed()
    }

    fn read(
        &self,
        lane: Lane,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LogEvent>, Failure>> {
        async move {
            let state = self.state();
            let before = from.saturating_sub(1) as usize;
            let events = state.lane(lane).events.iter().skip(before).take(limit);
            Ok(events.cloned().collect())
        }
        .boxed()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        async move { Ok(self.state().lanes.iter().map(LaneState::last).collect()) }.boxed()
    }

    fn find_command<'a>(
        &'a self,
        id: &'a CommandId,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Failure>> {
        async move { Ok(self.state().commands.get(id).cloned()) }.boxed()
    }

    fn vault<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Failure>> {
        async move {
            let state = self.state();
            let row = |name| state.vault.get(owner)?.get(name).cloned();
            Ok(names.iter().map(row).collect())
        }
        .boxed()
    }

    fn kept_of<'a>(
        &'a self,
        system_id: &'a SystemId,
        after: Option<&'a Owner>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Owner>, Failure>> {
        async move {
            let kept = KeptOf::new(system_id, after);
            let state = self.state();
            let owners = state.vault.iter().filter(|(_, part)| !part.is_empty());
            let names: BTreeSet<String> = owners.map(|(owner, _)| owner.to_string()).collect();
            let own = names.get(&kept.system).into_iter();
            let users = names
                .range::<String, _>((Bound::Excluded(&kept.behind), Bound::Excluded(&kept.before)));
            KeptOf::owners(own.chain(users.take(limit)).cloned().collect())
        }
        .boxed()
    }

    fn count<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<i64, Failure>> {
        async move { Ok(self.state().counts.get(name).copied().unwrap_or(0)) }.boxed()
    }

    fn erase<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            if let Some(part) = self.state().vault.get_mut(owner) {
                part.retain(|name, _| !names.contains(name));
            }
            Ok(())
        }
        .boxed()
    }

    fn restore<'a>(&'a self, event: &'a LogEvent) -> BoxFuture<'a, Result<(), Failure>> {
        async move { self.put_back(event) }.boxed()
    }

    fn due_timers(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DueTimer>, Failure>> {
        async move {
            let earliest = (lane, Timestamp(i64::MIN), String::new(), String::new());
            let state = self.state();
            let due = state
                .due
                .range(earliest..)
                .take_while(|(of, due_at, ..)| *of == lane && *due_at <= now)
                .take(limit)
                .map(|(_, due_at, owner, name)| DueTimer {
                    owner: owner.parse().expect("it was an owner when it was written"),
                    timer: Timer {
                        name: name.clone(),
                        due_at: *due_at,
                    },
                });
            Ok(due.collect())
        }
        .boxed()
    }
}
