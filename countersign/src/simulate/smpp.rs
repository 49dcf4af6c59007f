//! A message center: SMPP 3.4 for whoever binds. It takes every name and password.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rusmpp::pdus::{BindTransceiverResp, BindTransmitterResp, DeliverSm, SubmitSm, SubmitSmResp};
use rusmpp::tlvs::{MessageDeliveryRequestTlvValue as DeliveryTlv, TlvValue};
use rusmpp::tokio_codec::CommandCodec;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass};
use rusmpp::{Command, CommandStatus, Pdu};
use tokio::io::AsyncWriteExt as _;
use tokio_util::codec::Framed;

use super::desk::{Desk, MessageFault, Received};
use super::messages::Wire;
use super::receipts::{Due, Look, Receipts};

/// The class of a message that is a receipt.
const RECEIPT: u8 = 0b00_00_01_00;

/// Questions whether the other side is there that may be without an answer.
const QUESTIONS_MAX: u32 = 8;

/// What was said and not answered; it is said again when the session ends.
struct Unanswered<'a> {
    receipts: &'a Receipts,
    said: HashMap<u32, Due>,
    sequence: u32,
    /// Questions whether the other side is there.
    questions: u32,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        for (_, due) in self.said.drain() {
            self.receipts.keep(due);
        }
    }
}

impl Unanswered<'_> {
    /// The sequence number under which it is said.
    fn say(&mut self, due: Due) -> u32 {
        self.sequence += 1;
        self.said.insert(self.sequence, due);
        self.sequence
    }

    fn heard(&mut self, sequence: u32, status: CommandStatus) {
        let Some(due) = self.said.remove(&sequence) else {
            return;
        };
        // Refused for good is an answer as well.
        if matches!(status, CommandStatus::EsmeRok | CommandStatus::EsmeRxRAppn) {
            self.receipts.was_answered();
        } else {
            self.receipts.keep(due);
        }
    }
}

/// A session.
pub(super) async fn serve(stream: impl Wire, secured: bool, desk: &Desk) -> std::io::Result<()> {
    let mut wire = Framed::new(stream, CommandCodec::new());
    let (mut user, mut listens) = (String::new(), false);
    let mut unanswered = Unanswered {
        receipts: desk.receipts(),
        said: HashMap::new(),
        sequence: 0,
        questions: 0,
    };
    loop {
        let asked = tokio::select! {
            asked = wire.next() => asked,
            due = desk.receipts().next(), if listens => {
                bring(&mut wire, &mut unanswered, due).await?;
                continue;
            }
        };
        let Some(Ok(asked)) = asked else {
            return Ok(());
        };
        let (mut status, mut closes) = (CommandStatus::EsmeRok, false);
        let name = COctetString::from_str("simulator").unwrap_or_default();
        let answer: Pdu = match asked.pdu() {
            Some(Pdu::BindTransmitter(bind)) => {
                user = bind.system_id.as_str().to_owned();
                BindTransmitterResp::new(name, None).into()
            }
            Some(Pdu::BindTransceiver(bind)) => {
                user = bind.system_id.as_str().to_owned();
                listens = true;
                BindTransceiverResp::new(name, None).into()
            }
            Some(Pdu::EnquireLink) => Pdu::EnquireLinkResp,
            Some(Pdu::Unbind) => {
                closes = true;
                Pdu::UnbindResp
            }
            Some(Pdu::DeliverSmResp(_)) => {
                unanswered.heard(asked.sequence_number(), asked.status());
                continue;
            }
            Some(Pdu::SubmitSm(_)) if user.is_empty() => {
                status = CommandStatus::EsmeRinvbndsts;
                SubmitSmResp::default().into()
            }
            Some(Pdu::SubmitSm(message)) if u8::from(message.esm_class) != 0 => {
                status = CommandStatus::EsmeRinvesmclass;
                SubmitSmResp::default().into()
            }
            Some(Pdu::SubmitSm(message)) => {
                let received = Received {
                    to: message.destination_addr.as_str().to_owned(),
                    from: message.source_addr.as_str().to_owned(),
                    text: text(message),
                    user: user.clone(),
                    secured,
                    ..Received::default()
                };
                let fault = desk.take(received);
                let mut id = String::new();
                if MessageFault::takes(fault) {
                    let is_wished = u8::from(message.registered_delivery) & 1 == 1;
                    let (name, first) = desk.receipts().of_message(is_wished);
                    id = name;
                    for due in first {
                        bring(&mut wire, &mut unanswered, due).await?;
                    }
                }
                match fault {
                    None => {}
                    Some(MessageFault::Refuse) => status = CommandStatus::EsmeRinvdstadr,
                    Some(MessageFault::Later) => status = CommandStatus::EsmeRthrottled,
                    Some(MessageFault::Delay { ms }) => {
                        tokio::time::sleep(Duration::from_millis(ms)).await;
                    }
                    Some(MessageFault::Hang) => std::future::pending().await,
                    Some(MessageFault::Reset | MessageFault::CloseAfterTaking) => return Ok(()),
                }
                let id = COctetString::from_str(&id).unwrap_or_default();
                SubmitSmResp::new(id, Vec::new()).into()
            }
            None if u32::from(asked.id()) & 0x8000_0000 != 0 => {
                unanswered.heard(asked.sequence_number(), asked.status());
                continue;
            }
            Some(Pdu::EnquireLinkResp) => {
                unanswered.questions = 0;
                continue;
            }
            Some(Pdu::GenericNack) => continue,
            _ => {
                status = CommandStatus::EsmeRinvcmdid;
                Pdu::GenericNack
            }
        };
        let answer = Command::new(status, asked.sequence_number(), answer);
        if wire.send(answer).await.is_err() || closes {
            return Ok(());
        }
    }
}

/// Brings a receipt, and asks whether the other side is there, as centers do; from one that does not answer it parts.
async fn bring(
    wire: &mut Framed<impl Wire, CommandCodec>,
    unanswered: &mut Unanswered<'_>,
    due: Due,
) -> std::io::Result<()> {
    let message = message_of(&due);
    let sequence = unanswered.say(due);
    if unanswered.questions >= QUESTIONS_MAX {
        return Err(std::io::ErrorKind::TimedOut.into());
    }
    unanswered.questions += 1;
    if let Some(message) = message {
        let receipt = Command::new(CommandStatus::EsmeRok, sequence, message);
        wire.send(receipt).await.map_err(std::io::Error::other)?;
    } else {
        let [a, b, c, d] = sequence.to_be_bytes();
        let octets = [0, 0, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0, a, b, c, d, 1, 2];
        wire.get_mut().write_all(&octets).await?;
        wire.get_mut().flush().await?;
    }
    let there = Command::new(CommandStatus::EsmeRok, sequence, Pdu::EnquireLink);
    wire.send(there).await.map_err(std::io::Error::other)
}

/// A receipt as a message; `None` for what cannot be read.
fn message_of(due: &Due) -> Option<DeliverSm> {
    let (class, words, state) = match due.look {
        Look::Fields(state) => (RECEIPT, String::new(), Some(state)),
        // Words have the name without the zeros before it, as some centers write it.
        Look::Words(stat) => {
            let id = due.id.trim_start_matches('0').to_ascii_lowercase();
            let err = if stat == "DELIVRD" { "000" } else { "00B" };
            let words = format!(
                "id:{id} sub:001 dlvrd:001 submit date:2611260915 done date:2611260916 stat:{stat} err:{err} text:Kod"
            );
            (RECEIPT, words, None)
        }
        Look::Message => (0, "Who is it?".to_owned(), None),
        Look::Garbled => return None,
    };
    let words = OctetString::from_vec(words.into_bytes()).unwrap_or_default();
    let mut message = DeliverSm::builder()
        .esm_class(EsmClass::from(class))
        .short_message(words)
        .build();
    if let Some(state) = state {
        let id = COctetString::from_str(&due.id).unwrap_or_default();
        message.push_tlv(DeliveryTlv::ReceiptedMessageId(id));
        message.push_tlv(DeliveryTlv::MessageState(state));
    }
    Some(message)
}

/// What a person reads.
fn text(message: &SubmitSm) -> String {
    let long = message.tlvs().iter().find_map(|tlv| match tlv.value() {
        Some(TlvValue::MessagePayload(payload)) => Some(payload.value.as_ref()),
        _ => None,
    });
    let octets: &[u8] = long.unwrap_or_else(|| message.short_message().as_ref());
    match message.data_coding {
        DataCoding::Ucs2 => {
            let pairs = octets.chunks(2);
            let units: Vec<u16> = pairs
                .map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        // As far as the alphabet of GSM is ASCII.
        _ => String::from_utf8_lossy(octets).into_owned(),
    }
}
