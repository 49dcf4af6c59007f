//! A message center: SMPP 3.4 for whoever binds. It takes every name and password.

use std::str::FromStr as _;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rusmpp::pdus::{BindTransmitterResp, SubmitSm, SubmitSmResp};
use rusmpp::tlvs::TlvValue;
use rusmpp::tokio_codec::CommandCodec;
use rusmpp::types::COctetString;
use rusmpp::values::DataCoding;
use rusmpp::{Command, CommandStatus, Pdu};
use tokio_util::codec::Framed;

use super::desk::{Desk, MessageFault, Received};
use super::messages::Wire;

/// A session.
pub(super) async fn serve(stream: impl Wire, secured: bool, desk: &Desk) -> std::io::Result<()> {
    let mut wire = Framed::new(stream, CommandCodec::new());
    let mut user = String::new();
    while let Some(Ok(asked)) = wire.next().await {
        let (mut status, mut closes) = (CommandStatus::EsmeRok, false);
        let answer: Pdu = match asked.pdu() {
            Some(Pdu::BindTransmitter(bind)) => {
                user = bind.system_id.as_str().to_owned();
                let name = COctetString::from_str("simulator").unwrap_or_default();
                BindTransmitterResp::new(name, None).into()
            }
            Some(Pdu::EnquireLink) => Pdu::EnquireLinkResp,
            Some(Pdu::Unbind) => {
                closes = true;
                Pdu::UnbindResp
            }
            Some(Pdu::SubmitSm(_)) if user.is_empty() => {
                status = CommandStatus::EsmeRinvbndsts;
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
                match desk.take(received) {
                    None => {}
                    Some(MessageFault::Refuse) => status = CommandStatus::EsmeRinvdstadr,
                    Some(MessageFault::Later) => status = CommandStatus::EsmeRthrottled,
                    Some(MessageFault::Delay { ms }) => {
                        tokio::time::sleep(Duration::from_millis(ms)).await;
                    }
                    Some(MessageFault::Hang) => std::future::pending().await,
                    Some(MessageFault::Reset | MessageFault::CloseAfterTaking) => return Ok(()),
                }
                let id = COctetString::from_str("1").unwrap_or_default();
                SubmitSmResp::new(id, Vec::new()).into()
            }
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
    Ok(())
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
