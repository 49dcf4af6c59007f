//! The client of outgoing calls: never redirected, never by a proxy, and waiting for a connection as long as
//! NETWORK_TIMEOUT says at that time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::shell::LiveSettings;

/// Idle connections that are kept for each endpoint.
const IDLE_MAX: usize = 32;

/// A client that follows the settings.
#[derive(Debug)]
pub(crate) struct LiveClient {
    known: Mutex<Client>,
    settings: Arc<LiveSettings>,
    call_max: Duration,
}

/// A client, and the longest it waits for a connection, ms.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    connect_timeout_ms: u64,
}

impl LiveClient {
    /// A client whose calls take so long at most, connection and answer together.
    pub(crate) fn new(
        settings: Arc<LiveSettings>,
        call_max: Duration,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::new(settings.current().network_timeout_ms(), call_max)?;
        Ok(Self {
            known: Mutex::new(client),
            settings,
            call_max,
        })
    }

    /// The client in use; another one when NETWORK_TIMEOUT changed.
    pub(crate) fn current(&self) -> reqwest::Client {
        let wanted_ms = self.settings.current().network_timeout_ms();
        let mut known = self
            .known
            .lock()
            .expect("nothing panics while it holds the client");
        if known.connect_timeout_ms != wanted_ms {
            match Client::new(wanted_ms, self.call_max) {
                Ok(newer) => *known = newer,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "the old NETWORK_TIMEOUT stays in force");
                }
            }
        }
        known.client.clone()
    }
}

impl Client {
    fn new(connect_timeout_ms: u64, call_max: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .user_agent("Countersign")
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_millis(connect_timeout_ms))
            .timeout(call_max)
            .pool_max_idle_per_host(IDLE_MAX)
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            connect_timeout_ms,
        })
    }
}
