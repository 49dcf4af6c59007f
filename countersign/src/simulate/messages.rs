//! The listener under the simulators of messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::desk::{Desk, MessageFault, Received};
use super::receipts::MessageReceipt;
use super::{smpp, sms, smtp};

/// Which service is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// A mail server that offers STARTTLS.
    SmtpStarttls,
    /// A mail server with TLS from the first byte.
    SmtpImplicit,
    /// A message center with TLS from the first byte.
    SmppImplicit,
    /// A message center without TLS.
    Smpp,
    /// An SMS gateway with an HTTP interface, without TLS.
    Sms,
}

/// A running simulator. It ends when it is dropped.
#[derive(Debug)]
pub struct Messages {
    address: SocketAddr,
    authority: String,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or is none of this machine's.
    #[error("cannot listen")]
    Listen(#[from] std::io::Error),
    /// No certificate can be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate does not do.
    #[error("cannot use the certificate")]
    Tls(#[from] rustls::Error),
}

/// A stream of bytes, secured or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Drop for Messages {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Messages {
    /// Listens; port 0 takes a free one.
    pub async fn start(
        service: Service,
        address: SocketAddr,
        prints: bool,
    ) -> Result<Self, StartError> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let names = vec!["localhost".to_owned(), address.ip().to_string()];
        let certified = rcgen::generate_simple_self_signed(names)?;
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certified.cert.der().clone()],
                PrivateKeyDer::Pkcs8(key),
            )?;
        let desk = Arc::new(Desk::new(prints));
        let tls = TlsAcceptor::from(Arc::new(tls));
        let task = tokio::spawn(accept(listener, service, tls, Arc::clone(&desk)));
        Ok(Self {
            address,
            authority: certified.cert.pem(),
            desk,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate, which whoever is to trust it takes as an authority: PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Orders a fault for the next message that none was ordered for yet.
    pub fn fail_next(&self, fault: MessageFault) {
        self.desk.order(fault);
    }

    /// Says what becomes of the next message for which nothing was said yet. Without a word it is delivered.
    pub fn receipt_of_next(&self, receipt: MessageReceipt) {
        self.desk.receipts().order(receipt);
    }

    /// Brings the receipts that were held.
    pub fn let_receipts_go(&self) {
        self.desk.receipts().let_go();
    }

    /// Receipts that somebody has.
    pub fn receipts_answered(&self) -> u64 {
        self.desk.receipts().answered()
    }

    /// The messages that were taken, in their order.
    pub fn taken(&self) -> Vec<Received> {
        self.desk.taken()
    }

    /// Connections that were made so far.
    pub fn connections(&self) -> u64 {
        self.desk.connections()
    }

    /// Waits until so many messages came, faults included; `false` when the time is up.
    pub async fn has_got(&self, count: u64, patience: Duration) -> bool {
        let mut came = self.desk.came();
        let enough = came.wait_for(|came| *came >= count);
        matches!(tokio::time::timeout(patience, enough).await, Ok(Ok(_)))
    }

    /// Serves until somebody ends it.
    pub async fn serve(&mut self) {
        // It ends by being aborted, which is no news.
        (&mut self.task).await.ok();
    }
}

async fn accept(listener: TcpListener, service: Service, tls: TlsAcceptor, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        desk.connected();
        let (tls, desk) = (tls.clone(), Arc::clone(&desk));
        connections.spawn(async move {
            // How a client leaves is its own affair.
            converse(stream, service, tls, &desk).await.ok();
        });
    }
}

async fn converse(
    stream: TcpStream,
    service: Service,
    tls: TlsAcceptor,
    desk: &Desk,
) -> std::io::Result<()> {
    match service {
        Service::SmtpStarttls => smtp::serve_starttls(stream, tls, desk).await,
        Service::SmtpImplicit => smtp::serve(tls.accept(stream).await?, desk).await,
        Service::SmppImplicit => smpp::serve(tls.accept(stream).await?, true, desk).await,
        Service::Smpp => smpp::serve(stream, false, desk).await,
        Service::Sms => sms::serve(stream, desk).await,
    }
}
