//! Putting back an event that was altered.

use event_log::LogEvent;
use schemas::Position;

use super::{Store, append, commit, lane, on_every_store, owner};

on_every_store! {
    an_event_is_put_back_over_whatever_is_there,
    only_what_was_there_is_put_back,
    whoever_appends_goes_on_behind_it,
}

async fn an_event_is_put_back_over_whatever_is_there(store: &Store) {
    let log = store.open().await;
    let lane = lane(50);
    append(&*log, lane, &[commit(&owner(lane), 0, 3)]).await;
    let right = log.read(lane, 1, 3).await.unwrap();
    let altered = LogEvent {
        payload: b"something else".as_slice().into(),
        aggregate: "keys".into(),
        ..right[1].clone()
    };
    log.restore(&altered).await.unwrap();
    let found = log.read(lane, 1, 3).await.unwrap();
    assert_eq!(found, [right[0].clone(), altered, right[2].clone()]);
    log.restore(&right[1]).await.unwrap();
    let again = store.open().await;
    assert_eq!(again.read(lane, 1, 3).await.unwrap(), right);
    assert_eq!(again.load(&owner(lane), 0).await.unwrap(), right);
}

async fn only_what_was_there_is_put_back(store: &Store) {
    let log = store.open().await;
    let lane = lane(51);
    append(&*log, lane, &[commit(&owner(lane), 0, 1)]).await;
    let right = log.read(lane, 1, 1).await.unwrap().remove(0);
    let behind = LogEvent {
        position: Position { lane, number: 2 },
        version: 2,
        ..right.clone()
    };
    assert!(log.restore(&behind).await.is_err());
    assert_eq!(log.read(lane, 1, 9).await.unwrap(), [right]);
}

async fn whoever_appends_goes_on_behind_it(store: &Store) {
    let log = store.open().await;
    let lane = lane(52);
    append(&*log, lane, &[commit(&owner(lane), 0, 2)]).await;
    let right = log.read(lane, 1, 2).await.unwrap();
    log.restore(&right[0]).await.unwrap();
    append(&*log, lane, &[commit(&owner(lane), 2, 1)]).await;
    let found = log.read(lane, 1, 9).await.unwrap();
    assert_eq!((found.len(), &found[..2]), (3, &right[..]));
}
