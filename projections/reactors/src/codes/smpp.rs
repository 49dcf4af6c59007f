//! Text messages by SMPP 3.4, straight to a message center.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rusmpp::pdus::{BindTransmitter, SubmitSm};
use rusmpp::tlvs::MessageSubmissionRequestTlvValue;
use rusmpp::tokio_codec::CommandCodec;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{DataCoding, InterfaceVersion, MessagePayload, Npi, Ton};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::Verifier;
use schemas::Secret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;

use super::sending::{ATTEMPT_MAX, Attempted, Idle, Message};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Octets of a message that fit into its first field; a longer one has a field of its own.
const SHORT_MAX: usize = 254;

/// The operator's message center.
#[derive(Clone, Debug)]
pub struct SmppOptions {
    /// Its name or address, and its port.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmppTls,
    /// Who we are there: 15 characters at most.
    pub system_id: String,
    /// And how we prove it: 8 characters at most.
    pub password: Secret,
    /// Whom messages are from: a name of 11 characters at most, or a number.
    pub sender: String,
    /// An authority of the operator's own, PEM, besides those of the machine.
    pub authority: Option<Vec<u8>>,
}

/// How a connection to a message center is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmppTls {
    /// TLS from the first byte.
    Implicit,
    /// Not at all: by a private line or a tunnel.
    None,
}

/// Options that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSmpp {
    /// Too long, or not ASCII.
    #[error("{0} does not fit into SMPP")]
    TooLong(&'static str),
    /// Not a certificate.
    #[error("the authorities of the message center cannot be used")]
    Authority,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A bound session; one request at a time.
struct Session {
    wire: Framed<Box<dyn Wire>, CommandCodec>,
    sequence: u32,
}

/// Sends text messages.
pub(super) struct Smpp {
    options: SmppOptions,
    bind: BindTransmitter,
    source: (Ton, Npi, COctetString<1, 21>),
    tls: Option<TlsConnector>,
    idle: Idle<Session>,
}

/// Why there is no answer.
enum Broken {
    /// The center refuses us or the message.
    Status(CommandStatus),
    /// The connection.
    Lost,
    /// Its certificate.
    NotTrusted,
}

impl Smpp {
    pub(super) fn new(options: SmppOptions) -> Result<Self, InvalidSmpp> {
        // Opened to be shown to the center.
        let password = options.password.expose_text().unwrap_or_default();
        let bind = BindTransmitter::builder()
            .system_id(text(&options.system_id, "the system id")?)
            .password(text(password, "the password")?)
            .interface_version(InterfaceVersion::Smpp3_4)
            .build();
        let source = source(&options.sender)?;
        let tls = match options.tls {
            SmppTls::None => None,
            SmppTls::Implicit => Some(connector(options.authority.as_deref())?),
        };
        Ok(Self {
            options,
            bind,
            source,
            tls,
            idle: Idle::default(),
        })
    }

    /// Sends a message once.
    pub(super) async fn send(&self, message: &Message) -> Attempted {
        let Some(submit) = self.submit(message) else {
            return Attempted::Never("does_not_fit");
        };
        let handed_over = AtomicBool::new(false);
        let converse = self.converse(submit, &handed_over);
        let ended = tokio::time::timeout(ATTEMPT_MAX, converse).await;
        let may_have_it = handed_over.load(Ordering::Relaxed);
        match ended {
            Ok(Ok(())) => Attempted::Taken,
            Ok(Err(Broken::Status(status))) => judge(status, may_have_it),
            Ok(Err(Broken::NotTrusted)) => Attempted::NotNow("not_trusted"),
            Ok(Err(Broken::Lost)) if may_have_it => Attempted::Unknown("connection_lost"),
            Ok(Err(Broken::Lost)) => Attempted::NotNow("unreachable"),
            Err(_) if may_have_it => Attempted::Unknown("no_answer"),
            Err(_) => Attempted::NotNow("no_answer"),
        }
    }

    async fn converse(&self, submit: SubmitSm, handed_over: &AtomicBool) -> Result<(), Broken> {
        let mut session = self.session().await?;
        handed_over.store(true, Ordering::Relaxed);
        session.ask(submit.into()).await?;
        self.idle.put(session);
        Ok(())
    }

    async fn session(&self) -> Result<Session, Broken> {
        while let Some(mut kept) = self.idle.take() {
            let alive = tokio::time::timeout(CONNECT_MAX, kept.ask(Pdu::EnquireLink)).await;
            if matches!(alive, Ok(Ok(()))) {
                return Ok(kept);
            }
        }
        let place = (self.options.host.as_str(), self.options.port);
        let connecting = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(place)).await;
        let Ok(Ok(stream)) = connecting else {
            return Err(Broken::Lost);
        };
        let wire: Box<dyn Wire> = match &self.tls {
            None => Box::new(stream),
            Some(connector) => {
                let name = ServerName::try_from(self.options.host.clone());
                let name = name.map_err(|_| Broken::NotTrusted)?;
                let secured = connector.connect(name, stream).await;
                Box::new(secured.map_err(|_| Broken::NotTrusted)?)
            }
        };
        let mut session = Session {
            wire: Framed::new(wire, CommandCodec::new()),
            sequence: 0,
        };
        session.ask(self.bind.clone().into()).await?;
        Ok(session)
    }

    fn submit(&self, message: &Message) -> Option<SubmitSm> {
        let (ton, npi, source) = self.source.clone();
        let (coding, octets) = encode(&message.body);
        let number = message.to.strip_prefix('+').unwrap_or(&message.to);
        let builder = SubmitSm::builder()
            .source_addr_ton(ton)
            .source_addr_npi(npi)
            .source_addr(source)
            .dest_addr_ton(Ton::International)
            .dest_addr_npi(Npi::Isdn)
            .destination_addr(COctetString::from_str(number).ok()?)
            .data_coding(coding);
        if octets.len() <= SHORT_MAX {
            let short = OctetString::from_vec(octets).ok()?;
            return Some(builder.short_message(short).build());
        }
        let mut long = builder.build();
        long.push_tlv(MessageSubmissionRequestTlvValue::MessagePayload(
            MessagePayload::new(rusmpp::types::AnyOctetString::from_vec(octets)),
        ));
        Some(long)
    }
}

impl Session {
    /// Asks, and waits for the answer; what the center asks meanwhile is answered.
    async fn ask(&mut self, pdu: Pdu) -> Result<(), Broken> {
        self.sequence += 1;
        let sequence = self.sequence;
        let question = Command::new(CommandStatus::EsmeRok, sequence, pdu);
        self.wire.send(question).await.map_err(|_| Broken::Lost)?;
        loop {
            let heard = self.wire.next().await;
            let Some(Ok(heard)) = heard else {
                return Err(Broken::Lost);
            };
            match heard.id() {
                CommandId::EnquireLink => {
                    let ok = CommandStatus::EsmeRok;
                    let answer = Command::new(ok, heard.sequence_number(), Pdu::EnquireLinkResp);
                    self.wire.send(answer).await.map_err(|_| Broken::Lost)?;
                }
                CommandId::Unbind => return Err(Broken::Lost),
                _ if heard.sequence_number() == sequence => {
                    return match heard.status() {
                        CommandStatus::EsmeRok => Ok(()),
                        status => Err(Broken::Status(status)),
                    };
                }
                _ => {}
            }
        }
    }
}

/// A status is a clear word: the message was not taken.
fn judge(status: CommandStatus, may_have_it: bool) -> Attempted {
    match status {
        CommandStatus::EsmeRthrottled
        | CommandStatus::EsmeRmsgqful
        | CommandStatus::EsmeRsyserr => Attempted::NotNow("asked_for_patience"),
        _ if may_have_it => Attempted::Never("message_refused"),
        _ => Attempted::NotNow("not_let_in"),
    }
}

/// In the alphabet of GSM when it has every letter, in UCS-2 otherwise.
fn encode(text: &str) -> (DataCoding, Vec<u8>) {
    let mut octets = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match gsm(letter) {
            Some(code) if code > 0xff => octets.extend([0x1b, (code & 0xff) as u8]),
            Some(code) => octets.push(code as u8),
            None => {
                let units = text.encode_utf16().flat_map(u16::to_be_bytes);
                return (DataCoding::Ucs2, units.collect());
            }
        }
    }
    (DataCoding::McSpecific, octets)
}

/// The code of a letter in the alphabet of GSM, as far as it is one of ASCII; beyond 255 behind an escape.
fn gsm(letter: char) -> Option<u16> {
    const ESCAPED: u16 = 0x100;
    Some(match letter {
        '@' => 0x00,
        '$' => 0x02,
        '_' => 0x11,
        '^' => ESCAPED | 0x14,
        '{' => ESCAPED | 0x28,
        '}' => ESCAPED | 0x29,
        '\\' => ESCAPED | 0x2f,
        '[' => ESCAPED | 0x3c,
        '~' => ESCAPED | 0x3d,
        ']' => ESCAPED | 0x3e,
        '|' => ESCAPED | 0x40,
        '\n' | '\r' | ' '..='#' | '%'..='?' | 'A'..='Z' | 'a'..='z' => letter as u16,
        _ => return None,
    })
}

fn source(sender: &str) -> Result<(Ton, Npi, COctetString<1, 21>), InvalidSmpp> {
    let digits = sender.strip_prefix('+').unwrap_or(sender);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let fits = is_number || sender.len() <= 11;
    let sender = fits
        .then_some(digits)
        .ok_or(InvalidSmpp::TooLong("the sender"))?;
    let (ton, npi) = match digits.len() {
        _ if !is_number => (Ton::Alphanumeric, Npi::Unknown),
        0..=7 => (Ton::Unknown, Npi::Unknown),
        _ => (Ton::International, Npi::Isdn),
    };
    Ok((ton, npi, text(sender, "the sender")?))
}

fn text<const MAX: usize>(
    text: &str,
    what: &'static str,
) -> Result<COctetString<1, MAX>, InvalidSmpp> {
    COctetString::from_str(text).map_err(|_| InvalidSmpp::TooLong(what))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_travels_in_the_smaller_of_two_alphabets() {
        let (coding, octets) = encode("Kod 34@_[x]. Deystvuet");
        assert_eq!(coding, DataCoding::McSpecific);
        assert_eq!(octets, b"Kod 34\x00\x11\x1b\x3cx\x1b\x3e. Deystvuet");
        let (coding, octets) = encode("Код");
        assert_eq!(coding, DataCoding::Ucs2);
        assert_eq!(octets, [0x04, 0x1a, 0x04, 0x3e, 0x04, 0x34]);
        assert_eq!(encode("`").0, DataCoding::Ucs2);
    }

    #[test]
    fn a_sender_is_a_name_or_a_number() {
        let kind = |sender| source(sender).map(|(ton, ..)| ton).ok();
        assert_eq!(kind("BANK"), Some(Ton::Alphanumeric));
        assert_eq!(kind("+79991234567"), Some(Ton::International));
        assert_eq!(kind("1234"), Some(Ton::Unknown));
        assert_eq!(kind("A VERY LONG NAME"), None);
        let wrong = SmppOptions {
            host: "center.example".to_owned(),
            port: 2775,
            tls: SmppTls::None,
            system_id: "bank".to_owned(),
            password: Secret::new("nine-char"),
            sender: "BANK".to_owned(),
            authority: None,
        };
        assert!(matches!(
            Smpp::new(wrong),
            Err(InvalidSmpp::TooLong("the password"))
        ));
    }
}
