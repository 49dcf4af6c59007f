//! The manual's `pc_*` members of a template for iPhones: they are for us, and become headers of Apple's service.
//!
//! Source: reference manual, sample of templates. That `pc_notification_timeout` is in seconds from the sending on is ours.

use schemas::Timestamp;
use serde_json::Value;

/// Headers, by their names.
pub(super) type Headers = Vec<(&'static str, String)>;

/// Longest identity by which notifications collapse, bytes: what Apple takes.
const COLLAPSE_ID_MAX: usize = 64;

/// Takes the controls out of a payload. A message is never kept longer than its transaction can be answered.
pub(super) fn take(payload: &mut Value, expires_at: Option<Timestamp>, now: Timestamp) -> Headers {
    let Some(members) = payload.as_object_mut() else {
        return Headers::new();
    };
    let mut headers = Headers::new();
    let kind = members.remove("pc_notification_type");
    let kind = kind.and_then(|kind| kind.as_str().map(ToOwned::to_owned));
    headers.push(("apns-push-type", kind.unwrap_or_else(|| "alert".to_owned())));
    if let Some(priority) = members
        .remove("pc_notification_priority")
        .as_ref()
        .and_then(number)
    {
        headers.push(("apns-priority", priority.to_string()));
    }
    let timeout = members.remove("pc_notification_timeout");
    let timeout = timeout.as_ref().and_then(number);
    let deadline_s = expires_at.map(|moment| moment.0 / 1000);
    let until_s = match timeout {
        // Apple's word for "now or never".
        Some(seconds) if seconds <= 0 => Some(0),
        Some(seconds) => {
            let until_s = now.0 / 1000 + seconds;
            Some(deadline_s.map_or(until_s, |deadline_s| until_s.min(deadline_s)))
        }
        None => deadline_s,
    };
    if let Some(until_s) = until_s {
        headers.push(("apns-expiration", until_s.to_string()));
    }
    let collapse = members.remove("pc_collapse_id");
    if let Some(id) = collapse.as_ref().and_then(Value::as_str)
        && (1..=COLLAPSE_ID_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic())
    {
        headers.push(("apns-collapse-id", id.to_owned()));
    }
    headers
}

/// A number, or the text of one.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn taken(mut payload: Value, expires_at: Option<Timestamp>) -> (Value, Headers) {
        let headers = take(&mut payload, expires_at, NOW);
        (payload, headers)
    }

    #[test]
    fn the_manuals_controls_become_headers_and_leave_the_payload() {
        let payload = json!({
            "aps": {"alert": "x"}, "type": "PayControl",
            "pc_notification_type": "alert", "pc_notification_priority": 10,
            "pc_notification_timeout": 600, "pc_collapse_id": "u",
        });
        let (payload, headers) = taken(payload, None);
        assert_eq!(
            payload,
            json!({"aps": {"alert": "x"}, "type": "PayControl"})
        );
        let expected = [
            ("apns-push-type", "alert"),
            ("apns-priority", "10"),
            ("apns-expiration", "1600"),
            ("apns-collapse-id", "u"),
        ];
        assert_eq!(
            headers,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn a_message_lives_no_longer_than_its_transaction() {
        let until = |timeout: Value, expires_at| {
            let (_, headers) = taken(json!({"pc_notification_timeout": timeout}), expires_at);
            let found = headers
                .into_iter()
                .find(|(name, _)| *name == "apns-expiration");
            found.map(|(_, value)| value)
        };
        let soon = Some(Timestamp(1_100_000));
        assert_eq!(until(json!(600), soon).as_deref(), Some("1100"));
        assert_eq!(until(json!("60"), soon).as_deref(), Some("1060"));
        assert_eq!(until(Value::Null, soon).as_deref(), Some("1100"));
        assert_eq!(until(json!(0), soon).as_deref(), Some("0"));
        assert_eq!(until(Value::Null, None), None);
    }

    #[test]
    fn what_no_header_holds_is_left_out() {
        for id in ["", "a b", "ж", "a\r\nb", &"x".repeat(65)] {
            let (_, headers) = taken(json!({"pc_collapse_id": id}), None);
            assert_eq!(headers.len(), 1, "{id:?}");
        }
    }
}
