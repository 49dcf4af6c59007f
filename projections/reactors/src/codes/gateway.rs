//! Text messages by the HTTP interface of an SMS gateway, as its operator describes it in a file.

use std::sync::Arc;

use bus::shell::LiveSettings;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::pattern::Pattern;
use super::sending::{ATTEMPT_MAX, Attempted, Message};
use crate::client::{ClientError, LiveClient, NotCalled};
use crate::egress::{EgressPolicy, forbidden};

/// `%PHONE%` with `+`, `%DIGITS%` without, the text, and the name of the message, by which a gateway can tell a repetition.
const NAMES: &[&str] = &["PHONE", "DIGITS", "TEXT", "ID"];

/// Longest answer, bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// A gateway.
#[derive(Clone, Debug)]
pub struct SmsGateway {
    method: Method,
    url: Url,
    query: Vec<(String, Pattern)>,
    headers: HeaderMap,
    body: Body,
    success: Option<Success>,
}

/// The file that describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    #[serde(default)]
    method: Option<String>,
    url: String,
    #[serde(default)]
    query: Map<String, Value>,
    #[serde(default)]
    headers: Map<String, Value>,
    json: Option<Value>,
    form: Option<Map<String, Value>>,
    success: Option<Success>,
}

/// What a good answer says besides its status.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Success {
    /// Where in the JSON of the answer, as in `/status`.
    pointer: String,
    /// One of these.
    is: Vec<Value>,
}

#[derive(Clone, Debug)]
enum Body {
    Nothing,
    Json(Shape),
    Form(Vec<(String, Pattern)>),
}

/// JSON whose texts have places.
#[derive(Clone, Debug)]
enum Shape {
    Plain(Value),
    Text(Pattern),
    List(Vec<Shape>),
    Object(Vec<(String, Shape)>),
}

/// A description that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the description of the SMS gateway cannot be used: {0}")]
pub struct InvalidGateway(String);

impl SmsGateway {
    /// Reads the description: a JSON object.
    pub fn read(text: &str) -> Result<Self, InvalidGateway> {
        let invalid = |reason: String| InvalidGateway(reason);
        // The reader's own words may repeat a value, and that may be a secret.
        let described: Described = serde_json::from_str(text).map_err(|error| {
            invalid(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let url = crate::delivery::callable(&described.url)
            .map_err(|error| invalid(format!("url: {}", error.reason())))?;
        let method = match described.method.as_deref() {
            None | Some("POST") => Method::POST,
            Some("GET") => Method::GET,
            Some("PUT") => Method::PUT,
            Some(_) => return Err(invalid("method: GET, POST or PUT".to_owned())),
        };
        let body = match (described.json, described.form) {
            (None, None) => Body::Nothing,
            (Some(json), None) => Body::Json(Shape::read("json", json).map_err(invalid)?),
            (None, Some(form)) => Body::Form(patterns("form", form).map_err(invalid)?),
            (Some(_), Some(_)) => {
                return Err(invalid("json and form exclude each other".to_owned()));
            }
        };
        if method == Method::GET && !matches!(body, Body::Nothing) {
            return Err(invalid("a GET has no body".to_owned()));
        }
        let success = described.success;
        if success
            .as_ref()
            .is_some_and(|success| success.is.is_empty())
        {
            return Err(invalid("success: is names nothing".to_owned()));
        }
        let gateway = Self {
            method,
            url,
            query: patterns("query", described.query).map_err(invalid)?,
            headers: headers(described.headers).map_err(invalid)?,
            body,
            success,
        };
        let has = |names: &[&str]| names.iter().any(|name| gateway.has(name));
        if !has(&["TEXT"]) || !has(&["PHONE", "DIGITS"]) {
            let reason = "%TEXT% and one of %PHONE% and %DIGITS% have to stand in it";
            return Err(invalid(reason.to_owned()));
        }
        Ok(gateway)
    }

    fn has(&self, name: &str) -> bool {
        let in_pairs =
            |pairs: &[(String, Pattern)]| pairs.iter().any(|(_, pattern)| pattern.has(name));
        let in_body = match &self.body {
            Body::Nothing => false,
            Body::Json(shape) => shape.has(name),
            Body::Form(form) => in_pairs(form),
        };
        in_body || in_pairs(&self.query)
    }
}

impl Shape {
    fn read(place: &str, value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(
                Pattern::read(&text, NAMES).map_err(|reason| format!("{place}: {reason}"))?,
            ),
            Value::Array(items) => {
                let items = items.into_iter().map(|item| Self::read(place, item));
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| {
                    let place = format!("{place}.{name}");
                    Ok::<_, String>((name, Self::read(&place, value)?))
                });
                Self::Object(members.collect::<Result<_, _>>()?)
            }
            plain => Self::Plain(plain),
        })
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Text(pattern) => pattern.has(name),
            Self::List(items) => items.iter().any(|item| item.has(name)),
            Self::Object(members) => members.iter().any(|(_, value)| value.has(name)),
        }
    }

    fn fill(&self, values: &Values<'_>) -> Value {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Text(pattern) => Value::String(values.fill(pattern)),
            Self::List(items) => items.iter().map(|item| item.fill(values)).collect(),
            Self::Object(members) => {
                let members = members.iter();
                members
                    .map(|(name, value)| (name.clone(), value.fill(values)))
                    .collect()
            }
        }
    }
}

fn patterns(place: &str, pairs: Map<String, Value>) -> Result<Vec<(String, Pattern)>, String> {
    let read = |(name, value): (String, Value)| {
        let Value::String(text) = value else {
            return Err(format!("{place}.{name} is not a text"));
        };
        let pattern = Pattern::read(&text, NAMES);
        let pattern = pattern.map_err(|reason| format!("{place}.{name}: {reason}"))?;
        Ok((name, pattern))
    };
    pairs.into_iter().map(read).collect()
}

fn headers(described: Map<String, Value>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in described {
        let wrong = || format!("headers.{name} cannot be sent");
        let text = value.as_str().ok_or_else(wrong)?;
        let mut value = HeaderValue::from_str(text).map_err(|_| wrong())?;
        value.set_sensitive(true);
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// What is filled in.
struct Values<'a>(&'a Message);

impl Values<'_> {
    fn fill(&self, pattern: &Pattern) -> String {
        let message = self.0;
        let digits = message.to.strip_prefix('+').unwrap_or(&message.to);
        pattern.fill(|name| match name {
            "PHONE" => &message.to,
            "DIGITS" => digits,
            "TEXT" => &message.body,
            _ => &message.id,
        })
    }

    fn pairs(&self, pairs: &[(String, Pattern)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, pattern)| (name.clone(), self.fill(pattern)))
            .collect()
    }
}

/// Sends text messages by a gateway.
#[derive(Debug)]
pub(super) struct GatewaySender {
    gateway: SmsGateway,
    client: LiveClient,
}

impl GatewaySender {
    pub(super) fn new(
        gateway: SmsGateway,
        settings: Arc<LiveSettings>,
        egress: Arc<EgressPolicy>,
    ) -> Result<Self, ClientError> {
        let client = LiveClient::new(settings, egress, ATTEMPT_MAX)?;
        Ok(Self { gateway, client })
    }

    /// Sends a message once.
    pub(super) async fn send(&self, message: &Message) -> Attempted {
        let (gateway, values) = (&self.gateway, Values(message));
        let mut url = gateway.url.clone();
        if !gateway.query.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(values.pairs(&gateway.query));
        }
        let request = self.client.request(gateway.method.clone(), url.as_str());
        let request = match request {
            Ok(request) => request.headers(gateway.headers.clone()),
            Err(NotCalled::Forbidden(_)) => return Attempted::Never("address_forbidden"),
            Err(NotCalled::Hindered) => return Attempted::NotNow("hindered"),
        };
        let request = match &gateway.body {
            Body::Nothing => request,
            Body::Json(shape) => request.json(&shape.fill(&values)),
            Body::Form(form) => {
                let mut encoded = Url::parse("form:").expect("it is an address");
                encoded.query_pairs_mut().extend_pairs(values.pairs(form));
                request
                    .header(
                        reqwest::header::CONTENT_TYPE,
                        "application/x-www-form-urlencoded",
                    )
                    .body(encoded.query().unwrap_or_default().to_owned())
            }
        };
        match request.send().await {
            Ok(response) => self.judge(response).await,
            Err(error) if forbidden(&error).is_some() => Attempted::Never("address_forbidden"),
            Err(error) if error.is_connect() => Attempted::NotNow("unreachable"),
            Err(error) if error.is_timeout() => Attempted::Unknown("no_answer"),
            Err(_) => Attempted::Unknown("connection_lost"),
        }
    }

    async fn judge(&self, response: reqwest::Response) -> Attempted {
        let status = response.status();
        if status.is_success() {
            let Some(success) = &self.gateway.success else {
                return Attempted::Taken;
            };
            return match read_json(response).await {
                None => Attempted::Unknown("answer_not_understood"),
                Some(answer) => match answer.pointer(&success.pointer) {
                    Some(found) if success.is.contains(found) => Attempted::Taken,
                    Some(_) => Attempted::Never("gateway_refused"),
                    None => Attempted::Unknown("answer_not_understood"),
                },
            };
        }
        match status {
            // By their meaning nothing was done.
            StatusCode::TOO_MANY_REQUESTS => Attempted::NotNow("asked_for_patience"),
            StatusCode::SERVICE_UNAVAILABLE if response.headers().contains_key(RETRY_AFTER) => {
                Attempted::NotNow("asked_for_patience")
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Attempted::NotNow("not_let_in"),
            status if status.is_server_error() => Attempted::Unknown("gateway_failed"),
            _ => Attempted::Never("gateway_refused"),
        }
    }
}

async fn read_json(mut response: reqwest::Response) -> Option<Value> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if bytes.len() + chunk.len() > ANSWER_MAX {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests;
