//! The journal: what its records tell of devices can be erased, and records can be hidden. The log keeps every event.

mod clean;
mod remove;

pub(crate) use clean::{decide as clean, needs};
pub(crate) use remove::decide as remove;
