//! The notary: one order over the lanes of the log, a Merkle tree over it, and signed checkpoints in static files.
//!
//! It reads the log and never writes it. Nothing waits for it: an event is durable before it is anchored.

mod archive;
mod audit;
mod copies;
mod files;
mod key;
mod leaves;
mod ledger;
mod notary;
mod order;

pub use archive::{Archive, ArchiveError};
pub use audit::{Audit, AuditError, Difference, GATE_RECORDS, gate, scrub, whole};
pub use copies::{Compared, Differing, compare, copy};
pub use files::{FileError, Files, hold};
pub use key::{KeyError, NoteKey};
pub use leaves::leaf_of;
pub use ledger::{COSIGNED, Ledger, LedgerError, Place};
pub use notary::{Notary, NotaryError};
pub use order::Order;
