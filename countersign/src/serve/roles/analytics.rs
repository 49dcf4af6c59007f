//! The streams of analysts, where there is a NATS that could carry them.

use std::sync::Arc;

use reactors::{Analytics, AnalyticsOptions};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Ground, ended};
use crate::AnyError;
use crate::serve::bus_choice::OpenBus;

pub(super) fn start_analytics(
    ground: &Ground,
    open_bus: &OpenBus,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) {
    let Some(server) = open_bus.nats() else {
        return;
    };
    let analytics = Analytics::new(AnalyticsOptions {
        log: Arc::clone(&ground.log),
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        clock: Arc::clone(&ground.clock),
        server: server.clone(),
        accounts: open_bus.accounts(),
    });
    parts.spawn(async move {
        Box::pin(analytics.run(ended(told))).await;
        Ok(())
    });
}
