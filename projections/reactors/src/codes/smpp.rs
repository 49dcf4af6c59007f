//! Text messages by SMPP 3.4, straight to a message center, and what becomes of them.

mod alphabet;
mod connection;
mod frames;
mod inbox;
mod receipt;
mod session;

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusmpp::CommandStatus;
use rusmpp::pdus::SubmitSm;
use rusmpp::tlvs::MessageSubmissionRequestTlvValue;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{EsmClass, MessagePayload, Npi, RegisteredDelivery, Ton};
use schemas::Secret;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::sending::{ATTEMPT_MAX, Attempted, Message};
use alphabet::{encode, source};
use connection::{Broken, Center};
pub(super) use inbox::Inbox;
pub(super) use receipt::Receipt;
use session::{Order, Session};

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

/// The field of a message that asks for a receipt, whether it arrives or not.
const WHATEVER_BECOMES_OF_IT: u8 = 1;

/// Messages that wait for the session.
const ORDERS_MAX: usize = 16;

/// Sends text messages. The session with the center ends with it.
pub(super) struct Smpp {
    source: (Ton, Npi, COctetString<1, 21>),
    orders: mpsc::Sender<Order>,
    session: JoinHandle<()>,
}

impl Drop for Smpp {
    fn drop(&mut self) {
        self.session.abort();
    }
}

impl Smpp {
    /// Opens the session, and keeps it open: receipts go into the inbox.
    pub(super) fn open(options: &SmppOptions, inbox: Inbox) -> Result<Self, InvalidSmpp> {
        let (source, center) = (source(&options.sender)?, Center::new(options)?);
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        let session = Session::new(center, inbox, receiver);
        let session = tokio::spawn(async { match session.run().await {} });
        Ok(Self {
            source,
            orders,
            session,
        })
    }

    /// Sends a message once. Of one that was taken, with the center's name of it, if it gave one.
    pub(super) async fn send(&self, message: &Message) -> (Attempted, Option<String>) {
        let Some(submit) = self.submit(message) else {
            return (Attempted::Never("does_not_fit"), None);
        };
        let handed_over = Arc::new(AtomicBool::new(false));
        let (answer, mut heard) = oneshot::channel();
        let order = Order {
            submit,
            handed_over: Arc::clone(&handed_over),
            answer,
        };
        let conversation = async {
            // A session that is no more answers nobody.
            self.orders.send(order).await.ok();
            (&mut heard).await.unwrap_or(Err(Broken::Lost))
        };
        let ended = tokio::time::timeout(ATTEMPT_MAX, conversation).await;
        // What has not left by now does not leave, and what has is seen here.
        heard.close();
        let may_have_it = handed_over.load(Ordering::SeqCst);
        let ended = match ended {
            Ok(ended) => Ok(ended),
            Err(elapsed) => heard.try_recv().map_err(|_| elapsed),
        };
        let attempted = match ended {
            Ok(Ok(center_id)) => return (Attempted::Taken, center_id),
            Ok(Err(Broken::Status(status))) => judge(status, may_have_it),
            Ok(Err(Broken::NotTrusted)) => Attempted::NotNow("not_trusted"),
            Ok(Err(Broken::Lost)) if may_have_it => Attempted::Unknown("connection_lost"),
            Ok(Err(Broken::Lost)) => Attempted::NotNow("unreachable"),
            Err(_) if may_have_it => Attempted::Unknown("no_answer"),
            Err(_) => Attempted::NotNow("no_answer"),
        };
        (attempted, None)
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
            .esm_class(EsmClass::from(0))
            .registered_delivery(RegisteredDelivery::from(WHATEVER_BECOMES_OF_IT))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_to_fit() {
        let options = |password: &str, sender: &str| SmppOptions {
            host: "center.example".to_owned(),
            port: 2775,
            tls: SmppTls::None,
            system_id: "bank".to_owned(),
            password: Secret::new(password),
            sender: sender.to_owned(),
            authority: None,
        };
        assert!(matches!(
            Center::new(&options("nine-char", "BANK")),
            Err(InvalidSmpp::TooLong("the password"))
        ));
        assert!(Center::new(&options("horse", "BANK")).is_ok());
    }
}
