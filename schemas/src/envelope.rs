//! An event as it lies in the log: the same frame around every body.

use serde::{Deserialize, Serialize};

use crate::context::RequestContext;
use crate::errors::ErrorCode;
use crate::events::Event;
use crate::ids::{CommandId, Owner};
use crate::time::Timestamp;

/// The frame. Its position is the log's business, so it is not in here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEnvelope {
    /// What happened.
    pub word: String,
    /// Version of the body's shape.
    pub version: u16,
    /// The aggregate, for subjects and filters.
    pub aggregate: String,
    /// Whose history.
    pub owner: Owner,
    /// 1, 2, 3 … within the owner.
    pub ordinal: u64,
    /// The runner's clock.
    pub recorded_at: Timestamp,
    /// The command that caused it.
    pub causation_id: CommandId,
    /// 0, or the error code the caller heard.
    pub result: ErrorCode,
    /// What the request brought.
    pub context: RequestContext,
    /// MessagePack map.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

/// An event with its frame, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Whose history.
    pub owner: Owner,
    /// 1, 2, 3 … within the owner.
    pub ordinal: u64,
    /// The runner's clock.
    pub recorded_at: Timestamp,
    /// The command that caused it.
    pub causation_id: CommandId,
    /// 0, or the error code the caller heard.
    pub result: ErrorCode,
    /// What the request brought.
    pub context: RequestContext,
    /// What happened.
    pub event: Event,
}
