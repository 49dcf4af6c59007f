//! Several writers at once.

use std::collections::BTreeSet;

use event_log::{AppendError, EventLog};
use futures::future::join_all;
use schemas::Lane;

use super::{Store, claim, command, commit, lane, on_every_store, owner, owners};

on_every_store! {
    of_writers_that_race_for_one_owner_exactly_one_wins,
    of_owners_that_race_for_one_name_exactly_one_wins,
    of_two_copies_of_a_command_exactly_one_wins,
    writers_that_race_for_the_fence_leave_a_dense_lane,
    many_writers_of_many_lanes_do_not_disturb_each_other,
}

const WRITERS: usize = 12;

async fn of_writers_that_race_for_one_owner_exactly_one_wins(store: &Store) {
    let log = store.open().await;
    let other_process = store.open().await;
    let lane = lane(1);
    let owner = owner(lane);
    let opened = log.open_lane(lane).await.unwrap();
    for version in 0..8 {
        let race = (0..WRITERS).map(|number| {
            let log = if number % 2 == 0 {
                &log
            } else {
                &other_process
            };
            let (log, commit) = (log.clone(), commit(&owner, version, 1));
            tokio::spawn(async move { log.append(lane, opened.epoch, &[commit]).await })
        });
        let outcomes: Vec<_> = join_all(race)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let losers = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(AppendError::Conflict)));
        assert_eq!(losers.count(), WRITERS - 1, "{outcomes:?}");
    }
    assert_eq!(log.load(&owner, 0).await.unwrap().len(), 8);
    assert_dense(&*log, lane, 8).await;
}

async fn of_owners_that_race_for_one_name_exactly_one_wins(store: &Store) {
    let log = store.open().await;
    for round in 0..4 {
        let name = format!("t-{round}");
        let race = Lane::all().take(WRITERS).map(|lane| {
            let log = log.clone();
            let mut commit = commit(&owners(lane).nth(round).unwrap(), 0, 1);
            commit.claims = vec![claim(&name)];
            tokio::spawn(async move {
                let opened = log.open_lane(lane).await.unwrap();
                log.append(lane, opened.epoch, &[commit]).await
            })
        });
        let outcomes: Vec<_> = join_all(race)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let taken = |outcome: &&Result<_, _>| matches!(outcome, Err(AppendError::Taken { .. }));
        assert_eq!(
            outcomes.iter().filter(taken).count(),
            WRITERS - 1,
            "{outcomes:?}"
        );
    }
}

async fn of_two_copies_of_a_command_exactly_one_wins(store: &Store) {
    let log = store.open().await;
    for round in 0..8_u64 {
        let race = [lane(2), lane(3)].map(|lane| {
            let log = log.clone();
            let mut commit = commit(&owner(lane), 0, 0);
            commit.command = Some(command(&round.to_string()));
            tokio::spawn(async move {
                let opened = log.open_lane(lane).await.unwrap();
                log.append(lane, opened.epoch, &[commit]).await
            })
        });
        let outcomes: Vec<_> = join_all(race)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let lost = |outcome: &&Result<_, _>| matches!(outcome, Err(AppendError::Duplicate(_)));
        assert_eq!(
            (won, outcomes.iter().filter(lost).count()),
            (1, 1),
            "{outcomes:?}"
        );
    }
}

async fn writers_that_race_for_the_fence_leave_a_dense_lane(store: &Store) {
    const TERMS: usize = 12;
    const APPENDS_PER_TERM: usize = 3;
    let log = store.open().await;
    let lane = lane(4);
    let race = owners(lane).take(4).map(|owner| {
        let log = log.clone();
        tokio::spawn(async move {
            let (mut version, mut fenced) = (0, 0);
            for _ in 0..TERMS {
                let opened = log.open_lane(lane).await.unwrap();
                for _ in 0..APPENDS_PER_TERM {
                    let group = [commit(&owner, version, 1)];
                    match log.append(lane, opened.epoch, &group).await {
                        Ok(_) => version += 1,
                        Err(AppendError::Fenced { .. }) => fenced += 1,
                        Err(error) => panic!("{error:?}"),
                    }
                    tokio::task::yield_now().await;
                }
            }
            (version, fenced)
        })
    });
    let outcomes: Vec<(u64, u64)> = join_all(race)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let appended = outcomes.iter().map(|(version, _)| version).sum();
    let fenced: u64 = outcomes.iter().map(|(_, fenced)| fenced).sum();
    assert!(
        appended > 0 && fenced > 0,
        "this was no race: {appended} appended, {fenced} fenced"
    );
    assert_dense(&*log, lane, appended).await;
}

async fn many_writers_of_many_lanes_do_not_disturb_each_other(store: &Store) {
    let log = store.open().await;
    let writers = Lane::all().map(|lane| {
        let log = log.clone();
        tokio::spawn(async move {
            let opened = log.open_lane(lane).await.unwrap();
            for version in 0..5 {
                let mut group: Vec<_> = owners(lane)
                    .take(4)
                    .map(|owner| commit(&owner, version, 1))
                    .collect();
                for commit in &mut group {
                    commit.claims = vec![claim(&format!("{} {version}", commit.owner))];
                }
                log.append(lane, opened.epoch, &group).await.unwrap();
            }
        })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    for lane in Lane::all() {
        assert_dense(&*log, lane, 20).await;
    }
}

/// Positions are 1 to `last`, and every history is without a gap.
pub(super) async fn assert_dense(log: &dyn EventLog, lane: Lane, last: u64) {
    assert_eq!(log.heads().await.unwrap()[usize::from(lane.number())], last);
    let events = log.read(lane, 1, usize::MAX).await.unwrap();
    let numbers: Vec<_> = events.iter().map(|event| event.position.number).collect();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    let owners: BTreeSet<_> = events.iter().map(|event| &event.owner).collect();
    for owner in owners {
        let history = log.load(owner, 0).await.unwrap();
        let versions: Vec<_> = history.iter().map(|event| event.version).collect();
        assert_eq!(versions, (1..=history.len() as u64).collect::<Vec<_>>());
        assert!(history.is_sorted_by_key(|event| event.position.number));
    }
}
