//! Names are looked up at the moment of the connection, and only permitted addresses come back.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{EgressPolicy, Forbidden};

/// How names become addresses.
pub trait LookUp: Debug + Send + Sync {
    /// All addresses of a name.
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// As the machine does.
#[derive(Debug)]
pub(super) struct SystemLookUp;

impl LookUp for SystemLookUp {
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        }
        .boxed()
    }
}

/// Looks names up for connections to one port, for a system that has rules of its own.
#[derive(Debug)]
pub(crate) struct EgressResolver {
    pub(crate) policy: Arc<EgressPolicy>,
    pub(crate) system_id: Option<String>,
    pub(crate) port: u16,
}

impl Resolve for EgressResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, port) = (Arc::clone(&self.policy), self.port);
        let system_id = self.system_id.clone();
        Box::pin(async move {
            let system_id = system_id.as_deref();
            let permitted = policy.permitted(system_id, name.as_str(), port).await?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

impl EgressPolicy {
    /// The permitted ones among the addresses of a name; the reason when there is none.
    async fn permitted(
        &self,
        system_id: Option<&str>,
        name: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let (mut permitted, mut reason) = (Vec::new(), None);
        for ip in self.look_up.look_up(name).await? {
            let address = SocketAddr::new(ip, port);
            match self.check(system_id, address) {
                Ok(()) => permitted.push(address),
                Err(forbidden) => reason = Some(forbidden),
            }
        }
        match reason {
            Some(reason) if permitted.is_empty() => Err(reason.into()),
            _ => Ok(permitted),
        }
    }
}

/// Why a call was not made, when that is because of the address.
pub(crate) fn forbidden(error: &reqwest::Error) -> Option<Forbidden> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return Some(*forbidden);
        }
        source = error.source();
    }
    None
}
