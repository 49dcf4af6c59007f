//! A bank for the tests: takes letters, and answers as it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Response, StatusCode};
use futures::stream;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

/// A bank that listens.
pub(crate) struct Bank {
    pub url: String,
    desk: Arc<Desk>,
}

/// A letter as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// The status it was answered with; 0 as long as it was not.
    pub answered: u16,
}

/// An answer of the bank.
pub(crate) enum Answer {
    Status(u16),
    With(u16, &'static str, String),
    Body(u16, String),
    /// Status 200, and a megabyte after the other.
    Endless,
}

struct Desk {
    letters: watch::Sender<Vec<Received>>,
    answers: Mutex<VecDeque<Answer>>,
    /// What it answers when nothing else was ordered.
    usual: AtomicU16,
    /// Answers that may leave; a closed desk answers nobody.
    open: Semaphore,
    megabytes: Arc<AtomicUsize>,
}

impl Bank {
    /// A bank that answers 200 to everything.
    pub async fn open() -> Self {
        let bank = Self::closed().await;
        bank.let_go();
        bank
    }

    /// A bank that takes letters and does not answer before it is let go.
    pub async fn closed() -> Self {
        let (bank, listener, router) = Self::begin("http").await;
        tokio::spawn(async move { axum::serve(listener, router).await });
        bank
    }

    /// A bank that answers 200 to everything, behind TLS.
    pub async fn behind_tls(configuration: rustls::ServerConfig) -> Self {
        let (bank, listener, router) = Self::begin("https").await;
        bank.let_go();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(configuration));
        let listener = TlsListener { listener, acceptor };
        tokio::spawn(async move { axum::serve(listener, router).await });
        bank
    }

    async fn begin(scheme: &str) -> (Self, tokio::net::TcpListener, axum::Router) {
        let desk = Arc::new(Desk {
            letters: watch::Sender::new(Vec::new()),
            answers: Mutex::default(),
            usual: AtomicU16::new(200),
            open: Semaphore::new(0),
            megabytes: Arc::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!(
            "{scheme}://{}/callback",
            listener.local_addr().expect("it is bound")
        );
        let router = axum::Router::new()
            .fallback(take)
            .with_state(Arc::clone(&desk));
        (Self { url, desk }, listener, router)
    }

    pub fn let_go(&self) {
        self.desk.open.add_permits(1_000_000);
    }

    pub fn will_answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.desk
            .answers
            .lock()
            .expect("no test panicked here")
            .extend(answers);
    }

    /// From now on it answers this, unless something else was ordered.
    pub fn answers(&self, status: u16) {
        self.desk.usual.store(status, Ordering::SeqCst);
    }

    pub fn letters(&self) -> Vec<Received> {
        self.desk.letters.borrow().clone()
    }

    pub fn megabytes_sent(&self) -> usize {
        self.desk.megabytes.load(Ordering::SeqCst)
    }

    /// Waits until so many letters have come.
    pub async fn has_taken(&self, count: usize) {
        let mut letters = self.desk.letters.subscribe();
        let came = letters.wait_for(|letters| letters.len() >= count);
        let came = tokio::time::timeout(std::time::Duration::from_secs(20), came).await;
        came.expect("the letters come in time")
            .expect("the desk is there");
    }
}

impl Received {
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("letters are JSON")
    }
}

struct TlsListener {
    listener: tokio::net::TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, from) = axum::serve::Listener::accept(&mut self.listener).await;
            // Whoever does not come in is the caller's affair.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let bytes = body.to_vec();
    let mut place = 0;
    desk.letters.send_modify(|letters| {
        place = letters.len();
        letters.push(Received {
            headers,
            bytes,
            answered: 0,
        });
    });
    desk.open
        .acquire()
        .await
        .expect("the desk is not torn down")
        .forget();
    let answer = desk
        .answers
        .lock()
        .expect("no test panicked here")
        .pop_front();
    let (status, header, body) = match answer {
        None => (desk.usual.load(Ordering::SeqCst), None, Body::empty()),
        Some(Answer::Status(status)) => (status, None, Body::empty()),
        Some(Answer::With(status, name, value)) => (status, Some((name, value)), Body::empty()),
        Some(Answer::Body(status, body)) => (status, None, Body::from(body)),
        Some(Answer::Endless) => (200, None, endless(Arc::clone(&desk.megabytes))),
    };
    desk.letters
        .send_modify(|letters| letters[place].answered = status);
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    if let Some((name, value)) = header {
        let value = value.parse().expect("a header's value");
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    response
}

fn endless(sent: Arc<AtomicUsize>) -> Body {
    Body::from_stream(stream::repeat_with(move || {
        sent.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::convert::Infallible>(Bytes::from(vec![b'x'; 1 << 20]))
    }))
}
