//! Orders about the past of the log: what its state was, the log once more, and its copies.

pub mod at;
pub mod backup;
pub mod compare;
pub mod look;
mod pace;
pub mod replay;
pub mod state_hash;
