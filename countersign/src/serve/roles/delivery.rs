//! What goes out: letters and questions, pushes, activation codes.

use std::sync::Arc;

use reactors::{
    CodeOptions, Codes, ConnectorOptions, Connectors, PushStation, Pusher, PusherOptions, Reactor,
    ReactorOptions, Removal, RemovalOptions,
};
use schemas::Secret;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Ground, ended};
use crate::AnyError;
use crate::serve::ServeArguments;

pub(super) async fn start_reactors(
    ground: &Ground,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let reactor = Reactor::new(ReactorOptions {
        log: Arc::clone(&ground.log),
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        settings: Arc::clone(&ground.settings),
        egress: Arc::clone(&ground.egress),
        clock: Arc::clone(&ground.clock),
        database_address: ground.stores.outbox.clone(),
    });
    let reactor = reactor.await?;
    let connectors = Connectors::new(ConnectorOptions {
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        settings: Arc::clone(&ground.settings),
        egress: Arc::clone(&ground.egress),
        clock: Arc::clone(&ground.clock),
    })?;
    let removal = Removal::new(RemovalOptions {
        log: Arc::clone(&ground.log),
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        clock: Arc::clone(&ground.clock),
        read_address: ground.stores.read.clone(),
    });
    let (removal, removal_told) = (removal.await?, told.clone());
    parts.spawn(async move {
        removal.run(ended(removal_told)).await;
        Ok(())
    });
    let connectors_told = told.clone();
    parts.spawn(async move { Ok(connectors.run(ended(connectors_told)).await?) });
    parts.spawn(async move { Ok(reactor.run(ended(told)).await?) });
    Ok(())
}

/// Pushes are sent where there is a folder with their configuration, or by another process.
pub(super) fn open_station(
    ground: &Ground,
    arguments: &ServeArguments,
) -> Result<Option<Arc<PushStation>>, AnyError> {
    let (clock, settings) = (Arc::clone(&ground.clock), Arc::clone(&ground.settings));
    if let Some(url) = &arguments.pusher_url {
        let token = arguments.pusher_token.clone().map(Secret::new);
        return Ok(Some(PushStation::elsewhere(url, token, clock, settings)?));
    }
    let folder = reactors::find_folder(arguments.pusher_config_path.as_deref())?;
    let Some(folder) = folder else {
        tracing::info!("no folder with a configuration of pushes: none are sent");
        return Ok(None);
    };
    Ok(Some(PushStation::open(folder, clock, settings)?))
}

pub(super) async fn start_pusher(
    ground: &Ground,
    station: &Arc<PushStation>,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let pusher = Pusher::new(PusherOptions {
        log: Arc::clone(&ground.log),
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        clock: Arc::clone(&ground.clock),
        database_address: ground.stores.outbox.clone(),
        station: Arc::clone(station),
    });
    let pusher = pusher.await?;
    parts.spawn(async move { Ok(pusher.run(ended(told)).await?) });
    Ok(())
}

/// Only where a way to users is configured.
pub(super) async fn start_codes(
    ground: &Ground,
    arguments: &ServeArguments,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let (texts, ways) = (arguments.codes.texts()?, arguments.codes.ways()?);
    if ways.channels().is_empty() {
        return Ok(());
    }
    let codes = Codes::new(CodeOptions {
        log: Arc::clone(&ground.log),
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        settings: Arc::clone(&ground.settings),
        egress: Arc::clone(&ground.egress),
        clock: Arc::clone(&ground.clock),
        database_address: ground.stores.outbox.clone(),
        texts,
        ways,
    });
    let codes = codes.await?;
    parts.spawn(async move { Ok(codes.run(ended(told)).await?) });
    Ok(())
}
