//! How fast the past is gone through: read models rebuilt, the state hashed, a million events compared with what was signed.
//!
//! `bench rebuild [users]` and `bench verify [users]`; a user has a hundred events, and there are ten thousand unless given.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use event_log::{EventLog, PostgresLog, SqliteLog};
use notary::{Notary, Place};
use projections::state::StateFold;
use projections::{OnDifference, Projector};
use tests::made_log;
use tests::postgres::TestPostgres;

use crate::AnyError;

/// Users unless told otherwise.
const USERS: u64 = 10_000;

fn users(arguments: &[String]) -> u64 {
    let given = arguments.iter().find_map(|argument| argument.parse().ok());
    given.unwrap_or(USERS)
}

async fn made(log: Arc<dyn EventLog>, users: u64) -> Result<Arc<dyn EventLog>, AnyError> {
    println!(
        "  making a log of {} events …",
        users * made_log::EVENTS_OF_A_USER
    );
    made_log::fill(&*log, users)
        .await
        .map_err(|error| error.to_string())?;
    Ok(log)
}

fn tell(what: &str, events: u64, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "  {what}: {seconds:.2} s, {:.0} events/s",
        events as f64 / seconds
    );
}

/// Read models from nothing, rebuilt one by one and all at once, and the hash of the state.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
pub async fn rebuild(arguments: &[String]) -> Result<(), AnyError> {
    let (users, place) = (users(arguments), tempfile::tempdir()?);
    let sqlite = SqliteLog::open(place.path().join("log.sqlite")).await?;
    let read = format!("sqlite:{}", place.path().join("read.sqlite").display());
    let mut stores: Vec<(&str, Arc<dyn EventLog>, String)> =
        vec![("sqlite", Arc::new(sqlite), read)];
    if let Some(postgres) = TestPostgres::start() {
        let url = postgres.database();
        stores.push((
            "postgresql",
            Arc::new(PostgresLog::connect(&url).await?),
            url,
        ));
    }
    for (name, log, read) in stores {
        println!("{name}");
        let log = made(log, users).await?;
        let heads = log.heads().await?;
        let events = heads.iter().sum();
        let projector = Projector::open(Arc::clone(&log), &read).await?;
        let began = Instant::now();
        projector.catch_up().await?;
        tell("all read models from nothing", events, began);
        for projection in projections::names() {
            let began = Instant::now();
            let mut filled = None;
            let rebuilt = projector.rebuild(projection, OnDifference::KeepBoth, |progress| {
                if progress.done == progress.total {
                    filled.get_or_insert_with(|| began.elapsed());
                }
            });
            assert!(rebuilt.await?.is_equal());
            let filled = filled.unwrap_or_default().as_secs_f64();
            let what = format!("{projection} rebuilt (filled after {filled:.2} s) and compared");
            tell(&what, events, began);
        }
        let began = Instant::now();
        let reports = projector
            .rebuild_all(OnDifference::KeepBoth, |_| {})
            .await?;
        assert!(reports.iter().all(projections::RebuildReport::is_equal));
        tell("all rebuilt and compared", events, began);
        let began = Instant::now();
        let mut fold = StateFold::new(log);
        fold.advance_to(&heads, |_| {}).await?;
        tell("the state hashed", events, began);
    }
    Ok(())
}

/// The journal of a log, its gate and its verifier.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
pub async fn verify(arguments: &[String]) -> Result<(), AnyError> {
    let (users, place) = (users(arguments), tempfile::tempdir()?);
    let log = SqliteLog::open(place.path().join("log.sqlite")).await?;
    let log = made(Arc::new(log), users).await?;
    let events = log.heads().await?.iter().sum();
    let at = Place::within(place.path());
    let began = Instant::now();
    let mut notary = Notary::open(Arc::clone(&log), at.clone(), Some("bench"), || [7; 32])?;
    notary.catch_up().await?;
    tell("signed", events, began);
    let began = Instant::now();
    let checked = notary::gate(log, &at.folder).await?;
    assert_eq!(checked.map(|checkpoint| checkpoint.size()), Some(events));
    tell(
        "the gate, the newest million by content",
        events.min(notary::GATE_RECORDS),
        began,
    );
    let began = Instant::now();
    files(&at.folder)?;
    tell("the verifier, from files alone", events, began);
    Ok(())
}

fn files(folder: &Path) -> Result<(), AnyError> {
    let policy = verifier::own_key(folder)?;
    print!("  {}", verifier::verify(folder, &policy, &[])?);
    Ok(())
}
