//! Commands about the journal itself. Whoever reads it is journaled too; the records come from the read model.

use serde::{Deserialize, Serialize};

use crate::commands::commands;

commands! {
    /// About the journal.
    JournalCommand of Journal {
        GetEvents(GetEvents) "get_events" Read by Bank;
        GetEventInfo(GetEventInfo) "get_event_info" Read by Bank;
    }
}

/// Journals that the journal was queried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetEvents {}

/// Journals that one record was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetEventInfo {}
