//! What a request brought with it, besides what it asks: the raw material of its journal record.

use serde::{Deserialize, Serialize};

use crate::as_of::AsOf;
use crate::ids::{Digest, KeyIndex, RequestId};
use crate::left_out::is_false;
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
    /// Headers are carried into callbacks and posts (HTTP_HEADERS_PASSTHROUGH); they lie in the vault. Stamped by the door.
    #[serde(default, skip_serializing_if = "is_false")]
    pub carries_headers: bool,
    /// The event is posted and does not show in the journal (EVENTS_TRANSPARENT). Stamped by the runner.
    #[serde(default, skip_serializing_if = "is_false")]
    pub transparent: bool,
    /// How the callback of this event is written. Stamped by the decider; `None` means as the settings' table says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackWishes>,
    /// Which delivery of the request this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The moment of the past that was looked at; `None` for the present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<AsOf>,
}

/// How a callback is written: the settings that were in force when its event happened, so that every attempt and every
/// reader of the log comes to the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackWishes {
    /// CALLBACK_VERSION: 1, 2 or 3.
    pub version: u8,
    /// SEND_EVENT_IN_CALLBACK: the journal record goes with it.
    pub tells_event: bool,
    /// The application's id, with SET_APP_ID_FOR_TRANSACTION_CALLBACK and for a device that told one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
}

impl Default for CallbackWishes {
    fn default() -> Self {
        Self {
            version: 3,
            tells_event: true,
            app_id: None,
        }
    }
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
    /// What a device told beside its report, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_data: Option<String>,
    /// Headers that are carried into callbacks and posts (HTTP_HEADERS_PASSTHROUGH).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}
