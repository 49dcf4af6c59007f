//! Carries the messages: an attempt at a time, each written down before it is made.

use std::collections::HashSet;
use std::sync::Arc;

use bus::shell::Clock;
use projections::store::StoreError;
use schemas::Timestamp;
use schemas::answers::{AnswerBody, CodeToSend};
use schemas::commands::code_orders::{
    BeginCodeSending, Channel, NoteCodeReceipt, SendingOutcome, SettleCodeSending,
};
use tokio::task::JoinSet;

use super::gateway::GatewaySender;
use super::owed::{Owed, OwedMessage, Status};
use super::receipts::Told;
use super::sending::{ATTEMPT_MAX, Attempted, Message};
use super::smpp::{Inbox, Smpp};
use super::smtp::Smtp;
use super::texts::CodeTexts;
use super::{CodeOptions, CodeStartError, SmsOptions};
use crate::house_commands::HouseCommands;

/// Messages under way at the same time.
const AT_ONCE: usize = 16;

/// Waits before the second attempt and those after it, ms. There are five: the last is a quarter of an hour after the
/// order, and later nobody waits any more.
const WAITS_MS: [i64; 4] = [10_000, 60_000, 240_000, 600_000];

/// Wait before the house is asked again when it did not answer, ms.
const ASK_AGAIN_MS: i64 = 2_000;

/// An attempt that began longer ago, in a process that says nothing more of it, is over, ms.
const LOST_AFTER_MS: i64 = 2 * 60_000;

const _: () = assert!(
    LOST_AFTER_MS > 3 * (ATTEMPT_MAX.as_millis() as i64),
    "an attempt is not lost while it can be under way"
);

/// Carries messages.
pub(super) struct Courier {
    owed: Owed,
    house: HouseCommands,
    clock: Arc<dyn Clock>,
    texts: CodeTexts,
    mail: Option<Smtp>,
    sms: Option<SmsSender>,
}

enum SmsSender {
    Gateway(Box<GatewaySender>),
    Smpp(Smpp),
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Courier")
    }
}

/// Messages under way in this process.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    ids: HashSet<String>,
    tasks: JoinSet<String>,
}

impl UnderWay {
    /// Begins what has that name, if there is room and it has not begun.
    fn take_up(
        &mut self,
        id: String,
        task: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) {
        if self.tasks.len() < AT_ONCE && self.ids.insert(id.clone()) {
            self.tasks.spawn(async move {
                if let Err(error) = task.await {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "what became of a code cannot be written down");
                }
                id
            });
        }
    }

    /// Waits until one has come to an end; for ever when there is none.
    pub(super) async fn next(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(id)) => {
                self.ids.remove(&id);
            }
            // A task that panicked has left its message as begun: it is told as unknown in time.
            Some(Err(error)) => tracing::error!(%error, "an attempt to send a code broke off"),
            None => futures::future::pending().await,
        }
    }

    /// Waits for all of them.
    pub(super) async fn all(&mut self) {
        while !self.tasks.is_empty() {
            self.next().await;
        }
    }
}

impl Courier {
    pub(super) fn new(
        options: &CodeOptions,
        owed: Owed,
        house: HouseCommands,
    ) -> Result<Self, CodeStartError> {
        let mail = options.ways.mail.clone().map(Smtp::new).transpose()?;
        let sms = match options.ways.sms.clone() {
            None => None,
            Some(SmsOptions::Smpp(smpp)) => {
                let inbox = Inbox {
                    owed: owed.clone(),
                    clock: Arc::clone(&options.clock),
                };
                Some(SmsSender::Smpp(Smpp::open(&smpp, inbox)?))
            }
            Some(SmsOptions::Gateway(gateway)) => {
                Some(SmsSender::Gateway(Box::new(GatewaySender::new(
                    gateway,
                    Arc::clone(&options.settings),
                    Arc::clone(&options.egress),
                )?)))
            }
        };
        Ok(Self {
            owed,
            house,
            clock: Arc::clone(&options.clock),
            texts: options.texts.clone(),
            mail,
            sms,
        })
    }

    /// Takes up what is due, as far as there is room.
    pub(super) async fn go_on(
        self: &Arc<Self>,
        under_way: &mut UnderWay,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let lost_before = now.plus_ms(-LOST_AFTER_MS);
        for message in self.owed.due(now, lost_before, AT_ONCE).await? {
            let (id, courier) = (message.id(), Arc::clone(self));
            under_way.take_up(id, async move { courier.carry(&message).await });
        }
        if matches!(self.sms, Some(SmsSender::Smpp(_))) {
            self.go_on_with_receipts(under_way, now).await?;
        }
        Ok(())
    }

    /// Takes up what centers have said.
    async fn go_on_with_receipts(
        self: &Arc<Self>,
        under_way: &mut UnderWay,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let of_nobody = self.owed.bring_together(now).await?;
        metrics::counter!("codes_receipts_total", "outcome" => "of_nobody").increment(of_nobody);
        for told in self.owed.receipts_to_tell(now, AT_ONCE).await? {
            let (id, courier) = (told.id(), Arc::clone(self));
            under_way.take_up(id, async move { courier.tell_receipt(&told).await });
        }
        Ok(())
    }

    async fn tell_receipt(&self, told: &Told) -> Result<(), StoreError> {
        let note = NoteCodeReceipt {
            order_id: told.order_id.clone(),
            channel: told.channel,
            outcome: told.outcome,
            reason: told.reason.clone(),
        };
        if self.house.ask(&told.owner, &told.id(), note).await.is_ok() {
            let outcome = told.outcome.word();
            metrics::counter!("codes_receipts_total", "outcome" => outcome).increment(1);
            return self.owed.receipt_told(told).await;
        }
        let later = self.clock.now().plus_ms(ASK_AGAIN_MS);
        self.owed.tell_receipt_again(told, later).await
    }

    async fn carry(&self, message: &OwedMessage) -> Result<(), StoreError> {
        match &message.status {
            Status::Owed => self.attempt(message).await,
            Status::Begun => {
                let outcome = (SendingOutcome::Unknown, Some("broke_off"));
                self.end(message, outcome).await
            }
            Status::Ended(outcome, reason) => {
                self.tell(message, (*outcome, reason.as_deref())).await
            }
        }
    }

    async fn attempt(&self, message: &OwedMessage) -> Result<(), StoreError> {
        if !self.owed.begin(message, self.clock.now()).await? {
            return Ok(());
        }
        let attempt = message.attempt + 1;
        let begin = BeginCodeSending {
            order_id: message.order_id.clone(),
            channel: message.channel,
            attempt,
        };
        let identity = format!("{}-{attempt}", message.id());
        let answer = self.house.ask(&message.owner, &identity, begin).await;
        let to_send = match answer.map(|answer| answer.body) {
            Ok(AnswerBody::CodeToSend(to_send)) => to_send,
            // It has settled the message itself, or knows nothing of it.
            Ok(_) => return self.owed.forget(message).await,
            // Nothing has left. The next attempt is decided anew: this one's answer may be old when it comes.
            Err(_) => return self.not_now(message, "house_silent").await,
        };
        let (attempted, center_id) = self.send(message, &to_send).await;
        drop(to_send);
        let channel = message.channel.word();
        let word = match attempted {
            Attempted::Taken => "taken",
            Attempted::NotNow(reason) | Attempted::Never(reason) | Attempted::Unknown(reason) => {
                reason
            }
        };
        metrics::counter!("codes_attempts_total", "channel" => channel, "outcome" => word)
            .increment(1);
        match attempted {
            Attempted::Taken => self.taken(message, center_id.as_deref()).await,
            Attempted::Never(reason) => {
                self.end(message, (SendingOutcome::Failed, Some(reason)))
                    .await
            }
            Attempted::Unknown(reason) => {
                self.end(message, (SendingOutcome::Unknown, Some(reason)))
                    .await
            }
            Attempted::NotNow(reason) => self.not_now(message, reason).await,
        }
    }

    /// Nobody took the message in this attempt: there is another one, or it was the last.
    async fn not_now(&self, message: &OwedMessage, reason: &'static str) -> Result<(), StoreError> {
        match WAITS_MS.get(message.attempt as usize) {
            Some(wait) => {
                let at = self.clock.now().plus_ms(*wait);
                self.owed.again(message, message.attempt + 1, at).await
            }
            None => {
                self.end(message, (SendingOutcome::Failed, Some(reason)))
                    .await
            }
        }
    }

    /// Sends it; of one that was taken, with the center's name of it.
    async fn send(
        &self,
        message: &OwedMessage,
        to_send: &CodeToSend,
    ) -> (Attempted, Option<String>) {
        // Opened to be sent, and for nothing else.
        let (Some(code), Some(to)) = (to_send.code.expose_text(), to_send.contact.expose_text())
        else {
            return (Attempted::Never("not_a_text"), None);
        };
        let key = (message.channel, to_send.language);
        let written = self.texts.write(key, code, to_send.valid_to);
        let letter = Message {
            id: message.id(),
            to: to.to_owned(),
            subject: written.subject,
            body: written.body,
        };
        let attempted = match (message.channel, &self.mail, &self.sms) {
            (Channel::Email, Some(mail), _) => mail.send(&letter).await,
            (Channel::Sms, _, Some(SmsSender::Gateway(gateway))) => gateway.send(&letter).await,
            (Channel::Sms, _, Some(SmsSender::Smpp(smpp))) => return smpp.send(&letter).await,
            (Channel::Email, None, _) | (Channel::Sms, _, None) => {
                Attempted::Never("way_not_configured")
            }
        };
        (attempted, None)
    }

    /// Writes down that a message was taken, and under which name its receipt will come, then tells the house.
    async fn taken(
        &self,
        message: &OwedMessage,
        center_id: Option<&str>,
    ) -> Result<(), StoreError> {
        let outcome = (SendingOutcome::Sent, None);
        match center_id {
            Some(center_id) => {
                let now = self.clock.now();
                self.owed.taken(message, center_id, now).await?;
                self.tell(message, outcome).await
            }
            None => self.end(message, outcome).await,
        }
    }

    /// Writes down how a message ended, then tells the house.
    async fn end(
        &self,
        message: &OwedMessage,
        outcome: (SendingOutcome, Option<&str>),
    ) -> Result<(), StoreError> {
        self.owed.ended(message, outcome, self.clock.now()).await?;
        self.tell(message, outcome).await
    }

    async fn tell(
        &self,
        message: &OwedMessage,
        (outcome, reason): (SendingOutcome, Option<&str>),
    ) -> Result<(), StoreError> {
        let settle = SettleCodeSending {
            order_id: message.order_id.clone(),
            channel: message.channel,
            outcome,
            reason: reason.map(ToOwned::to_owned),
        };
        let told = self.house.ask(&message.owner, &message.id(), settle).await;
        if told.is_ok() {
            return self.owed.forget(message).await;
        }
        let later = Timestamp(self.clock.now().0 + ASK_AGAIN_MS);
        self.owed.ended(message, (outcome, reason), later).await
    }
}
