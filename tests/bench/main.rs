//! `make bench`: the real service, driven over HTTP by the reference device, beside the limits of this machine measured
//! in the same run. Writes a table, and `target/bench/confirm.json`. Arguments name the stores to measure: `postgresql`,
//! `sqlite`; none means both. `pushes` measures the fan-out of pushes instead, and writes `target/bench/pushes.json`;
//! `neighbors` measures what a bank that does not answer costs the others, and writes `target/bench/neighbors.json`;
//! `evidence` measures what the journal costs a confirmation, and writes `target/bench/evidence.json`; `rebuild` and
//! `verify` measure how fast the past is gone through.

mod callbacks;
mod evidence;
mod limits;
mod load;
mod neighbors;
mod processes;
mod pushes;
mod replays;
mod report;
mod scenario;
mod service;

use std::path::{Path, PathBuf};

use tests::postgres::TestPostgres;

use report::Report;
use scenario::Scenario;
use service::{Service, Store};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Callers of the closed loops.
const CALLERS: [usize; 4] = [1, 16, 64, 256];
/// Confirmations per closed loop; fewer with one caller, who cannot keep the server busy.
const CONFIRMATIONS: usize = 10_000;
/// Confirmations with one caller.
const CONFIRMATIONS_ALONE: usize = 1_500;
/// Whole flows measured.
const FLOWS: usize = 3_000;
/// Operations measured, a thousand signatures each.
const OPERATIONS: usize = 12;
/// Lists of fifty pending transactions measured.
const LISTS: usize = 4_000;
/// Keys that are issued with their picture.
const KEYS: usize = 1_000;

fn main() -> Result<(), AnyError> {
    countersign::install_crypto_provider()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(measure())
}

async fn measure() -> Result<(), AnyError> {
    let program = std::env::current_exe()?.with_file_name("countersign");
    let target = target_folder(&program)?;
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.iter().any(|wanted| wanted == "pushes") {
        return pushes::measure(&program, &folder).await;
    }
    if wanted.iter().any(|wanted| wanted == "neighbors") {
        return neighbors::measure(&program, &folder).await;
    }
    if wanted.iter().any(|wanted| wanted == "evidence") {
        return evidence::measure(&program, &folder).await;
    }
    if wanted.iter().any(|wanted| wanted == "rebuild") {
        return replays::rebuild(&wanted).await;
    }
    if wanted.iter().any(|wanted| wanted == "verify") {
        return replays::verify(&wanted).await;
    }
    println!("measuring the limits of this machine …");
    let mut report = Report::new(limits::measure(&folder)?);
    let postgres = TestPostgres::start();
    let mut stores = vec![Store::Sqlite];
    match postgres {
        Some(postgres) => stores.insert(
            0,
            Store::Postgres {
                url: postgres.database(),
                pid: postgres.pid().ok_or("PostgreSQL has just been started")?,
            },
        ),
        None => println!("PostgreSQL is not installed: only SQLite is measured"),
    }
    for store in stores {
        let name = store.name();
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        println!("\n{name}: starting the service …");
        let mut service = Service::start(&program, store).await?;
        let outcome = measure_store(&mut report, &service, name).await;
        service.end().await?;
        outcome?;
    }
    report.print();
    let path = folder.join("confirm.json");
    report.write(&path)?;
    println!("\nwritten to {}", path.display());
    Ok(())
}

/// Confirmations alone at every number of callers and at half the best rate, then whole flows, operations and lists.
async fn measure_store(
    report: &mut Report,
    service: &Service,
    store: &'static str,
) -> Result<(), AnyError> {
    let scenario = Scenario::prepare(service).await?;
    let mut best: f64 = 0.0;
    for callers in CALLERS {
        let count = if callers == 1 {
            CONFIRMATIONS_ALONE
        } else {
            CONFIRMATIONS
        };
        let work = scenario.confirmations(count).await?;
        let before = service.usage_at_rest().await;
        let measured = load::closed(callers, count, work).await;
        println!(
            "  confirm, {}: {:.0}/s, p99 {:.1} ms",
            measured.load, measured.per_second, measured.p99_ms
        );
        best = best.max(measured.per_second);
        let usage = service.usage_at_rest().await.since(&before);
        report.add(store, "confirm", measured, usage);
    }
    let count = ((best / 2.0 * 4.0) as usize).clamp(1000, CONFIRMATIONS);
    let work = scenario.confirmations(count).await?;
    let before = service.usage_at_rest().await;
    let measured = load::open(best / 2.0, count, work).await;
    println!(
        "  confirm, {}: p99 {:.1} ms",
        measured.load, measured.p99_ms
    );
    let usage = service.usage_at_rest().await.since(&before);
    report.add(store, "confirm", measured, usage);
    for callers in [16, 64] {
        let before = service.usage_at_rest().await;
        let measured = load::closed(callers, FLOWS, scenario.flows()).await;
        println!(
            "  whole flow, {}: {:.0}/s, p99 {:.1} ms",
            measured.load, measured.per_second, measured.p99_ms
        );
        let usage = service.usage_at_rest().await.since(&before);
        report.add(store, "flow", measured, usage);
    }
    let work = scenario.operations(OPERATIONS).await?;
    let before = service.usage();
    let measured = load::closed(1, OPERATIONS, work).await;
    println!(
        "  operation of 1,000, {}: p50 {:.1} ms, p99 {:.1} ms",
        measured.load, measured.p50_ms, measured.p99_ms
    );
    let usage = service.usage().since(&before);
    report.add(store, "operation of 1,000", measured, usage);
    let work = scenario.lists().await?;
    let before = service.usage();
    let measured = load::closed(16, LISTS, work).await;
    println!(
        "  list of 50, {}: {:.0}/s, p99 {:.1} ms",
        measured.load, measured.per_second, measured.p99_ms
    );
    report.add(
        store,
        "list of 50",
        measured,
        service.usage().since(&before),
    );
    let before = service.usage_at_rest().await;
    let measured = load::closed(16, KEYS, scenario.keys()).await;
    println!(
        "  key with QR code, {}: {:.0}/s, p99 {:.1} ms",
        measured.load, measured.per_second, measured.p99_ms
    );
    let usage = service.usage_at_rest().await.since(&before);
    report.add(store, "key with QR code", measured, usage);
    report.memory(store, &service.usage());
    Ok(())
}

/// `target`, from the program's place in it.
fn target_folder(program: &Path) -> Result<PathBuf, AnyError> {
    let folder = program
        .parent()
        .and_then(Path::parent)
        .ok_or("the bench runs from the target folder")?;
    if program.exists() {
        return Ok(folder.to_owned());
    }
    Err(format!("{} is missing: run make bench", program.display()).into())
}
