//! Activation codes out: the messages that orders in the log owe are sent, by e-mail and as text messages.
//!
//! A message is written down in the transaction that moves the cursor. Before an attempt, that is written down too, and
//! then the house is asked: it notes the attempt in the log and answers with code and contact, which are kept nowhere here.
//! An attempt of which nobody knows how it ended, because a process or a connection went, is called unknown and is not
//! repeated: two messages with one code frighten people, and an attacker is paid for each.

mod courier;
mod gateway;
mod intake;
mod owed;
mod pattern;
mod receipts;
mod sending;
mod smpp;
mod smtp;
mod texts;

use std::sync::Arc;
use std::time::Duration;

use bus::shell::{Clock, LiveSettings, RootSecret};
use bus::{Bus, Sealer};
use event_log::EventLog;
use projections::hints::Hints;
use projections::store::{Durability, Store, StoreError};
use schemas::commands::code_orders::Channel;

use courier::Courier;
pub use gateway::{InvalidGateway, SmsGateway};
use intake::Intake;
use owed::Owed;
pub use smpp::{InvalidSmpp, SmppOptions, SmppTls};
pub use smtp::{InvalidMail, MailOptions, MailTls};
pub use texts::{CodeTexts, InvalidText};

use crate::client::ClientError;
use crate::egress::EgressPolicy;
use crate::house_commands::HouseCommands;
use crate::reactor::ReactorError;

/// How often to look when nobody tells.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long attempts under way may still take at shutdown. What takes longer is of unknown outcome.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the sending of codes needs.
#[derive(Debug)]
pub struct CodeOptions {
    /// Where the orders are.
    pub log: Arc<dyn EventLog>,
    /// Where the house is asked.
    pub bus: Arc<dyn Bus>,
    /// Closes commands, opens answers.
    pub root: RootSecret,
    /// NETWORK_TIMEOUT is the longest wait for a connection to a gateway.
    pub settings: Arc<LiveSettings>,
    /// Where a gateway may be.
    pub egress: Arc<EgressPolicy>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where what is owed is kept: `sqlite:<path>`, `postgres://...` or `jdbc:postgresql://...`.
    pub database_address: String,
    /// What is written to users.
    pub texts: CodeTexts,
    /// The ways to them.
    pub ways: CodeWays,
}

/// The ways to users that are configured.
#[derive(Clone, Debug, Default)]
pub struct CodeWays {
    /// The mail server.
    pub mail: Option<MailOptions>,
    /// Who sends text messages.
    pub sms: Option<SmsOptions>,
}

/// Who sends text messages.
#[derive(Clone, Debug)]
pub enum SmsOptions {
    /// A gateway with an HTTP interface.
    Gateway(SmsGateway),
    /// A message center.
    Smpp(SmppOptions),
}

impl CodeWays {
    /// The ways that lead somewhere.
    pub fn channels(&self) -> Vec<Channel> {
        let sms = self.sms.as_ref().map(|_| Channel::Sms);
        let email = self.mail.as_ref().map(|_| Channel::Email);
        sms.into_iter().chain(email).collect()
    }
}

/// Why codes cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum CodeStartError {
    /// The tables.
    #[error("cannot prepare the table of activation codes to send")]
    Store(#[from] StoreError),
    /// The log, or the place in it.
    #[error(transparent)]
    Reactor(#[from] ReactorError),
    /// The mail server's options.
    #[error(transparent)]
    Mail(#[from] InvalidMail),
    /// The message center's options.
    #[error(transparent)]
    Smpp(#[from] InvalidSmpp),
    /// The client for the gateway.
    #[error("cannot prepare calls of the SMS gateway")]
    Client(#[from] ClientError),
}

/// Sends activation codes. One of them is meant to be active; two share the work and send nothing twice.
#[derive(Debug)]
pub struct Codes {
    options: CodeOptions,
    owed: Owed,
    courier: Arc<Courier>,
}

impl Codes {
    /// Opens the tables. At the very first start nothing is owed: what was ordered before is not sent.
    pub async fn new(options: CodeOptions) -> Result<Self, CodeStartError> {
        let store = Store::open(&options.database_address, Durability::Lasting).await?;
        let owed = Owed::open(store).await?;
        let house = HouseCommands::new(
            Arc::clone(&options.bus),
            Sealer::new(options.root.clone()),
            Arc::clone(&options.clock),
        );
        let courier = Courier::new(&options, owed.clone(), house)?;
        let codes = Self {
            options,
            owed,
            courier: Arc::new(courier),
        };
        codes.intake().await?;
        Ok(codes)
    }

    /// Follows the log and sends until `shutdown` comes. It returns an error only when a person must look.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), ReactorError> {
        let mut hints = Hints::new(Arc::clone(&self.options.bus), LOOK_EVERY);
        hints.listen().await;
        let mut intake = self.intake().await?;
        let mut shutdown = std::pin::pin!(shutdown);
        let mut under_way = courier::UnderWay::default();
        loop {
            match intake.take().await {
                Ok(_) => {}
                Err(error @ ReactorError::Behind(_)) => return Err(error),
                Err(error) => report(&error),
            }
            if let Err(error) = self.courier.go_on(&mut under_way).await {
                report(&error.into());
            }
            tokio::select! {
                () = &mut shutdown => break,
                () = hints.wait() => {}
                () = under_way.next() => {}
            }
        }
        // What does not end in time is told as unknown after the next start.
        let _all_ended = tokio::time::timeout(FAREWELL, under_way.all()).await;
        Ok(())
    }

    async fn intake(&self) -> Result<Intake, ReactorError> {
        let (log, clock) = (
            Arc::clone(&self.options.log),
            Arc::clone(&self.options.clock),
        );
        Intake::begin(log, clock, self.owed.clone()).await
    }
}

fn report(error: &ReactorError) {
    metrics::counter!("reactor_failures_total").increment(1);
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "activation codes are not sent; trying again");
}
