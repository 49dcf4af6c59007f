//! Golden fixtures: the bytes of every word and version as they were when the version was born. They are only ever
//! added, so that yesterday's log reads tomorrow.

use std::path::PathBuf;

use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::{codec, mirror};

use crate::{json_text, samples};

/// The fixtures of today's words and versions, each with its JSON mirror, by their path in this package.
pub fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for recorded in samples::events() {
        let bytes = codec::encode(&recorded);
        let name = name(&recorded);
        let mirror = mirror::of_event(&bytes).expect("an event holds nothing JSON cannot show");
        files.push((
            format!("fixtures/{name}.json").into(),
            json_text(&mirror).into_bytes(),
        ));
        files.push((format!("fixtures/{name}.msgpack").into(), bytes));
    }
    files
}

fn name(recorded: &RecordedEvent) -> String {
    match &recorded.event {
        Event::Refused(_) => "refusal.v1".to_owned(),
        event => format!("{}.v{}", event.word(), event.version()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use schemas::ErrorCode;
    use schemas::envelope::EventEnvelope;
    use schemas::events::operations::OperationEvent;
    use schemas::events::transactions::TransactionEvent;
    use serde::Serialize;
    use serde_json::Value;

    use super::*;
    use crate::json_schema::{self, words};

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
    }

    /// Every fixture ever committed: name without ending, and bytes.
    fn committed() -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let fixtures =
            entries.filter(|path| path.extension().is_some_and(|ending| ending == "msgpack"));
        fixtures
            .map(|path| {
                (
                    path.file_stem().unwrap().to_str().unwrap().to_owned(),
                    std::fs::read(&path).unwrap(),
                )
            })
            .collect()
    }

    /// The envelope of a confirmed transaction, with another body.
    fn confirmed_with(word: &str, body: &impl Serialize) -> Vec<u8> {
        let (_, bytes) = committed()
            .into_iter()
            .find(|(name, _)| name == &format!("{word}.v1"))
            .expect("the fixture is committed");
        let envelope: EventEnvelope = rmp_serde::from_slice(&bytes).unwrap();
        rmp_serde::to_vec_named(&EventEnvelope {
            body: rmp_serde::to_vec_named(body).unwrap(),
            ..envelope
        })
        .unwrap()
    }

    #[test]
    fn every_word_and_version_has_a_fixture() {
        let names: BTreeSet<String> = committed().into_iter().map(|(name, _)| name).collect();
        for word in words() {
            assert!(
                names.contains(&format!("{}.v{}", word.name, word.version)),
                "{}",
                word.name
            );
        }
        assert!(names.contains("refusal.v1"));
    }

    #[test]
    fn every_fixture_reads_and_todays_version_writes_the_same_bytes() {
        let current: BTreeSet<String> = samples::events().iter().map(name).collect();
        for (fixture, bytes) in committed() {
            let recorded =
                codec::decode(&bytes).unwrap_or_else(|error| panic!("{fixture}: {error:?}"));
            if current.contains(&fixture) {
                assert!(
                    codec::encode(&recorded) == bytes,
                    "{fixture} is written differently today"
                );
            }
        }
    }

    #[test]
    fn every_fixture_is_what_its_json_mirror_shows() {
        for (fixture, bytes) in committed() {
            let mirror = json_text(&mirror::of_event(&bytes).unwrap());
            let committed =
                std::fs::read_to_string(folder().join(format!("{fixture}.json"))).unwrap();
            assert!(mirror == committed, "{fixture}");
        }
    }

    /// A field that a schema requires can never be missing, and one that it does not know was forgotten there.
    #[test]
    fn every_fixture_of_today_agrees_with_its_schema() {
        for word in words() {
            let schema = json_schema::of_word(&word);
            let path = folder().join(format!("{}.v{}.json", word.name, word.version));
            let mirror: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let body = mirror["body"].as_object().unwrap();
            for required in schema["required"].as_array().unwrap() {
                assert!(
                    body.contains_key(required.as_str().unwrap()),
                    "{} lacks {required}",
                    word.name
                );
            }
            for (key, value) in body {
                let property = &schema["properties"][key];
                let kinds = match &property["type"] {
                    Value::Array(kinds) => kinds.clone(),
                    kind => vec![kind.clone()],
                };
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                assert!(
                    kinds.contains(&kind.into()),
                    "{}: {key} is {kind}, the schema says {property}",
                    word.name
                );
            }
        }
    }

    /// What was said in words stays said: it cannot be taken out of a log that is signed.
    #[test]
    fn a_reason_of_version_1_is_read_in_words_and_one_of_today_by_its_digest() {
        let reasons = |fixture: &str| {
            let path = folder().join(format!("{fixture}.msgpack"));
            let recorded = codec::decode(&std::fs::read(path).unwrap()).unwrap();
            match recorded.event {
                Event::Transactions(TransactionEvent::Declined(event)) => {
                    (event.reason, event.reason_digest.is_some())
                }
                Event::Operations(OperationEvent::Processed(event)) => {
                    let member = event.declined[0].clone();
                    (member.reason, member.reason_digest.is_some())
                }
                other => panic!("another event: {other:?}"),
            }
        };
        for word in ["decline_transaction", "operations_process"] {
            let words = Some("wrong data".to_owned());
            assert_eq!(reasons(&format!("{word}.v1")), (words, false));
            assert_eq!(reasons(&format!("{word}.v2")), (None, true));
        }
    }

    #[test]
    fn a_body_without_an_optional_field_reads() {
        #[derive(Serialize)]
        struct Old {
            transaction_id: &'static str,
        }
        let recorded = codec::decode(&confirmed_with(
            "expire_transaction",
            &Old {
                transaction_id: "t-1",
            },
        ))
        .unwrap();
        let Event::Transactions(TransactionEvent::Expired(expired)) = recorded.event else {
            panic!("another event");
        };
        assert_eq!(
            (expired.transaction_id.as_str(), expired.callback_url),
            ("t-1", None)
        );
    }

    #[test]
    fn a_body_with_a_field_of_the_future_reads() {
        #[derive(Serialize)]
        struct New {
            added_later: u8,
            transaction_id: &'static str,
        }
        let body = New {
            added_later: 9,
            transaction_id: "t-1",
        };
        let recorded = codec::decode(&confirmed_with("delete_transaction", &body)).unwrap();
        let Event::Transactions(TransactionEvent::Deleted(deleted)) = recorded.event else {
            panic!("another event");
        };
        assert_eq!(deleted.transaction_id.as_str(), "t-1");
    }

    #[test]
    fn a_body_without_a_required_field_is_refused() {
        #[derive(Serialize)]
        struct Empty {}
        let error = codec::decode(&confirmed_with("delete_transaction", &Empty {})).unwrap_err();
        assert!(
            matches!(error, codec::DecodeError::Body { .. }),
            "{error:?}"
        );
    }

    #[test]
    fn a_version_of_the_future_is_refused_by_name() {
        let (_, bytes) = committed().pop().unwrap();
        let envelope: EventEnvelope = rmp_serde::from_slice(&bytes).unwrap();
        let bytes = rmp_serde::to_vec_named(&EventEnvelope {
            version: 9,
            ..envelope
        })
        .unwrap();
        let error = codec::decode(&bytes).unwrap_err();
        assert!(
            matches!(error, codec::DecodeError::UnknownVersion { version: 9, .. }),
            "{error:?}"
        );
    }

    #[test]
    fn a_refusal_keeps_its_word_and_its_code() {
        let (_, bytes) = committed()
            .into_iter()
            .find(|(name, _)| name == "refusal.v1")
            .unwrap();
        let recorded = codec::decode(&bytes).unwrap();
        assert_eq!(recorded.result, ErrorCode::TransactionExpired);
        assert_eq!(recorded.event.word(), "confirm_transaction");
        assert!(matches!(recorded.event, Event::Refused(_)));
    }
}
