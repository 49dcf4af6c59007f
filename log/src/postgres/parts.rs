//! The text of the statement, without the parts that have nothing to do.

use std::sync::LazyLock;

use crate::group::Rows;

const APPEND: &str = include_str!("append.sql");
/// How a part begins that may be left out, by the name of its rows.
const ONLY_WITH: &str = "-- only with ";
/// How everything begins that stands after those.
const ALWAYS: &str = "-- always\n";

/// Has a group none of these rows?
type Lacks = fn(&Rows<'_>) -> bool;

/// Rows that a batch may do without, by the names that stand in `append.sql`, in its order.
const PARTS: [(&str, Lacks); 7] = [
    ("erased owners", |rows| rows.erased_owners.is_empty()),
    ("erased rows", |rows| rows.erased.is_empty()),
    ("written rows", |rows| rows.written.is_empty()),
    ("timers", |rows| rows.timers.is_empty()),
    ("cancelled timers", |rows| rows.cancelled.is_empty()),
    ("claims", |rows| rows.claims.is_empty()),
    ("counts", |rows| rows.counts.is_empty()),
];

/// Every text there can be, by the parts that are in it: bit for bit in their order.
static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let (head, rest) = APPEND.split_once(ONLY_WITH).expect("there are such parts");
    let (parts, tail) = rest
        .split_once(ALWAYS)
        .expect("something stands after them");
    let parts: Vec<(&str, &str)> = parts
        .split(ONLY_WITH)
        .map(|part| part.split_once('\n').expect("a name is a line"))
        .collect();
    (0..1_usize << PARTS.len())
        .map(|chosen| {
            let mut text = head.to_owned();
            for (place, (name, part)) in parts.iter().enumerate() {
                assert_eq!(*name, PARTS[place].0, "append.sql and PARTS tell the same");
                if chosen & (1 << place) != 0 {
                    text.push_str(part);
                }
            }
            text + tail
        })
        .collect()
});

/// The text for a batch with these rows.
pub(super) fn text<'a>(groups: impl Iterator<Item = &'a Rows<'a>> + Clone) -> &'static str {
    let chosen = PARTS.iter().enumerate().map(|(place, (_, is_empty))| {
        let has_some = groups.clone().any(|rows| !is_empty(rows));
        usize::from(has_some) << place
    });
    &TEXTS[chosen.sum::<usize>()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_has_every_part_and_the_least_has_none() {
        let (least, whole) = (&TEXTS[0], &TEXTS[TEXTS.len() - 1]);
        for table in ["vault", "timers", "claims", "counts"] {
            assert!(whole.contains(table), "{table}");
            assert!(!least.contains(table), "{table}");
        }
        for table in ["lanes", "events", "commands"] {
            assert!(whole.contains(table) && least.contains(table), "{table}");
        }
        assert_eq!(TEXTS.len(), 128);
    }

    #[test]
    fn a_text_has_the_parts_that_have_rows() {
        let claims = Rows {
            erased_owners: vec!["a"],
            ..Rows::default()
        };
        let nothing = Rows::default();
        let text = text([&nothing, &claims].into_iter());
        assert!(text.contains("erased_owners as") && !text.contains("erased as"));
    }
}
