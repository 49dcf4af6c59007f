//! What a request brought with it besides what it asks: addresses, trace, identity of its caller's own.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use schemas::ErrorCode;
use schemas::context::RequestPrivate;
use serde_json::json;

use crate::error::ApiError;

/// Header by which a bank names its request; a repetition under the same name has the effect once.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longest name a caller may give its request, bytes.
pub(crate) const CALLER_KEY_LENGTH_MAX: usize = 255;

/// The two ends of the connection a request came over. The accept loop stamps every request with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
}

impl Connection {
    /// Whether the caller is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.remote.ip().to_canonical().is_loopback()
    }

    /// The erasable part of the journal record.
    pub(crate) fn private(&self, headers: &HeaderMap, trusted_hops: usize) -> RequestPrivate {
        let end = |address: SocketAddr| {
            json!({
                "ip": address.ip().to_canonical().to_string(),
                "port": address.port().to_string(),
            })
        };
        let info = json!({ "dst": end(self.local), "src": end(self.remote) });
        RequestPrivate {
            requester_ip_address: Some(self.chain(headers, trusted_hops)),
            connection_info: Some(info.to_string()),
            ..RequestPrivate::default()
        }
    }

    /// Source addresses, nearest last. Each believed proxy vouches for one entry left of it; a client can write anything
    /// further left.
    fn chain(&self, headers: &HeaderMap, trusted_hops: usize) -> String {
        let peer = self.remote.ip().to_canonical().to_string();
        if trusted_hops == 0 {
            return peer;
        }
        let mut addresses = vec![peer];
        let forwarded: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        for entry in forwarded.iter().rev().take(trusted_hops) {
            let Ok(address) = entry.trim().parse::<IpAddr>() else {
                break;
            };
            addresses.push(address.to_canonical().to_string());
        }
        addresses.reverse();
        addresses.join(", ")
    }
}

/// The bank's own name of this request, when it gave one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| is_caller_key(text));
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text)),
        _ => Err(ApiError::because(
            ErrorCode::RequestError,
            "Idempotency-Key must be given once, as 1 to 255 visible ASCII characters",
        )),
    }
}

/// Whether a caller may name its request so.
pub(crate) fn is_caller_key(text: &str) -> bool {
    let visible = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    visible && (1..=CALLER_KEY_LENGTH_MAX).contains(&text.len())
}

/// The caller's `traceparent` (W3C Trace Context, version 00); anything else is ignored, as the standard asks.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let lengths = [2, 32, 16, 2];
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &&str| {
        part.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let fits = parts.len() == 4
        && parts[0] == "00"
        && parts.iter().map(|part| part.len()).eq(lengths)
        && parts.iter().all(hex);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn connection() -> Connection {
        Connection {
            remote: "10.0.0.9:40000".parse().unwrap(),
            local: "10.0.0.1:443".parse().unwrap(),
        }
    }

    fn forwarded(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            axum::http::HeaderName::from_static("x-forwarded-for"),
            HeaderValue::from_static(value),
        )])
    }

    #[test]
    fn only_believed_proxies_speak_for_the_source() {
        let headers = forwarded("6.6.6.6, 192.0.2.7, 10.0.0.5");
        assert_eq!(connection().chain(&headers, 0), "10.0.0.9");
        assert_eq!(connection().chain(&headers, 1), "10.0.0.5, 10.0.0.9");
        assert_eq!(
            connection().chain(&headers, 2),
            "192.0.2.7, 10.0.0.5, 10.0.0.9"
        );
        assert_eq!(
            connection().chain(&forwarded("<script>, 10.0.0.5"), 5),
            "10.0.0.5, 10.0.0.9"
        );
    }

    #[test]
    fn a_trace_is_passed_on_only_in_its_grammar() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_str(text).unwrap());
            traceparent(&headers)
        };
        assert_eq!(of(trace).as_deref(), Some(trace));
        assert_eq!(of(&trace.to_uppercase()), None);
        assert_eq!(of("00-0af7-b7ad-01"), None);
    }

    #[test]
    fn a_request_has_one_name_at_most() {
        let mut headers = HeaderMap::new();
        assert!(matches!(idempotency_key(&headers), Ok(None)));
        headers.append(IDEMPOTENCY_KEY, HeaderValue::from_static("order 42"));
        assert!(matches!(idempotency_key(&headers), Ok(Some("order 42"))));
        headers.append(IDEMPOTENCY_KEY, HeaderValue::from_static("order 42"));
        assert!(idempotency_key(&headers).is_err());
    }
}
