//! A journal record as the world sees it: the manual's 22 fields, by the manual's names.
//!
//! Source: reference manual, "Events" and its examples. Times are ms; what is not known is left out.

use schemas::Position;
use schemas::context::RequestPrivate;
use schemas::envelope::RecordedEvent;
use serde::Serialize;
use serde_json::Value;

use crate::audit::data::data_of;
use crate::audit::journal::key_of;

/// A journal record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JournalRecord {
    /// Number of the record.
    pub event_id: i64,
    /// When it was recorded, ms.
    pub created_at: i64,
    /// The user it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The transaction it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// Session on the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The device's identifier of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_event_id: Option<String>,
    /// The device's clock, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_time: Option<i64>,
    /// Authentication code of the request. Not kept by this server: its header holds an HMAC instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_code: Option<String>,
    /// SHA-256 of the request's body, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
    /// HMAC of the request, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_hmac: Option<String>,
    /// The event's word.
    pub request_type: String,
    /// What the device told about itself; left out once it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_info: Option<Value>,
    /// Source addresses; left out once they were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester_ip_address: Option<String>,
    /// 0, or the error code the caller heard.
    pub request_result: i64,
    /// The operation it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operationid: Option<String>,
    /// Path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_url: Option<String>,
    /// Who keeps the journal.
    pub pc_version: PcVersion,
    /// The system it concerns.
    pub system_id: String,
    /// When it was recorded, or when what it told of the device and the connection was erased, ms.
    pub updated_at: i64,
    /// What the event tells beyond the other fields; left out once it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_data: Option<Value>,
    /// The connection; left out once it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_info: Option<Value>,
    /// Name of the instance whose door took the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pc_instance_name: Option<String>,
    /// Fingerprint of the device the key was bound to by then, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_fingerprint: Option<String>,
    /// The key it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_index: Option<i64>,
}

/// Component, its version and its API version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PcVersion {
    /// Version of this program.
    pub pc_version: &'static str,
    /// Its name.
    pub product: &'static str,
    /// Version of the API it speaks.
    pub pc_api_version: u32,
}

/// What every record says of this program.
pub const PC_VERSION: PcVersion = PcVersion {
    pc_version: env!("CARGO_PKG_VERSION"),
    product: "Countersign",
    pc_api_version: 7,
};

impl JournalRecord {
    /// The record of an event, without what lies in the vault and without the fingerprint.
    pub fn of(position: Position, event: &RecordedEvent) -> Self {
        let context = &event.context;
        Self {
            event_id: position.event_id(),
            created_at: event.recorded_at.0,
            user_id: event.owner.user_id().map(ToString::to_string),
            transaction_id: event.event.transaction_id().map(ToString::to_string),
            session_id: context.session_id.clone(),
            device_event_id: context.device_event_id.clone(),
            device_time: context.device_time,
            auth_code: None,
            request_hash: context.request_hash.map(|hash| hash.to_string()),
            request_hmac: context.request_hmac.map(|hmac| hmac.to_string()),
            request_type: event.event.word().to_owned(),
            device_info: None,
            requester_ip_address: None,
            request_result: event.result.number().into(),
            operationid: event.event.operation_id().map(ToString::to_string),
            request_url: Some(context.request_url.clone()).filter(|url| !url.is_empty()),
            pc_version: PC_VERSION,
            system_id: event.owner.system_id().to_string(),
            updated_at: event.recorded_at.0,
            event_data: data_of(event),
            connection_info: None,
            pc_instance_name: context.instance.clone(),
            device_fingerprint: None,
            key_index: key_of(event).map(|key_index| key_index.0.into()),
        }
    }

    /// Adds what lay in the vault.
    #[must_use]
    pub fn with_private(mut self, private: RequestPrivate) -> Self {
        self.device_info = private.device_info.map(json);
        self.connection_info = private.connection_info.map(json);
        self.event_data = private.event_data.map(json).or(self.event_data);
        self.requester_ip_address = private.requester_ip_address;
        self
    }
}

/// Text that should be JSON; what is not stays a text.
fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_record_has_the_manuals_fields_and_no_other() {
        let text = Some("x".to_owned());
        let record = JournalRecord {
            event_id: 1,
            created_at: 1,
            user_id: text.clone(),
            transaction_id: text.clone(),
            session_id: text.clone(),
            device_event_id: text.clone(),
            device_time: Some(1),
            auth_code: text.clone(),
            request_hash: text.clone(),
            request_hmac: text.clone(),
            request_type: String::new(),
            device_info: None,
            requester_ip_address: None,
            request_result: 0,
            operationid: text.clone(),
            request_url: text.clone(),
            pc_version: PC_VERSION,
            system_id: String::new(),
            updated_at: 2,
            event_data: None,
            connection_info: None,
            pc_instance_name: text.clone(),
            device_fingerprint: text.clone(),
            key_index: Some(1),
        };
        let record = record.with_private(RequestPrivate {
            requester_ip_address: text,
            connection_info: Some(r#"{"src":{"ip":"10.0.0.1"}}"#.to_owned()),
            device_info: Some(r#"{"osName":"Android"}"#.to_owned()),
            event_data: Some(r#"{"apps":[]}"#.to_owned()),
            headers: Vec::new(),
        });
        let json = serde_json::to_value(&record).expect("a record is JSON");
        let mut names: Vec<&str> = json
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        let mut manual: Vec<&str> = schemas::words::JOURNAL_FIELDS
            .iter()
            .map(|field| field.name)
            // In the manual's examples and in its word for cleaning, and not in its table.
            .chain(["updated_at", "event_data"])
            .collect();
        names.sort_unstable();
        manual.sort_unstable();
        assert_eq!(names, manual);
        assert_eq!(json["device_info"]["osName"], "Android");
        assert_eq!(json["pc_version"]["pc_api_version"], 7);
    }
}
