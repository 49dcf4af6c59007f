//! Commands about the journal itself. Whoever reads it is journaled too; the records come from the read model.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::ids::CommandId;
use crate::time::Timestamp;

commands! {
    /// About the journal.
    JournalCommand of Journal {
        GetEvents(GetEvents) "get_events" Read by Bank;
        GetEventInfo(GetEventInfo) "get_event_info" Read by Bank;
        Clean(CleanEvents) "clean_events" Write by Bank;
        Remove(RemoveEvents) "remove_events" Write by Bank;
    }
}

/// Journals that the journal was queried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetEvents {}

/// Journals that one record was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetEventInfo {}

/// Erases what the owner's records tell of devices and connections, and the reasons that were typed. The door has found the records in the read model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanEvents {
    /// Which records, at most [`CleanEvents::RECORDS_MAX`].
    pub records: Vec<RecordToClean>,
}

/// A record of the journal, and where its erasable part lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordToClean {
    /// The record's number.
    pub event_id: i64,
    /// The command that caused it.
    pub command_id: CommandId,
}

impl CleanEvents {
    /// Most records of one command: each is a row of the vault to open and to write.
    pub const RECORDS_MAX: usize = 100;
}

/// Removes the system's records from the journal. The log keeps every event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveEvents {
    /// Only those recorded before this moment; `None` means before now.
    pub before: Option<Timestamp>,
}
