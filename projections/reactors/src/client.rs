//! The client of outgoing calls: only to addresses that the operator permits, never redirected, never by a proxy, and
//! waiting for a connection as long as NETWORK_TIMEOUT says at that time.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::shell::LiveSettings;
use lru::LruCache;
use reqwest::{Method, RequestBuilder, Url};

use crate::delivery::callable;
use crate::egress::{EgressPolicy, EgressResolver};

/// Idle connections that are kept for each endpoint.
const IDLE_MAX: usize = 32;

/// Clients that are kept. A client belongs to one port, because whoever looks a name up is not told the port, and to one
/// system, when that has rules of its own.
const CLIENTS_MAX: NonZeroUsize = NonZeroUsize::new(64).expect("it is not 0");

/// The port of https.
const USUAL_PORT: u16 = 443;

/// A client that follows the settings.
#[derive(Debug)]
pub(crate) struct LiveClient {
    known: Mutex<Clients>,
    settings: Arc<LiveSettings>,
    egress: Arc<EgressPolicy>,
    call_max: Duration,
}

/// Clients by system and port, and the longest they wait for a connection, ms.
#[derive(Debug)]
struct Clients {
    known: LruCache<(Option<String>, u16), reqwest::Client>,
    connect_timeout_ms: u64,
}

/// Why a call is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotCalled {
    /// The address is not one that may be called, for this reason.
    Forbidden(&'static str),
    /// The machine does not let us.
    Hindered,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A certificate or a key is of no use.
    #[error("a certificate or a key for outgoing calls is of no use")]
    Tls(#[from] rustls::Error),
    /// The machine does not let us.
    #[error("no client for outgoing calls")]
    Http(#[from] reqwest::Error),
}

impl LiveClient {
    /// A client whose calls take so long at most, connection and answer together.
    pub(crate) fn new(
        settings: Arc<LiveSettings>,
        egress: Arc<EgressPolicy>,
        call_max: Duration,
    ) -> Result<Self, ClientError> {
        let clients = Clients {
            known: LruCache::new(CLIENTS_MAX),
            connect_timeout_ms: settings.current().network_timeout_ms(),
        };
        let client = Self {
            known: Mutex::new(clients),
            settings,
            egress,
            call_max,
        };
        client.at(None, USUAL_PORT)?;
        Ok(client)
    }

    /// A POST to an address that may be called, by the general rules.
    pub(crate) fn post(&self, url: &str) -> Result<RequestBuilder, NotCalled> {
        self.post_by(None, url)
    }

    /// A POST to a receiver of a system.
    pub(crate) fn post_for(&self, system_id: &str, url: &str) -> Result<RequestBuilder, NotCalled> {
        self.post_by(Some(system_id), url)
    }

    fn post_by(&self, system_id: Option<&str>, url: &str) -> Result<RequestBuilder, NotCalled> {
        self.request_by(system_id, Method::POST, url)
    }

    /// Another call than a POST, by the general rules.
    pub(crate) fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, NotCalled> {
        self.request_by(None, method, url)
    }

    /// Names are judged when they are looked up, at the connection.
    fn request_by(
        &self,
        system_id: Option<&str>,
        method: Method,
        url: &str,
    ) -> Result<RequestBuilder, NotCalled> {
        let url = callable(url).map_err(|reason| NotCalled::Forbidden(reason.reason()))?;
        let port = url.port_or_known_default().unwrap_or(USUAL_PORT);
        if let Some(ip) = literal(&url) {
            let judged = self.egress.check(system_id, SocketAddr::new(ip, port));
            judged.map_err(|reason| NotCalled::Forbidden(reason.reason()))?;
        }
        match self.at(system_id, port) {
            Ok(client) => Ok(client.request(method, url)),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "no client for outgoing calls");
                Err(NotCalled::Hindered)
            }
        }
    }

    /// The client of a port, and of the system if it has rules; all of them are new when NETWORK_TIMEOUT changed.
    fn at(&self, system_id: Option<&str>, port: u16) -> Result<reqwest::Client, ClientError> {
        let wanted_ms = self.settings.current().network_timeout_ms();
        let system_id = system_id.filter(|id| self.egress.rules_of(Some(id)).is_some());
        let mut clients = self
            .known
            .lock()
            .expect("nothing panics while it holds the clients");
        if clients.connect_timeout_ms != wanted_ms {
            clients.known.clear();
            clients.connect_timeout_ms = wanted_ms;
        }
        let whose = (system_id.map(ToOwned::to_owned), port);
        if let Some(client) = clients.known.get(&whose) {
            return Ok(client.clone());
        }
        let client = self.build(system_id, port, wanted_ms)?;
        clients.known.put(whose, client.clone());
        Ok(client)
    }

    fn build(
        &self,
        system_id: Option<&str>,
        port: u16,
        connect_timeout_ms: u64,
    ) -> Result<reqwest::Client, ClientError> {
        let resolver = EgressResolver {
            policy: Arc::clone(&self.egress),
            system_id: system_id.map(ToOwned::to_owned),
            port,
        };
        let client = reqwest::Client::builder()
            .user_agent("Countersign")
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_millis(connect_timeout_ms))
            .timeout(self.call_max)
            .pool_max_idle_per_host(IDLE_MAX)
            .no_proxy()
            .dns_resolver(resolver)
            .tls_backend_preconfigured(self.egress.tls_of(system_id)?)
            .build()?;
        Ok(client)
    }
}

/// The address in the place of the host's name, whatever its spelling was: reading the URL has already made it one.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let host = host.strip_prefix('[').unwrap_or(host);
    host.strip_suffix(']').unwrap_or(host).parse().ok()
}
