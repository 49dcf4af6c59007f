//! What a bank that does not answer costs the others: how long it takes from a decision on the phone until the bank has been
//! called back, while another bank's receiver answers, and while it takes connections and says nothing.
//!
//! The other bank has the same traffic all the time, so its silence is the only difference. Rounds alternate.

use std::path::Path;

use serde::Serialize;
use tests::postgres::TestPostgres;

use crate::AnyError;
use crate::callbacks::Callbacks;
use crate::load::{self, Measured};
use crate::scenario::Scenario;
use crate::service::{Service, Store};

/// Decisions a second, of each bank.
const PER_SECOND: f64 = 100.0;
/// Decisions of a round, of each bank.
const DECISIONS: usize = 1500;
/// Rounds of each kind.
const ROUNDS: usize = 2;

const OTHER_SYSTEM_ID: &str = "88888888-7777-4666-8555-444444444444";

/// What was measured of one store.
#[derive(Debug, Serialize)]
struct Neighbors {
    store: &'static str,
    /// While the other bank answers.
    beside_one_that_answers: Vec<Measured>,
    /// While it does not.
    beside_one_that_hangs: Vec<Measured>,
}

/// Measures, prints, and writes `neighbors.json` into the folder.
pub async fn measure(program: &Path, folder: &Path) -> Result<(), AnyError> {
    let postgres = TestPostgres::start();
    let mut stores = vec![Store::Sqlite];
    if let Some(postgres) = &postgres {
        let pid = postgres.pid().ok_or("PostgreSQL has just been started")?;
        let url = postgres.database();
        stores.insert(0, Store::Postgres { url, pid });
    }
    let mut measured = Vec::new();
    for store in stores {
        let name = store.name();
        println!("{name}: two banks …");
        let mut service = Service::start(program, store).await?;
        let outcome = measure_store(name, &service).await;
        service.end().await?;
        measured.push(outcome?);
    }
    let json = serde_json::to_vec_pretty(&measured)?;
    Ok(std::fs::write(folder.join("neighbors.json"), json)?)
}

async fn measure_store(store: &'static str, service: &Service) -> Result<Neighbors, AnyError> {
    let bank = Scenario::prepare(service).await?;
    let callbacks = Callbacks::start().await?;
    let other = Scenario::of(OTHER_SYSTEM_ID, service, callbacks.clone()).await?;
    let mut neighbors = Neighbors {
        store,
        beside_one_that_answers: Vec::new(),
        beside_one_that_hangs: Vec::new(),
    };
    for round in 0..=2 * ROUNDS {
        let hangs = round % 2 == 0 && round > 0;
        callbacks.hang(hangs);
        let (ours, others) = (
            bank.declinations(DECISIONS, true).await?,
            other.declinations(DECISIONS, false).await?,
        );
        service.usage_at_rest().await;
        let (measured, _) = tokio::join!(
            load::open(PER_SECOND, DECISIONS, ours),
            load::open(PER_SECOND, DECISIONS, others)
        );
        let beside = if hangs { "hangs" } else { "answers" };
        println!(
            "  beside one that {beside}: p50 {:.1} ms, p99 {:.1} ms, {} failed",
            measured.p50_ms, measured.p99_ms, measured.failures
        );
        match (round, hangs) {
            // The first round warms up.
            (0, _) => {}
            (_, true) => neighbors.beside_one_that_hangs.push(measured),
            (_, false) => neighbors.beside_one_that_answers.push(measured),
        }
    }
    Ok(neighbors)
}
