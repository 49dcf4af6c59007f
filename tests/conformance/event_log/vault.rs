//! The vault and the timers beside the events.

use event_log::{Commit, Erase, EventLog, Timer, VaultRow};
use schemas::vault::VaultName;
use schemas::{KeyIndex, Owner, Timestamp};

use super::{Store, append, commit, lane, on_every_store, owner, owners};

on_every_store! {
    a_vault_row_is_written_replaced_and_erased,
    erasing_an_owner_leaves_others_alone,
    what_a_decision_erases_goes_after_what_it_writes,
    the_last_word_of_a_group_counts_in_the_vault,
    rows_can_be_swept_outside_a_decision,
    who_of_a_system_is_in_the_vault_is_told_by_name_and_in_portions,
    a_timer_is_due_from_its_moment_on,
    a_timer_that_is_set_again_moves,
    a_cancelled_timer_is_never_due,
    timers_are_due_earliest_first_and_lane_by_lane,
}

async fn a_vault_row_is_written_replaced_and_erased(store: &Store) {
    let log = store.open().await;
    let owner = owner(lane(40));
    write(&*log, &owner, |commit| {
        commit.vault = vec![row(1, b"one"), row(2, b"")];
    })
    .await;
    assert_eq!(vault(&*log, &owner).await, [Some("one"), Some(""), None]);
    write(&*log, &owner, |commit| {
        commit.vault = vec![row(1, b"uno"), row(3, b"three")];
    })
    .await;
    assert_eq!(
        vault(&*log, &owner).await,
        [Some("uno"), Some(""), Some("three")]
    );
    write(&*log, &owner, |commit| {
        commit.erase = vec![Erase::Row(name(1)), Erase::Row(name(9))];
    })
    .await;
    assert_eq!(vault(&*log, &owner).await, [None, Some(""), Some("three")]);
    assert_eq!(
        log.vault(&owner, &[]).await.unwrap(),
        Vec::<Option<Vec<u8>>>::new()
    );
    let twice = log.vault(&owner, &[name(3), name(3)]).await.unwrap();
    assert_eq!(twice[0], twice[1]);
}

async fn erasing_an_owner_leaves_others_alone(store: &Store) {
    let log = store.open().await;
    let [ann, bob] = [0, 1].map(|number| owners(lane(41)).nth(number).unwrap());
    for owner in [&ann, &bob] {
        write(&*log, owner, |commit| {
            commit.vault = vec![row(1, b"one"), row(2, b"two")];
        })
        .await;
    }
    write(&*log, &ann, |commit| commit.erase = vec![Erase::Owner]).await;
    assert_eq!(vault(&*log, &ann).await, [None, None, None]);
    assert_eq!(vault(&*log, &bob).await, [Some("one"), Some("two"), None]);
}

async fn what_a_decision_erases_goes_after_what_it_writes(store: &Store) {
    let log = store.open().await;
    let owner = owner(lane(42));
    write(&*log, &owner, |commit| commit.vault = vec![row(1, b"one")]).await;
    write(&*log, &owner, |commit| {
        commit.vault = vec![row(1, b"uno"), row(2, b"two"), row(2, b"due")];
        commit.erase = vec![Erase::Row(name(1))];
    })
    .await;
    assert_eq!(vault(&*log, &owner).await, [None, Some("due"), None]);
    write(&*log, &owner, |commit| {
        commit.vault = vec![row(3, b"three")];
        commit.erase = vec![Erase::Owner];
    })
    .await;
    assert_eq!(vault(&*log, &owner).await, [None, None, None]);
}

async fn the_last_word_of_a_group_counts_in_the_vault(store: &Store) {
    let log = store.open().await;
    let owner = owner(lane(43));
    write(&*log, &owner, |commit| {
        commit.vault = vec![row(1, b"one"), row(2, b"two"), row(3, b"three")];
    })
    .await;
    let mut group = [
        commit(&owner, 1, 1),
        commit(&owner, 2, 1),
        commit(&owner, 3, 1),
    ];
    group[0].erase = vec![Erase::Owner];
    group[0].timers = vec![timer("a", 1), timer("b", 1)];
    group[1].vault = vec![row(1, b"uno"), row(2, b"due")];
    group[1].cancelled_timers = vec!["a".to_owned(), "b".to_owned()];
    group[2].erase = vec![Erase::Row(name(2))];
    group[2].timers = vec![timer("b", 2)];
    append(&*log, lane(43), &group).await;
    assert_eq!(vault(&*log, &owner).await, [Some("uno"), None, None]);
    assert_eq!(due(&*log, 43, 9).await, ["b 2"]);
}

async fn rows_can_be_swept_outside_a_decision(store: &Store) {
    let log = store.open().await;
    let owner = owner(lane(44));
    log.erase(&owner, &[name(1)]).await.unwrap();
    write(&*log, &owner, |commit| {
        commit.vault = vec![row(1, b"one"), row(2, b"two"), row(3, b"three")];
    })
    .await;
    log.erase(&owner, &[name(1), name(3), name(9)])
        .await
        .unwrap();
    log.erase(&owner, &[]).await.unwrap();
    assert_eq!(vault(&*log, &owner).await, [None, Some("two"), None]);
    assert_eq!(log.load(&owner, 0).await.unwrap().len(), 1);
}

async fn who_of_a_system_is_in_the_vault_is_told_by_name_and_in_portions(store: &Store) {
    let log = store.open().await;
    // Names that stand before, among and behind those of the system are other systems'.
    let mut names = ["kept", "kept/a", "kept/b", "kept/b-1", "kept/c"].to_vec();
    names.extend([
        "kep/a", "kept-2", "kept-2/a", "kept.2/a", "kept0", "kept0/a", "kepu/a",
    ]);
    names.extend(["kept/nothing", "late", "other/a"]);
    let owner = |name: &str| -> Owner { name.parse().unwrap() };
    for name in &names {
        write(&*log, &owner(name), |commit| {
            if *name != "kept/nothing" {
                commit.vault = vec![row(1, b"one"), row(2, b"two")];
            }
        })
        .await;
    }
    let kept = async |system: &str, after: Option<&str>, limit: usize| {
        let (system, after) = (system.parse().unwrap(), after.map(owner));
        let kept = log.kept_of(&system, after.as_ref(), limit).await.unwrap();
        let names = kept.iter().map(ToString::to_string);
        names.collect::<Vec<_>>()
    };
    let all = ["kept", "kept/a", "kept/b", "kept/b-1", "kept/c"];
    assert_eq!(kept("kept", None, 9).await, all);
    assert_eq!(kept("kept", None, 4).await, all);
    assert_eq!(kept("kept", None, 2).await, all[..3]);
    assert_eq!(kept("kept", Some("kept"), 2).await, all[1..3]);
    assert_eq!(kept("kept", Some("kept/b"), 9).await, all[3..]);
    assert!(kept("kept", Some("kept/c"), 9).await.is_empty());
    assert!(kept("nobody", None, 9).await.is_empty());
    for gone in ["kept", "kept/b"] {
        write(&*log, &owner(gone), |commit| {
            commit.erase = vec![Erase::Owner];
        })
        .await;
    }
    log.erase(&owner("kept/c"), &[name(1), name(2)])
        .await
        .unwrap();
    assert_eq!(kept("kept", None, 9).await, ["kept/a", "kept/b-1"]);
}

async fn a_timer_is_due_from_its_moment_on(store: &Store) {
    let log = store.open().await;
    let owner = owner(lane(45));
    write(&*log, &owner, |commit| {
        commit.timers = vec![timer("expiry", 100)];
    })
    .await;
    assert_eq!(due(&*log, 45, 99).await, Vec::<String>::new());
    let [due] = &log.due_timers(lane(45), Timestamp(100), 9).await.unwrap()[..] else {
        panic!("one timer is due");
    };
    assert_eq!((&due.owner, &due.timer), (&owner, &timer("expiry", 100)));
}

async fn a_timer_that_is_set_again_moves(store: &Store) {
    let log = store.open().await;
    let owner = owner(lane(46));
    write(&*log, &owner, |commit| {
        commit.timers = vec![timer("a", 100)];
    })
    .await;
    write(&*log, &owner, |commit| commit.timers = vec![timer("a", 50)]).await;
    assert_eq!(due(&*log, 46, 1000).await, ["a 50"]);
    write(&*log, &owner, |commit| {
        commit.timers = vec![timer("a", 300), timer("a", 200)];
    })
    .await;
    assert_eq!(due(&*log, 46, 1000).await, ["a 200"]);
}

async fn a_cancelled_timer_is_never_due(store: &Store) {
    let log = store.open().await;
    let owner = owner(lane(47));
    write(&*log, &owner, |commit| {
        commit.timers = vec![timer("a", 1), timer("b", 2)];
    })
    .await;
    write(&*log, &owner, |commit| {
        commit.timers = vec![timer("c", 3)];
        commit.cancelled_timers = ["a", "c", "never set"].map(str::to_owned).to_vec();
    })
    .await;
    assert_eq!(due(&*log, 47, 1000).await, ["b 2"]);
}

async fn timers_are_due_earliest_first_and_lane_by_lane(store: &Store) {
    let log = store.open().await;
    let [ann, bob] = [0, 1].map(|number| owners(lane(48)).nth(number).unwrap());
    write(&*log, &ann, |commit| {
        commit.timers = vec![timer("c", 3), timer("a", 1)];
    })
    .await;
    write(&*log, &bob, |commit| {
        commit.timers = vec![timer("b", 2), timer("d", 3)];
    })
    .await;
    write(&*log, &owner(lane(49)), |commit| {
        commit.timers = vec![timer("x", 0)];
    })
    .await;
    let all = due(&*log, 48, 3).await;
    assert_eq!(
        (all.len(), &all[..2]),
        (4, &["a 1".to_owned(), "b 2".to_owned()][..])
    );
    let first = log.due_timers(lane(48), Timestamp(3), 1).await.unwrap();
    assert_eq!(first[0].timer, timer("a", 1));
    assert_eq!(first.len(), 1);
    assert_eq!(due(&*log, 49, 3).await, ["x 0"]);
}

/// One more decision of the owner, on its present version.
async fn write(log: &dyn EventLog, owner: &Owner, fill: impl FnOnce(&mut Commit)) {
    let version = log.load(owner, 0).await.unwrap().len() as u64;
    let mut commit = commit(owner, version, 1);
    fill(&mut commit);
    append(log, schemas::Lane::of(owner), &[commit]).await;
}

/// The rows 1, 2 and 3 of the owner.
async fn vault(log: &dyn EventLog, owner: &Owner) -> [Option<&'static str>; 3] {
    let rows = log
        .vault(owner, &[name(1), name(2), name(3)])
        .await
        .unwrap();
    let known = ["", "one", "uno", "two", "due", "three"];
    let text = |row: &Option<Vec<u8>>| {
        let row = row.as_ref()?;
        known.into_iter().find(|text| text.as_bytes() == row)
    };
    [text(&rows[0]), text(&rows[1]), text(&rows[2])]
}

async fn due(log: &dyn EventLog, number: u8, now: i64) -> Vec<String> {
    let due = log
        .due_timers(lane(number), Timestamp(now), 100)
        .await
        .unwrap();
    let text = |due: &event_log::DueTimer| format!("{} {}", due.timer.name, due.timer.due_at.0);
    due.iter().map(text).collect()
}

fn name(number: u32) -> VaultName {
    VaultName::key_first_part(KeyIndex(number))
}

fn row(number: u32, sealed: &[u8]) -> VaultRow {
    VaultRow {
        name: name(number),
        sealed: sealed.to_vec(),
    }
}

fn timer(name: &str, due_at: i64) -> Timer {
    Timer {
        name: name.to_owned(),
        due_at: Timestamp(due_at),
    }
}
