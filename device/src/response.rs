//! Answers: first the MAC, then the envelope, then the content.

use schemas::pc_auth::PcAuth;
use schemas::{Digest, ErrorCode, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::contents::Content;
use crate::error::{AnswerError, Error, Refusal};
use crate::secrets::MacKey;

/// Version of the envelope.
const ANSWER_VERSION: u32 = 3;
/// Name of the header with the server's clock, ms since the Unix epoch.
const SERVER_TIME_HEADER: &str = "pc-server-time";

/// An answer as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case. `pc-auth-response` and `pc-server-time` matter; the rest may be left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// Names of the headers a transport must hand over.
    pub const HEADERS: [&'static str; 2] = [PcAuth::RESPONSE_HEADER, SERVER_TIME_HEADER];

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self
            .headers
            .iter()
            .filter(move |(header, _)| header == name);
        named.map(|(_, value)| value.as_str())
    }

    fn server_time(&self) -> Option<Timestamp> {
        let text = self.values(SERVER_TIME_HEADER).next()?;
        text.parse().ok().map(Timestamp)
    }
}

/// What the answer to one request is checked with.
#[derive(Debug)]
pub struct AnswerCheck {
    nonce: [u8; 16],
    key: MacKey,
}

#[derive(Deserialize)]
struct Envelope {
    answer_type: String,
    answer: Map<String, Value>,
    answer_version: u32,
}

#[derive(Deserialize)]
struct ResultField {
    error_code: u16,
    #[serde(default)]
    error_message: String,
}

#[derive(Deserialize)]
struct TryRefused {
    attempts_left: u32,
}

/// What the MAC said about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Authenticated,
    Unauthenticated,
}

impl AnswerCheck {
    pub(crate) fn new(nonce: [u8; 16], key: MacKey) -> Self {
        Self { nonce, key }
    }

    /// The content of the answer, once everything about it is right. A success without a MAC is not believed; an error
    /// without one is passed on as unauthenticated, since the server cannot authenticate what it says to a stranger.
    pub fn open<C: Content>(&self, answer: &HttpAnswer) -> Result<C, Error> {
        let trust = self.trust(answer)?;
        let malformed = |source| AnswerError::NotAnEnvelope {
            http_status: answer.status,
            source,
        };
        let mut envelope: Envelope = serde_json::from_slice(&answer.body).map_err(malformed)?;
        if envelope.answer_version != ANSWER_VERSION {
            return Err(AnswerError::VersionUnsupported(envelope.answer_version).into());
        }
        let result = envelope.answer.remove("result").unwrap_or_default();
        let result: ResultField = serde_json::from_value(result).map_err(malformed)?;
        let code = ErrorCode::from_number(result.error_code)
            .ok_or(AnswerError::CodeUnknown(result.error_code))?;
        if !code.is_success() {
            let attempts = ["activation_refused", "password_refused", "renewal_refused"]
                .iter()
                .find_map(|member| envelope.answer.remove(*member));
            return Err(Error::Server(Refusal {
                code,
                message: result.error_message,
                http_status: answer.status,
                authenticated: trust == Trust::Authenticated,
                attempts_left: attempts
                    .and_then(|value| serde_json::from_value::<TryRefused>(value).ok())
                    .map(|refused| refused.attempts_left),
                server_time: answer.server_time(),
            }));
        }
        if trust == Trust::Unauthenticated {
            return Err(AnswerError::MacMissing.into());
        }
        if envelope.answer_type != C::TYPE {
            return Err(AnswerError::TypeUnexpected { expected: C::TYPE }.into());
        }
        let content = envelope.answer.remove(C::TYPE).unwrap_or_default();
        let content = serde_json::from_value(content).map_err(AnswerError::ContentMalformed)?;
        Ok(content)
    }

    fn trust(&self, answer: &HttpAnswer) -> Result<Trust, AnswerError> {
        let mut values = answer.values(PcAuth::RESPONSE_HEADER);
        let Some(value) = values.next() else {
            return Ok(Trust::Unauthenticated);
        };
        let mac = parse_header(value).filter(|_| values.next().is_none());
        let mac = mac.ok_or(AnswerError::MacMalformed)?;
        let body_hash = Digest::sha256(&answer.body);
        let message = PcAuth::response_message(&self.nonce, answer.status, &body_hash);
        if self.key.accepts(&[&message], &mac) {
            Ok(Trust::Authenticated)
        } else {
            Err(AnswerError::MacWrong)
        }
    }

    /// The header a server would put before this answer.
    #[cfg(test)]
    pub(crate) fn header_for(&self, status: u16, body: &[u8]) -> String {
        let message = PcAuth::response_message(&self.nonce, status, &Digest::sha256(body));
        format!("v1 mac={}", self.key.mac(&[&message]))
    }
}

/// `v1 mac=<64 lower-case hex>`, and nothing else.
fn parse_header(value: &str) -> Option<Digest> {
    let text = value.strip_prefix("v1 mac=")?;
    let mac: Digest = text.parse().ok()?;
    (mac.to_string() == text).then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_an_answer_has_one_spelling() {
        let mac = "00".repeat(31) + "af";
        assert!(parse_header(&format!("v1 mac={mac}")).is_some());
        for value in [
            format!("v1 mac={}", mac.to_uppercase()),
            format!("v1 mac={mac}00"),
            format!("v1 mac={mac} "),
            format!("v2 mac={mac}"),
            format!("mac={mac}"),
        ] {
            assert_eq!(parse_header(&value), None, "{value}");
        }
    }
}
