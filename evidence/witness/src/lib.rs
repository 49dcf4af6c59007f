//! Witnesses of the journal (C2SP `tlog-witness` v1.0): somebody else who remembers how long it was.

mod cosigning;
mod door;
mod judging;
mod memory;
mod request;

pub use cosigning::{Cosigning, CosigningError, Disagreement};
pub use door::serve;
pub use judging::Refusal;
pub use memory::{Witness, WitnessError};
pub use request::{AddCheckpoint, InvalidRequest};
