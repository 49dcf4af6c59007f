//! The study: what may happen, decided from a history, a command and facts. Nothing here can wait, look at a clock, draw
//! a random number or reach the network; the package could not if it tried.
//!
//! The runner calls four functions, in this order: [`needs`] and [`precheck`] to gather facts, [`decide`], and — once the
//! decision is in the log — [`evolve`].

pub mod decision;
pub mod facts;
pub mod licenses;
pub mod policies;
pub mod server;
pub mod systems;
pub mod users;

mod asked;
mod authenticate;
mod code_orders;
mod codes;
mod credentials;
mod crypto;
mod deciding;
mod devices;
mod gathering;
mod journal;
mod keys;
mod operations;
mod operators;
mod owner;
mod reasons;
mod recovery;
mod replay;
mod transactions;
mod web_address;

#[cfg(test)]
mod house_model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod ring_model;
#[cfg(test)]
mod testing;

pub use authenticate::{Authenticated, authenticate, device_mac};
pub use code_orders::CodePolicy;
pub use crypto::signature::verify;
pub use deciding::{decide, kept_private};
pub use decision::{CounterStep, Decision, Erasure, Next, Outcome, Refusal};
pub use facts::{Facts, Outside, SignatureCheck, VaultFacts, Verifications, Verified};
pub use gathering::{
    answers_of_the_past, asks_much, looks_back, needs, needs_license, needs_system_key, precheck,
    tells_users,
};
pub use licenses::{LicenseFacts, Licensing};
pub use owner::{OwnerState, UserState, evolve};
