//! Every subject of the bus is built here, and nowhere else. Tokens are escaped reversibly; ids never enter a subject.

use crate::ids::SystemId;
use crate::lanes::{Lane, Position};

/// Where a command goes: `cmd.<lane>.<system>.<verb>`.
pub fn command(lane: Lane, system_id: &SystemId, verb: &str) -> String {
    format!("cmd.{lane}.{}.{}", escape(system_id.as_str()), escape(verb))
}

/// Every command of a lane.
pub fn commands_of(lane: Lane) -> String {
    format!("cmd.{lane}.>")
}

/// Where an event is published: `evt.<lane>.<system>.<aggregate>.<word>`.
pub fn event(lane: Lane, system_id: &SystemId, aggregate: &str, word: &str) -> String {
    format!(
        "evt.{lane}.{}.{}.{}",
        escape(system_id.as_str()),
        escape(aggregate),
        escape(word)
    )
}

/// The subjects of all events, with a name for every token: for documents, not for subscribing.
pub const EVENT_ADDRESS: &str = "evt.{lane}.{system}.{aggregate}.{word}";

/// Every event of a lane.
pub fn events_of(lane: Lane) -> String {
    format!("evt.{lane}.>")
}

/// Where the curated form of an event is published, in the account of a grant: `curated.<lane>.<system>.<aggregate>.<word>`.
pub fn curated(lane: Lane, system_id: &SystemId, aggregate: &str, word: &str) -> String {
    format!(
        "curated.{lane}.{}.{}.{}",
        escape(system_id.as_str()),
        escape(aggregate),
        escape(word)
    )
}

/// The subjects of all curated events, with a name for every token: for documents, not for subscribing.
pub const CURATED_ADDRESS: &str = "curated.{lane}.{system}.{aggregate}.{word}";

/// Every curated event of a lane.
pub fn curated_of(lane: Lane) -> String {
    format!("curated.{lane}.>")
}

/// Every curated event.
pub const CURATED: &str = "curated.>";

/// Where a command that nobody could handle is put aside: `parked.<lane>`.
pub fn parked(lane: Lane) -> String {
    format!("parked.{lane}")
}

/// Where the answer to one command goes, below its asker's own inbox.
pub fn answer(inbox: &str, number: u64) -> String {
    format!("{inbox}.{number}")
}

/// Every answer of an inbox.
pub fn answers_of(inbox: &str) -> String {
    format!("{inbox}.*")
}

/// Where runners tell each other that they live.
pub fn heartbeat() -> &'static str {
    "house.runners"
}

/// Where it is told that a lane has grown.
pub fn grown() -> &'static str {
    "house.grown"
}

/// Where it is asked what only services outside of the house know.
pub fn outside() -> &'static str {
    "house.outside"
}

/// Identity of a published event, for the stream's own duplicate detection.
pub fn message_id(position: Position) -> String {
    position.to_string()
}

/// One token: letters, digits, `-` and `_` stand for themselves, every other byte becomes `=` and two hex digits.
pub fn escape(text: &str) -> String {
    let mut token = String::with_capacity(text.len());
    if text.is_empty() {
        token.push('=');
    }
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            token.push(char::from(byte));
        } else {
            token.push('=');
            token.push_str(&hex::encode([byte]));
        }
    }
    token
}

/// The text of a token; `None` when [`escape`] cannot have made it.
pub fn unescape(token: &str) -> Option<String> {
    if token == "=" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'=' {
            bytes.extend(hex::decode(tail.get(..2)?).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    (escape(&text) == token).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_documented_address_has_the_tokens_of_a_subject() -> Result<(), crate::ids::InvalidId> {
        let owner = crate::ids::Owner::System("f13e4375".parse()?);
        let (lane, system_id) = (Lane::of(&owner), owner.system_id());
        let address = EVENT_ADDRESS
            .replace("{lane}", &lane.to_string())
            .replace("{system}", system_id.as_str())
            .replace("{aggregate}", "users")
            .replace("{word}", "create_user");
        assert_eq!(address, event(lane, system_id, "users", "create_user"));
        Ok(())
    }

    proptest! {
        #[test]
        fn a_token_reads_back_to_its_text(text in any::<String>()) {
            let token = escape(&text);
            prop_assert_eq!(unescape(&token), Some(text));
            prop_assert!(!token.is_empty());
            prop_assert!(!token.contains(['.', '*', '>', ' ', '\n']));
        }

        #[test]
        fn no_two_tokens_mean_the_same(token in "[a-z=0-9._-]{0,12}") {
            if let Some(text) = unescape(&token) {
                prop_assert_eq!(escape(&text), token);
            }
        }
    }
}
