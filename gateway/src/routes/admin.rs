//! The operators' pages: health, metrics, the description of the doors.

pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod openapi;
