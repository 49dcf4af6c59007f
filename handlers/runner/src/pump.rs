//! Takes commands from the bus, lane by lane, and gathers what they need side by side.

use std::sync::Arc;

use bus::Delivery;
use futures::StreamExt as _;
use handlers::Outside;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::gather::{Ready, gather};
use crate::house::House;
use crate::owners::Owners;

/// Feeds a lane until it is stopped, its queue is closed, or the bus ends.
pub async fn run(
    house: Arc<House>,
    lane: schemas::Lane,
    owners: Arc<Owners>,
    queue: mpsc::Sender<Ready>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), bus::BusError> {
    let mut commands = house.bus.commands(lane).await?;
    let gathering = Arc::new(Semaphore::new(house.options.lane_queue_max));
    loop {
        let delivery = tokio::select! {
            biased;
            changed = stop.changed() => match changed {
                Ok(()) if !*stop.borrow() => continue,
                _ => return Ok(()),
            },
            delivery = commands.next() => delivery,
        };
        let Some(delivery) = delivery else {
            return Ok(());
        };
        let permit = Arc::clone(&gathering)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (house, owners, queue) = (Arc::clone(&house), Arc::clone(&owners), queue.clone());
        // Order between requests is promised to nobody; gathering side by side is what keeps the lane itself short.
        tokio::spawn(async move {
            take(&house, &owners, &queue, delivery).await;
            drop(permit);
        });
    }
}

async fn take(house: &House, owners: &Owners, queue: &mpsc::Sender<Ready>, delivery: Delivery) {
    let envelope = match house.sealer.open_command(&delivery.payload) {
        Ok(envelope) => Arc::new(envelope),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "put aside a command that does not open"
            );
            delivery.handle.park(&error.to_string()).await.ok();
            return;
        }
    };
    if envelope.deadline < house.clock.now() {
        // Its caller was told "unknown" and asks again under the same identity; doing it now would only surprise.
        metrics::counter!("runner_commands_overdue_total").increment(1);
        delivery.handle.done().await.ok();
        return;
    }
    match gather(house, owners, &envelope).await {
        Ok(gathered) => {
            let ready = Ready {
                envelope,
                delivery: Some(delivery),
                timer: None,
                gathered,
                outside: Outside::default(),
            };
            // A closed queue means the lane has ended; the dropped delivery goes to whoever serves it next.
            queue.send(ready).await.ok();
        }
        Err(error) => {
            tracing::error!(command.id = %envelope.command_id, error = &error as &dyn std::error::Error, "facts could not be gathered");
            delivery.handle.later(house.options.retry_after).await.ok();
        }
    }
}
