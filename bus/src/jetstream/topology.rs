//! The streams: declared in `nats/*.json`, applied by difference, never deleted and never recreated.
//!
//! A difference is applied when nothing stored can vanish by it and no promise gets weaker; any other one is refused with
//! the field, what was found and what was wanted, for a person to resolve.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

/// A stream configuration, in the shape of NATS.
pub type Configuration = Map<String, Value>;

/// The stream of commands.
pub(crate) const CMD: &str = "CMD";
/// The stream of events.
pub(crate) const EVT: &str = "EVT";
/// The stream of commands that were put aside.
pub(crate) const PARKED: &str = "PARKED";

const DECLARATIONS: [&str; 3] = [
    include_str!("../../../nats/cmd.json"),
    include_str!("../../../nats/evt.json"),
    include_str!("../../../nats/parked.json"),
];

const CURATED: &str = include_str!("../../../nats/curated.json");

/// The streams this program wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology(BTreeMap<String, Configuration>);

/// What to do about one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is missing.
    Create(Configuration),
    /// It is there and can be changed without loss.
    Update {
        /// The whole configuration afterwards.
        configuration: Configuration,
        /// The fields that change.
        fields: Vec<String>,
    },
}

/// A difference that nobody but a person may resolve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "stream {stream}: {field} is {found} and must be {wanted}; streams are never deleted or weakened by this program, so change it by hand"
)]
pub struct Refused {
    /// Which stream.
    pub stream: String,
    /// Which field of its configuration.
    pub field: String,
    /// What the server has.
    pub found: Value,
    /// What `nats/*.json` says.
    pub wanted: Value,
}

impl Topology {
    /// The streams of `nats/*.json` with so many replicas (1, or 3 in a cluster).
    pub fn declared(replicas: usize) -> Self {
        let streams = DECLARATIONS.iter().map(|declaration| {
            let mut configuration: Configuration =
                serde_json::from_str(declaration).expect("the declarations are tested");
            configuration.insert("num_replicas".to_owned(), replicas.into());
            (name(&configuration).to_owned(), configuration)
        });
        Self(streams.collect())
    }

    /// The one stream in the account of a grant.
    pub fn of_a_grant(stream: &str, replicas: usize) -> Self {
        let mut configuration: Configuration =
            serde_json::from_str(CURATED).expect("the declarations are tested");
        configuration.insert("name".to_owned(), stream.into());
        configuration.insert("num_replicas".to_owned(), replicas.into());
        Self(BTreeMap::from([(stream.to_owned(), configuration)]))
    }

    /// The same, with events kept so long. Only growing it is applied to a stream that exists.
    #[must_use]
    pub fn keeping_events_for(mut self, age: Duration) -> Self {
        let nanoseconds = u64::try_from(age.as_nanos()).unwrap_or(0);
        if let Some(configuration) = self.0.get_mut(EVT) {
            configuration.insert("max_age".to_owned(), nanoseconds.into());
        }
        self
    }

    /// Names of the streams.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What to do about a stream, given what the server has; `None` when nothing.
    pub fn plan(
        &self,
        stream: &str,
        found: Option<&Configuration>,
    ) -> Result<Option<Step>, Refused> {
        let Some(wanted) = self.0.get(stream) else {
            return Ok(None);
        };
        let Some(found) = found else {
            return Ok(Some(Step::Create(wanted.clone())));
        };
        let mut configuration = found.clone();
        let mut fields = Vec::new();
        for (field, wanted) in wanted {
            let found = found.get(field).unwrap_or(&Value::Null);
            if is_same(found, wanted) {
                continue;
            }
            if !is_harmless(field, found, wanted) {
                return Err(Refused {
                    stream: stream.to_owned(),
                    field: field.clone(),
                    found: found.clone(),
                    wanted: wanted.clone(),
                });
            }
            configuration.insert(field.clone(), wanted.clone());
            fields.push(field.clone());
        }
        Ok((!fields.is_empty()).then_some(Step::Update {
            configuration,
            fields,
        }))
    }
}

fn name(configuration: &Configuration) -> &str {
    configuration
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Servers leave out what is false, empty or "none".
fn is_same(found: &Value, wanted: &Value) -> bool {
    let is_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty() || text == "none",
        _ => false,
    };
    found == wanted || (is_nothing(found) && is_nothing(wanted))
}

/// Whether nothing stored can vanish, and no promise gets weaker, when this field changes like that.
fn is_harmless(field: &str, found: &Value, wanted: &Value) -> bool {
    match field {
        "description" => true,
        "max_age" | "max_bytes" | "max_msgs" | "max_msg_size" | "max_consumers"
        | "num_replicas" => size(wanted) > size(found),
        "duplicate_window" => wanted.as_u64() > found.as_u64(),
        "deny_delete" | "deny_purge" | "allow_atomic" => wanted == &Value::Bool(true),
        "subjects" => {
            let wanted = wanted.as_array().map_or(&[][..], Vec::as_slice);
            let found = found.as_array().map_or(&[][..], Vec::as_slice);
            found.iter().all(|subject| wanted.contains(subject))
        }
        _ => false,
    }
}

/// A limit as a number; none at all (0, -1 or absent) is the largest.
fn size(limit: &Value) -> i64 {
    match limit.as_i64() {
        Some(limit) if limit > 0 => limit,
        _ => i64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::limits::{COMMAND_LIFE, Limits};

    fn existing(stream: &str) -> Configuration {
        Topology::declared(1).0[stream].clone()
    }

    fn plan_over(stream: &str, field: &str, found: Value) -> Result<Option<Step>, Refused> {
        let mut configuration = existing(stream);
        configuration.insert(field.to_owned(), found);
        Topology::declared(1).plan(stream, Some(&configuration))
    }

    #[test]
    fn the_declarations_are_the_streams_the_program_speaks_of() {
        let topology = Topology::declared(3);
        assert_eq!(topology.names().collect::<Vec<_>>(), [CMD, EVT, PARKED]);
        for stream in topology.names() {
            let description = topology.0[stream]["description"].as_str().unwrap_or("");
            assert!(description.len() > 40, "{stream} says why it is as it is");
            assert_eq!(topology.0[stream]["num_replicas"], 3);
        }
        let command_life = u64::try_from(COMMAND_LIFE.as_nanos()).unwrap();
        assert_eq!(topology.0[CMD]["max_age"], command_life);
        let payload_max = topology.0[CMD]["max_msg_size"].as_u64().unwrap() as usize;
        assert!(Limits::default().payload_bytes_max < payload_max);
    }

    #[test]
    fn a_grant_has_one_stream_and_it_is_kept_as_long_as_the_events() {
        let topology = Topology::of_a_grant("CURATED_risk", 3);
        assert_eq!(topology.names().collect::<Vec<_>>(), ["CURATED_risk"]);
        let curated = &topology.0["CURATED_risk"];
        assert_eq!(curated["num_replicas"], 3);
        assert_eq!(curated["max_age"], existing(EVT)["max_age"]);
        assert_eq!(curated["subjects"][0], schemas::subjects::CURATED);
    }

    #[test]
    fn a_missing_stream_is_created_and_an_equal_one_left_alone() {
        let topology = Topology::declared(1);
        assert_eq!(
            topology.plan(EVT, None),
            Ok(Some(Step::Create(existing(EVT))))
        );
        assert_eq!(topology.plan(EVT, Some(&existing(EVT))), Ok(None));
    }

    #[test]
    fn what_a_server_leaves_out_or_adds_is_no_difference() {
        let mut found = existing(EVT);
        for field in ["allow_direct", "allow_rollup_hdrs", "compression"] {
            found.remove(field);
        }
        found.insert("metadata".to_owned(), json!({"_nats.ver": "2.15.1"}));
        assert_eq!(Topology::declared(1).plan(EVT, Some(&found)), Ok(None));
    }

    #[test]
    fn limits_only_grow() {
        for (field, smaller, larger) in [
            ("max_age", json!(1_000_000_000), json!(0)),
            ("max_bytes", json!(1024), json!(-1)),
        ] {
            let step = plan_over(PARKED, field, smaller).unwrap();
            assert!(
                matches!(step, Some(Step::Update { ref fields, .. }) if fields == &[field]),
                "{field}: {step:?}"
            );
            assert!(plan_over(PARKED, field, larger).is_err(), "{field}");
        }
        assert_eq!(
            Topology::declared(1)
                .keeping_events_for(Duration::from_mins(1))
                .plan(EVT, Some(&existing(EVT)))
                .map_err(|refused| refused.field),
            Err("max_age".to_owned())
        );
    }

    #[test]
    fn an_update_keeps_what_an_operator_added() {
        let mut found = existing(EVT);
        found.insert("max_age".to_owned(), json!(1));
        found.insert(
            "republish".to_owned(),
            json!({"src": ">", "dest": "copy.>"}),
        );
        let step = Topology::declared(1).plan(EVT, Some(&found)).unwrap();
        let Some(Step::Update { configuration, .. }) = step else {
            panic!("{step:?}");
        };
        assert_eq!(configuration["republish"]["dest"], "copy.>");
        assert_eq!(configuration["max_age"], existing(EVT)["max_age"]);
    }

    #[test]
    fn what_would_lose_or_weaken_something_is_refused_by_name() {
        for (field, found) in [
            ("retention", json!("interest")),
            ("storage", json!("memory")),
            ("discard", json!("new")),
            ("compression", json!("s2")),
            ("allow_direct", json!(true)),
            ("subjects", json!(["evt.>", "more.>"])),
            ("num_replicas", json!(3)),
        ] {
            let refused = plan_over(EVT, field, found.clone()).unwrap_err();
            assert_eq!((refused.field.as_str(), &refused.found), (field, &found));
            assert!(refused.to_string().contains(field));
        }
    }

    #[test]
    fn promises_may_be_added() {
        assert!(plan_over(EVT, "deny_delete", json!(false)).is_ok());
        assert!(plan_over(CMD, "deny_purge", json!(true)).is_err());
        assert!(plan_over(CMD, "subjects", json!([])).is_ok());
    }
}
