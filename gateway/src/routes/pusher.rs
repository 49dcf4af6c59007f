//! The pushes' door (the manual's module PCP), for a house whose pushes are sent by another process.
//!
//! Source: the manual names the module, its port, its error and its buffer of statuses. The paths and the bodies are ours.

pub(crate) mod push;
pub(crate) mod status;
