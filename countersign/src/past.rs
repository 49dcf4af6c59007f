//! Orders about the past of the log: what its state was, the log once more, and its copies.

pub mod at;
pub mod backup;
pub mod compare;
pub mod look;
mod pace;
pub mod replay;
pub mod state_hash;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of so many events, on the terminal only.
fn bar(events: u64) -> ProgressBar {
    ProgressBar::new(events).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} events, {per_sec}, {eta} left")
            .expect("the template is well-formed"),
    )
}
