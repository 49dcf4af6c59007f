//! Log and public stream: comparing them, and mending the log from the stream.

mod comparing;
mod mending;

pub use comparing::{Compared, ComparingError, StreamDifference, compare, watch};
pub use mending::{Mended, MendingError, mend};
