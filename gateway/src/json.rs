//! Strict JSON: one reading of every body, or code 283 with the place and never the value.
//!
//! Unknown members, doubled members, arrays in the place of objects, lone surrogates, numbers out of range and anything
//! deeper than [`DEPTH_MAX`] are refused.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use schemas::{ErrorCode, Secret};
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::value::RawValue;

use crate::error::ApiError;

/// Deepest nesting of a body: objects and arrays within each other.
const DEPTH_MAX: usize = 32;
/// Longest place named in an error, bytes; the caller chose its names.
const PLACE_LENGTH_MAX: usize = 120;

/// Reads a body. Missing members that have a code of their own are optional in `T`, and asked for by the route.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    read_as(body, ErrorCode::JsonRequestIncorrect)
}

/// The same under another code.
pub(crate) fn read_as<T: DeserializeOwned>(body: &[u8], code: ErrorCode) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Members(value) = serde_path_to_error::deserialize::<_, Members<T>>(&mut reader)
        .map_err(|error| ApiError::because(code, place_of(&error)))?;
    reader
        .end()
        .map_err(|_| ApiError::because(code, "something follows the JSON text"))?;
    Ok(value)
}

/// Where a reading failed and in what way. The underlying message may quote values, so it is not used.
fn place_of(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    use serde_json::error::Category;

    let (line, column) = (error.inner().line(), error.inner().column());
    match error.inner().classify() {
        Category::Io | Category::Syntax => format!("not JSON at line {line}, column {column}"),
        Category::Eof => "the JSON text breaks off".to_owned(),
        Category::Data => match printable(&error.path().to_string()).as_str() {
            "." => {
                "a member of the body is missing, unknown, doubled or of the wrong type".to_owned()
            }
            path => format!("{path} is missing something, unknown, doubled or of the wrong type"),
        },
    }
}

fn printable(path: &str) -> String {
    path.chars()
        .filter(char::is_ascii_graphic)
        .take(PLACE_LENGTH_MAX)
        .collect()
}

/// An object's members, read as `T`. Serde's own reading of a structure would also take an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Members<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer
            .deserialize_map(Reader(PhantomData))
            .map(Members)
    }
}

/// A text member that must not be printed.
#[derive(Clone, Debug)]
pub(crate) struct SecretText(pub(crate) Secret);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// Checks a JSON text that is carried as it stands: an object, not too long, not too deep, no doubled members.
pub(crate) fn check_object(
    place: &str,
    text: &RawValue,
    length_max: usize,
) -> Result<(), ApiError> {
    let text = text.get();
    if text.len() > length_max {
        return Err(ApiError::at(format_args!(
            "{place} exceeds {length_max} bytes"
        )));
    }
    if !text.starts_with('{') {
        return Err(ApiError::at(format_args!("{place} is not an object")));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    // The object itself lies one level deep, in the body.
    Strict { depth: 1 }
        .deserialize(&mut reader)
        .map_err(|_| ApiError::at(format_args!("{place} is too deep or not strict JSON")))
}

/// Walks any JSON value and keeps nothing of it.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom("too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items
            .next_element_seed(self.deeper::<A::Error>()?)?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("doubled member"));
            }
            members.next_value_seed(self.deeper::<A::Error>()?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: Option<String>,
        inner: Option<Members<Inner>>,
    }

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: Option<u32>,
    }

    fn refusal(body: &[u8]) -> String {
        match read::<Outer>(body) {
            Ok(_) => panic!("accepted {}", String::from_utf8_lossy(body)),
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::JsonRequestIncorrect);
                error.message()
            }
        }
    }

    #[test]
    fn a_body_is_read() {
        let read: Outer = read(br#"{"name":"x","inner":{"count":1}}"#).unwrap();
        assert_eq!(read.name.as_deref(), Some("x"));
        assert_eq!(read.inner, Some(Members(Inner { count: Some(1) })));
    }

    #[test]
    fn the_place_is_named_and_the_value_is_not() {
        let message = refusal(br#"{"inner":{"count":"3468045516"}}"#);
        assert!(message.contains("inner.count"), "{message}");
        assert!(!message.contains("3468045516"), "{message}");
        assert!(refusal(br#"{"inner":{"other":1}}"#).contains("inner"));
    }

    #[test]
    fn only_one_reading_is_possible() {
        let bodies: [&[u8]; 17] = [
            b"",
            b"{",
            b"null",
            b"[]",
            b"[\"x\"]",
            b"{} {}",
            b"\xef\xbb\xbf{}",
            b"{\"name\":\"\\ud800\"}",
            b"{\"name\":\"\xff\"}",
            b"{\"name\":\"a\",\"name\":\"b\"}",
            b"{\"name\":\"a\",\"n\\u0061me\":\"b\"}",
            b"{\"inner\":[1]}",
            b"{\"inner\":{\"count\":1,\"count\":1}}",
            b"{\"inner\":{\"count\":1e400}}",
            b"{\"inner\":{\"count\":NaN}}",
            b"{\"inner\":{\"count\":-1}}",
            b"{\"other\":1}",
        ];
        for body in bodies {
            refusal(body);
        }
    }

    #[test]
    fn a_carried_object_is_strict_too() {
        let check = |text: &str| {
            let raw = RawValue::from_string(text.to_owned()).expect("the test wrote JSON");
            check_object("device_info", &raw, 1000).is_ok()
        };
        assert!(check(r#"{"a":[1,2.5,null,true,"x"],"b":{"a":1}}"#));
        assert!(!check("[]"));
        assert!(!check("1"));
        assert!(!check(r#"{"a":{"b":1,"b":2}}"#));
        assert!(!check(r#"{"a":"\ud800"}"#));
        let deep =
            |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(check(&deep(30)));
        assert!(!check(&deep(32)));
        assert!(!check(&format!("{{\"a\":\"{}\"}}", "x".repeat(1000))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Outer>(&body);
        }
    }
}
