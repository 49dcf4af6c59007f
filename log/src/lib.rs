//! The append-only log and the vault beside it: the truth of the house, behind one port.
//!
//! Three stores serve the port: PostgreSQL, SQLite and memory. One conformance suite (`tests/conformance`) holds them to
//! the same promises. This package knows no domain rule, no bus and no HTTP: payloads are opaque bytes to it.

pub mod commit;
mod group;
mod kept;
pub mod memory;
mod migrations;
pub mod open;
mod pace;
mod passing;
pub mod past;
pub mod port;
pub mod postgres;
pub mod recent;
mod restoring;
pub mod sqlite;
mod stored;
pub mod whole;

pub use commit::{Claim, CommandRow, Commit, Count, Erase, NewEvent, Timer, VaultRow};
pub use memory::MemoryLog;
pub use open::{Credentials, OpenError, open};
pub use pace::Pace;
pub use port::{
    AppendError, Appended, CommandRecord, DueTimer, Epoch, EventLog, Failure, Frame, LogEvent,
    OpenLane, Piece,
};
pub use postgres::PostgresLog;
pub use recent::Recent;
pub use sqlite::SqliteLog;
