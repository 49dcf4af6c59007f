//! What a request brought with it, besides what it asks: the raw material of its journal record.

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, KeyIndex, RequestId};
use crate::time::Timestamp;

/// The public part: it goes into the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestContext {
    /// Path of the request, as the door saw it; no query, since a query may hold anything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_url: String,
    /// SHA-256 of the request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<Digest>,
    /// The MAC of the request's header, for requests of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hmac: Option<Digest>,
    /// The time in the request's header, for requests of a device: the door copies it from `PcAuth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// Session on the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The device's own identifier of this request; the same over its retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_event_id: Option<String>,
    /// The device's clock, ms since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_time: Option<i64>,
    /// The key the request was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_index: Option<KeyIndex>,
    /// Name of the instance whose door took the request (`pc_instance_name`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Where to post this event, when the key's flags ask for it. Stamped by the decider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_post_url: Option<String>,
    /// Which delivery of the request this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
}

/// The erasable part: it goes into the vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestPrivate {
    /// Source addresses, nearest last, comma separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_ip_address: Option<String>,
    /// `{src, dst}` of the connection, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_info: Option<String>,
    /// Device information as received, as JSON text; only from keys whose flags ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_info: Option<String>,
}
