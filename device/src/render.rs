//! A text as a careful terminal shows it: nothing invisible, nothing that moves what stands beside it.
//!
//! Two different texts never look the same because of characters without a shape of their own. Letters of different
//! alphabets that look alike, and long runs of spaces, are left as they are.

use std::fmt::Write as _;

/// The text with every character that has no honest shape written as its number, like `⟨U+202E⟩`; lines stay lines.
pub fn as_shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' || !must_be_named(character) {
            shown.push(character);
        } else {
            write!(shown, "⟨U+{:04X}⟩", u32::from(character))
                .expect("a string takes whatever is written");
        }
    }
    shown
}

/// Controls, bidirectional marks, characters of no width, and the bracket the names themselves use.
fn must_be_named(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            // Soft hyphen, grapheme joiner, Arabic letter mark, Hangul fillers, Khmer inherent vowels, Mongolian selectors,
            // and the blank among the Braille patterns.
            0x00ad | 0x034f | 0x061c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x2800 | 0x3164 | 0xffa0
            // Zero width, left and right marks, separators, embeddings and overrides, isolates and invisible operators.
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            // Variation selectors, byte order mark, annotations, shorthand and musical controls, tags.
            | 0xfe00..=0xfe0f | 0xfeff | 0xfff9..=0xfffc | 0x1_bca0..=0x1_bca3 | 0x1_d173..=0x1_d17a
            | 0xe_0000..=0xe_0fff
            | 0x27e8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_honest_text_stays_as_it_is() {
        let text = "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка», C:\\путь";
        assert_eq!(as_shown(text), text);
    }

    #[test]
    fn what_cannot_be_seen_is_named() {
        let cases = [
            ("1\u{202e}005\u{202c}", "1⟨U+202E⟩005⟨U+202C⟩"),
            ("ООО\u{200b}Х", "ООО⟨U+200B⟩Х"),
            ("a\r\nb\tc\0", "a⟨U+000D⟩\nb⟨U+0009⟩c⟨U+0000⟩"),
            ("\u{1b}[2J", "⟨U+001B⟩[2J"),
            ("\u{e0041}", "⟨U+E0041⟩"),
            ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟩"),
        ];
        for (text, shown) in cases {
            assert_eq!(as_shown(text), shown);
        }
    }

    proptest! {
        #[test]
        fn different_texts_are_shown_differently(one in "[a⟨U+20E⟩\u{202e}\u{200b}\n]{0,12}", other in "[a⟨U+20E⟩\u{202e}\u{200b}\n]{0,12}") {
            prop_assert_eq!(one == other, as_shown(&one) == as_shown(&other));
        }
    }
}
