//! The listener under every simulator: connections, the script of faults, and the memory of what was asked.
//!
//! `POST /simulator/faults` adds an order to the script, `GET /simulator/asked` tells how much was asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use futures::StreamExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::certificate::Authority;
use super::faults::{Fault, Order, Script};

/// Longest body, bytes.
const BODY_MAX: usize = 1024 * 1024;

/// Requests that are remembered; of those before only the number is.
const REMEMBERED: usize = 10_000;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Whether it came by HTTP/2.
    pub http2: bool,
    /// Whether the client showed a certificate that is right.
    pub certified: bool,
    /// Headers, in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// JSON; nothing when it is null.
    pub body: Value,
}

/// What makes a simulator one of its kind.
pub trait Behavior: Send + Sync + 'static {
    /// Answers a request that no fault was ordered for.
    fn answer(&self, asked: &Asked) -> Answer;
}

/// How to listen.
#[derive(Clone, Copy, Debug)]
pub struct ListenOptions {
    /// Where; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether requests are printed as they come.
    pub prints: bool,
}

/// What a simulator certifies with.
pub type Certified = Arc<Authority>;

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or is none of this machine's.
    #[error("cannot listen")]
    Listen(#[from] std::io::Error),
    /// No certificate can be made.
    #[error("cannot make a certificate")]
    Rcgen(#[from] rcgen::Error),
    /// The certificate does not do.
    #[error("cannot use the certificate")]
    Tls(#[from] rustls::Error),
    /// A store or a verifier does not do.
    #[error("cannot use the certificate: {0}")]
    Certificate(String),
}

/// A running simulator. It ends when it is dropped.
#[derive(Debug)]
pub struct Simulator<B> {
    /// What it knows.
    pub behavior: Arc<B>,
    address: SocketAddr,
    scheme: &'static str,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Desk {
    memory: Mutex<Memory>,
    count: watch::Sender<u64>,
    prints: bool,
}

#[derive(Debug, Default)]
struct Memory {
    asked: Vec<Asked>,
    script: Script,
}

impl<B> Drop for Simulator<B> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<B: Behavior> Simulator<B> {
    /// Listens, with TLS when there is an authority for it.
    pub async fn start(
        behavior: B,
        options: ListenOptions,
        authority: Option<&Certified>,
    ) -> Result<Self, StartError> {
        let listener = TcpListener::bind(options.address).await?;
        let address = listener.local_addr()?;
        let names = vec!["localhost".to_owned(), address.ip().to_string()];
        let tls = authority
            .map(|authority| authority.tls(names))
            .transpose()?;
        let tls = tls.map(|tls| TlsAcceptor::from(Arc::new(tls)));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let desk = Arc::new(Desk {
            memory: Mutex::default(),
            count: watch::Sender::new(0),
            prints: options.prints,
        });
        let behavior = Arc::new(behavior);
        let task = tokio::spawn(accept(
            listener,
            tls,
            Arc::clone(&behavior),
            Arc::clone(&desk),
        ));
        Ok(Self {
            behavior,
            address,
            scheme,
            desk,
            task,
        })
    }

    /// `scheme://host:port`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Orders a fault for the next request.
    pub fn fail_next(&self, fault: Fault) {
        self.order(Order {
            fault,
            path: String::new(),
            times: 1,
        });
    }

    /// Orders a fault.
    pub fn order(&self, order: Order) {
        self.desk.lock().script.add(order);
    }

    /// What was asked so far, faults included.
    pub fn asked(&self) -> Vec<Asked> {
        self.desk.lock().asked.clone()
    }

    /// How much was asked so far, faults included.
    pub fn count(&self) -> u64 {
        *self.desk.count.borrow()
    }

    /// Waits until so much was asked; `false` when the time is up.
    pub async fn has_been_asked(&self, count: u64, patience: Duration) -> bool {
        let mut counts = self.desk.count.subscribe();
        let enough = counts.wait_for(|asked| *asked >= count);
        matches!(tokio::time::timeout(patience, enough).await, Ok(Ok(_)))
    }

    /// Serves until somebody ends it.
    pub async fn serve(&mut self) {
        // It ends by being aborted, which is no news.
        (&mut self.task).await.ok();
    }
}

impl Asked {
    /// A header; empty without it.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The token of the header `Authorization`; empty without one.
    pub fn bearer(&self) -> &str {
        let header = self.header("authorization");
        let scheme = header
            .get(..7)
            .filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        scheme.map_or("", |_| &header[7..])
    }

    /// The fields of a form.
    pub fn form(&self) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(&self.body);
        let url = reqwest::Url::parse(&format!("http://form/?{text}"));
        url.map(|url| url.query_pairs().into_owned().collect())
            .unwrap_or_default()
    }
}

impl Answer {
    /// A status with JSON.
    pub fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a request; the fault that was ordered for it comes back.
    fn take(&self, asked: &Asked) -> Option<Fault> {
        if self.prints {
            let (method, path) = (&asked.method, &asked.path);
            println!("{method} {path} {}", String::from_utf8_lossy(&asked.body));
        }
        let mut memory = self.lock();
        if memory.asked.len() < REMEMBERED {
            memory.asked.push(asked.clone());
        }
        let fault = memory.script.next(&asked.path);
        drop(memory);
        self.count.send_modify(|count| *count += 1);
        fault
    }
}

async fn accept<B: Behavior>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    behavior: Arc<B>,
    desk: Arc<Desk>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true); // only a matter of speed
        let (tls, behavior, desk) = (tls.clone(), Arc::clone(&behavior), Arc::clone(&desk));
        connections.spawn(async move {
            match tls {
                None => serve(stream, false, behavior, desk).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        let certified = stream.get_ref().1.peer_certificates().is_some();
                        serve(stream, certified, behavior, desk).await;
                    }
                }
            }
        });
    }
}

async fn serve<B: Behavior, S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    certified: bool,
    behavior: Arc<B>,
    desk: Arc<Desk>,
) {
    let wire = Arc::new(Wire::default());
    let ending = Arc::clone(&wire);
    let service = service_fn(move |request: Request<Incoming>| {
        let (behavior, desk, wire) = (Arc::clone(&behavior), Arc::clone(&desk), Arc::clone(&wire));
        async move { Ok::<_, Infallible>(answer(request, certified, &*behavior, &desk, &wire).await) }
    });
    let http = Builder::new(TokioExecutor::new());
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            // How a client leaves is its own affair.
            _ended = connection.as_mut() => return,
            () = ending.cut.notified() => return,
            () = ending.leave.notified() => connection.as_mut().graceful_shutdown(),
        }
    }
}

/// How a request ends its connection.
#[derive(Default)]
struct Wire {
    /// At once.
    cut: Notify,
    /// Once what it has taken is answered.
    leave: Notify,
}

async fn answer<B: Behavior>(
    request: Request<Incoming>,
    certified: bool,
    behavior: &B,
    desk: &Desk,
    wire: &Wire,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(Body::new(body), BODY_MAX).await;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    });
    let asked = Asked {
        method: parts.method.to_string(),
        path: path.to_owned(),
        http2: parts.version == Version::HTTP_2,
        certified,
        headers: headers.collect(),
        body: body.unwrap_or_default().to_vec(),
    };
    if let Some(answer) = about_itself(&parts.method, &asked, desk) {
        return response(&answer);
    }
    match desk.take(&asked) {
        None => response(&behavior.answer(&asked)),
        Some(Fault::Status {
            status,
            retry_after,
            body,
        }) => response(&Answer {
            status,
            headers: retry_after
                .map(|after| ("retry-after", after))
                .into_iter()
                .collect(),
            body: body.unwrap_or_default(),
        }),
        Some(Fault::Delay { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            response(&behavior.answer(&asked))
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Reset) => {
            wire.cut.notify_one();
            std::future::pending().await
        }
        Some(Fault::CloseAfterCommit) => {
            behavior.answer(&asked);
            wire.cut.notify_one();
            std::future::pending().await
        }
        Some(Fault::GoAway) => {
            wire.leave.notify_one();
            response(&behavior.answer(&asked))
        }
        Some(Fault::Redirect { to }) => response(&Answer {
            status: 307,
            headers: vec![("location", to)],
            body: Value::Null,
        }),
        Some(Fault::Drip { ms }) => drip(response(&behavior.answer(&asked)), ms).await,
    }
}

fn about_itself(method: &Method, asked: &Asked, desk: &Desk) -> Option<Answer> {
    match (method, asked.path.as_str()) {
        (&Method::POST, "/simulator/faults") => Some(match serde_json::from_slice(&asked.body) {
            Ok(order) => {
                desk.lock().script.add(order);
                Answer::json(200, Value::Null)
            }
            Err(error) => Answer::json(400, error.to_string().into()),
        }),
        (&Method::GET, "/simulator/asked") => {
            Some(Answer::json(200, (*desk.count.borrow()).into()))
        }
        _ => None,
    }
}

fn response(answer: &Answer) -> Response<Body> {
    let body = match &answer.body {
        Value::Null => Body::empty(),
        body => Body::from(body.to_string()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in &answer.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

async fn drip(response: Response<Body>, ms: u64) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, BODY_MAX)
        .await
        .unwrap_or_default();
    // Something to drip even where the service says nothing.
    let bytes = if bytes.is_empty() {
        Bytes::from_static(b"{ }")
    } else {
        bytes
    };
    let bytes: Vec<u8> = bytes.to_vec();
    let drops = futures::stream::iter(bytes).then(move |byte| async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok::<_, Infallible>(Bytes::from(vec![byte]))
    });
    Response::from_parts(parts, Body::from_stream(drops))
}
