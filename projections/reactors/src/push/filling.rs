//! Templates are filled on the JSON that was read, never on its text: a value cannot leave the string it stands in, and what
//! it says is never filled again.
//!
//! A string that is JSON itself (Huawei's `data`) is read, filled and written anew, so the same holds one level below.

use serde_json::Value;

/// What stands for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variables<'a> {
    pub(crate) device_token: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) transaction_id: &'a str,
    pub(crate) system_id: &'a str,
}

/// The manual's names.
const NAMES: [&str; 4] = ["DEVICE_TOKEN", "USER_ID", "TRANSACTION_ID", "SYSTEM_ID"];

/// The template with its variables filled in. Names of members stay as they are.
pub(crate) fn fill(template: &Value, variables: &Variables<'_>) -> Value {
    on_texts(template, &|text| filled(text, &|name| variables.get(name)))
}

/// The first name between percent signs that looks like a variable and is none.
pub(crate) fn unknown_variable(template: &Value) -> Option<String> {
    let found = std::cell::RefCell::new(None);
    on_texts(template, &|text| {
        filled(text, &|name| {
            if !NAMES.contains(&name) {
                found.borrow_mut().get_or_insert_with(|| name.to_owned());
            }
            None
        })
    });
    found.into_inner()
}

impl<'a> Variables<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        match name {
            "DEVICE_TOKEN" => Some(self.device_token),
            "USER_ID" => Some(self.user_id),
            "TRANSACTION_ID" => Some(self.transaction_id),
            "SYSTEM_ID" => Some(self.system_id),
            _ => None,
        }
    }
}

fn on_texts(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(match embedded(text) {
            Some(inner) => on_texts(&inner, change).to_string(),
            None => change(text),
        }),
        Value::Array(values) => values.iter().map(|value| on_texts(value, change)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            Value::Object(
                members
                    .map(|(name, value)| (name.clone(), on_texts(value, change)))
                    .collect(),
            )
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The object or the list that a text of the template is.
fn embedded(text: &str) -> Option<Value> {
    let looks_so = text.trim_start().starts_with(['{', '[']);
    let inner = looks_so.then(|| serde_json::from_str(text).ok())??;
    matches!(inner, Value::Object(_) | Value::Array(_)).then_some(inner)
}

/// One pass from left to right. What is put in is not looked at.
fn filled<'a>(text: &str, value_of: &dyn Fn(&str) -> Option<&'a str>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find('%') {
        filled.push_str(&rest[..begin]);
        rest = &rest[begin..];
        let name = rest[1..].split('%').next().unwrap_or_default();
        let is_name = !name.is_empty()
            && rest[1..].len() > name.len()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if let Some(value) = is_name.then(|| value_of(name)).flatten() {
            filled.push_str(value);
            rest = &rest[name.len() + 2..];
        } else {
            filled.push('%');
            rest = &rest[1..];
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::push::configuration::{Os, Purpose, Templates};

    fn with(value: &str) -> Variables<'_> {
        Variables {
            device_token: value,
            user_id: value,
            transaction_id: value,
            system_id: value,
        }
    }

    #[test]
    fn variables_stand_for_their_values_anywhere_in_a_text() {
        let variables = Variables {
            device_token: "t",
            user_id: "u",
            transaction_id: "x",
            system_id: "s",
        };
        for (text, expected) in [
            ("%DEVICE_TOKEN%", "t"),
            ("a%USER_ID%b%TRANSACTION_ID%%SYSTEM_ID%", "aubxs"),
            ("100% of %USER_ID%", "100% of u"),
            ("%%USER_ID%%", "%u%"),
            ("%USER_ID", "%USER_ID"),
            ("%user_id% %OTHER%", "%user_id% %OTHER%"),
            ("", ""),
        ] {
            assert_eq!(fill(&json!(text), &variables), json!(expected), "{text}");
        }
    }

    #[test]
    fn a_value_stays_inside_of_its_text_and_is_not_filled_again() {
        for hostile in [
            r#"","aps":{"alert":"x"},"y":""#,
            "%TRANSACTION_ID%",
            r#"\"},{"#,
            "%USER_ID%%DEVICE_TOKEN%",
            "\u{0}\n\t",
        ] {
            let template = json!({"a": ["%USER_ID%", 1, null], "%USER_ID%": true});
            let expected = json!({"a": [hostile, 1, null], "%USER_ID%": true});
            assert_eq!(fill(&template, &with(hostile)), expected);
        }
    }

    #[test]
    fn json_within_a_text_keeps_its_shape_too() {
        let template = json!({"data": "{\"userid\": \"%USER_ID%\",\n\"n\": 1}"});
        let hostile = r#"", "evil": ""#;
        let filled = fill(&template, &with(hostile));
        let inner: Value = serde_json::from_str(filled["data"].as_str().unwrap()).unwrap();
        assert_eq!(inner, json!({"userid": hostile, "n": 1}));
    }

    #[test]
    fn a_variable_that_is_none_is_found() {
        assert_eq!(
            unknown_variable(&json!({"a": ["%USER_ID% %USERID%"]})).unwrap(),
            "USERID"
        );
        assert_eq!(unknown_variable(&json!("{\"a\": \"%X%\"}")).unwrap(), "X");
        assert_eq!(unknown_variable(&json!("5% and 6%")), None);
    }

    /// Do both differ in their texts at most?
    fn same_shape(template: &Value, filled: &Value) -> bool {
        match (template, filled) {
            (Value::String(template), Value::String(filled)) => match embedded(template) {
                None => true,
                Some(inner) => embedded(filled).is_some_and(|filled| same_shape(&inner, &filled)),
            },
            (Value::Array(left), Value::Array(right)) => {
                let mut both = left.iter().zip(right);
                left.len() == right.len() && both.all(|(left, right)| same_shape(left, right))
            }
            (Value::Object(left), Value::Object(right)) => {
                let mut both = left.iter().zip(right);
                left.len() == right.len()
                    && both.all(|(left, right)| left.0 == right.0 && same_shape(left.1, right.1))
            }
            _ => template == filled,
        }
    }

    proptest! {
        #[test]
        fn whatever_the_values_are_the_shape_is_the_templates(value in any::<String>()) {
            let built_in = Templates::built_in();
            for os in [Os::Android, Os::Ios, Os::Huawei] {
                for template in built_in.of(os, Purpose::Transaction) {
                    let filled = fill(template, &with(&value));
                    let read: Value = serde_json::from_str(&filled.to_string()).unwrap();
                    prop_assert!(same_shape(template, &read));
                }
            }
        }
    }
}
