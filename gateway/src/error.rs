//! Why a request is refused, as the caller hears it: a code of the one table, its HTTP status, and words.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use bus::SendError;
use schemas::{ErrorCode, Position};
use serde_json::json;

use crate::answer::{self, Seal};
use crate::options::Locale;

/// What the caller hears when nobody knows whether the command was carried out.
const UNKNOWN: &str =
    "outcome unknown: repeat the request with the same Idempotency-Key (or device_event_id)";

/// The same in Russian.
const UNKNOWN_RUSSIAN: &str =
    "результат неизвестен: повторите запрос с тем же Idempotency-Key (или device_event_id)";

/// A refusal. It never carries a value of the request, only places in it.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Refusal>);

#[derive(Clone, Debug)]
struct Refusal {
    code: ErrorCode,
    status: StatusCode,
    message: Message,
    retry_after_s: Option<u32>,
    close: bool,
    /// The member that says so, and how many tries are left.
    attempts_left: Option<(&'static str, u32)>,
    seal: Option<Seal>,
    position: Option<Position>,
}

/// What the caller reads.
#[derive(Clone, Debug)]
enum Message {
    /// The table's words, and where or why.
    OfTheTable(Option<String>),
    /// Words of this one.
    Own(&'static str, &'static str),
}

impl Message {
    fn text(&self, code: ErrorCode, locale: Locale) -> String {
        let table = match locale {
            Locale::En => code.text(),
            Locale::Ru => code.russian_text(),
        };
        match (self, locale) {
            (Self::OfTheTable(None), _) => table.to_owned(),
            // Places in a request are names of its members: they read the same in every language.
            (Self::OfTheTable(Some(detail)), _) => format!("{table}: {detail}"),
            (Self::Own(english, _), Locale::En) => (*english).to_owned(),
            (Self::Own(_, russian), Locale::Ru) => (*russian).to_owned(),
        }
    }
}

/// A refusal that went out in English, for the layer that knows which door it went out of.
#[derive(Clone, Debug)]
pub(crate) struct Localizable(Box<Refusal>);

impl Localizable {
    /// The same refusal in that language, authenticated again.
    pub(crate) fn in_language(self, locale: Locale) -> Response<Body> {
        render(&self.0, locale)
    }
}

impl ApiError {
    /// A refusal in the table's own words.
    pub(crate) fn new(code: ErrorCode) -> Self {
        let status = StatusCode::from_u16(code.http_status());
        Self(Box::new(Refusal {
            code,
            status: status.expect("the table holds HTTP statuses"),
            message: Message::OfTheTable(None),
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
        error.0.message = Message::OfTheTable(Some(detail.to_string()));
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
        error.0.message = Message::Own(
            "too many requests are under way: try again later",
            "слишком много запросов: повторите позже",
        );
        error.0.retry_after_s = Some(1);
        error.status(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// No more pushes are taken now. The manual's name for it; its number is one of the main table's, too.
    pub(crate) fn push_queue_full() -> Self {
        const NAME: &str = "TASKS_QUEUE_IS_FULL";
        let mut error = Self::new(ErrorCode::CreateOperationError);
        error.0.message = Message::Own(NAME, NAME);
        error.0.retry_after_s = Some(1);
        error.status(StatusCode::BAD_REQUEST)
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

    /// With how many tries are left, in a member of this name.
    pub(crate) fn attempts_left(mut self, member: &'static str, attempts_left: u32) -> Self {
        self.0.attempts_left = Some((member, attempts_left));
        self
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> ErrorCode {
        self.0.code
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> String {
        self.0.message.text(self.0.code, Locale::En)
    }
}

impl From<SendError> for ApiError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Unknown => {
                let mut refusal = Self::new(ErrorCode::JavaInternalError);
                refusal.0.message = Message::Own(UNKNOWN, UNKNOWN_RUSSIAN);
                refusal.status(StatusCode::GATEWAY_TIMEOUT)
            }
            SendError::Refused(reason) => {
                tracing::warn!(reason, "the bus did not accept a command");
                let mut refusal = Self::busy();
                refusal.0.message = Message::Own(
                    "nothing was done: try again later",
                    "ничего не сделано: повторите позже",
                );
                refusal
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let mut response = render(&self.0, Locale::En);
        response.extensions_mut().insert(Localizable(self.0));
        response
    }
}

fn render(refusal: &Refusal, locale: Locale) -> Response<Body> {
    let attempts = refusal
        .attempts_left
        .map(|(member, attempts_left)| (member, json!({ "attempts_left": attempts_left })));
    let extra = attempts.as_ref().map(|(member, left)| (*member, left));
    let message = refusal.message.text(refusal.code, locale);
    let body = answer::failure(refusal.code, &message, extra);
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
