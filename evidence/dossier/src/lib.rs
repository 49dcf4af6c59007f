//! What a dispute about one transaction needs, in one file, to be checked without us.

mod files;
mod gather;
mod report;
mod words;

pub use files::{NotPacked, pack};
pub use gather::{Content, Dossier, DossierError, Given, Outcome, Proven, Reason, gather};
