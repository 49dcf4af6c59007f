//! Facts about the journal itself.

use serde::{Deserialize, Serialize};

use crate::events::events;
use crate::time::Timestamp;

events! {
    /// About the journal.
    JournalEvent of Journal "journal" {
        Cleaned(EventsCleaned) "clean_events" 1 Manual Success;
        Removed(EventsRemoved) "remove_events" 1 House Success;
    }
}

/// What records of this owner told of devices and connections was erased: `device_info`, `event_data` and
/// `connection_info`, the headers that were carried through, and the reason that was typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsCleaned {
    /// Numbers of the records.
    pub event_ids: Vec<i64>,
}

/// Records of this system no longer show in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsRemoved {
    /// All that were recorded before this moment.
    pub before: Timestamp,
}
