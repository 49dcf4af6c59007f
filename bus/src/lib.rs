//! The hallway: commands in, answers back, events out, and the shell (clock, randomness, secrets) around the house.
//!
//! Two buses serve the port: JetStream and in-process. One conformance suite (`tests/conformance`) holds them to the same
//! promises. This package knows no domain rule, no SQL and no HTTP.

pub mod analysts;
pub mod child;
pub mod in_process;
pub mod jetstream;
pub mod lanes;
pub mod limits;
pub mod port;
pub mod sealing;
mod sequence;
pub mod shell;
pub mod version;

pub use in_process::InProcessBus;
pub use jetstream::{JetStreamBus, JetStreamOptions};
pub use lanes::Membership;
pub use limits::Limits;
pub use port::{
    Before, Bus, BusError, Delivery, DeliveryHandle, Parked, Publication, Published, Question,
    QuestionHandle, SendError, StreamEvent, Stretch, Unanswered,
};
pub use sealing::Sealer;
