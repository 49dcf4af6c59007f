//! The audit journal: one record for every event, in the words of the reference manual.

mod data;
pub mod figures;
pub(crate) mod journal;
pub mod pages;
pub mod record;
pub mod told;

pub use pages::{Journal, JournalError, Uncleaned};
pub use record::{JournalRecord, PcVersion};
