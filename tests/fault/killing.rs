//! Real processes, ended without a word while customers are busy: the program, its nats-server, its PostgreSQL.
//!
//! `FAULT_KILLS` says how often each is killed.

mod busy;
mod outgoing;
mod processes;
mod trial;

use std::time::Duration;

use tests::postgres::TestPostgres;

use trial::{Bus, Trial};

/// Kills of one test by default.
const KILLS: usize = 3;
/// How long a killed process may take until it is back.
const BACK_MAX: Duration = Duration::from_secs(30);

fn kills() -> usize {
    let text = std::env::var("FAULT_KILLS").ok();
    text.map_or(KILLS, |text| text.parse().expect("it is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_is_killed_and_nothing_is_lost_or_doubled() {
    let mut trial = Trial::begin(Bus::OwnNats, None).await;
    for _ in 0..kills() {
        let before = trial.served.pid();
        trial.served.kill().await.expect("the program is our child");
        trial
            .served
            .start_again()
            .await
            .expect("the program starts again on what it left");
        assert_ne!(trial.served.pid(), before, "it was killed");
        trial.goes_on().await;
    }
    trial.judged().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nats_server_is_killed_and_nothing_is_lost_or_doubled() {
    let trial = Trial::begin(Bus::OwnNats, None).await;
    let program = trial.served.pid().expect("the program runs");
    for _ in 0..kills() {
        let before = processes::child_named(program, "nats-server", None, BACK_MAX).await;
        processes::kill9(before);
        // The program's own supervisor starts it again, as another process.
        processes::child_named(program, "nats-server", Some(before), BACK_MAX).await;
        trial.goes_on().await;
    }
    trial.judged().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_killed_and_nothing_is_lost_or_doubled() {
    // Starting, killing and starting again wait for processes.
    let Some(postgres) = tokio::task::spawn_blocking(TestPostgres::start_own)
        .await
        .expect("it does not panic")
    else {
        return;
    };
    let database = postgres.database();
    let trial = Trial::begin(Bus::InProcess, Some(&database)).await;
    for _ in 0..kills() {
        let before = postgres.pid();
        tokio::task::block_in_place(|| {
            postgres.kill9();
            postgres.restart();
        });
        assert_ne!(postgres.pid(), before, "it was killed");
        trial.goes_on().await;
    }
    trial.judged().await;
    tokio::task::block_in_place(|| drop(postgres));
}
