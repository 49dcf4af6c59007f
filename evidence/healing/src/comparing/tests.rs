use bus::{Before, InProcessBus, Publication};
use event_log::{Commit, MemoryLog, NewEvent};
use schemas::{Owner, Timestamp};

use super::*;

fn owner_named(name: &str) -> Owner {
    let owner = format!("11111111-2222-4333-8444-555555555555/{name}").parse();
    owner.expect("a valid owner")
}

fn owner() -> Owner {
    owner_named("client-1")
}

/// A log with so many events of one person.
async fn log(count: u64) -> MemoryLog {
    let log = MemoryLog::new();
    happen(&log, owner(), count).await;
    log
}

/// So many events happen to somebody to whom nothing has happened before.
async fn happen(log: &MemoryLog, owner: Owner, count: u64) {
    let lane = Lane::of(&owner);
    let event = |version: u64| NewEvent {
        word: "change_user".into(),
        aggregate: "users".into(),
        at: Timestamp(1),
        payload: version.to_be_bytes().to_vec().into(),
    };
    let commit = Commit::of(owner, 0, (1..=count).map(event).collect());
    let open = log.open_lane(lane).await.unwrap();
    log.append(lane, open.epoch, &[commit]).await.unwrap();
}

async fn publications(log: &MemoryLog) -> Vec<Publication> {
    publications_in(log, Lane::of(&owner())).await
}

async fn publications_in(log: &MemoryLog, lane: Lane) -> Vec<Publication> {
    let events = log.read(lane, 1, 10_000).await.unwrap();
    let publication = |event: LogEvent| Publication {
        position: event.position,
        system_id: event.owner.system_id().clone(),
        aggregate: event.aggregate,
        word: event.word,
        payload: event.payload,
    };
    events.into_iter().map(publication).collect()
}

async fn compared(log: &MemoryLog, published: &[Publication]) -> Compared {
    let bus = InProcessBus::new();
    bus.publish(published).await.unwrap();
    let mut progress = (0, 0);
    let compared = compare(log, &*bus, |done, of| progress = (done, of));
    let compared = compared.await.unwrap();
    assert_eq!(progress.0, progress.1);
    compared
}

#[tokio::test]
async fn a_true_copy_is_the_same_as_far_as_it_goes() {
    let log = log(600).await;
    let published = publications(&log).await;
    for length in [0, 1, 599, 600] {
        let expected = Compared {
            same: length as u64,
            ..Compared::default()
        };
        assert_eq!(compared(&log, &published[..length]).await, expected);
    }
}

#[tokio::test]
async fn another_event_is_found_whatever_is_other_about_it() {
    let log = log(300).await;
    let published = publications(&log).await;
    let alterations: [fn(&mut Publication); 3] = [
        |it| it.payload = vec![0; 8].into(),
        |it| it.word = "create_user".into(),
        |it| it.aggregate = "keys".into(),
    ];
    for alter in alterations {
        for place in [0, 255, 256, 299] {
            let mut altered = published.clone();
            alter(&mut altered[place]);
            let found = compared(&log, &altered).await;
            let position = published[place].position;
            assert_eq!(found.same, 299);
            assert_eq!(found.differences, [StreamDifference::Altered(position)]);
        }
    }
}

#[tokio::test]
async fn what_is_missing_in_the_middle_is_found_and_the_beginning_may_be_forgotten() {
    let log = log(300).await;
    let mut published = publications(&log).await;
    published.drain(100..110);
    let found = compared(&log, &published).await;
    let lane = Lane::of(&owner());
    let missing = StreamDifference::Missing {
        lane,
        from: 101,
        to: 110,
    };
    assert_eq!((found.same, found.differences), (290, vec![missing]));
    published.drain(..50);
    let found = compared(&log, &published).await;
    assert_eq!((found.same, found.forgotten), (240, 50));
    assert_eq!(found.differences.len(), 1);
}

#[tokio::test]
async fn lanes_lie_side_by_side_and_what_came_late_is_not_missing() {
    let (log, other) = (log(700).await, owner_named("client-2"));
    let lanes = [Lane::of(&owner()), Lane::of(&other)];
    assert_ne!(lanes[0], lanes[1]);
    happen(&log, other, 500).await;
    let [one, two] = lanes.map(|lane| publications_in(&log, lane));
    let (mut one, two) = (one.await, two.await);
    // Two that were lost and published again, and one that was published twice.
    let late = one.split_off(690);
    one.extend([late[9].clone(), late[0].clone(), late[0].clone()]);
    one.extend(late[1..9].iter().rev().cloned());
    let found = compared(&log, &[two, one].concat()).await;
    assert_eq!((found.same, found.forgotten), (1200, 0));
    assert_eq!(found.differences, []);
}

#[tokio::test]
async fn what_the_log_does_not_have_is_found() {
    let log = log(10).await;
    let mut published = publications(&log).await;
    let mut invented = published[9].clone();
    invented.position.number = u64::MAX / 4;
    published.push(invented.clone());
    let found = compared(&log, &published).await;
    assert_eq!(found.same, 10);
    let missing = StreamDifference::Missing {
        lane: invented.position.lane,
        from: 11,
        to: u64::MAX / 4 - 1,
    };
    let invented = StreamDifference::Invented(invented.position);
    assert_eq!(found.differences, [invented, missing]);
}

/// A stretch with these events of the log.
async fn stretch(log: &MemoryLog, numbers: &[u64], before: Before) -> Stretch {
    let published = publications(log).await;
    let bus = InProcessBus::new();
    let events = numbers
        .iter()
        .map(|number| published[*number as usize - 1].clone());
    bus.publish(&events.collect::<Vec<_>>()).await.unwrap();
    let mut stretches = bus.stretches(1000).await.unwrap();
    Stretch {
        before,
        ..stretches.try_next().await.unwrap().unwrap()
    }
}

fn lacks(from: u64, to: u64) -> StreamDifference {
    let lane = Lane::of(&owner());
    StreamDifference::Missing { lane, from, to }
}

#[tokio::test]
async fn where_the_stream_begins_every_lane_does() {
    let log = log(20).await;
    for (before, missing, forgotten) in [
        (Before::Nothing, vec![lacks(1, 2)], 0),
        (Before::Forgotten, vec![], 2),
    ] {
        let mut comparison = Comparison::of(&log);
        let begin = stretch(&log, &[3, 4], before).await;
        assert_eq!(comparison.take(&begin).await.unwrap(), []);
        let next = stretch(&log, &[5, 6], Before::Stretch).await;
        assert_eq!(comparison.take(&next).await.unwrap(), []);
        assert_eq!(comparison.missing(), missing);
        assert_eq!(comparison.forgotten(), forgotten);
    }
}

#[tokio::test]
async fn what_grew_too_old_before_it_was_compared_is_not_missing() {
    let log = log(60).await;
    let mut comparison = Comparison::of(&log);
    let begin = stretch(&log, &[1, 2, 4], Before::Nothing).await;
    assert_eq!(comparison.take(&begin).await.unwrap(), []);
    let later = stretch(&log, &[50, 52], Before::Forgotten).await;
    assert_eq!(comparison.take(&later).await.unwrap(), [lacks(3, 3)]);
    assert_eq!(comparison.missing(), [lacks(51, 51)]);
    assert_eq!(comparison.forgotten(), 49);
}
