//! The curated form of events: what an analyst is given. It is made of the one table in `curated/table.rs`, field by field;
//! what the table does not list is not there, so a new field of an event stays here until somebody has thought about it.
//!
//! Never in it: digests (who guesses the content could check the guess), signatures, codes, addresses, free texts, whatever
//! the request brought. Identifiers are shown as [`Identifiers`] says.

mod table;
mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::envelope::RecordedEvent;
use crate::events::Event;
use crate::ids::SystemId;
use crate::lanes::Position;

pub use table::{CURATED, CuratedField, CuratedWord, Kind, LEFT_OUT, REFUSED, Space};
use tree::Tree;

/// Version of the curated form. Fields are added within a version; one that changes its meaning or goes makes a new version.
pub const FORM: u16 = 1;

/// An event as an analyst sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CuratedEvent {
    /// Version of this form.
    pub form: u16,
    /// Lane of the log: the same for everything about one user.
    pub lane: u8,
    /// Number in the lane; it grows, and with lane it is the event's identity.
    pub number: u64,
    /// What happened, or was refused.
    pub word: String,
    /// What it is about.
    pub aggregate: String,
    /// The application system.
    pub system_id: SystemId,
    /// The user; `None` for what is about the system itself.
    pub user: Option<String>,
    /// When it was recorded, milliseconds since the Unix epoch, UTC.
    pub recorded_at: i64,
    /// 0, or the number of the error that the caller heard.
    pub result: u16,
    /// What the table lists for the word, as far as the event has it.
    pub fields: BTreeMap<String, Shown>,
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shown {
    /// Yes or no.
    Flag(bool),
    /// A number, or a moment in milliseconds since the Unix epoch, UTC.
    Number(i64),
    /// A word, or an identifier.
    Text(String),
}

/// How identifiers are shown.
pub trait Identifiers {
    /// The identifier of a thing of this system.
    fn shown(&self, space: Space, system_id: &SystemId, id: &str) -> String;
}

/// Identifiers as they are.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Identifiers for Plain {
    fn shown(&self, _: Space, _: &SystemId, id: &str) -> String {
        id.to_owned()
    }
}

/// The curated form; `None` for words that no analyst is given, and for the server's own history.
pub fn curate(
    recorded: &RecordedEvent,
    position: Position,
    identifiers: &dyn Identifiers,
) -> Option<CuratedEvent> {
    if recorded.owner == crate::ids::Owner::Server {
        return None;
    }
    let word = recorded.event.word();
    let curated = CURATED.iter().find(|curated| curated.word == word)?;
    let fields = match recorded.event {
        Event::Refused(_) => REFUSED,
        _ => curated.fields,
    };
    let system_id = recorded.owner.system_id();
    let show = |space: Space, id: &str| identifiers.shown(space, system_id, id);
    let body = recorded.event.encode_body().ok()?;
    let body: Tree = rmp_serde::from_slice(&body).ok()?;
    let shown = fields.iter().filter_map(|field| {
        let value = shown(body.at(field.path)?, field.kind, &show)?;
        Some((field.name().to_owned(), value))
    });
    let user_id = recorded.owner.user_id();
    Some(CuratedEvent {
        form: FORM,
        lane: position.lane.number(),
        number: position.number,
        word: word.to_owned(),
        aggregate: recorded.event.aggregate().to_owned(),
        user: user_id.map(|user_id| show(Space::User, user_id.as_str())),
        recorded_at: recorded.recorded_at.0,
        result: recorded.result.number(),
        fields: shown.collect(),
        system_id: system_id.clone(),
    })
}

/// A value that is not of its kind is not shown.
fn shown(value: &Tree, kind: Kind, show: &dyn Fn(Space, &str) -> String) -> Option<Shown> {
    match (kind, value) {
        (Kind::Number | Kind::Moment, Tree::Number(number)) => Some(Shown::Number(*number)),
        (Kind::Flag, Tree::Flag(flag)) => Some(Shown::Flag(*flag)),
        (Kind::Length, Tree::List(length)) => Some(Shown::Number(*length as i64)),
        (Kind::Word(words), Tree::Text(text)) => words
            .contains(&text.as_str())
            .then(|| Shown::Text(text.clone())),
        (Kind::Identifier(space), Tree::Text(text)) => Some(Shown::Text(show(space, text))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::events::access::LOOKED_WORDS;
    use crate::events::kinds;

    #[test]
    fn every_word_of_the_house_is_given_or_left_out_for_a_reason() {
        let given: BTreeSet<&str> = CURATED.iter().map(|curated| curated.word).collect();
        assert_eq!(given.len(), CURATED.len(), "a word stands there twice");
        let left_out: BTreeSet<&str> = LEFT_OUT.iter().map(|(word, _)| *word).collect();
        let looked = LOOKED_WORDS.iter().map(|(word, _)| *word);
        let commands = crate::commands::words().map(|(word, _)| word);
        let all: BTreeSet<&str> = kinds()
            .map(|kind| kind.word)
            .chain(looked)
            .chain(commands)
            .collect();
        for word in &all {
            assert!(
                given.contains(word) != left_out.contains(word),
                "{word}: decide in curated/table.rs whether analysts are given it"
            );
        }
        assert!(given.union(&left_out).all(|word| all.contains(word)));
        assert!(LEFT_OUT.iter().all(|(_, reason)| reason.len() > 10));
    }

    #[test]
    fn a_value_of_another_kind_is_not_shown() {
        let show = |_: Space, id: &str| id.to_owned();
        let words = Kind::Word(&["Push"]);
        assert_eq!(
            shown(&Tree::Text("Push".to_owned()), words, &show),
            Some(Shown::Text("Push".to_owned()))
        );
        for (value, kind) in [
            (Tree::Text("+79990000000".to_owned()), words),
            (Tree::Text("7".to_owned()), Kind::Number),
            (Tree::Number(1), Kind::Flag),
            (Tree::Number(1), Kind::Identifier(Space::User)),
            (Tree::Bytes, Kind::Identifier(Space::Transaction)),
            (Tree::Flag(true), Kind::Length),
        ] {
            assert_eq!(shown(&value, kind, &show), None, "{value:?}");
        }
    }

    #[test]
    fn no_two_fields_of_a_word_have_one_name() {
        for curated in CURATED {
            let names: BTreeSet<&str> = curated.fields.iter().map(CuratedField::name).collect();
            assert_eq!(names.len(), curated.fields.len(), "{}", curated.word);
        }
    }
}
