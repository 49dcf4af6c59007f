//! The file that an analyst gets: where the server is, who the analyst is there, and the names of what was granted.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use bus::analysts::{UserKey, looks_ready};
use bus::jetstream::JetStreamOptions;
use schemas::{AnalyticsName, SystemId};
use serde::Serialize;

use crate::AnyError;

/// How long one look may take.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// What the analyst gets.
#[derive(Debug, Serialize)]
pub struct Credentials {
    /// Address of the NATS server.
    url: String,
    /// Name of the grant.
    grant: AnalyticsName,
    /// The secret: seed of the analyst's key.
    seed: String,
    /// The stream.
    stream: String,
    /// The consumers.
    consumers: Vec<AnalyticsName>,
    /// What inboxes have to begin with.
    inbox_prefix: String,
    /// Whose events are in it.
    systems: Vec<SystemId>,
}

impl Credentials {
    /// Those of a grant.
    pub fn new(
        url: &str,
        grant: &AnalyticsName,
        key: &UserKey,
        consumers: &[AnalyticsName],
        systems: &[SystemId],
    ) -> Self {
        let seed = key.seed().expose_text();
        Self {
            url: url.to_owned(),
            grant: grant.clone(),
            seed: seed.expect("seeds are letters and digits").to_owned(),
            stream: grant.stream(),
            consumers: consumers.to_vec(),
            inbox_prefix: grant.inbox_prefix(),
            systems: systems.to_vec(),
        }
    }

    /// Writes the file, for its owner alone; one that is there stays.
    pub fn write(&self, path: &Path) -> Result<(), AnyError> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(())
    }

    /// Whether the server lets the analyst in, and every consumer is there.
    pub async fn can_be_used(&self, key: &UserKey) -> bool {
        let server = JetStreamOptions::new(&self.url);
        let look = looks_ready(&server, key, &self.grant, &self.consumers);
        matches!(tokio::time::timeout(LOOK_MAX, look).await, Ok(true))
    }
}
