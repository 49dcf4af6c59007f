//! MessagePack as JSON, for eyes: the same maps and values, with bytes as lower-case hex.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The JSON mirror of an encoded event, with its body decoded in place.
pub fn of_event(bytes: &[u8]) -> Result<Value, rmp_serde::decode::Error> {
    let mut frame = of_bytes(bytes)?;
    let body = frame["body"].as_str().map(hex::decode);
    if let Some(Ok(body)) = body {
        frame["body"] = of_bytes(&body)?;
    }
    Ok(frame)
}

fn of_bytes(bytes: &[u8]) -> Result<Value, rmp_serde::decode::Error> {
    Ok(rmp_serde::from_slice::<Mirror>(bytes)?.0)
}

struct Mirror(Value);

impl<'de> Deserialize<'de> for Mirror {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MirrorVisitor).map(Self)
    }
}

struct MirrorVisitor;

impl<'de> Visitor<'de> for MirrorVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that events hold")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Value, E> {
        Ok(hex::encode(value).into())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Mirror(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((key, Mirror(value))) = map.next_entry::<String, Mirror>()? {
            members.insert(key, value);
        }
        Ok(members.into())
    }
}
