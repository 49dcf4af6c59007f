//! How a text and a sender are written in a PDU.

use std::str::FromStr as _;

use rusmpp::types::COctetString;
use rusmpp::values::{DataCoding, Npi, Ton};

use super::InvalidSmpp;

/// In the alphabet of GSM when it has every letter, in UCS-2 otherwise.
pub(super) fn encode(text: &str) -> (DataCoding, Vec<u8>) {
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

pub(super) fn source(sender: &str) -> Result<(Ton, Npi, COctetString<1, 21>), InvalidSmpp> {
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

pub(super) fn text<const MAX: usize>(
    text: &str,
    what: &'static str,
) -> Result<COctetString<1, MAX>, InvalidSmpp> {
    COctetString::from_str(text).map_err(|_| InvalidSmpp::TooLong(what))
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
    }
}
