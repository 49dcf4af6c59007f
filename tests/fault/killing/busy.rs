//! Customers who are always busy: each creates, looks, and confirms or declines, until told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::customer::{Customer, Way};

/// Customers side by side.
const CUSTOMERS: usize = 10;
/// A transaction's life, seconds: longer than a test.
const LIFE_S: i64 = 3600;

/// The customers at work.
pub struct Busy {
    stop: Arc<AtomicBool>,
    customers: JoinSet<()>,
}

impl Busy {
    /// Enrolls them, and lets them begin.
    pub async fn begin(way: &Way) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let enrolled = (0..CUSTOMERS).map(|number| {
            let way = way.clone();
            async move { way.enroll(&format!("user{number}")).await }
        });
        let enrolled = futures::future::join_all(enrolled).await;
        let mut customers = JoinSet::new();
        for (number, customer) in enrolled.into_iter().enumerate() {
            let stop = Arc::clone(&stop);
            customers.spawn(async move { work(&customer, number, &stop).await });
        }
        Self { stop, customers }
    }

    /// Lets everybody finish what they are at.
    pub async fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.customers.join_next().await {
            ended.expect("a customer does not panic");
        }
    }
}

async fn work(customer: &Customer, number: usize, stop: &AtomicBool) {
    let chance = Chance::of(number as u64);
    let mut payments = 0;
    while !stop.load(Ordering::SeqCst) {
        payments += 1;
        let transaction = format!("payment-{number}-{payments}");
        customer.create(&transaction, LIFE_S).await;
        let shown = customer
            .show(&transaction)
            .await
            .expect("what was created can be shown");
        match chance.below(4) {
            0 => {
                customer.decline(&transaction).await;
            }
            1 => {
                tokio::join!(customer.confirm(&shown), customer.decline(&transaction));
            }
            _ => {
                customer.confirm(&shown).await;
            }
        }
    }
}
