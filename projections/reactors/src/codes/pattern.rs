//! A text with places to fill, as in `%CODE%`. It is read once, and what is filled in is never read again.

/// A text with places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(&'static str),
}

impl Pattern {
    /// Reads a text whose places have these names. Another name between two `%` in capitals is a mistake; any other `%` is
    /// a letter.
    pub(super) fn read(text: &str, names: &[&'static str]) -> Result<Self, String> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once('%') {
            plain.push_str(before);
            let name = after.split_once('%').filter(|(name, _)| is_name(name));
            let Some((name, behind)) = name else {
                plain.push('%');
                rest = after;
                continue;
            };
            let known = names.iter().find(|known| **known == name);
            let known = known
                .ok_or_else(|| format!("%{name}% means nothing; known are {}", shown(names)))?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Place(known));
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// Is there such a place?
    pub(super) fn has(&self, name: &str) -> bool {
        let mut pieces = self.0.iter();
        pieces.any(|piece| matches!(piece, Piece::Place(place) if *place == name))
    }

    /// The text with its places filled.
    pub(super) fn fill<'a>(&self, value: impl Fn(&str) -> &'a str) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            filled.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Place(name) => value(name),
            });
        }
        filled
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    !name.is_empty() && name.bytes().all(fits)
}

fn shown(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().map(|name| format!("%{name}%")).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: &[&str] = &["CODE", "VALID_TO"];

    #[test]
    fn places_are_filled_and_other_letters_stay() {
        let pattern = Pattern::read("100% of %CODE%%VALID_TO%, %code% %", NAMES).unwrap();
        assert_eq!(pattern.fill(|_| "x"), "100% of xx, %code% %");
        assert!(pattern.has("CODE"));
        let wrong = Pattern::read("%COD%", NAMES).unwrap_err();
        assert!(wrong.contains("%CODE%"), "{wrong}");
    }

    proptest! {
        #[test]
        fn what_is_filled_in_is_never_read_again(value in ".{0,20}", code in "(%CODE%|%VALID_TO%|%){0,4}") {
            let pattern = Pattern::read("a%CODE%b%VALID_TO%c", NAMES).unwrap();
            let filled = pattern.fill(|name| if name == "CODE" { &code } else { &value });
            prop_assert_eq!(filled, format!("a{code}b{value}c"));
        }
    }
}
