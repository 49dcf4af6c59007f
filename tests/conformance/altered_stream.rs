//! Whatever happens to the files of a real nats-server while it is down, the public stream afterwards is the log, or it is
//! noticed that it is not: flipped bits, emptied pages, cut files, older copies.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure of the server is a failure of the test"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, JetStreamBus, Publication};
use event_log::{Commit, EventLog, MemoryLog, NewEvent};
use futures::TryStreamExt as _;
use healing::compare;
use schemas::{Lane, Owner, Position, Timestamp};
use tests::nats::TestNats;

use crate::altered_log::Dice;

const OWNERS: u64 = 40;
const EVENTS: u64 = 8;
const MUTATIONS: u64 = 80;
/// What nats-server takes to start at most, when it does.
const PATIENCE: Duration = Duration::from_secs(5);

/// Adds an event to everybody's history.
async fn happen(log: &MemoryLog, version: u64) {
    for number in 0..OWNERS {
        let owner: Owner = format!("11111111-2222-4333-8444-555555555555/client-{number}")
            .parse()
            .unwrap();
        let event = NewEvent {
            word: "change_user".into(),
            aggregate: "users".into(),
            at: Timestamp(1_795_435_200_000 + version as i64),
            payload: format!("event {version} of {number} ").repeat(20).into(),
        };
        let lane = Lane::of(&owner);
        let commit = Commit::of(owner, version - 1, vec![event]);
        let open = log.open_lane(lane).await.unwrap();
        log.append(lane, open.epoch, &[commit]).await.unwrap();
    }
}

/// Everything that the log has, as it is published.
async fn publications(log: &MemoryLog) -> Vec<Publication> {
    let mut all = Vec::new();
    for lane in Lane::all() {
        for event in log.read(lane, 1, usize::from(u16::MAX)).await.unwrap() {
            all.push(Publication {
                position: event.position,
                system_id: event.owner.system_id().clone(),
                aggregate: event.aggregate,
                word: event.word,
                payload: event.payload,
            });
        }
    }
    // As they happen: the lanes take turns.
    all.sort_by_key(|it| it.position.number);
    all
}

/// The files of the stream, the one with the messages first.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else if path.components().any(|part| part.as_os_str() == "EVT") {
            files.push(path);
        }
    }
    files.sort_by_key(|path| (path.extension().is_none_or(|it| it != "blk"), path.clone()));
    files
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

fn replace(stored: &Path, by: &Path) {
    std::fs::remove_dir_all(stored).unwrap();
    copy(by, stored);
}

/// Does something to the files; says what.
fn mutate(dice: &mut Dice, stored: &Path, older: &Path) -> String {
    let kind = dice.below(8);
    if kind == 0 {
        replace(stored, older);
        return "an older copy".to_owned();
    }
    let files = files_in(stored);
    let others = dice.below(4) == 0;
    let file = &files[if others {
        dice.below(files.len() as u64) as usize
    } else {
        0
    }];
    let mut bytes = std::fs::read(file).unwrap();
    let place = dice.below(bytes.len().max(1) as u64) as usize;
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let said = match kind {
        1 => {
            bytes.truncate(place);
            format!("{name} cut after {place}")
        }
        2 => {
            let end = (place + 512).min(bytes.len());
            bytes[place..end].fill(0);
            format!("{name} emptied from {place} to {end}")
        }
        _ => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << dice.below(8);
            }
            format!("{name} flipped at {place}")
        }
    };
    std::fs::write(file, bytes).unwrap();
    said
}

/// What the stream has, read without the comparison.
async fn on_the_stream(bus: &dyn Bus) -> Option<BTreeMap<Position, bytes::Bytes>> {
    let stretches = bus.stretches(100).await.ok()?;
    let stretches: Vec<bus::Stretch> = stretches.try_collect().await.ok()?;
    let events = stretches.into_iter().flat_map(|stretch| stretch.events);
    Some(
        events
            .map(|event| (event.position, event.payload))
            .collect(),
    )
}

/// Is the stream the log, and is it noticed when it is not?
async fn found(nats: &TestNats, log: &MemoryLog) -> (bool, bool) {
    let Ok(bus) = JetStreamBus::connect(nats.options()).await else {
        return (false, true);
    };
    let published = bus.published().await.ok();
    // What is missing at the end of a lane is published by whoever runs it.
    let is_behind = published != Some(log.heads().await.unwrap());
    let compared = compare(log, &*bus, |_, _| ()).await;
    let is_noticed = match compared {
        Ok(compared) => is_behind || !compared.differences.is_empty(),
        Err(_) => true,
    };
    let all = publications(log).await.into_iter();
    let all: BTreeMap<Position, bytes::Bytes> = all.map(|it| (it.position, it.payload)).collect();
    (on_the_stream(&*bus).await == Some(all), is_noticed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_altered_in_the_files_of_jetstream_is_found() {
    let (nats, log) = (TestNats::start().await, Arc::new(MemoryLog::new()));
    let aside = tempfile::tempdir().unwrap();
    let (older, whole) = (aside.path().join("older"), aside.path().join("whole"));
    for (until, copied) in [(EVENTS / 2, &older), (EVENTS, &whole)] {
        let bus = JetStreamBus::connect(nats.options()).await.unwrap();
        let from = until - EVENTS / 2;
        for version in from + 1..=until {
            happen(&log, version).await;
        }
        let heads = bus.published().await.unwrap();
        let mut new = publications(&log).await;
        new.retain(|it| it.position.number > heads[usize::from(it.position.lane.number())]);
        bus.publish(&new).await.unwrap();
        drop(bus);
        nats.kill9().await;
        nats.end_as_told().await;
        copy(&nats.stored(), copied);
        nats.restart().await;
    }
    assert_eq!(found(&nats, &log).await, (true, false));
    let (mut dice, mut spoiled) = (Dice(0x5eed_0003), 0);
    for number in 0..MUTATIONS {
        nats.kill9().await;
        replace(&nats.stored(), &whole);
        let said = mutate(&mut dice, &nats.stored(), &older);
        // Some of it nats-server never comes up with.
        let is_up = tokio::time::timeout(PATIENCE, nats.restart()).await.is_ok();
        let (is_whole, is_noticed) = if is_up {
            found(&nats, &log).await
        } else {
            (false, true)
        };
        assert!(
            is_whole || is_noticed,
            "mutation {number} was not noticed: {said}"
        );
        assert!(
            !is_whole || !is_noticed,
            "mutation {number} spoiled nothing: {said}"
        );
        spoiled += u64::from(is_noticed);
    }
    assert!(
        spoiled > MUTATIONS / 4,
        "{spoiled} of {MUTATIONS} spoiled something"
    );
    // What an operator does with files that nats-server does not come up with.
    nats.kill9().await;
    let files = files_in(&nats.stored());
    let folder = files[0].ancestors().find(|it| it.ends_with("EVT"));
    std::fs::remove_dir_all(folder.unwrap()).unwrap();
    nats.restart().await;
    assert_eq!(found(&nats, &log).await, (false, true));
    let bus = JetStreamBus::connect(nats.options()).await.unwrap();
    bus.publish(&publications(&log).await).await.unwrap();
    assert_eq!(found(&nats, &log).await, (true, false));
}
