//! Where messages may be addressed to. One spelling each, and nothing in it that a protocol behind us could read as more
//! than an address.

use std::ops::RangeInclusive;

/// Digits of a number, by E.164; shorter ones are services of an operator, which nobody is called at.
const DIGITS: RangeInclusive<usize> = 8..=15;
/// Longest address of a mailbox, by RFC 5321, bytes.
const ADDRESS_MAX: usize = 254;
/// Longest part of it before the `@`, bytes.
const LOCAL_MAX: usize = 64;

/// Is it a number with its country: `+` and digits, nothing between?
pub(crate) fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        DIGITS.contains(&digits.len()) && all_digits && !digits.starts_with('0')
    })
}

/// Is it one mailbox: letters, digits and the plain signs of RFC 5322, an `@`, and a domain with a dot? No quoted names,
/// no addresses in brackets, no other letters than ASCII's.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_atom = |atom: &str| !atom.is_empty() && atom.bytes().all(is_atom_byte);
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= ADDRESS_MAX
        && local.len() <= LOCAL_MAX
        && local.split('.').all(is_atom)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&'*+-/=?^_`{|}~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_country_and_nothing_else() {
        for right in ["+79991234567", "+37529123", "+123456789012345"] {
            assert!(is_phone(right), "{right}");
        }
        for wrong in [
            "",
            "+",
            "79991234567",
            "+7999123",
            "+1234567890123456",
            "+7 9991234567",
            "+7(999)1234567",
            "+0099912345",
            "+7999123456\u{667}",
            "+79991234567\r\n",
            "+79991234567,+79991234568",
        ] {
            assert!(!is_phone(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn an_address_is_one_plain_mailbox() {
        let long = format!("{}@{}.example", "x".repeat(64), "d".repeat(60));
        for right in ["i.ivanov+bank@mail.example", "a@b.c", &long] {
            assert!(is_email(right), "{right}");
        }
        let too_long = format!("x@{}example", "d.".repeat(124));
        let local = format!("{}@mail.example", "x".repeat(65));
        for wrong in [
            "",
            "@",
            "ivan",
            "ivan@localhost",
            "ivan@mail..example",
            ".ivan@mail.example",
            "ivan@-mail.example",
            "ivan@[127.0.0.1]",
            "\"ivan ivanov\"@mail.example",
            "ivan@mail.example>",
            "ivan@mail.example\r\nbcc: x@y.z",
            "ivan@mail.example, petr@mail.example",
            "иван@mail.example",
            "ivan%other@mail.example",
            &too_long,
            &local,
        ] {
            assert!(!is_email(wrong), "{wrong:?}");
        }
    }
}
