//! A caller who stops waiting in the middle of an append.

use std::time::Duration;

use event_log::{Timer, VaultRow};
use schemas::Timestamp;
use schemas::vault::VaultName;

use super::races::assert_dense;
use super::{Store, claim, command, command_id, commit, lane, on_every_store, owner};

on_every_store! {
    an_abandoned_append_happens_whole_or_not_at_all,
}

const APPENDS: u64 = 150;
/// The longest wait before a caller leaves, microseconds. Spread over this, some leave before anything was sent, some
/// while it is under way, some never.
const PATIENCE_MAX_US: u64 = 4000;

async fn an_abandoned_append_happens_whole_or_not_at_all(store: &Store) {
    let log = store.open().await;
    let lane = lane(50);
    let owner = owner(lane);
    let (mut version, mut abandoned) = (0, 0);
    for number in 0..APPENDS {
        let name = number.to_string();
        let mut commit = commit(&owner, version, 3);
        commit.command = Some(command(&name));
        commit.claims = vec![claim(&name)];
        commit.vault = vec![VaultRow {
            name: VaultName::answer(&command_id(&name)),
            sealed: name.clone().into_bytes(),
        }];
        commit.timers = vec![Timer {
            name: name.clone(),
            due_at: Timestamp(0),
        }];
        let opened = log.open_lane(lane).await.unwrap();
        let group = [commit];
        let append = log.append(lane, opened.epoch, &group);
        let left = if number % 3 == 0 {
            polled_only(append, number % 7).await
        } else {
            // 2654435761 is the golden ratio in 32 bits: multiples of it fall everywhere.
            let patience = number * 2_654_435_761 % PATIENCE_MAX_US;
            let append = tokio::time::timeout(Duration::from_micros(patience), append);
            append.await.ok().map(Result::unwrap).is_none()
        };
        abandoned += u64::from(left);

        // A new epoch shuts out whatever is still on its way: what is there now stays so.
        log.open_lane(lane).await.unwrap();
        let happened = log.load(&owner, version).await.unwrap().len();
        assert!(
            happened == 3 || left && happened == 0,
            "{happened} of 3 events"
        );
        let command = log.find_command(&command_id(&name)).await.unwrap();
        assert_eq!(command.is_some(), happened == 3);
        let names = [VaultName::answer(&command_id(&name))];
        let vault = log.vault(&owner, &names).await.unwrap();
        assert_eq!(vault[0].is_some(), happened == 3);
        version += happened as u64;
    }
    let timers = log
        .due_timers(lane, Timestamp(0), usize::MAX)
        .await
        .unwrap();
    assert_eq!(timers.len() as u64, version / 3);
    assert_dense(&*log, lane, version).await;
    assert!(abandoned > 0, "nobody left: this tested nothing");
}

/// Polls a future a few times and drops it; says whether that left it unfinished.
async fn polled_only(future: impl Future, polls: u64) -> bool {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        if futures::poll!(&mut future).is_ready() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}
