//! The answer envelope of the wire, and the headers that go with it.

use aws_lc_rs::hmac;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use schemas::answers::AnswerBody;
use schemas::pc_auth::PcAuth;
use schemas::{Digest, ErrorCode, Position, Secret};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::ApiError;

/// Header with the place of the answered command's last event: `<lane>-<number>`.
pub(crate) const LOG_POSITION: &str = "x-log-position";

/// A command's successful answer, on its way to the caller.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) seal: Option<Seal>,
    pub(crate) position: Option<Position>,
    pub(crate) body: AnswerBody,
}

impl Reply {
    /// The answer with its substance.
    pub(crate) fn render(&self, answer_type: &str, content: &impl Serialize) -> Response<Body> {
        let body = success(answer_type, content);
        respond(StatusCode::OK, body, self.seal.as_ref(), self.position)
    }

    /// The runner answered something that does not answer this command: a bug, not the caller's fault.
    pub(crate) fn unexpected(&self) -> ApiError {
        // The body may hold secrets, so nothing of it is told.
        tracing::error!("the runner's answer is not of the command's kind");
        ApiError::new(ErrorCode::JavaInternalError).sealed(None, self.position)
    }
}

/// What authenticates an answer to a device.
#[derive(Clone, Debug)]
pub(crate) struct Seal {
    pub(crate) key: Secret,
    pub(crate) nonce: [u8; 16],
}

impl Seal {
    /// `v1 mac=<64 hex>` over the request's nonce, the status and the body.
    fn header(&self, status: StatusCode, body: &[u8]) -> HeaderValue {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose());
        let message = PcAuth::response_message(&self.nonce, status.as_u16(), &Digest::sha256(body));
        let text = format!("v1 mac={}", hex::encode(hmac::sign(&key, &message)));
        HeaderValue::try_from(text).expect("hex digits are visible ASCII")
    }
}

/// A response with a JSON body and our headers.
pub(crate) fn respond(
    status: StatusCode,
    body: Vec<u8>,
    seal: Option<&Seal>,
    position: Option<Position>,
) -> Response<Body> {
    let seal = seal.map(|seal| seal.header(status, &body));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seal) = seal {
        headers.insert(PcAuth::RESPONSE_HEADER, seal);
    }
    if let Some(position) = position {
        let text = HeaderValue::try_from(position.to_string());
        headers.insert(LOG_POSITION, text.expect("a position is digits and a dash"));
    }
    response
}

/// The envelope of a success.
pub(crate) fn success(answer_type: &str, content: &impl Serialize) -> Vec<u8> {
    encode(&Envelope {
        answer_type,
        answer: Inner {
            code: ErrorCode::Normal,
            message: "Success",
            content: Some((answer_type, content)),
        },
        answer_version: ANSWER_VERSION,
    })
}

/// The envelope of an error, with an extra member when there is one.
pub(crate) fn failure(
    code: ErrorCode,
    message: &str,
    extra: Option<(&str, &serde_json::Value)>,
) -> Vec<u8> {
    encode(&Envelope {
        answer_type: "error",
        answer: Inner {
            code,
            message,
            content: extra,
        },
        answer_version: ANSWER_VERSION,
    })
}

/// Version of the envelope, by the manual.
const ANSWER_VERSION: u8 = 3;

#[derive(serde::Serialize)]
struct Envelope<'a, T> {
    answer_type: &'a str,
    answer: Inner<'a, T>,
    answer_version: u8,
}

struct Inner<'a, T> {
    code: ErrorCode,
    message: &'a str,
    content: Option<(&'a str, &'a T)>,
}

#[derive(serde::Serialize)]
struct Outcome<'a> {
    error_message: &'a str,
    error_code: ErrorCode,
}

impl<T: Serialize> Serialize for Inner<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let outcome = Outcome {
            error_message: self.message,
            error_code: self.code,
        };
        map.serialize_entry("result", &outcome)?;
        if let Some((name, content)) = self.content {
            map.serialize_entry(name, content)?;
        }
        map.end()
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our answers have text keys and no failing serializer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_envelope_is_the_manual_s() {
        let body = success("user_deleted", &json!({"user_id": "sample-1"}));
        assert_eq!(
            String::from_utf8_lossy(&body),
            r#"{"answer_type":"user_deleted","answer":{"result":{"error_message":"Success","error_code":0},"user_deleted":{"user_id":"sample-1"}},"answer_version":3}"#
        );
        let body = failure(ErrorCode::UserNotFound, "User not found", None);
        assert_eq!(
            String::from_utf8_lossy(&body),
            r#"{"answer_type":"error","answer":{"result":{"error_message":"User not found","error_code":208}},"answer_version":3}"#
        );
    }

    #[test]
    fn the_seal_covers_nonce_status_and_body() {
        let seal = Seal {
            key: Secret::new([7; 32]),
            nonce: [1; 16],
        };
        let first = seal.header(StatusCode::OK, b"{}");
        assert_eq!(first.len(), "v1 mac=".len() + 64);
        assert_ne!(first, seal.header(StatusCode::BAD_REQUEST, b"{}"));
        assert_ne!(first, seal.header(StatusCode::OK, b"{ }"));
    }
}
