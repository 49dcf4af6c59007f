//! The windows: tables that follow from the log, and the audit journal among them. Every one can be dropped and rebuilt.
//!
//! The projector reads the log lane by lane from its own cursors; rows and cursors commit together. Nothing here sends
//! anything anywhere, and nothing is ever taken from the bus but the hint to look.

pub mod audit;
mod batch;
mod compare;
mod cursors;
pub mod cut;
pub mod hints;
pub mod numbers;
pub mod past;
mod projection;
mod projector;
pub mod read;
pub mod reading;
mod rebuild;
pub mod replay;
mod rows;
#[cfg(test)]
mod sample;
mod shadow;
pub mod state;
mod steps;
pub mod store;
mod stored_settings;

pub use audit::{Journal, JournalError, JournalRecord, Uncleaned};
pub use projector::{ProjectionError, Projector, StartError, check_not_behind};
pub use read::{Page, ReadModels};
pub use rebuild::{OnDifference, RebuildError, RebuildProgress, RebuildReport};
pub use stored_settings::{SettingsError, StoredSettings};

/// Names of the projections, for whoever wants to rebuild one.
pub fn names() -> impl Iterator<Item = &'static str> {
    projection::PROJECTIONS
        .iter()
        .map(|projection| projection.name)
}
