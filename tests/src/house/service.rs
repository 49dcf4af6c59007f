//! A service outside of the house, with a script: real HTTP on a free port, and a memory of what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use serde_json::Value;

/// What the service says to one question.
#[derive(Clone, Debug)]
pub enum Said {
    /// This, with status 200.
    Json(Value),
    /// These bytes, with this status.
    Text(u16, &'static str),
    /// Go and ask somewhere else.
    Elsewhere(String),
    /// Nothing, ever.
    Silence,
    /// More than anybody wants to hear.
    Endless,
}

/// A question as it came.
#[derive(Clone, Debug)]
pub struct AskedOutside {
    /// The header `authorization`; `None` without one.
    pub authorization: Option<String>,
    /// The body.
    pub body: Value,
}

/// A running service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Where it is.
    pub url: String,
    desk: Arc<Mutex<Desk>>,
}

#[derive(Debug)]
struct Desk {
    asked: Vec<AskedOutside>,
    script: VecDeque<Said>,
    otherwise: Said,
}

impl Service {
    /// Listens on a free loopback port. Until told otherwise it says this to every question.
    pub async fn that_says(otherwise: Said) -> Self {
        let desk = Arc::new(Mutex::new(Desk {
            asked: Vec::new(),
            script: VecDeque::new(),
            otherwise,
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&desk));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("the loopback interface has free ports");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        let url = format!("http://{address}/ask");
        Self { url, desk }
    }

    /// Says this next, once, after whatever it was told before to say next.
    pub fn says_next(&self, said: Said) {
        self.lock().script.push_back(said);
    }

    /// Says this from now on.
    pub fn says(&self, said: Said) {
        self.lock().otherwise = said;
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<AskedOutside> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    State(desk): State<Arc<Mutex<Desk>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let said = {
        let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        let authorization = headers.get(header::AUTHORIZATION);
        desk.asked.push(AskedOutside {
            authorization: authorization
                .and_then(|value| value.to_str().ok())
                .map(ToOwned::to_owned),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        });
        let next = desk.script.pop_front();
        next.unwrap_or_else(|| desk.otherwise.clone())
    };
    let with = |status: u16, body: Body| {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        response
    };
    match said {
        Said::Json(value) => with(200, Body::from(value.to_string())),
        Said::Text(status, text) => with(status, Body::from(text)),
        Said::Elsewhere(url) => {
            let mut response = with(307, Body::empty());
            let url = url.parse().expect("a header's value");
            response.headers_mut().insert(header::LOCATION, url);
            response
        }
        Said::Silence => std::future::pending().await,
        Said::Endless => with(
            200,
            Body::from_stream(futures::stream::repeat_with(|| {
                Ok::<_, std::convert::Infallible>(Bytes::from(vec![b' '; 1 << 16]))
            })),
        ),
    }
}
