//! What you see is what you sign: the characters a text may hold.
//!
//! The text is signed exactly as the bank sent it. So nothing may be in it that a screen does not show, or that makes a
//! screen show something else than what stands there:
//!
//! - control characters but line feed and tab: U+0000–U+001F, U+007F–U+009F;
//! - direction marks, embeddings, overrides and isolates: U+061C, U+200E, U+200F, U+202A–U+202E, U+2066–U+2069;
//! - characters without width: U+200B–U+200D, U+2060–U+2065, U+FEFF, U+00AD, U+034F, U+180B–U+180F, U+206A–U+206F;
//! - blanks that pass for letters: U+115F, U+1160, U+17B4, U+17B5, U+2800, U+3164, U+FFA0;
//! - line and paragraph separators: U+2028, U+2029;
//! - annotations and tags: U+FFF9–U+FFFB, U+E0000–U+E0FFF; and characters that are none: U+FFFC, U+FFFD.
//!
//! Two things are left to the bank. Letters of different alphabets that look alike are not told apart, since honest texts
//! mix alphabets. And the text need not be in Unicode normalization form C: nothing is normalized here, so two texts that
//! look alike and are spelled differently have different digests, and each is signed as it was spelled.

use super::Rejection;

/// The longest text, bytes of UTF-8.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Refuses a text that is missing, too long, or that a screen would not show as it stands.
pub(crate) fn check(text: &[u8]) -> Result<&str, Rejection> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Rejection::ContentUnacceptable);
    }
    let text = std::str::from_utf8(text).map_err(|_| Rejection::ContentUnacceptable)?;
    if text.trim().is_empty() {
        return Err(Rejection::TextMissing);
    }
    if text.chars().any(is_forbidden) {
        return Err(Rejection::ContentUnacceptable);
    }
    Ok(text)
}

fn is_forbidden(character: char) -> bool {
    let is_control = character.is_control() && !matches!(character, '\n' | '\t');
    is_control || is_invisible(character)
}

fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffd}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_texts_pass() {
        for text in [
            "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»",
            "# Transfer to ACME\n**Amount:**\t1\u{a0}500.00",
            "付款 1500",
            "תשלום",
            "é",        // composed
            "e\u{301}", // and not
        ] {
            assert_eq!(check(text.as_bytes()), Ok(text));
        }
    }

    #[test]
    fn a_text_is_required() {
        for text in ["", " ", "\n\t "] {
            assert_eq!(
                check(text.as_bytes()),
                Err(Rejection::TextMissing),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_a_screen_does_not_show_as_it_stands_is_refused() {
        let edges = [
            0x00, 0x08, 0x0b, 0x0d, 0x1f, 0x7f, 0x80, 0x9f, 0xad, 0x34f, 0x61c, 0x115f, 0x1160,
            0x17b4, 0x17b5, 0x180b, 0x180f, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029,
            0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0x206f, 0x2800, 0x3164, 0xfeff, 0xffa0, 0xfff9,
            0xfffd, 0xe0001, 0xe007f, 0xe0fff,
        ];
        for code in edges {
            let character = char::from_u32(code).unwrap();
            let text = format!("Transfer 1{character}00 to ACME");
            assert_eq!(
                check(text.as_bytes()),
                Err(Rejection::ContentUnacceptable),
                "U+{code:04X}"
            );
        }
        assert_eq!(check(b"Transfer \xff"), Err(Rejection::ContentUnacceptable));
    }

    #[test]
    fn a_text_has_at_most_64_kib() {
        let longest = "x".repeat(TEXT_BYTES_MAX);
        assert!(check(longest.as_bytes()).is_ok());
        assert_eq!(
            check(format!("{longest}x").as_bytes()),
            Err(Rejection::ContentUnacceptable)
        );
    }
}
