//! The study: what may happen, decided from a history, a command and facts. Nothing here can wait, look at a clock, draw
//! a random number or reach the network; the package could not if it tried.
//!
//! The runner calls four functions, in this order: [`needs`] and [`precheck`] to gather facts, [`decide`], and — once the
//! decision is in the log — [`evolve`].

pub mod decision;
pub mod facts;

pub use decision::{Decision, Erasure, Next, Outcome, Refusal};
pub use facts::{Facts, SignatureCheck, VaultFacts, Verified};
