//! Why a request is refused, as the caller hears it: a code of the one table, its HTTP status, and words.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use bus::SendError;
use schemas::{ErrorCode, Position};
use serde_json::json;

use crate::answer::{self, Seal};

/// What the caller hears when nobody knows whether the command was carried out.
const UNKNOWN: &str =
    "outcome unknown: repeat the request with the same Idempotency-Key (or device_event_id)";

/// A refusal. It never carries a value of the request, only places in it.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Refusal>);

#[derive(Debug)]
struct Refusal {
    code: ErrorCode,
    status: StatusCode,
    message: String,
    retry_after_s: Option<u32>,
    close: bool,
    attempts_left: Option<u32>,
    seal: Option<Seal>,
    position: Option<Position>,
}

impl ApiError {
    /// A refusal in the table's own words.
    pub(crate) fn new(code: ErrorCode) -> Self {
        let status = StatusCode::from_u16(code.http_status());
        Self(Box::new(Refusal {
            code,
            status: status.expect("the table holds HTTP statuses"),
            message: code.text().to_owned(),
            retry_after_s: None,
            close: false,
            attempts_left: None,
            seal: None,
            position: None,
        }))
    }

    /// The table's words, and where or why.
    pub(crate) fn because(code: ErrorCode, detail: impl std::fmt::Display) -> Self {
        let mut error = Self::new(code);
        error.0.message = format!("{}: {detail}", code.text());
        error
    }

    /// 283 at a place of the request.
    pub(crate) fn at(place: impl std::fmt::Display) -> Self {
        Self::because(ErrorCode::JsonRequestIncorrect, place)
    }

    /// The body is longer than the route permits.
    pub(crate) fn too_long(limit: usize) -> Self {
        Self::at(format_args!("the body exceeds {limit} bytes"))
            .status(StatusCode::PAYLOAD_TOO_LARGE)
            .closing()
    }

    /// The body comes too slowly, or broke off.
    pub(crate) fn too_slow() -> Self {
        Self::because(ErrorCode::RequestError, "the body came too slowly")
            .status(StatusCode::REQUEST_TIMEOUT)
            .closing()
    }

    /// More commands are under way than the house takes.
    pub(crate) fn busy() -> Self {
        let mut error = Self::new(ErrorCode::JavaInternalError);
        "too many requests are under way: try again later".clone_into(&mut error.0.message);
        error.0.retry_after_s = Some(1);
        error.status(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// The house misbehaved. The reason is logged here, once; the caller hears nothing of it.
    pub(crate) fn bug(what: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "{what}");
        Self::new(ErrorCode::JavaInternalError)
    }

    /// Another HTTP status than the table's.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The connection is closed after the answer: what follows on it cannot be trusted to be a request.
    pub(crate) fn closing(mut self) -> Self {
        self.0.close = true;
        self
    }

    /// Authenticated to the device, with the place in the log.
    pub(crate) fn sealed(mut self, seal: Option<Seal>, position: Option<Position>) -> Self {
        self.0.seal = seal;
        self.0.position = position;
        self
    }

    /// With how many tries are left.
    pub(crate) fn attempts_left(mut self, attempts_left: u32) -> Self {
        self.0.attempts_left = Some(attempts_left);
        self
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> ErrorCode {
        self.0.code
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }
}

impl From<SendError> for ApiError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Unknown => {
                let mut refusal = Self::new(ErrorCode::JavaInternalError);
                UNKNOWN.clone_into(&mut refusal.0.message);
                refusal.status(StatusCode::GATEWAY_TIMEOUT)
            }
            SendError::Refused(reason) => {
                tracing::warn!(reason, "the bus did not accept a command");
                let mut refusal = Self::busy();
                "nothing was done: try again later".clone_into(&mut refusal.0.message);
                refusal
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let refusal = *self.0;
        let attempts = refusal
            .attempts_left
            .map(|attempts_left| json!({ "attempts_left": attempts_left }));
        let extra = attempts.as_ref().map(|left| ("activation_refused", left));
        let body = answer::failure(refusal.code, &refusal.message, extra);
        let seal = refusal.seal.as_ref();
        let mut response = answer::respond(refusal.status, body, seal, refusal.position);
        let headers = response.headers_mut();
        if let Some(seconds) = refusal.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if refusal.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
