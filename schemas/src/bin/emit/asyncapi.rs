//! The AsyncAPI 3 description of the public event stream. It is JSON, which AsyncAPI takes as readily as YAML.

use schemas::subjects::EVENT_ADDRESS;
use serde_json::{Map, Value, json};

use crate::json_schema::{self, ENVELOPE, REFUSAL, Word};
use crate::json_text;

/// The document.
pub fn document() -> String {
    let mut words = json_schema::words();
    // They are written no more, and are still read.
    words.extend(json_schema::earlier_versions());
    json_text(&json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Countersign: event stream",
            "version": "1",
            "description": "Every event is one message: a MessagePack map, the frame, whose `body` holds another MessagePack map. \
                The schemas describe the JSON mirror of both, with bytes as lower-case hex. Events of a lane are numbered \
                without a gap; the header Nats-Msg-Id holds `<lane>-<number>`. Identifiers, texts and secrets never \
                stand in a subject.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/msgpack",
        "channels": { "events": channel(&words) },
        "operations": {
            "publishEvent": {
                "action": "send",
                "channel": { "$ref": "#/channels/events" },
                "summary": "Published after the event is durable in the log, in the order of its lane, at least once.",
            },
        },
        "components": { "messages": messages(&words) },
    }))
}

fn channel(words: &[Word]) -> Value {
    let mut aggregates: Vec<&str> = words.iter().map(|word| word.aggregate).collect();
    aggregates.sort_unstable();
    aggregates.dedup();
    let references: Map<String, Value> = words
        .iter()
        .map(|word| {
            (
                key(word),
                json!({ "$ref": format!("#/components/messages/{}", key(word)) }),
            )
        })
        .collect();
    let names: Vec<&str> = json_schema::words().iter().map(|word| word.name).collect();
    json!({
        "address": EVENT_ADDRESS,
        "description": "A token holds letters, digits, `-` and `_`; every other byte is `=` and two hex digits.",
        "parameters": {
            "lane": { "description": "0 to 63: always the same for one user." },
            "system": { "description": "The application system." },
            "aggregate": { "description": "What the event is about.", "enum": aggregates },
            "word": { "description": "What happened.", "enum": names },
        },
        "messages": references,
    })
}

fn messages(words: &[Word]) -> Value {
    let messages: Map<String, Value> = words
        .iter()
        .map(|word| (key(word), message(word)))
        .collect();
    Value::Object(messages)
}

/// Today's version of a word has its plain name.
fn key(word: &Word) -> String {
    let mut today = json_schema::words().into_iter();
    if today.any(|known| known.name == word.name && known.version == word.version) {
        word.name.to_owned()
    } else {
        format!("{}.v{}", word.name, word.version)
    }
}

fn message(word: &Word) -> Value {
    let body = json_schema::of_word(word);
    json!({
        "name": word.name,
        "title": key(word),
        "summary": body["description"],
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {
                "allOf": [{ "$ref": ENVELOPE }],
                "properties": {
                    "word": { "const": word.name },
                    "version": { "const": word.version },
                    "body": { "anyOf": [{ "$ref": json_schema::path(word) }, { "$ref": REFUSAL }] },
                },
            },
        },
    })
}
