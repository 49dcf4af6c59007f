//! Events to bytes and back. Always MessagePack maps; old versions are lifted to today's shape here, once.

use crate::envelope::{EventEnvelope, RecordedEvent};
use crate::errors::ErrorCode;
use crate::events::{self, Event, Refused, Tells, access};

/// Why bytes are not an event of ours.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the frame.
    #[error("cannot decode an event's frame")]
    Frame(#[source] rmp_serde::decode::Error),
    /// The word is newer than this program.
    #[error("unknown event word {0:?}: written by a newer version of this program")]
    UnknownWord(String),
    /// The body's version is newer than this program.
    #[error("event {word:?} has version {version}, this program knows up to {known}")]
    UnknownVersion {
        /// The word.
        word: String,
        /// The version found.
        version: u16,
        /// The newest version known.
        known: u16,
    },
    /// Not the body the word promises.
    #[error("cannot decode the body of {word:?}")]
    Body {
        /// The word.
        word: String,
        /// What is wrong with it.
        #[source]
        source: rmp_serde::decode::Error,
    },
}

/// The bytes of an event.
pub fn encode(recorded: &RecordedEvent) -> Vec<u8> {
    let envelope = EventEnvelope {
        word: recorded.event.word().to_owned(),
        version: recorded.event.version(),
        aggregate: recorded.event.aggregate().to_owned(),
        owner: recorded.owner.clone(),
        ordinal: recorded.ordinal,
        recorded_at: recorded.recorded_at,
        causation_id: recorded.causation_id,
        result: recorded.result,
        context: recorded.context.clone(),
        body: recorded
            .event
            .encode_body()
            .expect("our events hold nothing MessagePack cannot"),
    };
    rmp_serde::to_vec_named(&envelope).expect("the frame holds nothing MessagePack cannot")
}

/// The event of these bytes, in today's shape.
pub fn decode(bytes: &[u8]) -> Result<RecordedEvent, DecodeError> {
    let envelope: EventEnvelope = rmp_serde::from_slice(bytes).map_err(DecodeError::Frame)?;
    let event = decode_event(&envelope)?;
    Ok(RecordedEvent {
        owner: envelope.owner,
        ordinal: envelope.ordinal,
        recorded_at: envelope.recorded_at,
        causation_id: envelope.causation_id,
        result: envelope.result,
        context: envelope.context,
        event,
    })
}

fn decode_event(envelope: &EventEnvelope) -> Result<Event, DecodeError> {
    let word = envelope.word.as_str();
    let known = events::kinds().find(|kind| kind.word == word);
    let known_version = known.map_or(1, |kind| kind.version);
    if envelope.version == 0 || envelope.version > known_version {
        let (word, version) = (word.to_owned(), envelope.version);
        return Err(DecodeError::UnknownVersion {
            word,
            version,
            known: known_version,
        });
    }
    let body_error = |source| DecodeError::Body {
        word: word.to_owned(),
        source,
    };
    let tells = known.map_or(Tells::Success, |kind| kind.tells);
    if envelope.result != ErrorCode::Normal && tells == Tells::Success {
        let word = refused_word(word).ok_or_else(|| DecodeError::UnknownWord(word.to_owned()))?;
        let refused: Refused = rmp_serde::from_slice(&envelope.body).map_err(body_error)?;
        return Ok(Event::Refused(Refused { word, ..refused }));
    }
    Event::decode_body(word, &lift(envelope))
        .ok_or_else(|| DecodeError::UnknownWord(word.to_owned()))?
        .map_err(body_error)
}

/// Today's body of an event: upcasters chain here, one per word and version. None is needed yet: a body of version 1 of
/// `decline_transaction` and `operations_process` has the reason in words, and today's shape still has a field for them.
fn lift(envelope: &EventEnvelope) -> Vec<u8> {
    envelope.body.clone()
}

/// The table's own copy of a word that can be refused.
fn refused_word(word: &str) -> Option<&'static str> {
    let kinds = events::kinds().map(|kind| kind.word);
    kinds
        .chain(access::LOOKED_WORDS.iter().map(|(word, _)| *word))
        .chain(crate::commands::words().map(|(word, _)| word))
        .find(|known| *known == word)
}
