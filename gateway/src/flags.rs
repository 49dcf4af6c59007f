//! `key_params` of a request: the flags it names, over the settings' defaults.

use std::fmt;

use schemas::ErrorCode;
use schemas::flags::{FLAGS, Flag, KeyFlags};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::error::ApiError;

/// The flags a request names, each once. A flag takes `true`, `false`, 0 or 1; a policy takes its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyParams(Vec<(&'static str, u32)>);

impl KeyParams {
    /// The flags of the key: the request's over the defaults, with the manual's rules applied.
    pub(crate) fn over(&self, defaults: KeyFlags) -> Result<KeyFlags, ApiError> {
        let mut flags = defaults;
        for (param, value) in &self.0 {
            let flag = flag_named(param).expect("the reader admits only flags of the table");
            flags.set(flag, *value);
        }
        flags
            .effective()
            .map_err(|conflict| ApiError::because(ErrorCode::RequestError, conflict))
    }
}

fn flag_named(param: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.param == param)
}

impl<'de> Deserialize<'de> for KeyParams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = KeyParams;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of key flags")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<KeyParams, A::Error> {
                let mut named: Vec<(&'static str, u32)> = Vec::new();
                while let Some(param) = members.next_key::<String>()? {
                    let flag =
                        flag_named(&param).ok_or_else(|| A::Error::custom("unknown flag"))?;
                    let value = match members.next_value()? {
                        Value::Bool(set) => u32::from(set),
                        Value::Number(number) => number,
                    };
                    if value > flag.value_max {
                        return Err(A::Error::custom("no such value"));
                    }
                    if named.iter().any(|(known, _)| *known == flag.param) {
                        return Err(A::Error::custom("doubled flag"));
                    }
                    named.push((flag.param, value));
                }
                Ok(KeyParams(named))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Value {
    Bool(bool),
    Number(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Option<u32> {
        let params: KeyParams = serde_json::from_str(text).ok()?;
        params
            .over(KeyFlags::from_bits(67_584))
            .ok()
            .map(KeyFlags::bits)
    }

    #[test]
    fn what_is_named_replaces_the_default() {
        assert_eq!(flags("{}"), Some(67_584));
        assert_eq!(
            flags(r#"{"pass_policy":3,"online_credentials":false}"#),
            Some(2048 + 96)
        );
        assert_eq!(
            flags(r#"{"collect_events":1,"collect_device_info":true}"#),
            Some(67_584 + 2 + 4)
        );
    }

    #[test]
    fn what_the_table_does_not_have_is_refused() {
        for text in [
            r#"{"no_such_flag":1}"#,
            r#"{"pass_policy":4}"#,
            r#"{"nfc_policy":3}"#,
            r#"{"collect_events":2}"#,
            r#"{"collect_events":-1}"#,
            r#"{"collect_events":"1"}"#,
            r#"{"collect_events":1,"collect_events":1}"#,
            "[]",
            r#"{"with_finger_print":1,"server_signer":1}"#,
        ] {
            assert_eq!(flags(text), None, "{text}");
        }
    }
}
