//! What is remembered of the server.

use std::collections::BTreeMap;

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
}

impl State {
    /// Number of events folded.
    pub fn version(&self) -> u64 {
        self.version
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
