//! The listener: binds, protects, accepts, and goes down gracefully.
//!
//! Loopback needs no credentials. Any other address needs client certificates or bearer tokens before the banks' door
//! opens there.

mod accept;
mod key_store;
mod patient;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::options::{ClientCertificate, Doors, GatewayOptions, House};
use crate::router;
use crate::state::{Gateway, Shared};

/// Why the doors cannot open.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Anybody on the network could speak for every bank.
    #[error(
        "refusing to open the system door at {address}: it can be reached from other machines and asks for no \
         credentials; listen on 127.0.0.1, or give a token file, or TLS with a client authority"
    )]
    Unprotected {
        /// Where it should have listened.
        address: SocketAddr,
    },
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// Where it should have listened.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A PEM file cannot be read, or holds nothing of the kind.
    #[error("{path} does not hold {what} in PEM")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Why it cannot be read; `None` when it can, and holds none.
        #[source]
        source: Option<std::io::Error>,
    },
    /// A key store or trust store cannot be read, or holds nothing of the kind.
    #[error("the key store {path} cannot be used")]
    KeyStore {
        /// Which file.
        path: PathBuf,
        /// Why not; never its password.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificate, key and authority do not go together.
    #[error("cannot set TLS up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Open doors. [`Self::shutdown`] closes them and waits for it; dropping it closes them without waiting.
#[derive(Debug)]
pub struct RunningGateway {
    address: SocketAddr,
    operations_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl RunningGateway {
    /// Where the doors are; the port taken when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health and metrics are, when they have a listener of their own.
    pub fn operations_address(&self) -> Option<SocketAddr> {
        self.operations_address
    }

    /// Accepts nothing more, lets open requests finish within [`crate::Limits::shutdown`], and closes the rest.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a listener did not end well");
            }
        }
    }
}

/// Opens the doors.
pub async fn serve(options: GatewayOptions, house: House) -> Result<RunningGateway, GatewayError> {
    check_protection(&options)?;
    let tls = options.tls.as_ref().map(tls::acceptor).transpose()?;
    let listener = bind(options.address).await?;
    let operations = match options.operations_address {
        Some(address) => Some(bind(address).await?),
        None => None,
    };

    let gateway = Gateway::new(options, house);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = Vec::new();
    let mut open = |(listener, address), tls, router: Router, gateway: &Shared| {
        let limits = gateway.options.limits.clone();
        let doors = accept::Doors::new(listener, tls, router, limits);
        // Said before the first request can be answered.
        tracing::info!(%address, "listening");
        tasks.push(tokio::spawn(doors.run(stopped.clone())));
        address
    };
    let address = open(listener, tls, router::router(gateway.clone()), &gateway);
    let operations_address = operations.map(|listener| {
        open(
            listener,
            None,
            router::operations_router(gateway.clone()),
            &gateway,
        )
    });
    Ok(RunningGateway {
        address,
        operations_address,
        stop,
        tasks,
    })
}

fn check_protection(options: &GatewayOptions) -> Result<(), GatewayError> {
    let address = options.address;
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let certificates = options
        .tls
        .as_ref()
        .and_then(|tls| tls.clients.as_ref())
        .is_some_and(|clients| clients.certificate == ClientCertificate::Need);
    if options.tokens.is_some() && options.tls.is_none() {
        tracing::warn!(%address, "bearer tokens arrive without TLS: make sure that a proxy of yours speaks it");
    }
    if options.doors == Doors::Mobile || certificates || options.tokens.is_some() {
        return Ok(());
    }
    Err(GatewayError::Unprotected { address })
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), GatewayError> {
    let failed = |source| GatewayError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

#[cfg(test)]
mod tests;
