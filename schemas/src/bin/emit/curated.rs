//! The curated form in documents: a JSON Schema for every word, an AsyncAPI 3 description of the stream of a grant, and
//! golden examples. An example is only ever added to, never changed: what an analyst reads today must read tomorrow.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemas::curated::{
    CURATED, CuratedEvent, CuratedField, CuratedWord, FORM, Kind, Plain, REFUSED, curate,
};
use schemas::events::Event;
use schemas::subjects::CURATED_ADDRESS;
use schemas::{Lane, Position};
use serde_json::{Map, Value, json};

use crate::{json_text, samples};

/// Schemas and the description of the stream, by their path.
pub fn documents() -> BTreeMap<PathBuf, String> {
    let schemas = CURATED
        .iter()
        .map(|curated| (PathBuf::from(path(curated)), json_text(&schema(curated))));
    let mut documents: BTreeMap<PathBuf, String> = schemas.collect();
    documents.insert("asyncapi-curated.json".into(), json_text(&asyncapi()));
    documents
}

/// The curated form of the samples, by path.
pub fn examples() -> BTreeMap<PathBuf, CuratedEvent> {
    let lane = Lane::new(17).expect("there are more lanes");
    let position = Position { lane, number: 42 };
    let events = samples::events().into_iter();
    let shown = events.filter_map(|recorded| {
        let curated = curate(&recorded, position, &Plain)?;
        let name = match recorded.event {
            Event::Refused(_) => "refusal",
            _ => curated.word.as_str(),
        };
        Some((
            PathBuf::from(format!("fixtures/curated/{name}.v{FORM}.json")),
            curated,
        ))
    });
    shown.collect()
}

fn path(curated: &CuratedWord) -> String {
    format!("json/curated/{}.v{FORM}.schema.json", curated.word)
}

fn schema(curated: &CuratedWord) -> Value {
    let fields = curated.fields.iter().chain(REFUSED);
    let fields: Map<String, Value> = fields
        .map(|field| (field.name().to_owned(), of_kind(field)))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("{}, curated", curated.word),
        "type": "object",
        "properties": {
            "form": { "const": FORM, "description": "Version of the curated form." },
            "lane": { "type": "integer", "minimum": 0, "maximum": 63, "description": "The same for everything about one user." },
            "number": { "type": "integer", "minimum": 1, "description": "It grows in a lane; with the lane it is the event's identity." },
            "word": { "const": curated.word },
            "aggregate": { "type": "string" },
            "system_id": { "type": "string" },
            "user": { "type": ["string", "null"], "description": "The user, or a pseudonym." },
            "recorded_at": { "type": "integer", "description": "Milliseconds since the Unix epoch, UTC." },
            "result": { "type": "integer", "minimum": 0, "description": "0, or the number of the error that the caller heard; then `fields` is that of a refusal." },
            "fields": { "type": "object", "properties": fields, "additionalProperties": true },
        },
        "required": ["form", "lane", "number", "word", "aggregate", "system_id", "user", "recorded_at", "result", "fields"],
        // A reader ignores what it does not know: that is how fields are added.
        "additionalProperties": true,
    })
}

fn of_kind(field: &CuratedField) -> Value {
    match field.kind {
        Kind::Number => json!({ "type": "integer" }),
        Kind::Moment => {
            json!({ "type": "integer", "description": "Milliseconds since the Unix epoch, UTC." })
        }
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Length => {
            json!({ "type": "integer", "minimum": 0, "description": "How many there are." })
        }
        Kind::Identifier(_) => {
            json!({ "type": "string", "description": "An identifier, or a pseudonym." })
        }
    }
}

fn asyncapi() -> Value {
    let words = || CURATED.iter();
    let references: Map<String, Value> = words()
        .map(|curated| {
            let reference = json!({ "$ref": format!("#/components/messages/{}", curated.word) });
            (curated.word.to_owned(), reference)
        })
        .collect();
    let messages: Map<String, Value> = words()
        .map(|curated| {
            let schema = json!({ "$ref": path(curated) });
            let payload = json!({
                "schemaFormat": "application/schema+json;version=draft-2020-12", "schema": schema,
            });
            (
                curated.word.to_owned(),
                json!({ "name": curated.word, "payload": payload }),
            )
        })
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Countersign: curated stream of a grant",
            "version": FORM.to_string(),
            "description": "Every message is a JSON object. The header Nats-Msg-Id holds `<lane>-<number>`, and \
                Countersign-Previous the same of the message before it in its lane, `<lane>-0` for none: whoever has not seen \
                that one has missed something.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": { "curated": {
            "address": CURATED_ADDRESS,
            "description": "In the account of the grant. A token holds letters, digits, `-` and `_`; every other byte is `=` and two hex digits.",
            "parameters": {
                "lane": { "description": "0 to 63: always the same for one user." },
                "system": { "description": "The application system." },
                "aggregate": { "description": "What the event is about." },
                "word": { "description": "What happened." },
            },
            "messages": references,
        } },
        "operations": { "publishCurated": {
            "action": "send",
            "channel": { "$ref": "#/channels/curated" },
            "summary": "Published after the event is durable in the log, in the order of its lane, once.",
        } },
        "components": { "messages": messages },
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::json_schema;

    /// What the schema of the body says about a field.
    fn of_body(curated: &CuratedWord, field: &CuratedField) -> Value {
        let words = json_schema::words();
        let word = words.iter().find(|word| word.name == curated.word);
        let mut schema = json_schema::of_word(word.expect("it has a body"));
        for step in field.path.split('.') {
            schema = schema["properties"][step].take();
        }
        schema
    }

    #[test]
    fn the_table_says_of_every_field_what_its_event_says() {
        for curated in CURATED {
            for field in curated.fields {
                let schema = of_body(curated, field);
                let is = |name: &str| schema["type"] == name || schema["type"][0] == name;
                let enumerated = schema["enum"].as_array().map_or(&[][..], Vec::as_slice);
                let enumerated = enumerated.iter().filter_map(Value::as_str);
                let fits = match field.kind {
                    Kind::Number | Kind::Moment => is("integer"),
                    Kind::Flag => is("boolean"),
                    Kind::Length => is("array"),
                    Kind::Word(words) => enumerated.eq(words.iter().copied()),
                    Kind::Identifier(_) => is("string") && schema["enum"].is_null(),
                };
                let (word, path) = (curated.word, field.path);
                assert!(fits, "{word}: {path} is {:?}, and {schema}", field.kind);
            }
        }
    }

    #[test]
    fn what_a_sample_has_is_shown() {
        let examples = examples();
        let example = &examples[Path::new("fixtures/curated/create_transaction.v1.json")];
        let names: Vec<&str> = example.fields.keys().map(String::as_str).collect();
        let expected = [
            "confirm_code_length",
            "expires_at",
            "has_binary",
            "notification_type",
            "transaction_id",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_an_analyst_reads_today_reads_tomorrow() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let today = examples();
        let committed = std::fs::read_dir(folder.join("fixtures/curated")).unwrap();
        let mut seen = 0;
        for entry in committed {
            let path = entry.unwrap().path();
            let golden: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let relative = path.strip_prefix(folder).unwrap();
            let today = today.get(relative);
            let today =
                serde_json::to_value(today.unwrap_or_else(|| panic!("{relative:?} is gone")));
            let today = today.unwrap();
            for (name, value) in golden.as_object().unwrap() {
                if name != "fields" {
                    assert_eq!(&today[name], value, "{relative:?}: {name}");
                }
            }
            for (name, value) in golden["fields"].as_object().unwrap() {
                assert_eq!(&today["fields"][name], value, "{relative:?}: {name}");
            }
            seen += 1;
        }
        assert_eq!(
            seen,
            today.len(),
            "run `make schemas` for the examples that are new"
        );
    }

    #[test]
    fn nothing_that_could_be_guessed_or_used_is_shown() {
        for (path, example) in examples() {
            let text = serde_json::to_string(&example).unwrap();
            for hidden in [
                "d1d1",
                "d2d2",
                "d3d3",
                "3030",
                "c1c1",
                "01234567",
                "https",
                "f1f1",
                "wrong data",
                "session-1",
            ] {
                assert!(!text.contains(hidden), "{}: {hidden}", path.display());
            }
        }
    }
}
