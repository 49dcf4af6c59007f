//! The way to the center: a connection, secured or not, and who we are there.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rusmpp::pdus::BindTransceiver;
use rusmpp::values::InterfaceVersion;
use rusmpp::{Command, CommandStatus};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;

use super::alphabet::text;
use super::frames::{Frame, Frames};
use super::{InvalidSmpp, SmppOptions, SmppTls};

/// Longest wait for a connection, and for the answer to who we are.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The sequence number of the first request.
pub(super) const FIRST: u32 = 1;

pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection on which we are known.
pub(super) type Bound = Framed<Box<dyn Wire>, Frames>;

/// Why there is no answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// The center refuses us or the message.
    Status(CommandStatus),
    /// The connection.
    Lost,
    /// Its certificate.
    NotTrusted,
}

/// The center, and who we are there.
pub(super) struct Center {
    host: String,
    port: u16,
    bind: BindTransceiver,
    tls: Option<TlsConnector>,
}

impl Center {
    pub(super) fn new(options: &SmppOptions) -> Result<Self, InvalidSmpp> {
        // Opened to be shown to the center.
        let password = options.password.expose_text().unwrap_or_default();
        let bind = BindTransceiver::builder()
            .system_id(text(&options.system_id, "the system id")?)
            .password(text(password, "the password")?)
            .interface_version(InterfaceVersion::Smpp3_4)
            .build();
        let tls = match options.tls {
            SmppTls::None => None,
            SmppTls::Implicit => Some(connector(options.authority.as_deref())?),
        };
        Ok(Self {
            host: options.host.clone(),
            port: options.port,
            bind,
            tls,
        })
    }

    /// Connects and says who we are.
    pub(super) async fn connect(&self) -> Result<Bound, Broken> {
        let connecting = tokio::time::timeout(CONNECT_MAX, self.wire()).await;
        let wire = connecting.map_err(|_| Broken::Lost)??;
        let mut bound = Framed::new(wire, Frames);
        let introducing = tokio::time::timeout(CONNECT_MAX, self.introduce(&mut bound)).await;
        introducing.map_err(|_| Broken::Lost)??;
        Ok(bound)
    }

    async fn wire(&self) -> Result<Box<dyn Wire>, Broken> {
        let place = (self.host.as_str(), self.port);
        let stream = TcpStream::connect(place).await.map_err(|_| Broken::Lost)?;
        // An answer to a message is not to wait for the next one.
        stream.set_nodelay(true).map_err(|_| Broken::Lost)?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(connector) => {
                let name = ServerName::try_from(self.host.clone());
                let name = name.map_err(|_| Broken::NotTrusted)?;
                let secured = connector.connect(name, stream).await;
                Box::new(secured.map_err(|_| Broken::NotTrusted)?)
            }
        })
    }

    async fn introduce(&self, bound: &mut Bound) -> Result<(), Broken> {
        let bind = Command::new(CommandStatus::EsmeRok, FIRST, self.bind.clone());
        bound.send(bind).await.map_err(|_| Broken::Lost)?;
        while let Some(Ok(heard)) = bound.next().await {
            if let Frame::Command(heard) = heard
                && heard.sequence_number() == FIRST
            {
                return match heard.status() {
                    CommandStatus::EsmeRok => Ok(()),
                    status => Err(Broken::Status(status)),
                };
            }
        }
        Err(Broken::Lost)
    }
}

fn connector(authority: Option<&[u8]>) -> Result<TlsConnector, InvalidSmpp> {
    let mut authorities = Vec::new();
    if let Some(pem) = authority {
        let read: Result<Vec<_>, _> = rustls_pemfile::certs(&mut &*pem).collect();
        authorities = read.map_err(|_| InvalidSmpp::Authority)?;
        if authorities.is_empty() {
            return Err(InvalidSmpp::Authority);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&provider))
        .map_err(|_| InvalidSmpp::Authority)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| InvalidSmpp::Authority)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
