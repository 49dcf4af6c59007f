//! The documentation comments of the events, as they stand in the source: a schema should explain a field in the words
//! its type explains it.

/// The sources in which a record of an event can be declared.
const SOURCES: &[&str] = &[
    include_str!("../../envelope.rs"),
    include_str!("../../context.rs"),
    include_str!("../../events.rs"),
    include_str!("../../events/access.rs"),
    include_str!("../../events/code_orders.rs"),
    include_str!("../../events/codes.rs"),
    include_str!("../../events/credentials.rs"),
    include_str!("../../events/devices.rs"),
    include_str!("../../events/journal.rs"),
    include_str!("../../events/keys.rs"),
    include_str!("../../events/operations.rs"),
    include_str!("../../events/server.rs"),
    include_str!("../../events/recovery.rs"),
    include_str!("../../events/systems.rs"),
    include_str!("../../events/transactions.rs"),
    include_str!("../../events/users.rs"),
    include_str!("../../commands/systems.rs"),
    include_str!("../../commands/users.rs"),
    include_str!("../../lanes.rs"),
];

/// What the source says about a record, or about one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comment {
    /// The comment, as one paragraph.
    pub text: String,
    /// The Rust type of a field, without `Option`; empty for a record.
    pub rust_type: String,
}

/// The comment on a record.
pub fn of_record(record: &str) -> Option<Comment> {
    let (before, _) = find(record)?;
    let mut lines: Vec<&str> = before
        .lines()
        .rev()
        .take_while(|line| is_annotation(line))
        .collect();
    lines.reverse();
    Some(Comment {
        text: paragraph(&lines),
        rust_type: String::new(),
    })
}

/// The comment on a field of a record.
pub fn of_field(record: &str, field: &str) -> Option<Comment> {
    let (_, after) = find(record)?;
    let body = &after[..after.find("\n}")?];
    let mut annotations = Vec::new();
    for line in body.lines() {
        if is_annotation(line) {
            annotations.push(line);
        } else if let Some(rust_type) = line.trim().strip_prefix(&format!("pub {field}: ")) {
            let rust_type = rust_type.trim_end_matches(',');
            let inner = rust_type
                .strip_prefix("Option<")
                .and_then(|inner| inner.strip_suffix('>'));
            let rust_type = inner.unwrap_or(rust_type).to_owned();
            return Some(Comment {
                text: paragraph(&annotations),
                rust_type,
            });
        } else {
            annotations.clear();
        }
    }
    None
}

/// The source before and after the line that opens a record.
fn find(record: &str) -> Option<(&'static str, &'static str)> {
    let opening = format!("\npub struct {record} {{");
    SOURCES
        .iter()
        .find_map(|source| source.split_once(opening.as_str()))
}

fn is_annotation(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("///") || line.starts_with("#[")
}

fn paragraph(lines: &[&str]) -> String {
    let comments = lines
        .iter()
        .filter_map(|line| line.trim().strip_prefix("///"));
    let words: Vec<&str> = comments.flat_map(str::split_whitespace).collect();
    words.join(" ").replace("`None`", "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_and_its_fields_are_explained_by_their_source() {
        let comment = of_record("TransactionExpired").unwrap();
        assert_eq!(comment.text, "The deadline passed first.");
        let comment = of_field("TransactionConfirmed", "signature").unwrap();
        assert_eq!(comment.text, "ECDSA P-256, DER, low-S.");
        assert_eq!(comment.rust_type, "Vec<u8>");
        assert_eq!(of_field("TransactionConfirmed", "reason"), None);
    }
}
