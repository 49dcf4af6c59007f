//! The audit journal: one record for every event, in the words of the reference manual.

pub mod figures;
pub mod journal;
pub mod pages;
pub mod record;

pub use journal::JournalRow;
pub use pages::{Journal, JournalError, Uncleaned};
pub use record::{JournalRecord, PcVersion};
