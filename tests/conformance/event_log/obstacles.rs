//! Why nothing was appended, and that then really nothing was.

use event_log::{AppendError, Commit, Epoch, EventLog, VaultRow};
use schemas::vault::VaultName;

use super::{Store, append, claim, command, commit, lane, on_every_store, owner, owners};

on_every_store! {
    a_decision_on_an_old_version_is_a_conflict,
    a_skipped_version_is_a_conflict_and_never_a_hole,
    a_decision_without_events_is_bound_to_its_version_too,
    a_repeated_command_is_a_duplicate_even_on_an_old_version,
    a_name_is_taken_once_for_the_whole_log,
    a_name_stays_taken_for_its_own_owner,
    a_stale_epoch_is_fenced,
    a_fenced_writer_learns_that_before_anything_else,
    one_bad_member_keeps_the_whole_group_out,
    members_that_contradict_each_other_keep_the_group_out,
}

async fn a_decision_on_an_old_version_is_a_conflict(store: &Store) {
    let log = store.open().await;
    let lane = lane(20);
    let owner = owner(lane);
    append(&*log, lane, &[commit(&owner, 0, 2)]).await;
    for version in [0, 1] {
        let error = refused(&*log, &[commit(&owner, version, 1)]).await;
        assert!(matches!(error, AppendError::Conflict), "{error:?}");
    }
}

async fn a_skipped_version_is_a_conflict_and_never_a_hole(store: &Store) {
    let log = store.open().await;
    let lane = lane(21);
    let owner = owner(lane);
    let error = refused(&*log, &[commit(&owner, 1, 1)]).await;
    assert!(matches!(error, AppendError::Conflict), "{error:?}");
    append(&*log, lane, &[commit(&owner, 0, 1)]).await;
    let error = refused(&*log, &[commit(&owner, 7, 1)]).await;
    assert!(matches!(error, AppendError::Conflict), "{error:?}");
}

async fn a_decision_without_events_is_bound_to_its_version_too(store: &Store) {
    let log = store.open().await;
    let lane = lane(22);
    let owner = owner(lane);
    append(&*log, lane, &[commit(&owner, 0, 1)]).await;
    let error = refused(&*log, &[commit(&owner, 0, 0)]).await;
    assert!(matches!(error, AppendError::Conflict), "{error:?}");
    append(&*log, lane, &[commit(&owner, 1, 0)]).await;
}

async fn a_repeated_command_is_a_duplicate_even_on_an_old_version(store: &Store) {
    let log = store.open().await;
    let lane = lane(23);
    let owner = owner(lane);
    let mut first = commit(&owner, 0, 1);
    first.command = Some(command("confirm"));
    first.claims = vec![claim("t-1")];
    append(&*log, lane, &[first.clone()]).await;
    for version in [0, 1] {
        first.expected_version = version;
        let error = refused(&*log, std::slice::from_ref(&first)).await;
        let id = command("confirm").command_id;
        assert!(
            matches!(error, AppendError::Duplicate(found) if found == id),
            "{error:?}"
        );
    }
}

async fn a_name_is_taken_once_for_the_whole_log(store: &Store) {
    let log = store.open().await;
    let mut first = commit(&owner(lane(24)), 0, 1);
    first.claims = vec![claim("t-1")];
    append(&*log, lane(24), &[first]).await;
    let mut second = commit(&owner(lane(25)), 0, 1);
    second.claims = vec![claim("t-0"), claim("t-1"), claim("t-2")];
    let error = refused(&*log, &[second.clone()]).await;
    let AppendError::Taken { scope, name } = error else {
        panic!("{error:?}");
    };
    assert_eq!((scope.as_str(), name.as_str()), ("transaction/bank", "t-1"));
    // Refused as a whole: the other names are still free.
    second.claims.remove(1);
    append(&*log, lane(25), &[second]).await;
}

async fn a_name_stays_taken_for_its_own_owner(store: &Store) {
    let log = store.open().await;
    let owner = owner(lane(26));
    for (version, free) in [(0, true), (1, false)] {
        let mut commit = commit(&owner, version, 1);
        // Named twice by one decision, it is one name.
        commit.claims = vec![claim("t-1"), claim("t-1")];
        if free {
            append(&*log, lane(26), &[commit]).await;
        } else {
            let error = refused(&*log, &[commit]).await;
            assert!(matches!(error, AppendError::Taken { .. }), "{error:?}");
        }
    }
}

async fn a_stale_epoch_is_fenced(store: &Store) {
    let log = store.open().await;
    let lane = lane(27);
    let owner = owner(lane);
    let old = log.open_lane(lane).await.unwrap();
    log.append(lane, old.epoch, &[commit(&owner, 0, 1)])
        .await
        .unwrap();
    let new = log.open_lane(lane).await.unwrap();
    assert_eq!(new.last, 1);
    for group in [&[commit(&owner, 1, 1)][..], &[]] {
        let error = log.append(lane, old.epoch, group).await.unwrap_err();
        assert!(
            matches!(error, AppendError::Fenced { lane: of } if of == lane),
            "{error:?}"
        );
        let future = Epoch(new.epoch.0 + 1);
        let error = log.append(lane, future, group).await.unwrap_err();
        assert!(matches!(error, AppendError::Fenced { .. }), "{error:?}");
    }
    log.append(lane, new.epoch, &[commit(&owner, 1, 1)])
        .await
        .unwrap();
    // Another lane has its own fence.
    assert_eq!(log.read(lane, 1, 10).await.unwrap().len(), 2);
}

async fn a_fenced_writer_learns_that_before_anything_else(store: &Store) {
    let log = store.open().await;
    let lane = lane(28);
    let owner = owner(lane);
    let old = log.open_lane(lane).await.unwrap();
    let mut first = commit(&owner, 0, 1);
    first.command = Some(command("confirm"));
    log.append(lane, old.epoch, &[first.clone()]).await.unwrap();
    log.open_lane(lane).await.unwrap();
    for group in [&[first.clone()][..], &[first.clone(), first.clone()]] {
        let error = log.append(lane, old.epoch, group).await.unwrap_err();
        assert!(matches!(error, AppendError::Fenced { .. }), "{error:?}");
    }
}

async fn one_bad_member_keeps_the_whole_group_out(store: &Store) {
    let log = store.open().await;
    let lane = lane(29);
    let [ann, bob, eve] = [0, 1, 2].map(|number| owners(lane).nth(number).unwrap());
    let mut before = commit(&ann, 0, 1);
    before.command = Some(command("known"));
    before.claims = vec![claim("taken")];
    append(&*log, lane, &[before]).await;

    let mut duplicate = commit(&eve, 0, 1);
    duplicate.command = Some(command("known"));
    let mut taken = commit(&eve, 0, 1);
    taken.claims = vec![claim("taken")];
    let mut good = commit(&bob, 0, 2);
    good.command = Some(command("good"));
    good.claims = vec![claim("free")];
    good.vault = vec![VaultRow {
        name: VaultName::user_name(),
        sealed: b"sealed".to_vec(),
    }];
    for bad in [commit(&eve, 1, 1), commit(&ann, 0, 1), duplicate, taken] {
        let error = refused(&*log, &[good.clone(), bad.clone()]).await;
        assert!(matches!(error, AppendError::Group), "{error:?}");
        assert_eq!(
            log.find_command(&command("good").command_id).await.unwrap(),
            None
        );
        let vault = log.vault(&bob, &[VaultName::user_name()]).await.unwrap();
        assert_eq!(vault, [None]);
        refused(&*log, &[bad]).await;
    }
    append(&*log, lane, &[good]).await;
}

async fn members_that_contradict_each_other_keep_the_group_out(store: &Store) {
    let log = store.open().await;
    let lane = lane(30);
    let [ann, bob] = [0, 1].map(|number| owners(lane).nth(number).unwrap());
    let with_command = |owner, name| Commit {
        command: Some(command(name)),
        ..commit(owner, 0, 1)
    };
    let with_claim = |owner, name| Commit {
        claims: vec![claim(name)],
        ..commit(owner, 0, 1)
    };
    for group in [
        [commit(&ann, 0, 1), commit(&ann, 0, 1)],
        [commit(&ann, 0, 1), commit(&ann, 2, 1)],
        [with_command(&ann, "same"), with_command(&bob, "same")],
        [with_claim(&ann, "same"), with_claim(&bob, "same")],
    ] {
        let error = refused(&*log, &group).await;
        assert!(matches!(error, AppendError::Group), "{error:?}");
        // Each for itself is sound.
    }
    append(
        &*log,
        lane,
        &[with_command(&ann, "same"), with_claim(&bob, "same")],
    )
    .await;
}

/// Appends a group that must be refused, and looks that nothing moved.
async fn refused(log: &dyn EventLog, group: &[Commit]) -> AppendError {
    let lane = schemas::Lane::of(&group[0].owner);
    let before = log.heads().await.unwrap();
    let opened = log.open_lane(lane).await.unwrap();
    let error = log.append(lane, opened.epoch, group).await.unwrap_err();
    assert_eq!(log.heads().await.unwrap(), before);
    error
}
