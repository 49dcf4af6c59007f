//! What is sent when: a window of the outbox in memory, a cap for every endpoint, results written in groups.
//!
//! The outbox is the truth and may be long; memory holds at most [`WINDOW`] deliveries of an endpoint. An endpoint that
//! is slow or down fills its own window and nobody else's, and one that fails and fails is left alone for a while.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bus::shell::Clock;
use projections::store::StoreError;
use schemas::Timestamp;
use tokio::task::JoinSet;

use crate::breaker::Breaker;
use crate::delivery::Delivery;
use crate::outbox::{Fate, Outbox, Settled, Settlement};
use crate::sender::Sender;

/// Deliveries of one endpoint that are on their way at the same time.
pub(crate) const IN_FLIGHT_MAX: usize = 32;

/// Deliveries of one endpoint that are held in memory.
const WINDOW: usize = 256;

/// Results that are written in one transaction.
pub(crate) const GROUP_MAX: usize = 256;

/// Sends what is due.
pub(crate) struct Dispatcher {
    outbox: Outbox,
    sender: Arc<Sender>,
    clock: Arc<dyn Clock>,
    endpoints: HashMap<String, Endpoint>,
    on_their_way: JoinSet<Settled>,
    settled: Vec<Settled>,
}

/// What is known of an endpoint.
#[derive(Default)]
struct Endpoint {
    ready: VecDeque<Delivery>,
    in_flight: usize,
    /// Everything of this endpoint that is in memory, until its result is written.
    held: HashSet<String>,
    /// When to look into the outbox; `None` when nothing is there that memory does not hold.
    look_at: Option<Timestamp>,
    breaker: Breaker,
}

impl Endpoint {
    fn look_by(&mut self, at: Timestamp) {
        self.look_at = Some(self.look_at.map_or(at, |known| known.min(at)));
    }

    fn offer(&mut self, delivery: Delivery) {
        if self.held.len() >= WINDOW {
            self.look_by(delivery.next_at);
        } else if self.held.insert(delivery.id.clone()) {
            self.ready.push_back(delivery);
        }
    }

    /// Sees what an attempt tells of the endpoint.
    fn heed(&mut self, settled: &Settled, now: Timestamp) {
        let endpoint = &settled.delivery.endpoint;
        match settled.shows_life() {
            Some(true) if self.breaker.lives() => {
                tracing::info!(delivery.endpoint = endpoint, "an endpoint is back");
            }
            Some(false) if self.breaker.failed(now) => {
                tracing::error!(
                    delivery.endpoint = endpoint,
                    "an endpoint fails and fails: it is asked now and then"
                );
            }
            _ => {}
        }
    }
}

impl Dispatcher {
    /// A dispatcher that finds out from the outbox what there is to send.
    pub async fn begin(
        outbox: Outbox,
        sender: Arc<Sender>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let mut dispatcher = Self {
            outbox,
            sender,
            clock,
            endpoints: HashMap::new(),
            on_their_way: JoinSet::new(),
            settled: Vec::new(),
        };
        dispatcher.look_around().await?;
        Ok(dispatcher)
    }

    /// Looks for endpoints that the outbox knows of and memory does not, forgets idle ones, and counts what is owed.
    pub async fn look_around(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.endpoints
            .retain(|_, endpoint| !endpoint.held.is_empty() || endpoint.look_at.is_some());
        for endpoint in self.outbox.endpoints().await? {
            self.endpoints.entry(endpoint).or_default().look_by(now);
        }
        self.outbox.forget_delivered(now).await?;
        let owed = self.outbox.owed().await?;
        for (state, count) in [
            ("pending", owed.pending),
            ("waiting", owed.waiting),
            ("parked", owed.parked),
        ] {
            metrics::gauge!("reactor_letters", "state" => state).set(count as f64);
        }
        let is_left_alone = |endpoint: &&Endpoint| endpoint.breaker.is_open();
        let left_alone = self.endpoints.values().filter(is_left_alone).count();
        metrics::gauge!("reactor_endpoints_left_alone").set(left_alone as f64);
        Ok(())
    }

    /// Takes deliveries that were just written to the outbox, and can be sent at once.
    pub fn admit(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.endpoints
                .entry(delivery.endpoint.clone())
                .or_default()
                .offer(delivery);
        }
    }

    /// Fills the windows from the outbox, and sends as much as the caps allow.
    pub async fn go_on(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for (name, endpoint) in &mut self.endpoints {
            let is_due = endpoint.look_at.is_some_and(|at| at <= now);
            if is_due && endpoint.held.len() <= WINDOW / 2 {
                // What memory holds is still pending on disk, and comes back first.
                let limit = WINDOW + endpoint.held.len();
                let due = self.outbox.due(name, now, limit).await?;
                endpoint.look_at = if due.deliveries.len() == limit {
                    Some(now)
                } else {
                    due.next_at
                };
                for delivery in due.deliveries {
                    endpoint.offer(delivery);
                }
            }
            let in_flight_max = endpoint.breaker.allows(IN_FLIGHT_MAX, now);
            while endpoint.in_flight < in_flight_max
                && let Some(delivery) = endpoint.ready.pop_front()
            {
                endpoint.in_flight += 1;
                let sender = Arc::clone(&self.sender);
                self.on_their_way
                    .spawn(async move { sender.attempt(delivery).await });
            }
        }
        Ok(())
    }

    /// Waits for the next result; `None` when nothing is on its way. Results that are there already count with it.
    pub async fn next_result(&mut self) -> Option<()> {
        let first = self.on_their_way.join_next().await?;
        self.note(first);
        while let Some(more) = self.on_their_way.try_join_next() {
            self.note(more);
        }
        Some(())
    }

    fn note(&mut self, result: Result<Settled, tokio::task::JoinError>) {
        match result {
            Ok(settled) => {
                let now = self.clock.now();
                if let Some(endpoint) = self.endpoints.get_mut(&settled.delivery.endpoint) {
                    endpoint.in_flight -= 1;
                    endpoint.heed(&settled, now);
                }
                tell(&settled);
                self.settled.push(settled);
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }

    /// How many results are not written yet.
    pub fn unwritten(&self) -> usize {
        self.settled.len()
    }

    /// Writes the results; what waited for them can then be sent.
    pub async fn write_results(&mut self) -> Result<(), StoreError> {
        if self.settled.is_empty() {
            return Ok(());
        }
        let Settlement { next, put_aside } =
            self.outbox.settle(&self.settled, self.clock.now()).await?;
        for settled in self.settled.drain(..) {
            let Some(endpoint) = self.endpoints.get_mut(&settled.delivery.endpoint) else {
                continue;
            };
            endpoint.held.remove(&settled.delivery.id);
            if let Fate::Again(at) = settled.fate {
                endpoint.look_by(at);
            }
        }
        self.let_go(put_aside);
        self.admit(next);
        Ok(())
    }

    /// Forgets deliveries that must not be sent any more, unless they are on their way.
    fn let_go(&mut self, put_aside: Vec<String>) {
        if put_aside.is_empty() {
            return;
        }
        tracing::error!(
            letters = put_aside.len(),
            "letters were put aside: their receiver is gone"
        );
        let put_aside: HashSet<String> = put_aside.into_iter().collect();
        for endpoint in self.endpoints.values_mut() {
            let Endpoint { ready, held, .. } = endpoint;
            ready.retain(|delivery| {
                let stays = !put_aside.contains(&delivery.id);
                if !stays {
                    held.remove(&delivery.id);
                }
                stays
            });
        }
    }

    /// The moment of the next look into the outbox.
    pub fn next_look(&self) -> Option<Timestamp> {
        let waiting = self
            .endpoints
            .values()
            .filter(|endpoint| endpoint.held.len() <= WINDOW / 2);
        waiting.filter_map(|endpoint| endpoint.look_at).min()
    }
}

fn tell(settled: &Settled) {
    let word = match settled.fate {
        Fate::Delivered => "delivered",
        Fate::Again(_) => "failed",
        Fate::Parked | Fate::Forbidden | Fate::Gone => "parked",
    };
    metrics::counter!("reactor_attempts_total", "outcome" => word).increment(1);
    let delivery = &settled.delivery;
    if word == "parked" {
        tracing::error!(
            delivery.id,
            system.id = delivery.system_id,
            delivery.endpoint,
            delivery.attempt,
            http.status = settled.status,
            reason = settled.error,
            "a letter was put aside: nobody took it"
        );
    } else if settled.fate != Fate::Delivered {
        tracing::warn!(
            delivery.id,
            system.id = delivery.system_id,
            delivery.endpoint,
            delivery.attempt,
            http.status = settled.status,
            reason = settled.error,
            "a letter was not taken; it is tried again"
        );
    }
}

#[cfg(test)]
mod tests;
