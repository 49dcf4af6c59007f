//! The accounts of analysts in the running server: their part of its configuration is written anew and read by the server
//! without an interruption. Whoever is not in it any more is disconnected by the server at that moment.

use std::sync::Arc;
use std::time::Duration;

use schemas::AnalyticsName;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep};

use super::configuration::{Configuration, write_for_us_alone};
use super::supervisor::Order;
use crate::analysts::{self, Account};
use crate::jetstream::ask_monitor;

/// How long the server may take to read its configuration.
const RELOAD_MAX: Duration = Duration::from_secs(5);

/// How often it is asked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why the accounts are not as they should be.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The file cannot be written.
    #[error("cannot write the accounts of analysts")]
    File(#[source] std::io::Error),
    /// The server does not say that it has read them.
    #[error("nats-server did not read its configuration again within {} s", RELOAD_MAX.as_secs())]
    NotRead,
}

/// The accounts of analysts in a server of ours. It does not keep the server alive.
#[derive(Clone, Debug)]
pub struct AccountsOfChild {
    configuration: Configuration,
    orders: Option<mpsc::WeakUnboundedSender<Order>>,
    /// What the server has surely read; `None` as long as it is what it was started with.
    read: Arc<Mutex<Option<String>>>,
}

impl AccountsOfChild {
    pub(super) fn new(
        configuration: Configuration,
        orders: Option<mpsc::WeakUnboundedSender<Order>>,
    ) -> Self {
        Self {
            configuration,
            orders,
            read: Arc::default(),
        }
    }

    /// Makes them so, and waits until the server has taken note. What is so already is left alone.
    pub async fn set(&self, accounts: &[Account]) -> Result<(), AccountsError> {
        let path = self.configuration.accounts_file();
        let wanted = analysts::configuration(accounts);
        let mut read = self.read.lock().await;
        let known = match read.take() {
            Some(known) => known,
            None => std::fs::read_to_string(&path).unwrap_or_default(),
        };
        if known == wanted {
            *read = Some(known);
            return Ok(());
        }
        let before = self.read_at().await;
        write_for_us_alone(&path, &wanted).map_err(AccountsError::File)?;
        if let Some(orders) = self
            .orders
            .as_ref()
            .and_then(mpsc::WeakUnboundedSender::upgrade)
        {
            // A supervisor that is gone has ended the server.
            let _ = orders.send(Order::Reload);
        }
        let give_up_at = Instant::now() + RELOAD_MAX;
        loop {
            let now = self.read_at().await;
            if now.is_some() && now != before {
                *read = Some(wanted);
                return Ok(());
            }
            if Instant::now() >= give_up_at {
                // Whatever it has read, it is not what it was before.
                *read = Some(String::new());
                return Err(AccountsError::NotRead);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whether anything of a grant lies on the disk.
    pub fn has_stored(&self, grant: &AnalyticsName) -> bool {
        self.configuration.stored_of(&grant.account()).exists()
    }

    /// Removes what is left on the disk of a grant whose account is gone.
    pub fn forget(&self, grant: &AnalyticsName) -> Result<(), AccountsError> {
        let stored = self.configuration.stored_of(&grant.account());
        match std::fs::remove_dir_all(stored) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(AccountsError::File(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// When the server read its configuration last, in its own words.
    async fn read_at(&self) -> Option<String> {
        let state = ask_monitor(&self.configuration.monitor()).await.ok()?;
        let read_at = state["config_load_time"].as_str()?;
        Some(read_at.to_owned())
    }
}
