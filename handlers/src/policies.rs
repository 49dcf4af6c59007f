//! Policies: when this, do that. A policy names a command; the decider still decides.

mod end_code_orders;
mod expire_on_deadline;

use schemas::Owner;
use schemas::commands::Command;

pub(crate) use end_code_orders::code_order_timer;
pub(crate) use expire_on_deadline::{expiry_timer, operation_timer};

/// What to ask for when the deadline of that name has passed; `None` for a name no policy knows.
pub fn on_deadline(owner: &Owner, timer: &str) -> Option<Command> {
    expire_on_deadline::on_deadline(owner, timer)
        .or_else(|| end_code_orders::on_deadline(owner, timer))
}
