//! A JSON Schema (2020-12) for every event word and version, for the frame around every event, and for refusals.
//!
//! A schema describes the JSON mirror of the MessagePack map: the same keys and values, with bytes as lower-case hex.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemas::envelope::EventEnvelope;
use schemas::events::access::LOOKED_WORDS;
use schemas::events::{Event, Refused, kinds};
use schemas::words::WORDS;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::shape::{Field, Record, Shape, trace};
use crate::{doc_comments, json_text};

/// A word with a body: what the AsyncAPI document and the fixtures need to know of it, too.
pub struct Word {
    /// The word on the wire.
    pub name: &'static str,
    /// Version of its body.
    pub version: u16,
    /// Its aggregate.
    pub aggregate: &'static str,
}

/// Every word with a body.
pub fn words() -> Vec<Word> {
    let with_own_body = kinds();
    let with_own_body = with_own_body.map(|kind| Word {
        name: kind.word,
        version: kind.version,
        aggregate: kind.aggregate,
    });
    let looked = LOOKED_WORDS.iter();
    let looked = looked.map(|(name, aggregate)| Word {
        name,
        version: 1,
        aggregate,
    });
    with_own_body.chain(looked).collect()
}

/// Where the schema of a word lies in this package.
pub fn path(word: &Word) -> String {
    format!(
        "json/{}/{}.v{}.schema.json",
        word.aggregate, word.name, word.version
    )
}

/// Every earlier version of a word. What was written under it is still in logs, so its schema stays as it was.
pub fn earlier_versions() -> Vec<Word> {
    let words = words().into_iter();
    let earlier = words.flat_map(|word| {
        (1..word.version).map(move |version| Word {
            name: word.name,
            version,
            aggregate: word.aggregate,
        })
    });
    earlier.collect()
}

/// Where the schema of the frame lies.
pub const ENVELOPE: &str = "json/envelope.v1.schema.json";

/// Where the schema of a refusal's body lies.
pub const REFUSAL: &str = "json/refusal.v1.schema.json";

/// All schemas, by their path.
pub fn documents() -> BTreeMap<PathBuf, String> {
    let mut documents = BTreeMap::new();
    for word in words() {
        documents.insert(PathBuf::from(path(&word)), json_text(&of_word(&word)));
    }
    documents.insert(ENVELOPE.into(), json_text(&of_envelope()));
    let refusal =
        trace(|tracer| Refused::deserialize(tracer).map(|_| ())).expect("a refusal is a record");
    documents.insert(REFUSAL.into(), json_text(&document("refusal", &refusal)));
    documents
}

/// The schema of a word's body.
pub fn of_word(word: &Word) -> Value {
    let body = trace(|tracer| {
        let read = Event::deserialize_body(word.name, tracer);
        read.expect("the word comes from the table of events")
            .map(|_| ())
    });
    let body = body.expect("the body of an event is a record");
    let mut schema = document(word.name, &body);
    if let Some(manual) = WORDS.iter().find(|known| known.name == word.name) {
        let ours = schema["description"].as_str().unwrap_or_default();
        schema["description"] = format!("{}. {ours}", manual.text).into();
    }
    schema
}

fn of_envelope() -> Value {
    let frame = trace(|tracer| EventEnvelope::deserialize(tracer).map(|_| ()))
        .expect("the frame is a record");
    let mut schema = document("envelope", &frame);
    schema["properties"]["body"] = json!({
        "description": "The body the word and version promise, or a refusal where the result is not 0. \
            Its bytes are a MessagePack map, which is shown decoded.",
        "type": "object",
        "x-messagepack": "bin",
    });
    schema
}

fn document(title: &str, record: &Record) -> Value {
    let mut schema = of_record(record);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = title.into();
    schema
}

fn of_record(record: &Record) -> Value {
    let comment = doc_comments::of_record(record.name)
        .expect("every record is explained in the listed sources");
    let fields = record.fields.iter();
    let properties: Map<String, Value> = fields
        .clone()
        .map(|field| (field.name.to_owned(), of_field(record.name, field)))
        .collect();
    let required: Vec<&str> = fields
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    json!({
        "type": "object",
        "description": comment.text,
        "properties": properties,
        "required": required,
        // A reader ignores what it does not know: that is how fields are added.
        "additionalProperties": true,
    })
}

fn of_field(record: &str, field: &Field) -> Value {
    let comment = doc_comments::of_field(record, field.name)
        .expect("every field is explained in the listed sources");
    let item_type = comment
        .rust_type
        .strip_prefix("Vec<")
        .and_then(|item| item.strip_suffix('>'));
    let listed = item_type
        .and_then(of_type)
        .map(|item| json!({ "type": "array", "items": item }));
    let mut schema = of_type(&comment.rust_type)
        .or(listed)
        .unwrap_or_else(|| of_shape(&field.shape));
    let meaning = schema["description"].take();
    let meaning = meaning.as_str().unwrap_or_default();
    schema["description"] = format!("{} {meaning}", comment.text).trim().into();
    if field.nullable {
        permit_null(&mut schema);
    }
    schema
}

fn permit_null(schema: &mut Value) {
    if let Some(Value::String(name)) = schema.get("type") {
        schema["type"] = json!([name, "null"]);
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer => json!({ "type": "integer" }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Bytes => {
            json!({ "type": "string", "pattern": "^([0-9a-f]{2})*$", "x-messagepack": "bin" })
        }
        Shape::Word(words) => json!({ "type": "string", "enum": words }),
        Shape::Record(record) => of_record(record),
        Shape::List(item) => json!({ "type": "array", "items": of_shape(item) }),
    }
}

/// What is known of a type beyond its shape.
fn of_type(rust_type: &str) -> Option<Value> {
    let id = |length_max: usize| json!({ "type": "string", "pattern": format!("^[A-Za-z0-9._:-]{{1,{length_max}}}$") });
    Some(match rust_type {
        "AnalyticsName" => json!({ "type": "string", "pattern": "^[a-z0-9-]{1,32}$" }),
        "SystemId" => id(schemas::SystemId::LENGTH_MAX),
        "UserId" => id(schemas::UserId::LENGTH_MAX),
        "TransactionId" => id(schemas::TransactionId::LENGTH_MAX),
        "OperationId" => id(schemas::OperationId::LENGTH_MAX),
        "LetterId" => id(schemas::LetterId::LENGTH_MAX),
        "Digest" | "CommandId" | "RequestId" => {
            json!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "x-messagepack": "bin" })
        }
        "Timestamp" => {
            json!({ "type": "integer", "description": "Milliseconds since the Unix epoch, UTC." })
        }
        "AsOf" => json!({
            "type": "string",
            "description": "Milliseconds since the Unix epoch, or `<lane>-<number>` of an event.",
        }),
        "KeyIndex" => json!({ "type": "integer", "minimum": 1 }),
        "KeyFlags" => {
            json!({ "type": "integer", "minimum": 0, "maximum": 0x1_ffff, "description": "A sum of flags." })
        }
        "ErrorCode" => {
            json!({ "type": "integer", "minimum": 0, "description": "A number of the error table." })
        }
        "Owner" => json!({
            "oneOf": [
                { "const": "Server" },
                {
                    "type": "object",
                    "properties": { "System": id(schemas::SystemId::LENGTH_MAX) },
                    "required": ["System"],
                },
                {
                    "type": "object",
                    "properties": {
                        "User": {
                            "type": "array",
                            "prefixItems": [id(schemas::SystemId::LENGTH_MAX), id(schemas::UserId::LENGTH_MAX)],
                            "minItems": 2,
                            "maxItems": 2,
                        },
                    },
                    "required": ["User"],
                },
            ],
        }),
        _ => return None,
    })
}
