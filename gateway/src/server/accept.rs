//! The accept loop. axum's own installs no timer, so a client that sends nothing would hold its connection for ever.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::context::Connection;
use crate::limits::Limits;
use crate::server::patient::Patient;

/// Pause after the system refused to accept: usually it is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Reset streams an HTTP/2 client may leave behind before its connection is closed.
const RESET_STREAMS_MAX: usize = 20;
/// Probe of a silent HTTP/2 connection, and the time it has to answer.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// What a client hears when there are too many.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// One listener and everything it needs.
pub(super) struct Doors {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<SharedByConnections>,
    places: Arc<Semaphore>,
}

struct SharedByConnections {
    router: Router,
    limits: Limits,
    http: Builder<TokioExecutor>,
}

impl Doors {
    pub(super) fn new(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        router: Router,
        limits: Limits,
    ) -> Self {
        Self {
            listener,
            tls,
            places: Arc::new(Semaphore::new(limits.connections_max)),
            shared: Arc::new(SharedByConnections {
                http: http(&limits),
                router,
                limits,
            }),
        }
    }

    /// Serves until told to stop, or until nobody is left to tell it; then lets open requests finish, for a while.
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        let told = stopped.clone();
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                Some(_ended) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, remote)) => self.admit(stream, remote, &mut connections, &told),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(self.listener);
        let drained = timeout(self.shared.limits.shutdown, async {
            while connections.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!(
                connections = connections.len(),
                "closed connections with open requests"
            );
        }
    }

    fn admit(
        &self,
        stream: TcpStream,
        remote: SocketAddr,
        connections: &mut JoinSet<()>,
        stopped: &watch::Receiver<bool>,
    ) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            metrics::counter!("http_connections_refused_total").increment(1);
            if self.tls.is_none() {
                // Best effort: a fresh connection has room for this, and if not, closing it says enough.
                let _ = stream.try_write(REFUSAL);
            }
            return;
        };
        let Ok(local) = stream.local_addr() else {
            return; // it is already gone
        };
        let _ = stream.set_nodelay(true); // only a matter of speed
        let connection = Connection { remote, local };
        let (shared, stopped) = (self.shared.clone(), stopped.clone());
        match self.tls.clone() {
            None => connections.spawn(serve(stream, connection, shared, stopped, place)),
            Some(tls) => connections.spawn(async move {
                // A handshake that fails or stalls is the client's loss; scanners do it all day.
                if let Ok(Ok(stream)) = timeout(shared.limits.handshake, tls.accept(stream)).await {
                    serve(stream, connection, shared, stopped, place).await;
                }
            }),
        };
    }
}

/// Serves one connection to its end.
async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    connection: Connection,
    shared: Arc<SharedByConnections>,
    mut stopped: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    let limits = &shared.limits;
    let spoke = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let (router, spoke) = (shared.router.clone(), spoke.clone());
        move |mut request: Request<Incoming>| {
            spoke.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(connection);
            router.clone().oneshot(request)
        }
    });
    let stream = Patient::new(stream, limits.first_byte, limits.write_stall);
    let mut serving = pin!(shared.http.serve_connection(TokioIo::new(stream), service));
    // The header timeout begins with HTTP/1; before that, a half-sent HTTP/2 preface could wait for ever.
    let mut first_request = pin!(sleep(limits.first_byte + limits.header_read));
    let mut asked = false;
    loop {
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error, "a connection ended early");
                }
                return;
            }
            () = first_request.as_mut(), if !asked => {
                if !spoke.load(Ordering::Relaxed) {
                    return;
                }
                asked = true;
            }
            _ = stopped.changed() => {
                serving.as_mut().graceful_shutdown();
                let _ = serving.as_mut().await; // bounded by the accept loop, which ends us
                return;
            }
        }
    }
}

fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.header_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.header_bytes_max as u32)
        .max_concurrent_streams(limits.streams_max)
        .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
        .max_local_error_reset_streams(RESET_STREAMS_MAX)
        .keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1);
    builder
}
