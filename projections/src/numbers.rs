//! How far something has read every lane, as one text: a reader moves all its lanes at once, in one row.

use schemas::Lane;

use crate::store::WrongShape;

/// The numbers of all lanes, by lane number, as a text.
pub fn to_text(numbers: &[u64]) -> String {
    let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
    texts.join(",")
}

/// The numbers in a text.
pub fn from_text(text: &str) -> Result<Vec<u64>, WrongShape> {
    let numbers = text
        .split(',')
        .map(str::parse)
        .collect::<Result<Vec<_>, _>>();
    numbers
        .ok()
        .filter(|numbers| numbers.len() == usize::from(Lane::COUNT))
        .ok_or(WrongShape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_a_number_for_every_lane() {
        let numbers: Vec<u64> = (0..u64::from(Lane::COUNT)).collect();
        assert_eq!(from_text(&to_text(&numbers)), Ok(numbers));
        for text in ["", "1,2,3", "one"] {
            assert_eq!(from_text(text), Err(WrongShape), "{text:?}");
        }
    }
}
