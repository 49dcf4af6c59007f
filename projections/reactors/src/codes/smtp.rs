//! Letters by SMTP, over TLS.
//!
//! What tells a letter that nobody took from one that may have been taken is how far the conversation got, so the stages
//! are taken here one by one: until the content is sent, nothing can have been taken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Letter};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use schemas::Secret;

use super::sending::{ATTEMPT_MAX, Attempted, Idle, Message};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The operator's mail server.
#[derive(Clone, Debug)]
pub struct MailOptions {
    /// Its name; a certificate is checked against it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Who we are there; `None` for a server that asks nobody.
    pub user: Option<String>,
    /// And how we prove it.
    pub password: Option<Secret>,
    /// Whom letters are from: an address, or `Name <address>`.
    pub from: String,
    /// An authority of the operator's own, PEM, besides those of the machine.
    pub authority: Option<Vec<u8>>,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// It begins in the clear and goes on only over TLS: port 587.
    Starttls,
    /// TLS from the first byte: port 465.
    Implicit,
    /// Not at all: for a server on the same machine.
    None,
}

/// Options that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMail {
    /// Not an address.
    #[error("the sender of letters is no address")]
    From,
    /// Not a certificate, or none of the machine's can be read.
    #[error("the authorities of the mail server cannot be used")]
    Authority(#[source] lettre::transport::smtp::Error),
    /// A password in the clear.
    #[error("a mail server that asks for a password is spoken to over TLS only")]
    PasswordInTheClear,
}

/// Sends letters.
pub(super) struct Smtp {
    options: MailOptions,
    from: Mailbox,
    tls: Option<TlsParameters>,
    idle: Idle<AsyncSmtpConnection>,
}

impl Smtp {
    pub(super) fn new(options: MailOptions) -> Result<Self, InvalidMail> {
        let from = options.from.parse().map_err(|_| InvalidMail::From)?;
        if options.tls == MailTls::None && options.password.is_some() {
            return Err(InvalidMail::PasswordInTheClear);
        }
        let tls = match options.tls {
            MailTls::None => None,
            MailTls::Starttls | MailTls::Implicit => Some(parameters(&options)?),
        };
        Ok(Self {
            options,
            from,
            tls,
            idle: Idle::default(),
        })
    }

    /// Sends a letter once.
    pub(super) async fn send(&self, message: &Message) -> Attempted {
        let Some((envelope, content)) = self.letter(message) else {
            return Attempted::Never("address_refused");
        };
        let handed_over = AtomicBool::new(false);
        let sending = self.converse(&envelope, &content, &handed_over);
        let ended = tokio::time::timeout(ATTEMPT_MAX, sending).await;
        let may_have_it = handed_over.load(Ordering::Relaxed);
        match ended {
            Ok(Ok(())) => Attempted::Taken,
            Ok(Err(error)) => judge(&error, may_have_it),
            Err(_) if may_have_it => Attempted::Unknown("no_answer"),
            Err(_) => Attempted::NotNow("no_answer"),
        }
    }

    fn letter(&self, message: &Message) -> Option<(lettre::address::Envelope, Vec<u8>)> {
        let domain = self.from.email.domain();
        let letter = Letter::builder()
            .from(self.from.clone())
            .to(message.to.parse().ok()?)
            .subject(&message.subject)
            .message_id(Some(format!("<{}@{domain}>", message.id)))
            .header(ContentType::TEXT_PLAIN)
            .body(message.body.clone())
            .ok()?;
        Some((letter.envelope().clone(), letter.formatted()))
    }

    async fn converse(
        &self,
        envelope: &lettre::address::Envelope,
        content: &[u8],
        handed_over: &AtomicBool,
    ) -> Result<(), lettre::transport::smtp::Error> {
        let mut connection = self.connection().await?;
        let mut parameters = Vec::new();
        let server = connection.server_info();
        if !content.is_ascii() && server.supports_feature(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        connection
            .command(Mail::new(envelope.from().cloned(), parameters))
            .await?;
        for to in envelope.to() {
            connection
                .command(Rcpt::new(to.clone(), Vec::new()))
                .await?;
        }
        connection.command(Data).await?;
        handed_over.store(true, Ordering::Relaxed);
        connection.message(content).await?;
        self.idle.put(connection);
        Ok(())
    }

    async fn connection(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        while let Some(mut kept) = self.idle.take() {
            if kept.test_connected().await {
                return Ok(kept);
            }
        }
        let MailOptions {
            host, port, tls, ..
        } = &self.options;
        let name = ClientId::default();
        let at_once = self.tls.clone().filter(|_| *tls == MailTls::Implicit);
        let place = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(place, Some(CONNECT_MAX), &name, at_once, None)
                .await?;
        if let (MailTls::Starttls, Some(parameters)) = (tls, &self.tls) {
            connection.starttls(parameters.clone(), &name).await?;
        }
        if let (Some(user), Some(password)) = (&self.options.user, &self.options.password) {
            // Opened to prove who we are.
            let password = password.expose_text().unwrap_or_default().to_owned();
            let credentials = Credentials::new(user.clone(), password);
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }
}

fn parameters(options: &MailOptions) -> Result<TlsParameters, InvalidMail> {
    let mut builder = TlsParametersBuilder::new(options.host.clone());
    if let Some(pem) = &options.authority {
        let authority = Certificate::from_pem(pem).map_err(InvalidMail::Authority)?;
        builder = builder.add_root_certificate(authority);
    }
    builder.build_rustls().map_err(InvalidMail::Authority)
}

/// A code of the server is a clear word, whenever it comes. Anything else, once the content is on its way, is none.
fn judge(error: &lettre::transport::smtp::Error, may_have_it: bool) -> Attempted {
    if error.is_permanent() {
        // Whoever does not know us may know us tomorrow; a mailbox that is refused stays refused.
        let about_us = error.status().is_some_and(|code| {
            let code = u16::from(code);
            (530..=538).contains(&code)
        });
        return if about_us {
            Attempted::NotNow("not_let_in")
        } else {
            Attempted::Never("letter_refused")
        };
    }
    if error.is_transient() {
        return Attempted::NotNow("asked_for_patience");
    }
    if may_have_it {
        return Attempted::Unknown("connection_lost");
    }
    if error.is_tls() {
        return Attempted::NotNow("not_trusted");
    }
    Attempted::NotNow("unreachable")
}
