//! A bus that loses and repeats where a plan says so, and that can be shut for one runner.

use std::sync::Arc;
use std::time::Duration;

use bus::{
    Bus, BusError, Delivery, DeliveryHandle, Parked, Publication, Question, SendError, StreamEvent,
    Stretch, Unanswered,
};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use schemas::{Lane, SystemId};
use tokio::sync::watch;

use super::faults::{DeliveryFault, Plan};

/// The bus as one runner sees it.
#[derive(Debug)]
pub struct FaultyBus {
    true_bus: Arc<dyn Bus>,
    plan: Arc<dyn Plan>,
    /// While this is `false`, the runner is handed no command.
    is_open: watch::Receiver<bool>,
}

impl FaultyBus {
    /// A view of the true bus.
    pub fn new(
        true_bus: Arc<dyn Bus>,
        plan: Arc<dyn Plan>,
        is_open: watch::Receiver<bool>,
    ) -> Self {
        Self {
            true_bus,
            plan,
            is_open,
        }
    }
}

/// The commands of a lane on their way to one runner.
struct Commands {
    arriving: BoxStream<'static, Delivery>,
    plan: Arc<dyn Plan>,
    is_open: watch::Receiver<bool>,
    /// Takes the place of a command that comes twice.
    copy: Option<Delivery>,
}

impl Commands {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            if let Some(copy) = self.copy.take() {
                return Some(copy);
            }
            self.is_open.wait_for(|is_open| *is_open).await.ok()?;
            let delivery = tokio::select! {
                biased;
                shut = self.is_open.wait_for(|is_open| !*is_open) => {
                    shut.ok()?;
                    continue;
                }
                delivery = self.arriving.next() => delivery?,
            };
            match self.plan.at_delivery() {
                None => return Some(delivery),
                Some(DeliveryFault::LosesCommand) => drop(delivery),
                Some(DeliveryFault::ComesTwice) => {
                    self.copy = Some(Delivery {
                        payload: delivery.payload.clone(),
                        attempt: delivery.attempt + 1,
                        handle: Box::new(Nobody),
                    });
                    return Some(delivery);
                }
                Some(fault @ (DeliveryFault::LosesAnswer | DeliveryFault::LosesSettling)) => {
                    return Some(Delivery {
                        handle: Box::new(Losing {
                            true_handle: delivery.handle,
                            fault,
                        }),
                        ..delivery
                    });
                }
            }
        }
    }
}

/// A way back on which something gets lost.
#[derive(Debug)]
struct Losing {
    true_handle: Box<dyn DeliveryHandle>,
    fault: DeliveryFault,
}

impl DeliveryHandle for Losing {
    fn answer(&self, payload: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        match self.fault {
            DeliveryFault::LosesAnswer => futures::future::ready(Ok(())).boxed(),
            _ => self.true_handle.answer(payload),
        }
    }

    fn done(&self) -> BoxFuture<'_, Result<(), BusError>> {
        match self.fault {
            DeliveryFault::LosesSettling => self.true_handle.later(Duration::ZERO),
            _ => self.true_handle.done(),
        }
    }

    fn later(&self, after: Duration) -> BoxFuture<'_, Result<(), BusError>> {
        self.true_handle.later(after)
    }

    fn park<'a>(&'a self, reason: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        self.true_handle.park(reason)
    }
}

/// The way back of a copy: nobody waits at its end.
#[derive(Debug)]
struct Nobody;

impl DeliveryHandle for Nobody {
    fn answer(&self, _payload: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn done(&self) -> BoxFuture<'_, Result<(), BusError>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn later(&self, _after: Duration) -> BoxFuture<'_, Result<(), BusError>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn park<'a>(&'a self, _reason: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        futures::future::ready(Ok(())).boxed()
    }
}

impl Bus for FaultyBus {
    fn send<'a>(
        &'a self,
        lane: Lane,
        system_id: &'a SystemId,
        verb: &'a str,
        payload: Bytes,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Bytes, SendError>> {
        self.true_bus.send(lane, system_id, verb, payload, deadline)
    }

    fn commands(
        &self,
        lane: Lane,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Delivery>, BusError>> {
        async move {
            let commands = Commands {
                arriving: self.true_bus.commands(lane).await?,
                plan: Arc::clone(&self.plan),
                is_open: self.is_open.clone(),
                copy: None,
            };
            let deliveries = futures::stream::unfold(commands, |mut commands| async move {
                let delivery = commands.next().await?;
                Some((delivery, commands))
            });
            Ok(deliveries.boxed())
        }
        .boxed()
    }

    fn publish<'a>(&'a self, events: &'a [Publication]) -> BoxFuture<'a, Result<(), BusError>> {
        self.true_bus.publish(events)
    }

    fn published(&self) -> BoxFuture<'_, Result<Vec<u64>, BusError>> {
        self.true_bus.published()
    }

    fn events(
        &self,
        lane: Lane,
        from: u64,
    ) -> BoxFuture<'_, Result<BoxStream<'static, StreamEvent>, BusError>> {
        self.true_bus.events(lane, from)
    }

    fn stretches(
        &self,
        length: usize,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<Stretch, BusError>>, BusError>> {
        self.true_bus.stretches(length)
    }

    fn tell<'a>(&'a self, subject: &'a str, payload: Bytes) -> BoxFuture<'a, Result<(), BusError>> {
        self.true_bus.tell(subject, payload)
    }

    fn hear<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Bytes>, BusError>> {
        self.true_bus.hear(subject)
    }

    fn ask<'a>(
        &'a self,
        subject: &'a str,
        payload: Bytes,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Bytes, Unanswered>> {
        self.true_bus.ask(subject, payload, patience)
    }

    fn serve<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Question>, BusError>> {
        self.true_bus.serve(subject)
    }

    fn parked(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Parked>, BusError>> {
        self.true_bus.parked(limit)
    }
}
