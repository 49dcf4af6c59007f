//! What is remembered of the server.

use std::collections::BTreeMap;

use schemas::AnalyticsName;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::server::{ServerEvent, SettingsChanged};
use schemas::settings::{MASK, Settings};

/// The server's history so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    version: u64,
    /// Stored values by name; one that lies in the vault is remembered masked.
    stored: BTreeMap<String, String>,
    /// What was granted to analysts, by the name of the grant.
    grants: BTreeMap<AnalyticsName, Grant>,
}

/// What became of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    InForce,
    Revoked,
}

impl State {
    /// Number of events folded.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What became of a grant; `None` for one that never was.
    pub(super) fn grant(&self, name: &AnalyticsName) -> Option<Grant> {
        self.grants.get(name).copied()
    }

    /// How many grants are in force.
    pub(super) fn grants_in_force(&self) -> usize {
        let grants = self.grants.values();
        grants.filter(|grant| **grant == Grant::InForce).count()
    }

    /// The stored value, masked when it lies in the vault.
    pub(super) fn stored(&self, name: &str) -> Option<&str> {
        self.stored.get(name).map(String::as_str)
    }

    /// Every value in force, as it may be shown. The stored ones are newer than any settings a runner was handed.
    pub(super) fn shown_over(&self, settings: &Settings) -> BTreeMap<String, String> {
        let mut shown = settings.shown();
        for (name, value) in &self.stored {
            if let Some(shown) = shown.get_mut(name)
                && value != MASK
            {
                shown.clone_from(value);
            }
        }
        shown
    }

    pub(super) fn fold(&mut self, changed: &SettingsChanged) {
        for change in &changed.changes {
            match &change.after {
                Some(value) => self.stored.insert(change.name.clone(), value.clone()),
                None => self.stored.remove(&change.name),
            };
        }
    }

    pub(crate) fn evolve(&mut self, recorded: &RecordedEvent) {
        self.version += 1;
        match &recorded.event {
            Event::Server(ServerEvent::SettingsChanged(changed)) => self.fold(changed),
            Event::Server(ServerEvent::AnalyticsGranted(granted)) => {
                self.grants.insert(granted.name.clone(), Grant::InForce);
            }
            Event::Server(ServerEvent::AnalyticsRevoked(revoked)) => {
                self.grants.insert(revoked.name.clone(), Grant::Revoked);
            }
            // Looks and refusals change nothing, and nobody else's events come here.
            Event::Looked(_)
            | Event::Refused(_)
            | Event::Journal(_)
            | Event::Systems(_)
            | Event::Users(_)
            | Event::Keys(_)
            | Event::Credentials(_)
            | Event::Recovery(_)
            | Event::Devices(_)
            | Event::Transactions(_)
            | Event::Operations(_)
            | Event::Codes(_)
            | Event::CodeOrders(_) => {}
        }
    }
}
