//! Calls to push services: HTTP/2 where they speak it, through the proxy when there is one, bounded in time and size.
//!
//! Where they go, the operator's files say; nobody else can choose an address here.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bus::shell::Clock;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use reqwest::header::RETRY_AFTER;
use reqwest::{Certificate, Client, Identity, RequestBuilder, StatusCode};
use serde_json::Value;

use super::configuration::{ApnsKey, Configuration};
use super::verdict::Verdict;
use crate::schedule::retry_after_ms;

/// Longest a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Longest a call may take, connection and answer together.
const CALL_MAX: Duration = Duration::from_secs(10);

/// How often a connection without traffic is asked whether it still is one, and how long it may take to say so.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
const ALIVE_WITHIN: Duration = Duration::from_secs(5);

/// Longest answer that is read, bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// Makes clients, and calls with them.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// For everything but client certificates.
    pub(crate) usual: Client,
    clock: Arc<dyn Clock>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: StatusCode,
    /// How long it asks to wait, ms.
    pub(crate) asked_ms: Option<i64>,
    /// Its body; null when that is no JSON.
    pub(crate) body: Value,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoClient {
    /// The store does not open.
    #[error(
        "apns_p12 is no PKCS#12 store with a key and its certificate, or the password is another one"
    )]
    Store,
    /// The library does not take what the files say.
    #[error("cannot prepare outgoing calls")]
    Client(#[from] reqwest::Error),
}

impl Clients {
    /// With this way out.
    pub(crate) fn new(
        configuration: &Configuration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NoClient> {
        let usual = builder(configuration)?.build()?;
        Ok(Self { usual, clock })
    }

    /// With this client for everything.
    pub(crate) fn by(usual: Client, clock: Arc<dyn Clock>) -> Self {
        Self { usual, clock }
    }

    /// A client that shows a certificate.
    pub(crate) fn showing(
        configuration: &Configuration,
        key: &ApnsKey,
    ) -> Result<Client, NoClient> {
        let builder = builder(configuration)?;
        Ok(match key {
            ApnsKey::P8 { .. } => builder.build()?,
            ApnsKey::P12 { store, password } => {
                builder.identity(identity(store, password)?).build()?
            }
        })
    }

    /// Sends a request. The library's own words may repeat addresses and are kept to ourselves.
    pub(crate) async fn call(&self, request: RequestBuilder) -> Result<Answer, Verdict> {
        let mut response = request.send().await.map_err(|error| lost(&error))?;
        let asked = response.headers().get(RETRY_AFTER);
        let asked = asked.and_then(|value| value.to_str().ok());
        let asked_ms = asked.and_then(|value| retry_after_ms(value, self.clock.now()));
        let (status, mut bytes) = (response.status(), Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
            if bytes.len() + chunk.len() > ANSWER_MAX {
                return Err(Verdict::interrupted("the answer is too long"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            asked_ms,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        })
    }
}

fn builder(configuration: &Configuration) -> Result<reqwest::ClientBuilder, reqwest::Error> {
    let mut builder = Client::builder()
        .user_agent("Countersign")
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_MAX)
        .timeout(CALL_MAX)
        .http2_keep_alive_interval(ALIVE_EVERY)
        .http2_keep_alive_timeout(ALIVE_WITHIN)
        .no_proxy();
    let proxy = &configuration.common.proxy;
    if let Some(host) = &proxy.host {
        let mut way = reqwest::Proxy::all(format!("http://{host}:{}", proxy.port))?;
        if let Some(username) = &proxy.username {
            let password = proxy.password.as_deref().unwrap_or_default();
            way = way.basic_auth(username, password);
        }
        builder = builder.proxy(way);
    }
    if let Some(pem) = &configuration.authorities {
        builder = builder.tls_certs_merge(Certificate::from_pem_bundle(pem)?);
    }
    Ok(builder)
}

fn identity(store: &str, password: &str) -> Result<Identity, NoClient> {
    let packed: String = store.split_whitespace().collect();
    let bytes = BASE64_STANDARD
        .decode(packed)
        .map_err(|_| NoClient::Store)?;
    let store = KeyStore::from_pkcs12(&bytes, password, Pkcs12ImportPolicy::Strict)
        .map_err(|_| NoClient::Store)?;
    let (_, chain) = store.private_key_chain().ok_or(NoClient::Store)?;
    let mut pem = pem("PRIVATE KEY", chain.key().as_der());
    for certificate in chain.certs() {
        pem += &self::pem("CERTIFICATE", certificate.as_der());
    }
    Ok(Identity::from_pem(pem.as_bytes())?)
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn lost(error: &reqwest::Error) -> Verdict {
    Verdict::interrupted(if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the exchange broke off"
    })
}

/// A form's body.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://form/").expect("it is an address");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forms_values_stay_values() {
        let body = form(&[("a", "1&b=2 %"), ("c", "ж")]);
        assert_eq!(body, "a=1%26b%3D2+%25&c=%D0%B6");
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for store in ["", "!", "aGVsbG8="] {
            assert!(
                matches!(identity(store, ""), Err(NoClient::Store)),
                "{store}"
            );
        }
    }
}
