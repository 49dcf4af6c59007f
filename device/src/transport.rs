//! How requests travel: a small port, and its implementation over HTTP.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::request::HttpRequest;
use crate::response::HttpAnswer;

/// Carries a request to the server and its answer back. It repeats nothing and follows nothing.
pub trait Transport: Send + Sync {
    /// One request, one answer.
    fn send(
        &self,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpAnswer, NetworkError>> + Send;
}

impl<T: Transport> Transport for &T {
    fn send(
        &self,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpAnswer, NetworkError>> + Send {
        T::send(self, request)
    }
}

impl<T: Transport> Transport for Arc<T> {
    fn send(
        &self,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpAnswer, NetworkError>> + Send {
        T::send(self, request)
    }
}

/// No complete answer came.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The connection failed, broke or took too long.
    #[error("the server was not reached, or its answer broke off")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
    /// The answer is longer than [`ANSWER_BYTES_MAX`].
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
}

/// The longest answer that is read, bytes: the texts of an operation of a thousand transactions, with room to spare.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept that nothing travels on. The server lets go of it after ten seconds; a request that meets
/// that moment breaks off.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request with its answer may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// HTTP over one shared connection pool. Cloning is cheap and shares the pool.
#[derive(Clone, Debug)]
pub struct ReqwestTransport(reqwest::Client);

impl ReqwestTransport {
    /// With the platform's trusted authorities.
    pub fn new() -> Result<Self, NetworkError> {
        let client = Self::configured(reqwest::Client::builder()).build();
        client.map(Self).map_err(failed)
    }

    /// With a client of the caller's, for its own authorities or pool. Start from [`ReqwestTransport::configured`].
    pub fn with_client(client: reqwest::Client) -> Self {
        Self(client)
    }

    /// The limits of this protocol: no redirects, and an end to all waiting.
    pub fn configured(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        builder
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
    }
}

impl Transport for ReqwestTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpAnswer, NetworkError> {
        let mut builder = self.0.post(request.url());
        for (name, value) in request.headers() {
            builder = builder.header(name, value);
        }
        let mut response = builder
            .body(request.into_body())
            .send()
            .await
            .map_err(failed)?;
        let status = response.status().as_u16();
        let headers = HttpAnswer::HEADERS
            .iter()
            .flat_map(|name| {
                let values = response.headers().get_all(*name).into_iter();
                // A value that is not text stays as an empty one: present, and in no grammar.
                values.map(|value| {
                    (
                        (*name).to_owned(),
                        value.to_str().unwrap_or_default().to_owned(),
                    )
                })
            })
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(NetworkError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpAnswer {
            status,
            headers,
            body,
        })
    }
}

/// The address holds the user's id, so it stays out of the error.
fn failed(error: reqwest::Error) -> NetworkError {
    NetworkError::Failed(Box::new(error.without_url()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use schemas::Timestamp;

    use super::*;
    use crate::contents::Reported;
    use crate::door::Door;
    use crate::key::DeviceKey;
    use crate::request::{BodyContext, DeviceEventId, Prepared, Submission};

    fn prepared(url: &str) -> Prepared<Reported> {
        let key = DeviceKey::import(crate::fake_server::WHOLE_KEY).unwrap();
        let door = Door::new(url, &key.info.system_id, &key.info.user_id).unwrap();
        let context = BodyContext {
            session_id: "session",
            device_event_id: &DeviceEventId::fresh(),
            device_time: Timestamp(1),
            device_info: None,
        };
        let submission = Submission::new("events".to_owned(), &context, serde_json::json!({}));
        submission.prepare(
            &door,
            (&key.info).into(),
            key.request_key().unwrap(),
            Timestamp(1),
        )
    }

    fn transport() -> ReqwestTransport {
        let builder = reqwest::Client::builder().no_proxy();
        ReqwestTransport::with_client(ReqwestTransport::configured(builder).build().unwrap())
    }

    #[tokio::test]
    async fn a_request_goes_over_the_wire_as_it_was_prepared() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let prepared = prepared(&format!("http://{}", listener.local_addr().unwrap()));
        let expected = prepared.request.clone();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut received = Vec::new();
            while !received.ends_with(b"}") {
                let mut chunk = [0; 4096];
                let length = stream.read(&mut chunk).unwrap();
                received.extend_from_slice(&chunk[..length]);
            }
            let answer = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nPC-Auth-Response: v1 mac=00\r\n\
                PC-Server-Time: 7\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(received).unwrap()
        });
        let answer = transport().send(prepared.request).await.unwrap();
        let received = server.join().unwrap();
        assert!(received.starts_with(&format!("POST {} HTTP/1.1\r\n", expected.target())));
        for (name, value) in expected.headers() {
            assert!(received.contains(&format!("{name}: {value}\r\n")), "{name}");
        }
        assert!(received.as_bytes().ends_with(expected.body()));
        assert_eq!(
            (answer.status, &answer.body[..]),
            (302, &b"body"[..]),
            "no redirect is followed"
        );
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            answer.headers,
            [
                header("pc-auth-response", "v1 mac=00"),
                header("pc-server-time", "7")
            ]
        );
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_a_network_error_without_names() {
        // The port was free a moment ago and nobody listens on it any more.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = transport()
            .send(prepared(&format!("http://{address}")).request)
            .await
            .unwrap_err();
        assert!(matches!(error, NetworkError::Failed(_)));
        assert!(!format!("{error:?}").contains("sample-1"));
    }
}
