//! What only a server can do to us: refuse, stall, die.

use std::time::Duration;

use event_log::postgres::{ANSWER_TIMEOUT, connect_options};
use event_log::{AppendError, EventLog, OpenError, PostgresLog, open};
use sqlx::{Connection, PgConnection};
use tests::postgres::TestPostgres;

use super::races::assert_dense;
use super::{append, command, command_id, commit, lane, owner};

#[tokio::test]
async fn a_database_that_may_forget_is_refused_by_name() {
    let Some(server) = TestPostgres::start() else {
        return;
    };
    let url = server.database();
    let forgetful = format!("{url}?options=-c%20synchronous_commit%3Doff");
    let error = PostgresLog::connect(&forgetful).await.unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::NotDurable {
                setting: "synchronous_commit"
            }
        ),
        "{error:?}"
    );
    PostgresLog::connect(&url).await.unwrap();
}

#[tokio::test]
async fn a_jdbc_address_opens_the_same_log() {
    let Some(server) = TestPostgres::start() else {
        return;
    };
    let url = server.database();
    let owner = owner(lane(16));
    append(
        &*open(&url).await.unwrap(),
        lane(16),
        &[commit(&owner, 0, 1)],
    )
    .await;
    let (credentials, place) = url
        .strip_prefix("postgres://")
        .unwrap()
        .split_once('@')
        .unwrap();
    let (user, password) = credentials.split_once(':').unwrap();
    let jdbc = format!("jdbc:postgresql://{place}?user={user}&password={password}");
    let log = open(&jdbc).await.unwrap();
    assert_eq!(log.load(&owner, 0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_append_that_takes_too_long_has_an_unknown_outcome() {
    let Some(server) = TestPostgres::start() else {
        return;
    };
    let url = server.database();
    let options = connect_options(&url, None).unwrap();
    let log = PostgresLog::connect_with(options.clone(), Duration::from_secs(2))
        .await
        .unwrap();
    let lane = lane(17);
    let owner = owner(lane);
    let opened = log.open_lane(lane).await.unwrap();
    let mut blocker = PgConnection::connect_with(&options).await.unwrap();
    let mut blocking = blocker.begin().await.unwrap();
    sqlx::query("select from lanes where lane = 17 for update")
        .execute(&mut *blocking)
        .await
        .unwrap();
    let mut stalled = commit(&owner, 0, 1);
    stalled.command = Some(command("stalled"));
    let error = log
        .append(lane, opened.epoch, &[stalled.clone()])
        .await
        .unwrap_err();
    // Between two appends the kill is a refused connection, in the middle of one nobody knows.
    assert!(
        matches!(error, AppendError::Unknown(_) | AppendError::Failed(_)),
        "{error:?}"
    );
    blocking.rollback().await.unwrap();

    // The caller asks again by command id, behind a new fence, and repeats what did not happen.
    let opened = log.open_lane(lane).await.unwrap();
    if log
        .find_command(&command_id("stalled"))
        .await
        .unwrap()
        .is_none()
    {
        log.append(lane, opened.epoch, &[stalled]).await.unwrap();
    }
    assert_dense(&log, lane, 1).await;
}

#[tokio::test]
async fn history_cannot_be_rewritten_with_plain_sql() {
    let Some(server) = TestPostgres::start() else {
        return;
    };
    let url = server.database();
    append(
        &*open(&url).await.unwrap(),
        lane(18),
        &[commit(&owner(lane(18)), 0, 1)],
    )
    .await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for sql in [
        "update events set word = 'x'",
        "delete from events",
        "truncate commands",
    ] {
        let error = sqlx::query(sql).execute(&mut connection).await.unwrap_err();
        assert!(
            error.to_string().contains("never changed or removed"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_nothing_it_acknowledged_and_the_log_goes_on() {
    let Some(server) = TestPostgres::start_own() else {
        return;
    };
    let log = std::sync::Arc::new(PostgresLog::connect(&server.database()).await.unwrap());
    let lane = lane(19);
    let owner = owner(lane);
    let opened = log.open_lane(lane).await.unwrap();
    let (acknowledge, mut acknowledged) = tokio::sync::watch::channel(0_u64);
    let writer = {
        let (log, owner) = (log.clone(), owner.clone());
        tokio::spawn(async move {
            for version in 0.. {
                let mut commit = commit(&owner, version, 1);
                commit.command = Some(command(&version.to_string()));
                if let Err(error) = log.append(lane, opened.epoch, &[commit]).await {
                    return error;
                }
                acknowledge.send(version + 1).unwrap();
            }
            unreachable!("the server is killed before that")
        })
    };
    acknowledged.wait_for(|count| *count >= 20).await.unwrap();
    tokio::task::block_in_place(|| server.kill9());
    let error = writer.await.unwrap();
    // Between two appends the kill is a refused connection, in the middle of one nobody knows.
    assert!(
        matches!(error, AppendError::Unknown(_) | AppendError::Failed(_)),
        "{error:?}"
    );
    let acknowledged = *acknowledged.borrow();
    tokio::task::block_in_place(|| server.restart());

    // A connection that broke unnoticed may cost one more question.
    let opened = tokio::time::timeout(ANSWER_TIMEOUT, async {
        loop {
            match log.open_lane(lane).await {
                Ok(opened) => return opened,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    let opened = opened.await.unwrap();
    assert!(
        opened.last == acknowledged || opened.last == acknowledged + 1,
        "{acknowledged} were acknowledged, {} are there",
        opened.last
    );
    let known = log
        .find_command(&command_id(&acknowledged.to_string()))
        .await
        .unwrap();
    assert_eq!(known.is_some(), opened.last == acknowledged + 1);
    log.append(lane, opened.epoch, &[commit(&owner, opened.last, 1)])
        .await
        .unwrap();
    assert_dense(&*log, lane, opened.last + 1).await;
}
