//! The words of the house: identifiers, commands, events, answers, errors, settings, and the bytes they travel as.
//!
//! This package never waits, reads a clock, draws a random number or touches the outside. Everything else may depend on
//! it; it depends on nothing of ours.

pub mod analytics;
pub mod answers;
pub mod as_of;
pub mod canonical;
pub mod carried;
pub mod codec;
pub mod commands;
pub mod context;
pub mod contract;
pub mod curated;
pub mod device_info;
pub mod envelope;
pub mod errors;
pub mod events;
pub mod export;
pub mod flags;
pub mod ids;
pub mod journal;
pub mod key_text;
pub mod lanes;
mod left_out;
pub mod license;
pub mod mirror;
pub mod money;
pub mod operation_content;
pub mod outside;
pub mod password_kdf;
pub mod pc_auth;
pub mod reasons;
pub mod sealed;
pub mod settings;
pub mod subjects;
pub mod time;
pub mod vault;
pub mod words;

pub use analytics::AnalyticsName;
pub use as_of::AsOf;
pub use errors::ErrorCode;
pub use ids::{
    CodeOrderId, CommandId, Digest, KeyIndex, LetterId, OperationId, Owner, RequestId, SystemId,
    TransactionId, UserId,
};
pub use lanes::{Lane, Position};
pub use sealed::Secret;
pub use time::Timestamp;
