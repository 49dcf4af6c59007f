//! Many short lives of a house under faults drawn from a seed, with two runners competing for every lane.
//!
//! The seed fixes which faults are drawn, one after another; which operation meets them is up to the threads, so a seed
//! that failed may have to be run more than once. `FAULT_SEED` runs one seed, `FAULT_SEEDS` so many.

use std::sync::Arc;

use futures::StreamExt as _;
use tokio::sync::watch;

use super::faults::Drawn;
use super::faulty_bus::FaultyBus;
use super::faulty_log::FaultyLog;
use super::stage::Stage;
use crate::chance::Chance;
use crate::checker::{Floor, Placed, judge, judge_counters, read_all};
use crate::customer::Customer;
use crate::history::{Operation, Phase};

/// Seeds of one run; each takes a fraction of a second.
const SEEDS: u64 = 200;
/// Lives side by side.
const TOGETHER: usize = 12;
const CUSTOMERS: usize = 3;
const TRANSACTIONS: usize = 3;
/// A transaction's life, seconds: longer than a run.
const LIFE_S: i64 = 600;

#[tokio::test(flavor = "multi_thread")]
async fn two_runners_under_drawn_faults_keep_every_promise() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("it is a number"))
    };
    let seeds = match number("FAULT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FAULT_SEEDS").unwrap_or(SEEDS),
    };
    let lives = futures::stream::iter(seeds.clone())
        .map(live)
        .buffer_unordered(TOGETHER);
    let struck: usize = lives
        .fold(0, |sum, struck| async move { sum + struck })
        .await;
    let runs = seeds.end - seeds.start;
    println!("{struck} faults struck in {runs} lives");
    assert!(struck as u64 >= runs, "the faults hardly struck");
}

/// One life; how many faults struck in it.
async fn live(seed: u64) -> usize {
    let drawn = Arc::new(Drawn::of(seed));
    let plan = Arc::clone(&drawn);
    let (open, is_open) = watch::channel(true);
    let stage = Stage::begin(
        2,
        Box::new(move |_, log, bus, crash| {
            let _ = &open;
            let log = FaultyLog::new(log, plan.clone(), crash);
            let bus = FaultyBus::new(bus, plan.clone(), is_open.clone());
            (Arc::new(log), Arc::new(bus))
        }),
    );
    let stage = stage.await;
    let mut customers = Vec::new();
    for number in 0..CUSTOMERS {
        customers.push(stage.way.enroll(&format!("user{number}")).await);
    }
    drawn.switch(true);
    stage.history.enter(Phase::During);
    let chance = Chance::of(!seed);
    let days = customers
        .iter()
        .enumerate()
        .map(|(number, customer)| day(customer, number, &chance));
    futures::future::join_all(days).await;
    drawn.switch(false);
    stage.history.enter(Phase::After);
    for (number, customer) in customers.iter().enumerate() {
        customer.create(&format!("last-{number}"), LIFE_S).await;
    }
    let log = read_all(&*stage.log)
        .await
        .expect("the log in memory is readable");
    let floor = Floor {
        before: 0,
        during: CUSTOMERS * TRANSACTIONS,
        after: CUSTOMERS,
    };
    let mut violations = judge(&stage.history.operations(), &log, floor);
    let miscounted = judge_counters(&*stage.log, &log).await;
    violations.extend(miscounted.expect("the log in memory is readable"));
    if !violations.is_empty() {
        tell(&stage.history.operations(), &log);
    }
    assert_eq!(violations, [], "seed {seed}");
    stage.end().await;
    drawn.struck()
}

/// For whoever looks into a violation: what the callers saw, and what the log holds.
fn tell(operations: &[Operation], log: &[Placed]) {
    for operation in operations {
        println!("{operation:?}");
    }
    for (position, event) in log {
        let (owner, word, cause) = (&event.owner, event.event.word(), event.causation_id);
        println!(
            "{position} {owner} {word} {:?} because of {cause}",
            event.result
        );
    }
}

/// What a customer does: creates, looks, and confirms or declines, or both at once.
async fn day(customer: &Customer, number: usize, chance: &Chance) {
    for payment in 0..TRANSACTIONS {
        let transaction = format!("payment-{number}-{payment}");
        customer.create(&transaction, LIFE_S).await;
        let Some(shown) = customer.show(&transaction).await else {
            panic!("{transaction} was created, and cannot be shown")
        };
        match chance.below(3) {
            0 => {
                customer.confirm(&shown).await;
            }
            1 => {
                customer.decline(&transaction).await;
            }
            _ => {
                tokio::join!(customer.confirm(&shown), customer.decline(&transaction));
            }
        }
    }
}
