//! HTTP_HEADERS_PASSTHROUGH: which headers of a request are carried into the callbacks and posts it causes.
//!
//! The manual passes on whatever does not have to differ. We pass on what we know to be harmless, by name: a header that
//! frames, routes, authenticates or signs a message means another thing in another message.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Most headers that are carried.
const HEADERS_MAX: usize = 32;
/// Most bytes of their names and values together.
const BYTES_MAX: usize = 8 * 1024;

/// The names that are carried.
const NAMES: &[&str] = &[
    "accept-language",
    "correlation-id",
    "request-id",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-channel",
    "x-client-version",
    "x-correlation-id",
    "x-request-id",
    "x-trace-id",
];

/// A name of the caller's own, for anything else that is meant to arrive.
const OWN_PREFIX: &str = "x-pass-";

/// The headers to carry, in the order they came, as far as the limits go: what does not fit is left out as a whole.
pub(crate) fn carried(headers: &HeaderMap) -> Vec<(String, String)> {
    let ends_here: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut bytes = 0;
    let mut carried = Vec::new();
    for (name, value) in headers {
        if !may_pass(name) || ends_here.iter().any(|ending| ending == name.as_str()) {
            continue;
        }
        let Some(text) = printable(value) else {
            continue;
        };
        bytes += name.as_str().len() + text.len();
        if bytes > BYTES_MAX || carried.len() == HEADERS_MAX {
            break;
        }
        carried.push((name.as_str().to_owned(), text.to_owned()));
    }
    carried
}

fn may_pass(name: &HeaderName) -> bool {
    let name = name.as_str();
    NAMES.contains(&name) || (name.starts_with(OWN_PREFIX) && name.len() > OWN_PREFIX.len())
}

fn printable(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?;
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~'))
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn what_is_known_to_be_harmless_is_carried() {
        let headers = of(&[
            ("X-Request-Id", "r-1"),
            ("X-Pass-Branch", "Omsk 7"),
            ("Accept-Language", "ru"),
        ]);
        let mut names: Vec<_> = carried(&headers)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        names.sort();
        assert_eq!(names, ["accept-language", "x-pass-branch", "x-request-id"]);
    }

    #[test]
    fn what_frames_routes_authenticates_or_signs_stays_here() {
        for name in [
            "connection",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "trailers",
            "transfer-encoding",
            "upgrade",
            "content-length",
            "content-type",
            "content-encoding",
            "content-md5",
            "content-range",
            "content-disposition",
            "content-location",
            "content-language",
            "host",
            "expect",
            "range",
            "if-match",
            "if-none-match",
            "if-modified-since",
            "if-unmodified-since",
            "if-range",
            "authorization",
            "proxy-authorization",
            "proxy-authenticate",
            "www-authenticate",
            "cookie",
            "set-cookie",
            "x-api-key",
            "x-auth-token",
            "x-csrf-token",
            "x-xsrf-token",
            "x-amz-date",
            "x-amz-security-token",
            "pc-auth",
            "pc-auth-response",
            "pc-server-time",
            "idempotency-key",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "svix-id",
            "svix-timestamp",
            "svix-signature",
            "signature",
            "signature-input",
            "digest",
            "x-hub-signature",
            "x-hub-signature-256",
            "x-signature",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded-port",
            "x-forwarded-prefix",
            "x-real-ip",
            "x-client-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "via",
            "max-forwards",
            "x-log-position",
            "x-original-url",
            "x-rewrite-url",
            "x-http-method-override",
            "x-http-method",
            "x-method-override",
            "origin",
            "referer",
            "accept",
            "accept-encoding",
            "accept-charset",
            "cache-control",
            "pragma",
            "age",
            "expires",
            "date",
            "from",
            "server",
            "http2-settings",
            "alt-svc",
            "x-ssl-client-cert",
            "x-client-cert",
            "x-pass-",
        ] {
            assert_eq!(carried(&of(&[(name, "a")])), [], "{name}");
        }
    }

    #[test]
    fn what_ends_with_its_connection_is_not_carried() {
        let headers = of(&[
            ("connection", "close, X-Request-Id"),
            ("x-request-id", "r-1"),
        ]);
        assert_eq!(carried(&headers), []);
    }

    #[test]
    fn values_are_printable_and_the_whole_is_bounded() {
        let tab = of(&[("x-request-id", "a\tb")]);
        assert_eq!(carried(&tab), []);
        let mut headers = HeaderMap::new();
        let binary = HeaderValue::from_bytes(b"caf\xe9").unwrap();
        headers.insert("x-trace-id", binary);
        assert_eq!(carried(&headers), []);
        let long = "x".repeat(BYTES_MAX - "x-pass-a".len());
        assert_eq!(carried(&of(&[("x-pass-a", &long)])).len(), 1);
        assert_eq!(carried(&of(&[("x-pass-ab", &long)])), []);
        let mut many = HeaderMap::new();
        for number in 0..=HEADERS_MAX {
            let name = HeaderName::try_from(format!("x-pass-{number}")).unwrap();
            many.insert(name, HeaderValue::from_static("1"));
        }
        assert_eq!(carried(&many).len(), HEADERS_MAX);
    }
}
