//! What was granted, read in the server's own history.

use event_log::{EventLog, Failure};
use schemas::codec::{self, DecodeError};
use schemas::events::Event;
use schemas::events::server::{AnalyticsGranted, ServerEvent};
use schemas::{Owner, Timestamp};

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What was granted.
    pub granted: AnalyticsGranted,
    /// When.
    pub granted_at: Timestamp,
    /// When it was revoked; `None` while it is in force.
    pub revoked_at: Option<Timestamp>,
}

impl Grant {
    /// Whether it is in force.
    pub fn is_in_force(&self) -> bool {
        self.revoked_at.is_none()
    }
}

/// Why what was granted is not known.
#[derive(Debug, thiserror::Error)]
pub enum GrantsError {
    /// The log.
    #[error("cannot read the server's own history")]
    Log(#[from] Failure),
    /// An event of a newer program.
    #[error("cannot decode an event of the server's own history")]
    Decode(#[from] DecodeError),
}

/// All grants that ever were, in the order they were made.
pub async fn read_grants(log: &dyn EventLog) -> Result<Vec<Grant>, GrantsError> {
    let mut grants = Grants::default();
    grants.catch_up(log).await?;
    Ok(grants.all)
}

/// The grants, as far as the history was read.
#[derive(Debug, Default)]
pub(super) struct Grants {
    pub(super) all: Vec<Grant>,
    version: u64,
}

impl Grants {
    /// Reads what was added since.
    pub(super) async fn catch_up(&mut self, log: &dyn EventLog) -> Result<(), GrantsError> {
        for event in log.load(&Owner::Server, self.version).await? {
            let recorded = codec::decode(&event.payload)?;
            match recorded.event {
                Event::Server(ServerEvent::AnalyticsGranted(granted)) => self.all.push(Grant {
                    granted,
                    granted_at: recorded.recorded_at,
                    revoked_at: None,
                }),
                Event::Server(ServerEvent::AnalyticsRevoked(revoked)) => {
                    let mut named = self.all.iter_mut();
                    if let Some(grant) = named.find(|grant| grant.granted.name == revoked.name) {
                        grant.revoked_at = Some(recorded.recorded_at);
                    }
                }
                _ => {}
            }
            self.version = event.version;
        }
        Ok(())
    }
}
