//! What evidence costs a confirmation: one service with the role notary and one without, on the same machine, at the same time.
//!
//! Figures of one machine differ from minute to minute by more than what is looked for here, so both have the same work in the same
//! seconds, each on a server of its own. Two services that are the same come first: by how much those differ is how far the
//! figures can be trusted.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tests::postgres::TestPostgres;

use crate::AnyError;
use crate::load;
use crate::scenario::Scenario;
use crate::service::{Service, Store, Usages};

/// Confirmations of a round of one service, and who asks it for them.
const CONFIRMATIONS: usize = 6000;
const CALLERS: usize = 32;
/// Rounds; one more before them warms up.
const ROUNDS: usize = 9;
/// How long both are watched while they have nothing to do.
const REST: Duration = Duration::from_secs(10);
/// How often it is asked whether the state is folded.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Every role but the one that costs.
const WITHOUT: [&str; 2] = ["--roles", "gateway,runner,projector,reactors"];

/// What was measured of one store.
#[derive(Debug, Serialize)]
struct Cost {
    store: &'static str,
    /// What the first of two equal services cost more, in parts of what the second cost.
    equal: f64,
    /// What the one with evidence cost more, in parts of what the one without cost.
    more: f64,
    /// CPU for a confirmation, round by round.
    with: Vec<Cpu>,
    without: Vec<Cpu>,
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
    /// Its database, when it is one of PostgreSQL.
    postgres: Option<(TestPostgres, String)>,
}

/// Measures, prints, and writes `evidence.json` into the folder.
pub async fn measure(program: &Path, folder: &Path) -> Result<(), AnyError> {
    let mut costs = Vec::new();
    for is_postgres in [true, false] {
        let Some(equal) = pair(program, is_postgres, &WITHOUT).await? else {
            continue;
        };
        let [one, other] = compared(equal).await?;
        let Some(unequal) = pair(program, is_postgres, &[]).await? else {
            continue;
        };
        let [with, without] = compared(unequal).await?;
        costs.push(Cost {
            store: if is_postgres { "postgresql" } else { "sqlite" },
            equal: more(&one, &other),
            more: more(&with, &without),
            with,
            without,
        });
    }
    for cost in &costs {
        let percent = |part: f64| 100.0 * part;
        println!(
            "{}: {:+.1} % CPU for a confirmation with evidence; {:+.1} % between two that are the same",
            cost.store,
            percent(cost.more),
            percent(cost.equal)
        );
    }
    let json = serde_json::to_vec_pretty(&costs)?;
    Ok(std::fs::write(folder.join("evidence.json"), json)?)
}

/// Two services, of which the second is without the role; `None` where PostgreSQL is not installed.
async fn pair(
    program: &Path,
    is_postgres: bool,
    first: &[&str],
) -> Result<Option<[Side; 2]>, AnyError> {
    let one = Side::start(program, is_postgres, first).await?;
    let other = Side::start(program, is_postgres, &WITHOUT).await?;
    Ok(one.zip(other).map(|(one, other)| [one, other]))
}

/// What the first cost more than the second, in parts of what the second cost: the middle of the rounds.
fn more(one: &[Cpu], other: &[Cpu]) -> f64 {
    let rounds = one.iter().zip(other);
    middle(rounds.map(|(one, other)| one.all() / other.all())) - 1.0
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// CPU for a confirmation of each, round by round.
async fn compared(mut sides: [Side; 2]) -> Result<[Vec<Cpu>; 2], AnyError> {
    let mut measured = [Vec::new(), Vec::new()];
    println!("two services at the same time …");
    for round in 0..=ROUNDS {
        let cpu = together(&sides).await?;
        println!(
            "  {:.0} and {:.0} µs ({:+.1} %)",
            cpu[0].all(),
            cpu[1].all(),
            100.0 * (cpu[0].all() / cpu[1].all() - 1.0)
        );
        if round > 0 {
            for (measured, cpu) in measured.iter_mut().zip(cpu) {
                measured.push(cpu);
            }
        }
    }
    for (name, part) in [
        ("ours", (|cpu| cpu.ours) as fn(&Cpu) -> f64),
        ("nats", |cpu| cpu.nats),
        ("PostgreSQL", |cpu| cpu.postgres),
    ] {
        let [one, other] = measured.each_ref().map(|cpu| middle(cpu.iter().map(part)));
        println!("  {name}: {one:.0} and {other:.0} µs");
    }
    let before = sides.each_ref().map(|side| side.service.usage());
    tokio::time::sleep(REST).await;
    for (side, before) in sides.iter().zip(&before) {
        let used = side.service.usage().since(before).cpu_s();
        let each_second = 1e3 * used / REST.as_secs_f64();
        println!("  at rest: {each_second:.0} ms of CPU a second");
    }
    for side in &mut sides {
        side.service.end().await?;
    }
    Ok(measured)
}

/// A round of both.
async fn together([one, other]: &[Side; 2]) -> Result<[Cpu; 2], AnyError> {
    let works = tokio::try_join!(one.prepared(), other.prepared())?;
    let before = tokio::try_join!(one.at_rest(), other.at_rest())?;
    let load = |work| load::closed(CALLERS, CONFIRMATIONS, work);
    let done = tokio::join!(load(works.0), load(works.1));
    // The seconds of both are the same: neither is looked at before both rest.
    tokio::try_join!(one.at_rest(), other.at_rest())?;
    let after = (one.service.usage(), other.service.usage());
    let cpu = |usage: Usages, operations: usize| {
        let each = |cpu_s: f64| cpu_s * 1e6 / operations.max(1) as f64;
        Cpu {
            ours: each(usage.ours.cpu_s),
            nats: each(usage.nats.cpu_s),
            postgres: each(usage.postgres.cpu_s),
        }
    };
    Ok([
        cpu(after.0.since(&before.0), done.0.operations),
        cpu(after.1.since(&before.1), done.1.operations),
    ])
}

impl Side {
    /// `None` where PostgreSQL is wanted and not installed.
    async fn start(
        program: &Path,
        is_postgres: bool,
        more: &[&str],
    ) -> Result<Option<Self>, AnyError> {
        let postgres = if is_postgres {
            let Some(server) = TestPostgres::start_own() else {
                return Ok(None);
            };
            let url = server.database();
            let mut connection = PgConnection::connect(&url).await?;
            // It cleans up between rounds, and not in the middle of one.
            for statement in [
                "alter system set autovacuum = off",
                "select pg_reload_conf()",
            ] {
                connection.execute(statement).await?;
            }
            Some((server, url))
        } else {
            None
        };
        let store = match &postgres {
            None => Store::Sqlite,
            Some((server, url)) => Store::Postgres {
                url: url.clone(),
                pid: server.pid().ok_or("PostgreSQL has just been started")?,
            },
        };
        let service = Service::with(program, store, more).await?;
        let scenario = Scenario::prepare(&service).await?;
        Ok(Some(Self {
            service,
            scenario,
            postgres,
        }))
    }

    /// What is left to do of a round.
    async fn prepared(&self) -> Result<load::Operation, AnyError> {
        let work = self.scenario.confirmations(CONFIRMATIONS).await?;
        if let Some((_, url)) = &self.postgres {
            let mut database = PgConnection::connect(url).await?;
            for statement in ["vacuum analyze", "checkpoint"] {
                database.execute(statement).await?;
            }
        }
        Ok(work)
    }

    /// What was used so far, once everything has its consequences behind it: the state is folded a while later.
    async fn at_rest(&self) -> Result<Usages, AnyError> {
        self.service.usage_at_rest().await;
        while !self.is_folded().await? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(self.service.usage_at_rest().await)
    }

    /// Is the state folded up to the newest checkpoint, when there is one?
    async fn is_folded(&self) -> Result<bool, AnyError> {
        let url = format!("http://{}/metrics", self.service.served().address());
        let page = reqwest::get(url).await?.text().await?;
        let value = |name| page.lines().find_map(|line| line.strip_prefix(name));
        Ok(value("state_hash_records ") == value("notary_checkpoint_size "))
    }
}
