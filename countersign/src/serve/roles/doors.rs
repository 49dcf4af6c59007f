//! The doors of this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::evidence::EvidenceBehindTheDoors;
use countersign::journal::JournalBehindTheDoors;
use countersign::outbox::LettersBehindTheDoors;
use countersign::pushes::PushesBehindTheDoors;
use gateway::{Doors, GatewayOptions, TokenFile};
use notary::Place;
use projections::{Journal, ReadModels};
use reactors::{Letters, PushStation};

use super::Ground;
use crate::AnyError;
use crate::serve::{DoorChoice, ServeArguments, tls};

pub(super) async fn open_doors(
    ground: &Ground,
    arguments: &ServeArguments,
    render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    ready: Arc<AtomicBool>,
    station: Option<Arc<PushStation>>,
) -> Result<OpenDoors, AnyError> {
    let read_models = ReadModels::open(&ground.stores.read).await?;
    let journal = Journal::open(
        &ground.stores.read,
        Arc::clone(&ground.log),
        ground.root.clone(),
    )
    .await?;
    let tls = tls::choose(arguments)?;
    let options = GatewayOptions {
        doors: match (arguments.doors, arguments.mobile_listen) {
            (DoorChoice::Mobile, _) => Doors::Mobile,
            (DoorChoice::Pusher, _) => Doors::Pusher,
            (DoorChoice::System, _) | (_, Some(_)) => Doors::System,
            (DoorChoice::All, None) => Doors::All,
        },
        tls,
        tokens: arguments
            .tokens
            .as_deref()
            .map(TokenFile::read)
            .transpose()?,
        issuer_public_key: arguments
            .issuer_public_key
            .as_deref()
            .map(hex::decode)
            .transpose()?,
        trusted_hops: arguments.trusted_hops,
        locale: arguments.locale,
        themes_path: arguments.themes_path.clone(),
        deeplink_scheme: arguments.deeplink_scheme.clone(),
        render_metrics,
        is_ready: Arc::new(move || ready.load(Ordering::Relaxed)),
        ..GatewayOptions::at(arguments.listen())
    };
    let house = gateway::House {
        bus: Arc::clone(&ground.bus),
        sealer: bus::Sealer::new(ground.root.clone()),
        clock: Arc::clone(&ground.clock),
        settings: Arc::clone(&ground.settings),
        journal: Arc::new(JournalBehindTheDoors {
            journal,
            read_models,
            log: Arc::clone(&ground.log),
            root: ground.root.clone(),
        }),
        evidence: Arc::new(EvidenceBehindTheDoors::new(
            Arc::clone(&ground.log),
            &Place::within(&arguments.data).folder,
            ground.root.clone(),
        )),
        letters: Arc::new(LettersBehindTheDoors(
            Letters::open(&ground.stores.outbox).await?,
        )),
        pushes: station.map(|station| Arc::new(PushesBehindTheDoors(station)) as _),
        root: ground.root.clone(),
        instance: arguments.instance_name.clone(),
    };
    let mobile = match arguments.mobile_listen {
        None => None,
        Some(address) => {
            let options = GatewayOptions {
                address,
                doors: Doors::Mobile,
                ..options.clone()
            };
            Some(gateway::serve(options, house.clone()).await?)
        }
    };
    Ok(OpenDoors {
        first: gateway::serve(options, house).await?,
        mobile,
    })
}

/// The listeners.
pub(super) struct OpenDoors {
    pub(super) first: gateway::RunningGateway,
    /// For the devices alone, when it has a place of its own.
    pub(super) mobile: Option<gateway::RunningGateway>,
}

impl OpenDoors {
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let mobile = self.mobile.as_ref();
        let both = std::iter::once(&self.first).chain(mobile);
        both.map(gateway::RunningGateway::address)
    }

    pub(super) async fn shutdown(self) {
        let mobile = async {
            if let Some(mobile) = self.mobile {
                mobile.shutdown().await;
            }
        };
        tokio::join!(self.first.shutdown(), mobile);
    }
}
