//! Random histories: every store behaves like the log in memory, which is written to be read.

use event_log::{AppendError, Commit, Epoch, Erase, EventLog, MemoryLog, Piece, Timer, VaultRow};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use schemas::vault::VaultName;
use schemas::{KeyIndex, Lane, Owner, Timestamp};

use super::{Engine, Store, claim, command, command_id, commit, lane, owners};

/// Histories per store. Each one is a fresh store.
const HISTORIES: u32 = 24;
/// Steps of a history.
const STEPS_MAX: usize = 14;
/// How many different owners (per lane), vault rows, timers, commands and names there are: few, so that they meet.
const VARIETY: u32 = 3;

#[test]
fn sqlite_behaves_like_the_model() {
    behaves_like_the_model(Engine::Sqlite);
}

#[test]
fn sqlite_with_the_newest_in_memory_behaves_like_the_model() {
    behaves_like_the_model(Engine::Recent);
}

#[test]
fn postgres_behaves_like_the_model() {
    if Store::on(Engine::Postgres).is_some() {
        behaves_like_the_model(Engine::Postgres);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append {
        /// How far behind the newest epoch the writer is.
        epochs_behind: u64,
        group: Vec<Draft>,
    },
    Open,
    Sweep {
        owner: u32,
        row: u32,
    },
}

/// A commit whose version is given relative to the true one.
#[derive(Clone, Debug)]
struct Draft {
    owner: u32,
    skew: i64,
    events: usize,
    command: Option<u32>,
    claims: Vec<u32>,
    vault: Vec<u32>,
    /// Rows to erase; the number after the last row stands for the whole owner.
    erase: Vec<u32>,
    timers: Vec<(u32, i64)>,
    cancelled: Vec<u32>,
}

fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let few = |variety: u32| proptest::collection::vec(0..variety, 0..3);
    let draft = (
        0..VARIETY,
        prop_oneof![12 => Just(0_i64), 1 => Just(-1), 1 => Just(1)],
        0..3_usize,
        prop_oneof![2 => Just(None), 1 => (0..4 * VARIETY).prop_map(Some)],
        proptest::collection::vec(0..8 * VARIETY, 0..2),
        few(VARIETY),
        few(VARIETY + 1),
        proptest::collection::vec((0..VARIETY, 0..4_i64), 0..3),
        few(VARIETY),
    )
        .prop_map(
            |(owner, skew, events, command, claims, vault, erase, timers, cancelled)| Draft {
                owner,
                skew,
                events,
                command,
                claims,
                vault,
                erase,
                timers,
                cancelled,
            },
        );
    let append = (
        prop_oneof![9 => Just(0_u64), 1 => Just(1)],
        proptest::collection::vec(draft, 0..4),
    )
        .prop_map(|(epochs_behind, group)| Step::Append {
            epochs_behind,
            group,
        });
    let step = prop_oneof![
        8 => append,
        1 => Just(Step::Open),
        1 => (0..VARIETY, 0..VARIETY).prop_map(|(owner, row)| Step::Sweep { owner, row }),
    ];
    proptest::collection::vec((any::<bool>(), step), 1..STEPS_MAX)
}

fn behaves_like_the_model(engine: Engine) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: HISTORIES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&steps(), |steps| {
        runtime.block_on(compare(&Store::on(engine).unwrap(), steps));
        Ok(())
    });
    if let Err(counterexample) = outcome {
        panic!("{counterexample}");
    }
}

/// Takes every step in both logs, and looks at everything after each.
async fn compare(store: &Store, steps: Vec<(bool, Step)>) {
    let (log, model) = (store.open().await, MemoryLog::new());
    let lanes = [lane(31), lane(32)];
    for (second_lane, step) in steps {
        let lane = lanes[usize::from(second_lane)];
        match step {
            Step::Open => {
                let opened = (log.open_lane(lane).await, model.open_lane(lane).await);
                assert_eq!(opened.0.unwrap(), opened.1.unwrap());
            }
            Step::Sweep { owner, row } => {
                let owner = owners(lane).nth(owner as usize).unwrap();
                log.erase(&owner, &[name(row)]).await.unwrap();
                model.erase(&owner, &[name(row)]).await.unwrap();
            }
            Step::Append {
                epochs_behind,
                group,
            } => {
                let newest = model.open_lane(lane).await.unwrap();
                assert_eq!(log.open_lane(lane).await.unwrap(), newest);
                let epoch = Epoch(newest.epoch.0 - epochs_behind);
                let group = commits(&model, lane, &group).await;
                let outcomes = both(
                    log.append(lane, epoch, &group),
                    model.append(lane, epoch, &group),
                );
                let (found, wanted) = outcomes.await;
                assert_eq!(text(&found), text(&wanted), "{group:?}");
            }
        }
        for lane in lanes {
            assert_same_lane(&*log, &model, lane).await;
        }
        let (found, wanted) = both(log.heads(), model.heads()).await;
        assert_eq!(found.unwrap(), wanted.unwrap());
        for number in 0..4 * VARIETY {
            let id = command_id(&number.to_string());
            let (found, wanted) = both(log.find_command(&id), model.find_command(&id)).await;
            assert_eq!(found.unwrap(), wanted.unwrap());
        }
    }
}

async fn assert_same_lane(log: &dyn EventLog, model: &MemoryLog, lane: Lane) {
    let (found, wanted) = both(log.read(lane, 1, 1000), model.read(lane, 1, 1000)).await;
    let wanted = wanted.unwrap();
    assert_eq!(found.unwrap(), wanted);
    let last = wanted.len() as u64;
    for (index, first) in (1..=last).enumerate() {
        let pieces = [Piece { lane, first, last }];
        assert_eq!(log.read_pieces(&pieces).await.unwrap(), wanted[index..]);
    }
    let now = Timestamp(2);
    let (found, wanted) = both(log.due_timers(lane, now, 3), model.due_timers(lane, now, 3)).await;
    assert_eq!(found.unwrap(), wanted.unwrap());
    for owner in owners(lane).take(VARIETY as usize) {
        let (found, wanted) = both(log.load(&owner, 1), model.load(&owner, 1)).await;
        assert_eq!(found.unwrap(), wanted.unwrap());
        let names: Vec<_> = (0..VARIETY).map(name).collect();
        let (found, wanted) = both(log.vault(&owner, &names), model.vault(&owner, &names)).await;
        assert_eq!(found.unwrap(), wanted.unwrap());
    }
}

async fn both<Found, Wanted>(
    found: impl Future<Output = Found>,
    wanted: impl Future<Output = Wanted>,
) -> (Found, Wanted) {
    (found.await, wanted.await)
}

/// Fills the drafts in, version after version.
async fn commits(model: &MemoryLog, lane: Lane, drafts: &[Draft]) -> Vec<Commit> {
    let owners: Vec<Owner> = owners(lane).take(VARIETY as usize).collect();
    let mut versions = Vec::new();
    for owner in &owners {
        versions.push(model.load(owner, 0).await.unwrap().len() as u64);
    }
    let fill = |draft: &Draft| {
        let version = &mut versions[draft.owner as usize];
        let mut commit = commit(
            &owners[draft.owner as usize],
            version.saturating_add_signed(draft.skew),
            draft.events,
        );
        *version += draft.events as u64;
        commit.command = draft.command.map(|number| command(&number.to_string()));
        commit.claims = draft
            .claims
            .iter()
            .map(|number| claim(&number.to_string()))
            .collect();
        let row = |number: &u32| VaultRow {
            name: name(*number),
            sealed: format!("{number} at {version}").into_bytes(),
        };
        commit.vault = draft.vault.iter().map(row).collect();
        let erase = |number: &u32| match *number {
            VARIETY => Erase::Owner,
            number => Erase::Row(name(number)),
        };
        commit.erase = draft.erase.iter().map(erase).collect();
        let timer = |&(number, due_at): &(u32, i64)| Timer {
            name: number.to_string(),
            due_at: Timestamp(due_at),
        };
        commit.timers = draft.timers.iter().map(timer).collect();
        commit.cancelled_timers = draft.cancelled.iter().map(u32::to_string).collect();
        commit
    };
    drafts.iter().map(fill).collect()
}

fn text(outcome: &Result<event_log::Appended, AppendError>) -> String {
    format!("{outcome:?}")
}

fn name(number: u32) -> VaultName {
    VaultName::key_first_part(KeyIndex(number))
}
