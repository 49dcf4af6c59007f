//! Policies: when this, do that. A policy names a command; the decider still decides.

mod expire_on_deadline;

pub use expire_on_deadline::on_deadline;
pub(crate) use expire_on_deadline::{expiry_timer, operation_timer};
