use event_log::{Commit, MemoryLog, NewEvent};
use evidence::{Leaf, Tree};
use schemas::Timestamp;
use schemas::context::RequestContext;

use super::*;
use crate::leaves::tests::payload;

pub(crate) fn owner(number: usize) -> Owner {
    format!("11111111-2222-4333-8444-555555555555/client-{number}")
        .parse()
        .unwrap()
}

/// Lets so many events happen to an owner.
pub(crate) async fn happen(log: &MemoryLog, owner: &Owner, count: u64, at: i64) {
    let lane = Lane::of(owner);
    let version = log.load(owner, 0).await.unwrap().len() as u64;
    let event = |version| NewEvent {
        word: "change_user".into(),
        aggregate: "users".into(),
        at: Timestamp(at),
        payload: payload(owner, version, RequestContext::default()).into(),
    };
    let commit = Commit::of(
        owner.clone(),
        version,
        (version + 1..=version + count).map(event).collect(),
    );
    let open = log.open_lane(lane).await.unwrap();
    log.append(lane, open.epoch, &[commit]).await.unwrap();
}

/// The root that the order and the log lead to, computed from the beginning.
async fn recomputed(log: &MemoryLog, ledger: &Ledger) -> (u64, Digest) {
    let size = ledger.signed().size();
    let (mut tree, mut last) = (Tree::default(), HashMap::<Owner, Leaf>::new());
    for position in ledger.order().positions(0, size).unwrap() {
        let found = log.read(position.lane, position.number, 1).await.unwrap();
        let prev = last.get(&found[0].owner);
        assert_eq!(prev.map_or(0, |leaf| leaf.version) + 1, found[0].version);
        let leaf = leaf_of(&found[0], prev.map(Leaf::entry));
        tree.push(leaf.entry().as_bytes());
        last.insert(leaf.owner.clone(), leaf);
    }
    (size, tree.root())
}

/// The notary of this log, in this folder.
pub(crate) fn open(
    log: &Arc<MemoryLog>,
    folder: &tempfile::TempDir,
) -> Result<Notary, NotaryError> {
    let place = Place::within(folder.path());
    Notary::open(Arc::clone(log) as _, place, Some("test"), || [5; 32])
}

#[tokio::test]
async fn every_event_gets_one_place_and_the_tree_follows_from_them() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
    let mut notary = open(&log, &folder).unwrap();
    notary.catch_up().await.unwrap();
    assert_eq!(notary.signed().size(), 0);
    for round in 0..4 {
        for number in 0..20 {
            happen(&log, &owner(number), 3 + round, 1000 - number as i64).await;
        }
        notary.catch_up().await.unwrap();
        let total: u64 = log.heads().await.unwrap().iter().sum();
        let signed = (notary.signed().size(), *notary.signed().root());
        assert_eq!(signed.0, total);
        assert_eq!(signed, recomputed(&log, notary.ledger()).await);
        if round == 1 {
            // What was remembered of the histories is read from the files after a restart.
            drop(notary);
            notary = open(&log, &folder).unwrap();
        }
    }
}

#[tokio::test]
async fn a_long_lane_does_not_keep_the_others_away() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
    for number in 0..3 {
        happen(&log, &owner(number), STEP_MAX + 5, 7).await;
    }
    let mut notary = open(&log, &folder).unwrap();
    let first = notary.undecided().await.unwrap();
    let second = notary.undecided().await.unwrap();
    assert_eq!(
        (first.len() as u64, second.len() as u64),
        (STEP_MAX, STEP_MAX)
    );
    assert_ne!(first[0].position.lane, second[0].position.lane);
    notary.catch_up().await.unwrap();
    assert_eq!(notary.signed().size(), 3 * (STEP_MAX + 5));
    let recomputed = recomputed(&log, notary.ledger()).await;
    assert_eq!(recomputed.1, *notary.signed().root());
}

#[tokio::test]
async fn what_does_not_fill_a_tile_waits_for_one_round_at_most() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
    let mut notary = open(&log, &folder).unwrap();
    let mut sizes = Vec::new();
    for happened in [700, 0, 10, 300, 0] {
        happen(&log, &owner(1), happened, 5).await;
        notary.advance(Tail::Waits).await.unwrap();
        sizes.push(notary.signed().size());
    }
    assert_eq!(sizes, [512, 700, 710, 768, 1010]);
    let recomputed = recomputed(&log, notary.ledger()).await;
    assert_eq!(recomputed.1, *notary.signed().root());
}

#[test]
fn a_step_ends_at_a_full_tile_if_it_reaches_one() {
    assert_eq!(up_to_a_full_tile(0, 255, false), 255);
    assert_eq!(up_to_a_full_tile(0, 256, false), 256);
    assert_eq!(up_to_a_full_tile(0, 257, false), 256);
    assert_eq!(up_to_a_full_tile(300, 211, false), 211);
    assert_eq!(up_to_a_full_tile(300, 212, true), 212);
    assert_eq!(up_to_a_full_tile(300, 211, true), 0);
    assert_eq!(up_to_a_full_tile(512, 4096, true), 4096);
}

#[tokio::test]
async fn a_failed_step_is_done_again_in_the_order_it_had() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
    let mut notary = open(&log, &folder).unwrap();
    for number in 0..9 {
        happen(&log, &owner(number), 2, 5).await;
    }
    // The order is written and the tiles are not.
    let tiles = folder.path().join("evidence/tile");
    std::fs::write(&tiles, "in the way").unwrap();
    assert!(notary.catch_up().await.is_err());
    std::fs::remove_file(&tiles).unwrap();
    // What comes in between with an earlier time has its place after them.
    happen(&log, &owner(100), 1, 1).await;
    notary.catch_up().await.unwrap();
    assert_eq!(notary.signed().size(), 19);
    let order = notary.ledger().order().positions(18, 19).unwrap();
    assert_eq!(order[0].lane, Lane::of(&owner(100)));
    let recomputed = recomputed(&log, notary.ledger()).await;
    assert_eq!(recomputed.1, *notary.signed().root());
}

#[tokio::test]
async fn a_log_shorter_than_the_journal_stops_the_notary() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
    happen(&log, &owner(1), 3, 5).await;
    open(&log, &folder).unwrap().catch_up().await.unwrap();
    let other = Arc::new(MemoryLog::new());
    happen(&other, &owner(1), 2, 5).await;
    let stopped = open(&other, &folder)
        .unwrap()
        .run(std::future::pending())
        .await;
    match stopped {
        Err(NotaryError::LogIsBehind {
            lane,
            log: 2,
            recorded: 3,
        }) => {
            assert_eq!(lane, Lane::of(&owner(1)));
        }
        other => panic!("a shorter log must stop it, not {other:?}"),
    }
}

#[tokio::test]
async fn a_running_notary_follows_the_log_and_ends_when_told_to() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
    let notary = open(&log, &folder).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(notary.run(async { drop(stopped.await) }));
    happen(&log, &owner(1), 3, 5).await;
    let path = folder.path().join("evidence/checkpoint");
    let signed = async {
        loop {
            let note = std::fs::read_to_string(&path).unwrap();
            if note.lines().nth(1) == Some("3") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), signed)
        .await
        .unwrap();
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

#[test]
fn the_order_is_that_of_time_within_what_the_lanes_permit() {
    let event = |lane: u8, number, at| LogEvent {
        position: Position {
            lane: Lane::new(lane).unwrap(),
            number,
        },
        owner: owner(1),
        version: 1,
        word: "".into(),
        aggregate: "".into(),
        at: Timestamp(at),
        payload: Vec::new().into(),
    };
    let merged = merge(vec![
        event(2, 1, 50),
        event(2, 2, 10),
        event(0, 1, 20),
        event(0, 2, 50),
        event(1, 1, 50),
    ]);
    let order: Vec<String> = merged
        .iter()
        .map(|event| event.position.to_string())
        .collect();
    assert_eq!(order, ["0-1", "0-2", "1-1", "2-1", "2-2"]);
}
