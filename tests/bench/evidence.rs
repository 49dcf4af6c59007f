//! What evidence costs a confirmation: one service with the role notary and one without, on the same machine, in turn.
//!
//! Figures of one machine differ from minute to minute, so rounds alternate, and what counts is the middle of the quotients of
//! rounds that were neighbors.

use std::path::Path;

use serde::Serialize;
use tests::postgres::TestPostgres;

use crate::AnyError;
use crate::load;
use crate::scenario::Scenario;
use crate::service::{Service, Store};

/// Confirmations of a round, and who asks for them.
const CONFIRMATIONS: usize = 4000;
const CALLERS: usize = 64;
/// Rounds of each kind; one more before them warms up.
const ROUNDS: usize = 9;

/// What was measured of one store.
#[derive(Debug, Serialize)]
struct Cost {
    store: &'static str,
    /// CPU for a confirmation, round by round.
    with: Vec<Cpu>,
    without: Vec<Cpu>,
    /// The middle of what neighbors cost more, in parts of what they cost without.
    more: f64,
}

/// CPU for a confirmation, microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Cpu {
    ours: f64,
    nats: f64,
    postgres: f64,
}

impl Cpu {
    fn all(&self) -> f64 {
        self.ours + self.nats + self.postgres
    }
}

/// One of the two.
struct Side {
    service: Service,
    scenario: Scenario,
}

/// Measures, prints, and writes `evidence.json` into the folder.
pub async fn measure(program: &Path, folder: &Path) -> Result<(), AnyError> {
    let postgres = TestPostgres::start();
    let mut stores = vec![[Store::Sqlite, Store::Sqlite]];
    if let Some(postgres) = &postgres {
        let pid = postgres.pid().ok_or("PostgreSQL has just been started")?;
        let database = || Store::Postgres {
            url: postgres.database(),
            pid,
        };
        stores.insert(0, [database(), database()]);
    }
    let mut costs = Vec::new();
    for [one, other] in stores {
        let name = one.name();
        println!("{name}: with the notary and without …");
        let mut with = Side::start(program, one, &[]).await?;
        let roles = ["--roles", "gateway,runner,projector,reactors"];
        let mut without = Side::start(program, other, &roles).await?;
        let cost = compare(name, &with, &without).await;
        with.service.end().await?;
        without.service.end().await?;
        let cost = cost?;
        println!("  {:+.1} % CPU for a confirmation", 100.0 * cost.more);
        costs.push(cost);
    }
    let json = serde_json::to_vec_pretty(&costs)?;
    Ok(std::fs::write(folder.join("evidence.json"), json)?)
}

async fn compare(store: &'static str, with: &Side, without: &Side) -> Result<Cost, AnyError> {
    let mut cost = Cost {
        store,
        with: Vec::new(),
        without: Vec::new(),
        more: 0.0,
    };
    for round in 0..=ROUNDS {
        // Each is first every other time.
        let (one, other) = if round % 2 == 0 {
            let one = with.round().await?;
            (one, without.round().await?)
        } else {
            let other = without.round().await?;
            (with.round().await?, other)
        };
        println!("  {:.0} µs with, {:.0} µs without", one.all(), other.all());
        if round > 0 {
            cost.with.push(one);
            cost.without.push(other);
        }
    }
    let rounds = cost.with.iter().zip(&cost.without);
    cost.more = middle(rounds.map(|(with, without)| with.all() / without.all())) - 1.0;
    for (name, part) in [
        ("ours", (|cpu| cpu.ours) as fn(&Cpu) -> f64),
        ("nats", |cpu| cpu.nats),
        ("PostgreSQL", |cpu| cpu.postgres),
    ] {
        let of = |side: &[Cpu]| middle(side.iter().map(part));
        let (with, without) = (of(&cost.with), of(&cost.without));
        println!("  {name}: {with:.0} µs with, {without:.0} µs without");
    }
    Ok(cost)
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Side {
    async fn start(program: &Path, store: Store, more: &[&str]) -> Result<Self, AnyError> {
        let service = Service::with(program, store, more).await?;
        let scenario = Scenario::prepare(&service).await?;
        Ok(Self { service, scenario })
    }

    /// CPU for a confirmation, with everything it causes.
    async fn round(&self) -> Result<Cpu, AnyError> {
        let work = self.scenario.confirmations(CONFIRMATIONS).await?;
        let before = self.service.usage_at_rest().await;
        let measured = load::closed(CALLERS, CONFIRMATIONS, work).await;
        let usage = self.service.usage_at_rest().await.since(&before);
        let each = |cpu_s: f64| cpu_s * 1e6 / measured.operations.max(1) as f64;
        Ok(Cpu {
            ours: each(usage.ours.cpu_s),
            nats: each(usage.nats.cpu_s),
            postgres: each(usage.postgres.cpu_s),
        })
    }
}
