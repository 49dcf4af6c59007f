//! Positions, versions, commands, reading back.

use event_log::{Appended, Frame, Piece};
use schemas::{Digest, ErrorCode, Lane, Position, Timestamp};

use super::{Store, append, command, command_id, commit, lane, on_every_store, owner, owners};

on_every_store! {
    positions_are_dense_in_the_order_of_the_commits,
    an_event_reads_back_as_it_was_written,
    a_history_can_be_read_on_from_a_version,
    several_decisions_of_one_owner_fit_in_a_group,
    a_lane_is_read_in_pages,
    pieces_of_several_lanes_are_read_at_once,
    heads_name_the_last_event_of_every_lane,
    a_command_is_found_with_its_answer_and_its_place,
    a_large_group_is_appended_whole,
    a_log_that_is_opened_again_goes_on_where_it_was,
    an_empty_group_writes_nothing,
}

async fn positions_are_dense_in_the_order_of_the_commits(store: &Store) {
    let log = store.open().await;
    let lane = lane(5);
    let [ann, bob] = [0, 1].map(|number| owners(lane).nth(number).unwrap());
    let opened = log.open_lane(lane).await.unwrap();
    assert_eq!(opened.last, 0);
    let group = [commit(&bob, 0, 2), commit(&ann, 0, 0), commit(&ann, 0, 1)];
    let appended = log.append(lane, opened.epoch, &group).await.unwrap();
    assert_eq!(appended, Appended { first: 1, last: 3 });
    let appended = log.append(lane, opened.epoch, &[commit(&ann, 1, 2)]).await;
    assert_eq!(appended.unwrap(), Appended { first: 4, last: 5 });

    let read = log.read(lane, 1, 100).await.unwrap();
    let numbers: Vec<_> = read.iter().map(|event| event.position.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let owners: Vec<_> = read.iter().map(|event| &event.owner).collect();
    assert_eq!(owners, [&bob, &bob, &ann, &ann, &ann]);
}

async fn an_event_reads_back_as_it_was_written(store: &Store) {
    let log = store.open().await;
    let lane = lane(63);
    let owner = owner(lane);
    let mut written = commit(&owner, 0, 1);
    written.events[0].payload = (0..=255).collect();
    written.events[0].at = Timestamp(-1);
    append(&*log, lane, &[written.clone()]).await;
    let [event] = &log.load(&owner, 0).await.unwrap()[..] else {
        panic!("one event was written");
    };
    assert_eq!(event.position, Position { lane, number: 1 });
    assert_eq!(event.owner, owner);
    assert_eq!(event.version, 1);
    assert_eq!(event.word, written.events[0].word);
    assert_eq!(event.aggregate, written.events[0].aggregate);
    assert_eq!(event.at, Timestamp(-1));
    assert_eq!(event.payload, written.events[0].payload);
    assert_eq!(
        log.read(lane, 1, 1).await.unwrap(),
        std::slice::from_ref(event)
    );
}

async fn a_history_can_be_read_on_from_a_version(store: &Store) {
    let log = store.open().await;
    let lane = lane(6);
    let owner = owner(lane);
    append(&*log, lane, &[commit(&owner, 0, 3)]).await;
    let versions = async |after| {
        let events = log.load(&owner, after).await.unwrap();
        events.iter().map(|event| event.version).collect::<Vec<_>>()
    };
    assert_eq!(versions(0).await, [1, 2, 3]);
    assert_eq!(versions(2).await, [3]);
    assert!(versions(3).await.is_empty());
    assert!(versions(u64::MAX).await.is_empty());
}

async fn several_decisions_of_one_owner_fit_in_a_group(store: &Store) {
    let log = store.open().await;
    let lane = lane(7);
    let owner = owner(lane);
    let group = [
        commit(&owner, 0, 2),
        commit(&owner, 2, 1),
        commit(&owner, 3, 1),
    ];
    append(&*log, lane, &group).await;
    let versions: Vec<_> = log.load(&owner, 0).await.unwrap();
    let versions: Vec<_> = versions.iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
}

async fn a_lane_is_read_in_pages(store: &Store) {
    let log = store.open().await;
    let lane = lane(8);
    append(&*log, lane, &[commit(&owner(lane), 0, 5)]).await;
    let numbers = async |from, limit| {
        let events = log.read(lane, from, limit).await.unwrap();
        let numbers = events.iter().map(|event| event.position.number);
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(numbers(0, 2).await, [1, 2]);
    assert_eq!(numbers(1, 2).await, [1, 2]);
    assert_eq!(numbers(3, 2).await, [3, 4]);
    assert_eq!(numbers(5, usize::MAX).await, [5]);
    assert!(numbers(6, 2).await.is_empty());
    assert!(numbers(1, 0).await.is_empty());
}

async fn pieces_of_several_lanes_are_read_at_once(store: &Store) {
    let log = store.open().await;
    for number in [3, 8, 63] {
        append(&*log, lane(number), &[commit(&owner(lane(number)), 0, 5)]).await;
    }
    let piece = |number, first, last| Piece {
        lane: lane(number),
        first,
        last,
    };
    let pieces = [
        piece(63, 2, 4),
        piece(3, 1, 1),
        piece(8, 5, 9),
        piece(9, 1, 2),
    ];
    let mut events = log.read_pieces(&pieces).await.unwrap();
    // In each lane they come in order.
    events.sort_by_key(|event| event.position.lane);
    let positions = events.iter().map(|event| event.position.to_string());
    assert_eq!(
        positions.collect::<Vec<_>>(),
        ["3-1", "8-5", "63-2", "63-3", "63-4"]
    );
    assert_eq!(log.read(lane(63), 2, 3).await.unwrap(), events[2..]);
    let mut frames = log.read_frames(&pieces).await.unwrap();
    frames.sort_by_key(|frame| frame.position.lane);
    let expected = events.into_iter().map(Frame::from);
    assert_eq!(frames, expected.collect::<Vec<_>>());
    assert!(log.read_pieces(&[]).await.unwrap().is_empty());
}

async fn heads_name_the_last_event_of_every_lane(store: &Store) {
    let log = store.open().await;
    assert_eq!(
        log.heads().await.unwrap(),
        vec![0; usize::from(Lane::COUNT)]
    );
    append(&*log, lane(0), &[commit(&owner(lane(0)), 0, 2)]).await;
    append(&*log, lane(63), &[commit(&owner(lane(63)), 0, 1)]).await;
    let heads = log.heads().await.unwrap();
    assert_eq!((heads[0], heads[1], heads[63]), (2, 0, 1));
}

async fn a_command_is_found_with_its_answer_and_its_place(store: &Store) {
    let log = store.open().await;
    let lane = lane(9);
    let [ann, bob] = [0, 1].map(|number| owners(lane).nth(number).unwrap());
    append(&*log, lane, &[commit(&ann, 0, 1)]).await;
    let mut group = [commit(&ann, 1, 2), commit(&bob, 0, 0), commit(&ann, 3, 1)];
    for (commit, name) in group
        .iter_mut()
        .zip(["two events", "no event", "one event"])
    {
        commit.command = Some(command(name));
    }
    append(&*log, lane, &group).await;
    for (name, number) in [("two events", 3), ("no event", 3), ("one event", 4)] {
        let record = log.find_command(&command_id(name)).await.unwrap().unwrap();
        assert_eq!(record.fingerprint, Digest::sha256(name.as_bytes()));
        assert_eq!(record.code, ErrorCode::TransactionExpired);
        assert_eq!(record.answer, name.as_bytes());
        assert_eq!(record.position, Position { lane, number }, "{name}");
    }
    let unknown = log.find_command(&command_id("never sent")).await;
    assert_eq!(unknown.unwrap(), None);
}

async fn a_large_group_is_appended_whole(store: &Store) {
    let log = store.open().await;
    let lane = lane(10);
    let mut group: Vec<_> = owners(lane)
        .take(700)
        .map(|owner| commit(&owner, 0, 2))
        .collect();
    for (number, commit) in group.iter_mut().enumerate() {
        commit.command = Some(command(&number.to_string()));
        commit.claims = vec![super::claim(&number.to_string())];
    }
    let appended = append(&*log, lane, &group).await;
    assert_eq!(
        appended,
        Appended {
            first: 1,
            last: 1400
        }
    );
    let read = log.read(lane, 1, 2000).await.unwrap();
    let payloads: Vec<_> = read.iter().map(|event| &event.payload).collect();
    let written: Vec<_> = group.iter().flat_map(|commit| &commit.events).collect();
    let written: Vec<_> = written.iter().map(|event| &event.payload).collect();
    assert_eq!(payloads, written);
}

async fn a_log_that_is_opened_again_goes_on_where_it_was(store: &Store) {
    let lane = lane(11);
    let owner = owner(lane);
    let log = store.open().await;
    let before = log.open_lane(lane).await.unwrap();
    let mut first = commit(&owner, 0, 2);
    first.command = Some(command("before"));
    log.append(lane, before.epoch, &[first]).await.unwrap();
    drop(log);

    let log = store.open().await;
    assert!(
        log.find_command(&command_id("before"))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(log.load(&owner, 0).await.unwrap().len(), 2);
    let after = log.open_lane(lane).await.unwrap();
    assert!(after.epoch > before.epoch);
    assert_eq!(after.last, 2);
    let appended = log.append(lane, after.epoch, &[commit(&owner, 2, 1)]).await;
    assert_eq!(appended.unwrap(), Appended { first: 3, last: 3 });
}

async fn an_empty_group_writes_nothing(store: &Store) {
    let log = store.open().await;
    let lane = lane(12);
    assert_eq!(
        append(&*log, lane, &[]).await,
        Appended { first: 1, last: 0 }
    );
    append(&*log, lane, &[commit(&owner(lane), 0, 3)]).await;
    assert_eq!(
        append(&*log, lane, &[]).await,
        Appended { first: 4, last: 3 }
    );
}
