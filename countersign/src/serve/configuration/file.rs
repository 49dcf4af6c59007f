//! `application.yml`, flattened into dotted names. It is read once, at the start.

use std::path::Path;

use serde_json::Value;

use crate::AnyError;

/// Longest file, bytes.
const LENGTH_MAX: usize = 1024 * 1024;

/// Names and values of the file, in the order of the names. Values that are empty are as good as absent.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, AnyError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    parse(&text).map_err(|reason| format!("{} is not usable: {reason}", path.display()).into())
}

fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    if text.len() > LENGTH_MAX {
        return Err(format!("it is longer than {LENGTH_MAX} bytes"));
    }
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let whole: Value = serde_saphyr::from_str(text).map_err(|error| {
        // The error itself shows lines of the file, and those may hold a password.
        match error.location() {
            Some(place) => format!("line {} is not right", place.line()),
            None => "it is not YAML, or a name is there twice".to_owned(),
        }
    })?;
    let mut found = Vec::new();
    match whole {
        Value::Null => {}
        Value::Object(_) => flatten(String::new(), whole, &mut found)?,
        _ => return Err("it is not a mapping".to_owned()),
    }
    Ok(found)
}

fn flatten(name: String, value: Value, found: &mut Vec<(String, String)>) -> Result<(), String> {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() {
                    member
                } else {
                    format!("{name}.{member}")
                };
                flatten(name, value, found)?;
            }
        }
        Value::Array(values) => {
            let texts = values.into_iter().map(|value| scalar(&name, value));
            let texts: Result<Vec<String>, String> = texts.collect();
            found.push((name, texts?.join(",")));
        }
        value => {
            let text = scalar(&name, value)?;
            if !text.is_empty() {
                found.push((name, text));
            }
        }
    }
    Ok(())
}

fn scalar(name: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("{name} is not a list of plain values"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    #[test]
    fn the_manuals_samples_read() {
        let text = "
server:
  port: 8443
  ssl:
    key-store-type: PKCS12
    key-store: file:keystore.p12
    key-store-password: hidden
spring:
  datasource:
    url: jdbc:postgresql://db-server/pcs-db-name
pc:
  pusher:
    config-path:
logging:
  level:
    tech.paycon: info
countersign:
  roles: [gateway, runner]
";
        let expected = [
            ("countersign.roles", "gateway,runner"),
            ("logging.level.tech.paycon", "info"),
            ("server.port", "8443"),
            ("server.ssl.key-store", "file:keystore.p12"),
            ("server.ssl.key-store-password", "hidden"),
            ("server.ssl.key-store-type", "PKCS12"),
            (
                "spring.datasource.url",
                "jdbc:postgresql://db-server/pcs-db-name",
            ),
        ];
        let mut found = pairs(text);
        found.sort();
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_is_a_file_too() {
        for text in ["", "  \n", "# only a remark\n", "---\n"] {
            assert_eq!(pairs(text), Vec::new(), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line_and_never_repeated() {
        for text in [
            "server:\n  port: 1\n  port: 2\n",
            "password: [hidden",
            "hidden",
            "a:\n  - b: hidden\n",
            "a: &x [*x]\n",
        ] {
            let reason = parse(text).unwrap_err();
            assert!(!reason.contains("hidden"), "{reason}");
        }
    }
}
