//! The hallway: commands in, answers back, events out, and the shell (clock, randomness, secrets) around the house.
//!
//! Two buses serve the port: JetStream and in-process. One conformance suite (`tests/conformance`) holds them to the same
//! promises. This package knows no domain rule, no SQL and no HTTP.

pub mod port;
pub mod sealing;
pub mod shell;

pub use port::{
    Bus, BusError, Delivery, DeliveryHandle, Parked, Publication, Published, SendError, StreamEvent,
};
pub use sealing::Sealer;
