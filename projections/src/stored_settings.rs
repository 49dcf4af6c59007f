//! The settings that were stored through the API, followed in the server's own history and put over the configuration.
//!
//! Every node does this for itself: it reads them at its start, and again as soon as somebody says that the server's lane
//! has grown. So a changed setting is in force everywhere within a second, whoever took the change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use bus::shell::{LiveSettings, RootSecret, SealError};
use event_log::{EventLog, Failure};
use schemas::codec::{self, DecodeError};
use schemas::events::Event;
use schemas::events::server::{ServerEvent, SettingsChanged};
use schemas::settings::MASK;
use schemas::vault::VaultName;
use schemas::{Lane, Owner};

use crate::hints::Hints;

/// How often the server's history is looked at when nobody tells that it has grown.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Follows the server's history, and puts what it says in force.
#[derive(Debug)]
pub struct StoredSettings {
    log: Arc<dyn EventLog>,
    root: RootSecret,
    live: Arc<LiveSettings>,
    version: u64,
    /// By name; masked where the value lies in the vault.
    stored: BTreeMap<String, String>,
}

/// Why the stored settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The log or the vault.
    #[error("cannot read the server's own history")]
    Log(#[from] Failure),
    /// An event of a newer program.
    #[error("cannot read a stored setting")]
    Decode(#[from] DecodeError),
    /// A row of the vault.
    #[error("cannot open the stored value of {name}")]
    Vault {
        /// Which setting.
        name: String,
        /// Why not.
        #[source]
        source: SealError,
    },
}

impl StoredSettings {
    /// Reads what is stored by now and puts it in force.
    pub async fn open(
        log: Arc<dyn EventLog>,
        root: RootSecret,
        live: Arc<LiveSettings>,
    ) -> Result<Self, SettingsError> {
        let mut settings = Self {
            log,
            root,
            live,
            version: 0,
            stored: BTreeMap::new(),
        };
        settings.catch_up().await?;
        Ok(settings)
    }

    /// Follows the history until `shutdown` comes.
    pub async fn run(mut self, bus: Arc<dyn Bus>, shutdown: impl Future<Output = ()>) {
        let follow = async {
            let mut hints = Hints::new(bus, LOOK_EVERY).about(Lane::of(&Owner::Server));
            hints.listen().await;
            loop {
                if let Err(error) = self.catch_up().await {
                    report(&error);
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                hints.wait().await;
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = follow => {}
        }
    }

    /// Reads what was stored since, and puts it in force.
    pub async fn catch_up(&mut self) -> Result<(), SettingsError> {
        let newer = self.log.load(&Owner::Server, self.version).await?;
        let Some(last) = newer.last() else {
            return Ok(());
        };
        let (number, version) = (last.position.number, last.version);
        let mut stored = self.stored.clone();
        for event in &newer {
            if let Event::Server(ServerEvent::SettingsChanged(changed)) =
                codec::decode(&event.payload)?.event
            {
                fold(&mut stored, changed);
            }
        }
        let hidden = self.hidden(&stored).await?;
        let values = stored.iter().filter_map(|(name, value)| {
            let value = if value == MASK {
                hidden.get(name)?
            } else {
                value
            };
            Some((name.as_str(), value.as_str()))
        });
        self.live.put(number, self.live.base().under(values));
        tracing::debug!(log.number = number, "the settings were read again");
        (self.stored, self.version) = (stored, version);
        Ok(())
    }

    /// The values that lie in the vault.
    async fn hidden(
        &self,
        stored: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, SettingsError> {
        let masked = stored.iter().filter(|(_, value)| *value == MASK);
        let names: Vec<&String> = masked.map(|(name, _)| name).collect();
        let rows: Vec<VaultName> = names.iter().map(|name| VaultName::setting(name)).collect();
        if rows.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sealed = self.log.vault(&Owner::Server, &rows).await?;
        let mut hidden = BTreeMap::new();
        for ((name, row), sealed) in names.into_iter().zip(&rows).zip(sealed) {
            // A row that is gone was forgotten by an event that comes next.
            let Some(sealed) = sealed else { continue };
            let place = format!("{}/{}", Owner::Server, row.as_str());
            let opened = self
                .root
                .open(Owner::Server.system_id().as_str(), &place, &sealed)
                .map_err(|source| SettingsError::Vault {
                    name: name.clone(),
                    source,
                })?;
            if let Some(text) = opened.expose_text() {
                hidden.insert(name.clone(), text.to_owned());
            }
        }
        Ok(hidden)
    }
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "the settings stay as they are; trying again");
}

fn fold(stored: &mut BTreeMap<String, String>, changed: SettingsChanged) {
    for change in changed.changes {
        match change.after {
            Some(value) => stored.insert(change.name, value),
            None => stored.remove(&change.name),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::History;
    use schemas::events::server::SettingChange;
    use schemas::settings::Settings;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn changed(name: &str, after: Option<&str>) -> Event {
        let change = SettingChange {
            name: name.to_owned(),
            before: String::new(),
            after: after.map(ToOwned::to_owned),
        };
        let changes = vec![change];
        SettingsChanged { changes }.into()
    }

    #[tokio::test]
    async fn what_is_stored_lies_over_the_configuration_from_the_start_on() -> Outcome {
        let mut history = History::new();
        let mut base = Settings::default();
        base.set("KEY_QR_SIZE", "400")?;
        let live = LiveSettings::new(base);
        history
            .happen(&Owner::Server, vec![changed("KEY_QR_SIZE", Some("500"))])
            .await;
        let mut settings =
            StoredSettings::open(history.log.clone(), history.root.clone(), live.clone()).await?;
        assert_eq!(live.current().key_qr_size_px(), 500);
        let forgotten = vec![changed("KEY_QR_SIZE", None)];
        let position = history.happen(&Owner::Server, forgotten).await;
        settings.catch_up().await?;
        assert_eq!(live.current().key_qr_size_px(), 400);
        assert!(live.wait_for(position.number, Duration::ZERO).await);
        Ok(())
    }

    #[tokio::test]
    async fn two_nodes_follow_the_same_history() -> Outcome {
        let mut history = History::new();
        let bus = bus::InProcessBus::new();
        let mut nodes = Vec::new();
        for _ in 0..2 {
            let live = LiveSettings::new(Settings::default());
            let settings =
                StoredSettings::open(history.log.clone(), history.root.clone(), live.clone())
                    .await?;
            let (end, ended) = tokio::sync::oneshot::channel::<()>();
            let task = tokio::spawn(settings.run(bus.clone(), async { drop(ended.await) }));
            nodes.push((live, end, task));
        }
        let position = history
            .happen(&Owner::Server, vec![changed("T_AUTH_CODE", Some("60"))])
            .await;
        let lanes = bytes::Bytes::from(vec![position.lane.number()]);
        bus.tell(schemas::subjects::grown(), lanes).await?;
        for (live, end, task) in nodes {
            assert!(
                live.wait_for(position.number, Duration::from_secs(20))
                    .await
            );
            assert_eq!(live.current().auth_code_step_s(), 60);
            drop(end);
            task.await?;
        }
        Ok(())
    }
}
