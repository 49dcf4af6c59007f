//! A group of commits, brought into the rows that are written in its name.
//!
//! The order of the commits is folded away here: of everything that happens to one vault row or one timer only the last
//! word is written. Rows are sorted by their key, so that two groups never wait for each other crosswise.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{CommandId, Lane, Timestamp};

use crate::commit::{Claim, CommandRow, Commit, Count, Erase, NewEvent};
use crate::port::{AppendError, EventLog, Failure};

/// What a group writes.
#[derive(Debug, Default)]
pub(crate) struct Rows<'a> {
    /// Each owner of the group, and the version its history must have before.
    pub histories: Vec<(&'a str, u64)>,
    /// Events in the order of their positions.
    pub events: Vec<EventRow<'a>>,
    /// Commands by id; each with the number of events of the group up to the end of its commit.
    pub commands: Vec<(&'a CommandRow, u64)>,
    /// Owners whose whole part of the vault goes, except what is written below.
    pub erased_owners: Vec<&'a str>,
    /// Single vault rows that go: owner and name. None of them is written below.
    pub erased: Vec<(&'a str, &'a str)>,
    /// Vault rows to write: owner, name, sealed bytes.
    pub written: Vec<(&'a str, &'a str, &'a [u8])>,
    /// Timers to set: owner, name, moment.
    pub timers: Vec<(&'a str, &'a str, Timestamp)>,
    /// Timers to forget: owner and name.
    pub cancelled: Vec<(&'a str, &'a str)>,
    /// Names to take, and for whom.
    pub claims: Vec<(&'a Claim, &'a str)>,
    /// Steps of counters, one by one.
    pub counts: Vec<&'a Count>,
}

/// An event with its place in its owner's history.
#[derive(Debug)]
pub(crate) struct EventRow<'a> {
    pub owner: &'a str,
    pub version: u64,
    pub event: &'a NewEvent,
}

/// The text of every commit's owner, in order.
///
/// # Panics
/// When an owner does not live in the lane: its history would be split between two lanes for ever.
pub(crate) fn owners(lane: Lane, group: &[Commit]) -> Vec<String> {
    let text = |commit: &Commit| {
        assert_eq!(
            Lane::of(&commit.owner),
            lane,
            "{} lives in another lane",
            commit.owner
        );
        commit.owner.to_string()
    };
    group.iter().map(text).collect()
}

impl<'a> Rows<'a> {
    /// The rows of a group; `None` when its members contradict each other: a skipped version, a command or a name twice.
    pub fn of(group: &'a [Commit], owners: &'a [String]) -> Option<Self> {
        let mut rows = Self::default();
        let mut versions = BTreeMap::new();
        let mut commands = BTreeMap::<CommandId, _>::new();
        let mut claims = BTreeMap::new();
        let mut erased_owners = BTreeSet::new();
        let mut vault = BTreeMap::new();
        let mut timers = BTreeMap::new();
        for (commit, owner) in group.iter().zip(owners) {
            let owner = owner.as_str();
            match versions.get(owner) {
                None => rows.histories.push((owner, commit.expected_version)),
                Some(version) if *version == commit.expected_version => {}
                Some(_) => return None,
            }
            versions.insert(owner, commit.expected_version + commit.events.len() as u64);
            for (version, event) in (commit.expected_version + 1..).zip(&commit.events) {
                rows.events.push(EventRow {
                    owner,
                    version,
                    event,
                });
            }
            if let Some(command) = &commit.command {
                let row = (command, rows.events.len() as u64);
                if commands.insert(command.command_id, row).is_some() {
                    return None;
                }
            }
            // A commit that names a claim twice means it once.
            for claim in commit.claims.iter().collect::<BTreeSet<_>>() {
                if claims.insert(claim, owner).is_some() {
                    return None;
                }
            }
            rows.counts.extend(&commit.counts);
            for row in &commit.vault {
                vault.insert((owner, row.name.as_str()), Some(row.sealed.as_slice()));
            }
            for erase in &commit.erase {
                match erase {
                    Erase::Row(name) => {
                        vault.insert((owner, name.as_str()), None);
                    }
                    Erase::Owner => {
                        vault.retain(|(of, _), _| *of != owner);
                        erased_owners.insert(owner);
                    }
                }
            }
            for timer in &commit.timers {
                timers.insert((owner, timer.name.as_str()), Some(timer.due_at));
            }
            for name in &commit.cancelled_timers {
                timers.insert((owner, name.as_str()), None);
            }
        }
        for ((owner, name), sealed) in vault {
            match sealed {
                Some(sealed) => rows.written.push((owner, name, sealed)),
                None if erased_owners.contains(owner) => {}
                None => rows.erased.push((owner, name)),
            }
        }
        for ((owner, name), due_at) in timers {
            match due_at {
                Some(due_at) => rows.timers.push((owner, name, due_at)),
                None => rows.cancelled.push((owner, name)),
            }
        }
        rows.histories.sort_unstable();
        rows.commands = commands.into_values().collect();
        rows.claims = claims.into_iter().collect();
        rows.erased_owners = erased_owners.into_iter().collect();
        Some(rows)
    }
}

/// Says what stood in the way of a group that was refused: of a single commit exactly, of several only that it was one.
///
/// A repeated command is named before anything else, because it can be answered at once.
pub(crate) async fn obstacle(
    log: &impl EventLog,
    group: &[Commit],
    histories: Histories,
    taken: impl Future<Output = Result<Option<Claim>, Failure>>,
) -> AppendError {
    let [commit] = group else {
        return AppendError::Group;
    };
    if let Some(command) = &commit.command {
        match log.find_command(&command.command_id).await {
            Ok(Some(_)) => return AppendError::Duplicate(command.command_id),
            Ok(None) => {}
            Err(failure) => return AppendError::Failed(failure),
        }
    }
    if histories == Histories::Elsewhere {
        return AppendError::Conflict;
    }
    if histories == Histories::Full {
        // Only a limited step can meet a limit, and a decision has one at most.
        let mut limited = commit.counts.iter().filter(|count| count.max.is_some());
        return limited.next().map_or(AppendError::Conflict, |count| {
            let name = count.name.clone();
            AppendError::Full { name }
        });
    }
    match taken.await {
        Ok(Some(Claim { scope, name })) => AppendError::Taken { scope, name },
        // What stood in the way has gone since: deciding again is right in any case.
        Ok(None) => AppendError::Conflict,
        Err(failure) => AppendError::Failed(failure),
    }
}

/// Whether the owners' histories were where the group expected them, and whether a counter was in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Histories {
    AsExpected,
    Elsewhere,
    /// As expected, but a counter would have passed its limit.
    Full,
}
