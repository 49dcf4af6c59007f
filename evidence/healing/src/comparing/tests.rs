use bus::{InProcessBus, Publication};
use event_log::{Commit, MemoryLog, NewEvent};
use schemas::{Owner, Timestamp};

use super::*;

fn owner() -> Owner {
    let owner = "11111111-2222-4333-8444-555555555555/client-1".parse();
    owner.expect("a valid owner")
}

/// A log with so many events of one person.
async fn log(count: u64) -> MemoryLog {
    let (log, owner) = (MemoryLog::new(), owner());
    let lane = Lane::of(&owner);
    let event = |version: u64| NewEvent {
        word: "change_user".to_owned(),
        aggregate: "users".to_owned(),
        at: Timestamp(1),
        payload: version.to_be_bytes().to_vec(),
    };
    let commit = Commit::of(owner, 0, (1..=count).map(event).collect());
    let open = log.open_lane(lane).await.unwrap();
    log.append(lane, open.epoch, &[commit]).await.unwrap();
    log
}

async fn publications(log: &MemoryLog) -> Vec<Publication> {
    let events = log.read(Lane::of(&owner()), 1, 10_000).await.unwrap();
    let publication = |event: LogEvent| Publication {
        position: event.position,
        system_id: event.owner.system_id().clone(),
        aggregate: event.aggregate,
        word: event.word,
        payload: event.payload.into(),
    };
    events.into_iter().map(publication).collect()
}

async fn compared(log: &MemoryLog, published: &[Publication]) -> Compared {
    let bus = InProcessBus::new();
    bus.publish(published).await.unwrap();
    let mut lanes = 0;
    let compared = compare(log, &*bus, || lanes += 1).await.unwrap();
    assert_eq!(lanes, Lane::COUNT);
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
        |it| it.word = "create_user".to_owned(),
        |it| it.aggregate = "keys".to_owned(),
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
