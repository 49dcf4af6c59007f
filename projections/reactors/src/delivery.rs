//! A delivery: one letter to one address.

use reqwest::Url;
use schemas::envelope::RecordedEvent;
use schemas::{Digest, Position, Secret, Timestamp};

/// Names and values.
pub(crate) type Headers = Vec<(String, String)>;

/// What a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The outcome of a transaction.
    Callback,
    /// What happened to an operation.
    OperationCallback,
    /// A change of a user.
    UserCallback,
    /// A journal record.
    EventsPost,
}

/// A letter as the log owes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    /// What it is.
    pub kind: Kind,
    /// Letters with the same key are delivered one after the other.
    pub order_key: String,
    /// Where it goes, as the bank wrote it.
    pub url: String,
    /// Headers of the request that caused it, carried through.
    pub headers: Headers,
    /// JSON.
    pub body: Vec<u8>,
}

/// A letter on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Its identity for the receiver: the same over all attempts.
    pub id: String,
    /// The system it is signed for.
    pub system_id: String,
    /// Where it goes.
    pub url: String,
    /// Scheme, host and port of the address: what the limits count by.
    pub endpoint: String,
    /// Letters with the same key are delivered one after the other.
    pub order_key: String,
    /// Headers of the request that caused it, carried through.
    pub headers: Headers,
    /// JSON.
    pub body: Vec<u8>,
    /// How many attempts were made.
    pub attempt: u32,
    /// Not before this moment.
    pub next_at: Timestamp,
}

/// Why nothing is ever sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undeliverable {
    /// It is none.
    Malformed,
    /// Only two schemes are spoken.
    Scheme,
    /// Credentials in an address end up in logs.
    Credentials,
}

impl Undeliverable {
    /// What the operator reads.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "the address cannot be read",
            Self::Scheme => "the address is neither http nor https",
            Self::Credentials => "the address holds credentials",
        }
    }
}

impl Kind {
    /// The word in the outbox.
    pub fn word(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::OperationCallback => "operation_callback",
            Self::UserCallback => "user_callback",
            Self::EventsPost => "events_post",
        }
    }
}

impl Delivery {
    /// What is sealed in the outbox: the body, or headers and body behind a byte with which no JSON begins.
    pub fn content(&self) -> Vec<u8> {
        if self.headers.is_empty() {
            return self.body.clone();
        }
        let content = rmp_serde::to_vec(&(&self.headers, Secret::new(self.body.clone())));
        let mut bytes = vec![WITH_HEADERS];
        bytes.extend(content.expect("texts and bytes hold nothing MessagePack cannot"));
        bytes
    }
}

/// Headers and body out of what was sealed; `None` when it is neither of the two forms.
pub(crate) fn read_content(content: &[u8]) -> Option<(Headers, Vec<u8>)> {
    match content.split_first() {
        Some((&WITH_HEADERS, rest)) => {
            let (headers, body): (_, Secret) = rmp_serde::from_slice(rest).ok()?;
            Some((headers, body.expose().to_vec()))
        }
        _ => Some((Vec::new(), content.to_vec())),
    }
}

/// The first byte of a content with headers.
const WITH_HEADERS: u8 = 0;

/// The identity of a letter: it follows from the event and the kind, so that a restart writes no second one.
pub(crate) fn id_of(kind: Kind, position: Position, event: &RecordedEvent) -> String {
    let digest = Digest::of(&[
        b"webhook",
        kind.word().as_bytes(),
        position.to_string().as_bytes(),
        event.owner.to_string().as_bytes(),
        event.causation_id.as_bytes(),
    ]);
    format!("msg_{}", hex::encode(&digest.0[..16]))
}

/// An address, when something can be posted there.
pub(crate) fn callable(url: &str) -> Result<Url, Undeliverable> {
    let url = Url::parse(url).map_err(|_| Undeliverable::Malformed)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Undeliverable::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Undeliverable::Credentials);
    }
    Ok(url)
}

/// Scheme, host and port of an address that letters may go to.
pub(crate) fn endpoint_of(url: &str) -> Result<String, Undeliverable> {
    let url = callable(url)?;
    let host = url.host_str().ok_or(Undeliverable::Malformed)?;
    let port = url
        .port_or_known_default()
        .ok_or(Undeliverable::Malformed)?;
    Ok(format!("{}://{host}:{port}", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_body_read_back() {
        let mut delivery = Delivery {
            id: "msg_1".to_owned(),
            system_id: "s".to_owned(),
            url: "https://bank.example/".to_owned(),
            endpoint: "https://bank.example:443".to_owned(),
            order_key: "o".to_owned(),
            headers: Vec::new(),
            body: b"{}".to_vec(),
            attempt: 0,
            next_at: Timestamp(0),
        };
        assert_eq!(delivery.content(), b"{}");
        assert_eq!(read_content(b"{}"), Some((Vec::new(), b"{}".to_vec())));
        delivery.headers = vec![("x-pass-a".to_owned(), "1".to_owned())];
        let read = read_content(&delivery.content());
        assert_eq!(read, Some((delivery.headers, delivery.body)));
        assert_eq!(read_content(&[WITH_HEADERS, 0xc1]), None);
    }

    #[test]
    fn letters_go_by_http_and_https_and_carry_no_credentials() {
        assert_eq!(
            endpoint_of("https://bank.example/in?x=1"),
            Ok("https://bank.example:443".to_owned())
        );
        assert_eq!(
            endpoint_of("http://10.1.2.3:8080"),
            Ok("http://10.1.2.3:8080".to_owned())
        );
        assert_eq!(
            endpoint_of("ftp://bank.example/"),
            Err(Undeliverable::Scheme)
        );
        assert_eq!(
            endpoint_of("file:///etc/passwd"),
            Err(Undeliverable::Scheme)
        );
        assert_eq!(
            endpoint_of("https://user@bank.example/"),
            Err(Undeliverable::Credentials)
        );
        assert_eq!(endpoint_of("bank.example"), Err(Undeliverable::Malformed));
    }
}
