//! Counters beyond one owner: they move with the decision or not at all, and no race passes a limit.

use event_log::{AppendError, Commit, Count, EventLog};
use futures::future::join_all;
use schemas::{Lane, Owner};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::{Store, append, claim, command, commit, lane, on_every_store, owner, owners};

on_every_store! {
    a_counter_moves_with_its_decision_and_is_kept,
    the_limit_itself_is_reached_and_not_passed,
    a_step_back_is_never_refused_and_frees_a_place,
    a_limit_below_what_is_shown_refuses_and_takes_nothing_away,
    a_refused_member_keeps_the_whole_group_out_and_the_others_go_in_alone,
    a_repeated_command_is_a_duplicate_also_when_the_counter_is_full,
    of_writers_that_race_for_the_last_places_as_many_win_as_there_are,
    who_was_there_before_there_were_counters_is_counted,
}

const NAME: &str = "users/bank";

fn counted(owner: &Owner, version: u64, step: i64, max: Option<i64>) -> Commit {
    let name = NAME.to_owned();
    Commit {
        counts: vec![Count { name, step, max }],
        ..commit(owner, version, 1)
    }
}

async fn refused(log: &dyn EventLog, commit: Commit) -> AppendError {
    let lane = Lane::of(&commit.owner);
    let opened = log.open_lane(lane).await.unwrap();
    let before = log.count(NAME).await.unwrap();
    let outcome = log.append(lane, opened.epoch, &[commit]).await;
    assert_eq!(log.count(NAME).await.unwrap(), before);
    outcome.unwrap_err()
}

fn is_full(error: &AppendError) -> bool {
    matches!(error, AppendError::Full { name } if name == NAME)
}

async fn a_counter_moves_with_its_decision_and_is_kept(store: &Store) {
    let log = store.open().await;
    assert_eq!(log.count(NAME).await.unwrap(), 0);
    let [ann, bob] = [0, 1].map(|number| owners(lane(40)).nth(number).unwrap());
    let group = [counted(&ann, 0, 1, None), counted(&bob, 0, 1, Some(2))];
    append(&*log, lane(40), &group).await;
    assert_eq!(store.open().await.count(NAME).await.unwrap(), 2);
    // What is refused for another reason does not move it either.
    let error = refused(&*log, counted(&ann, 0, 1, None)).await;
    assert!(matches!(error, AppendError::Conflict), "{error:?}");
    assert_eq!(log.count("users/other").await.unwrap(), 0);
}

async fn the_limit_itself_is_reached_and_not_passed(store: &Store) {
    let log = store.open().await;
    for (number, owner) in owners(lane(41)).take(3).enumerate() {
        let commit = counted(&owner, 0, 1, Some(2));
        if number < 2 {
            append(&*log, lane(41), &[commit]).await;
        } else {
            let error = refused(&*log, commit).await;
            assert!(is_full(&error), "{error:?}");
            assert_eq!(log.load(&owner, 0).await.unwrap(), []);
        }
    }
    let error = refused(&*log, counted(&owner(lane(42)), 0, 1, Some(0))).await;
    assert!(is_full(&error), "{error:?}");
}

async fn a_step_back_is_never_refused_and_frees_a_place(store: &Store) {
    let log = store.open().await;
    let [ann, bob] = [0, 1].map(|number| owners(lane(43)).nth(number).unwrap());
    append(&*log, lane(43), &[counted(&ann, 0, 1, Some(1))]).await;
    assert!(is_full(&refused(&*log, counted(&bob, 0, 1, Some(1))).await));
    append(&*log, lane(43), &[counted(&ann, 1, -1, None)]).await;
    append(&*log, lane(43), &[counted(&bob, 0, 1, Some(1))]).await;
    assert_eq!(log.count(NAME).await.unwrap(), 1);
}

async fn a_limit_below_what_is_shown_refuses_and_takes_nothing_away(store: &Store) {
    let log = store.open().await;
    let people: Vec<Owner> = owners(lane(44)).take(4).collect();
    for owner in &people[..3] {
        append(&*log, lane(44), &[counted(owner, 0, 1, None)]).await;
    }
    assert!(is_full(
        &refused(&*log, counted(&people[3], 0, 1, Some(1))).await
    ));
    append(&*log, lane(44), &[counted(&people[0], 1, -1, None)]).await;
    assert_eq!(log.count(NAME).await.unwrap(), 2);
}

async fn a_refused_member_keeps_the_whole_group_out_and_the_others_go_in_alone(store: &Store) {
    let log = store.open().await;
    let opened = log.open_lane(lane(45)).await.unwrap();
    let people: Vec<Owner> = owners(lane(45)).take(3).collect();
    let group: Vec<Commit> = people
        .iter()
        .map(|owner| counted(owner, 0, 1, Some(2)))
        .collect();
    let error = log.append(lane(45), opened.epoch, &group).await;
    assert!(matches!(error, Err(AppendError::Group)), "{error:?}");
    assert_eq!(log.count(NAME).await.unwrap(), 0);
    for (number, one) in group.iter().enumerate() {
        let outcome = log
            .append(lane(45), opened.epoch, std::slice::from_ref(one))
            .await;
        assert_eq!(outcome.is_ok(), number < 2, "{outcome:?}");
    }
}

async fn a_repeated_command_is_a_duplicate_also_when_the_counter_is_full(store: &Store) {
    let log = store.open().await;
    let owner = owner(lane(46));
    let mut creation = counted(&owner, 0, 1, Some(1));
    creation.command = Some(command("create"));
    creation.claims = vec![claim("t-1")];
    append(&*log, lane(46), &[creation.clone()]).await;
    creation.expected_version = 1;
    let error = refused(&*log, creation).await;
    assert!(matches!(error, AppendError::Duplicate(_)), "{error:?}");
}

async fn of_writers_that_race_for_the_last_places_as_many_win_as_there_are(store: &Store) {
    const PLACES: i64 = 9;
    const WRITERS_OF_A_LANE: usize = 3;
    let (log, other_process) = (store.open().await, store.open().await);
    let race = Lane::all().take(8).map(|lane| {
        // A lane is one process's; two processes have lanes of their own.
        let log = if lane.number() % 2 == 0 {
            &log
        } else {
            &other_process
        };
        let log = log.clone();
        tokio::spawn(async move {
            let opened = log.open_lane(lane).await.unwrap();
            let mut won = 0;
            for owner in owners(lane).take(WRITERS_OF_A_LANE) {
                let creation = counted(&owner, 0, 1, Some(PLACES));
                match log.append(lane, opened.epoch, &[creation]).await {
                    Ok(_) => won += 1,
                    Err(AppendError::Full { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            won
        })
    });
    let won: i64 = join_all(race).await.into_iter().map(Result::unwrap).sum();
    assert_eq!((won, log.count(NAME).await.unwrap()), (PLACES, PLACES));
}

/// An older program's log: it has users, and no counters.
async fn who_was_there_before_there_were_counters_is_counted(store: &Store) {
    let log = store.open().await;
    let people: Vec<Owner> = owners(lane(47)).take(4).collect();
    let happened = |owner: &Owner, version, word: &'static str| {
        let mut commit = commit(owner, version, 1);
        commit.events[0].word = word.into();
        commit
    };
    let mut group: Vec<Commit> = people
        .iter()
        .map(|owner| happened(owner, 0, "create_user"))
        .collect();
    // One went, and was refused to go again.
    group.push(happened(&people[0], 1, "delete_user"));
    group.push(happened(&people[0], 2, "delete_user"));
    // Another was to be created again.
    group.push(happened(&people[1], 1, "create_user"));
    append(&*log, lane(47), &group).await;
    drop(log);
    if take_counters_away(store).await {
        let log = store.open().await;
        assert_eq!(log.count(NAME).await.unwrap(), 3);
        append(&*log, lane(47), &[counted(&people[2], 1, -1, None)]).await;
        assert_eq!(log.count(NAME).await.unwrap(), 2);
    }
}

/// As if the second migration had never run; whether the store has migrations at all.
async fn take_counters_away(store: &Store) -> bool {
    let script = "drop table counts; delete from log_migrations where version = 2";
    match store {
        Store::Memory(_) => return false,
        Store::Sqlite(folder) | Store::Recent(folder) => {
            let address = format!("sqlite:{}", folder.path().join("log.db").display());
            let mut database = SqliteConnection::connect(&address).await.unwrap();
            sqlx::raw_sql(script).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        }
        Store::Postgres(url) => {
            let mut database = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(script).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        }
    }
    true
}
