//! Delivery receipts: what a center says became of a message, in fields of their own or in the text of a message.
//!
//! The text is that of the appendix of SMPP 3.4: `id:… sub:… dlvrd:… submit date:… done date:… stat:… err:… text:…`. What
//! stands behind `text` is the beginning of our message, and is not looked at.

use rusmpp::pdus::DeliverSm;
use rusmpp::tlvs::TlvValue;
use rusmpp::values::{MessageState, MessageType};
use schemas::commands::code_orders::CodeReceipt;

/// What a message from the center is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::codes) enum Heard {
    /// What became of a message.
    End(Receipt),
    /// Of a message that is still on its way.
    OnTheWay,
    /// A receipt that does not say of which message, or what.
    Unreadable,
    /// No receipt: somebody wrote to us.
    Message,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::codes) struct Receipt {
    /// The center's name of the message, as [`name_of`] writes it.
    pub center_id: String,
    pub outcome: CodeReceipt,
    /// More about it, in a word of ours.
    pub reason: Option<String>,
}

/// A center's name of a message: centers write it with and without leading zeros, and in letters of either size.
pub(in crate::codes) fn name_of(id: &str) -> Option<String> {
    let id = id.trim();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let short = id.trim_start_matches('0').to_ascii_lowercase();
    Some(if short.is_empty() {
        "0".to_owned()
    } else {
        short
    })
}

pub(super) fn read(message: &DeliverSm) -> Heard {
    let (mut id, mut state, mut error, mut payload) = (None, None, None, None);
    for tlv in message.tlvs() {
        match tlv.value() {
            Some(TlvValue::ReceiptedMessageId(value)) => id = name_of(value.as_str()),
            Some(TlvValue::MessageState(value)) => state = by_state(*value),
            Some(TlvValue::NetworkErrorCode(code)) if code.error_code != 0 => {
                error = Some(format!("network_error_{}", code.error_code));
            }
            Some(TlvValue::MessagePayload(value)) => payload = Some(value.value.as_ref()),
            _ => {}
        }
    }
    match message.esm_class.message_type {
        MessageType::ShortMessageContainsMCDeliveryReceipt => {}
        MessageType::ShortMessageContainsIntermediateDeliveryNotification => {
            return Heard::OnTheWay;
        }
        _ if id.is_none() => return Heard::Message,
        _ => {}
    }
    let octets: &[u8] = payload.unwrap_or_else(|| message.short_message().as_ref());
    let text = String::from_utf8_lossy(octets);
    for word in text.split_ascii_whitespace() {
        let Some((name, value)) = word.split_once(':') else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "id" => id = id.or_else(|| name_of(value)),
            "stat" => state = state.or_else(|| by_word(value)),
            "err" => error = error.or_else(|| error_word(value)),
            "text" => break,
            _ => {}
        }
    }
    match (id, state) {
        (Some(_), Some(State::OnTheWay)) => Heard::OnTheWay,
        (Some(center_id), Some(State::End(outcome, word))) => {
            let is_there = outcome == CodeReceipt::Delivered;
            let reason = error.filter(|_| !is_there);
            Heard::End(Receipt {
                center_id,
                outcome,
                reason: word.map(ToOwned::to_owned).or(reason),
            })
        }
        _ => Heard::Unreadable,
    }
}

#[derive(Clone, Copy)]
enum State {
    OnTheWay,
    End(CodeReceipt, Option<&'static str>),
}

fn by_state(state: MessageState) -> Option<State> {
    Some(match state {
        MessageState::Scheduled | MessageState::Enroute | MessageState::Accepted => State::OnTheWay,
        MessageState::Delivered => State::End(CodeReceipt::Delivered, None),
        MessageState::Expired => State::End(CodeReceipt::Expired, None),
        MessageState::Deleted => State::End(CodeReceipt::Undeliverable, Some("deleted")),
        MessageState::Undeliverable => State::End(CodeReceipt::Undeliverable, None),
        MessageState::Unknown => State::End(CodeReceipt::Unknown, None),
        MessageState::Rejected => State::End(CodeReceipt::Rejected, None),
        MessageState::Skipped => State::End(CodeReceipt::Undeliverable, Some("skipped")),
        MessageState::Other(_) => return None,
    })
}

fn by_word(word: &str) -> Option<State> {
    by_state(match word.to_ascii_uppercase().as_str() {
        "SCHEDULED" => MessageState::Scheduled,
        "ENROUTE" => MessageState::Enroute,
        "ACCEPTD" => MessageState::Accepted,
        "DELIVRD" => MessageState::Delivered,
        "EXPIRED" => MessageState::Expired,
        "DELETED" => MessageState::Deleted,
        "UNDELIV" => MessageState::Undeliverable,
        "UNKNOWN" => MessageState::Unknown,
        "REJECTD" => MessageState::Rejected,
        "SKIPPED" => MessageState::Skipped,
        _ => return None,
    })
}

/// The center's own number of an error: three characters by the standard, and never so many that a number of a telephone fits.
fn error_word(value: &str) -> Option<String> {
    let is_code = value.len() <= 5 && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let says_something = value.bytes().any(|byte| byte != b'0');
    let word = format!("error_{}", value.to_ascii_lowercase());
    (is_code && says_something).then_some(word)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use rusmpp::tlvs::MessageDeliveryRequestTlvValue as Tlv;
    use rusmpp::types::{AnyOctetString, COctetString, OctetString};
    use rusmpp::values::{ErrorCodeNetworkType, EsmClass, MessagePayload, NetworkErrorCode};

    use super::*;

    const RECEIPT: u8 = 0b00_00_01_00;

    fn message(class: u8, text: &str, tlvs: Vec<Tlv>) -> DeliverSm {
        let mut message = DeliverSm::builder()
            .esm_class(EsmClass::from(class))
            .short_message(OctetString::from_vec(text.as_bytes().to_vec()).unwrap())
            .build();
        message.set_tlvs(tlvs);
        message
    }

    fn id(id: &str) -> Tlv {
        Tlv::ReceiptedMessageId(COctetString::from_str(id).unwrap())
    }

    fn end(center_id: &str, outcome: CodeReceipt, reason: Option<&str>) -> Heard {
        Heard::End(Receipt {
            center_id: center_id.to_owned(),
            outcome,
            reason: reason.map(ToOwned::to_owned),
        })
    }

    #[test]
    fn a_receipt_has_fields_of_its_own() {
        for (state, expected) in [
            (
                MessageState::Delivered,
                end("1a", CodeReceipt::Delivered, None),
            ),
            (
                MessageState::Expired,
                end("1a", CodeReceipt::Expired, Some("network_error_27")),
            ),
            (
                MessageState::Deleted,
                end("1a", CodeReceipt::Undeliverable, Some("deleted")),
            ),
            (
                MessageState::Skipped,
                end("1a", CodeReceipt::Undeliverable, Some("skipped")),
            ),
            (
                MessageState::Unknown,
                end("1a", CodeReceipt::Unknown, Some("network_error_27")),
            ),
            (
                MessageState::Rejected,
                end("1a", CodeReceipt::Rejected, Some("network_error_27")),
            ),
            (MessageState::Enroute, Heard::OnTheWay),
            (MessageState::Accepted, Heard::OnTheWay),
        ] {
            let error = NetworkErrorCode::new(ErrorCodeNetworkType::Gsm, 27);
            let tlvs = vec![
                id("001A"),
                Tlv::MessageState(state),
                Tlv::NetworkErrorCode(error),
            ];
            // Whatever the text says, and whether the class says that it is one.
            for class in [0, RECEIPT] {
                let text = "id:77 stat:UNDELIV err:001";
                assert_eq!(
                    read(&message(class, text, tlvs.clone())),
                    expected,
                    "{state:?}"
                );
            }
        }
    }

    #[test]
    fn a_receipt_in_words_is_read_as_well() {
        let words = |stat: &str, err: &str| {
            format!(
                "id:001A sub:001 dlvrd:001 submit date:2611260915 done date:2611260916 stat:{stat} err:{err} \
                 Text:stat:DELIVRD id:5"
            )
        };
        for (stat, err, expected) in [
            ("DELIVRD", "000", end("1a", CodeReceipt::Delivered, None)),
            (
                "UNDELIV",
                "00b",
                end("1a", CodeReceipt::Undeliverable, Some("error_00b")),
            ),
            ("EXPIRED", "000", end("1a", CodeReceipt::Expired, None)),
            (
                "REJECTD",
                "79991234567",
                end("1a", CodeReceipt::Rejected, None),
            ),
            ("ENROUTE", "000", Heard::OnTheWay),
            ("MAYBE", "000", Heard::Unreadable),
        ] {
            let text = words(stat, err);
            assert_eq!(
                read(&message(RECEIPT, &text, Vec::new())),
                expected,
                "{stat}"
            );
            let payload = MessagePayload::new(AnyOctetString::from_vec(text.into_bytes()));
            let long = message(RECEIPT, "", vec![Tlv::MessagePayload(payload)]);
            assert_eq!(read(&long), expected, "{stat}");
        }
        // The name in a field, the rest in words.
        let half = message(RECEIPT, &words("DELIVRD", "000"), vec![id("B2")]);
        assert_eq!(read(&half), end("b2", CodeReceipt::Delivered, None));
    }

    #[test]
    fn not_everything_is_a_receipt() {
        let of = |class, text| read(&message(class, text, Vec::new()));
        assert_eq!(of(0, "id:1 stat:DELIVRD"), Heard::Message);
        assert_eq!(of(RECEIPT, ""), Heard::Unreadable);
        assert_eq!(of(RECEIPT, "stat:DELIVRD"), Heard::Unreadable);
        assert_eq!(of(0b00_10_00_00, "id:1 stat:DELIVRD"), Heard::OnTheWay);
    }

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        for text in ["1a2B", "0001A2b", " 1A2B "] {
            assert_eq!(name_of(text).as_deref(), Some("1a2b"));
        }
        assert_eq!(name_of("000").as_deref(), Some("0"));
        assert_eq!((name_of(""), name_of("a b")), (None, None));
    }
}
