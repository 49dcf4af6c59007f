//! The body of an event, read without knowing its type: what is needed to take single fields out of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A value of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    Flag(bool),
    Number(i64),
    Text(String),
    /// Bytes, a fraction, or nothing: never shown.
    Bytes,
    /// So many items.
    List(usize),
    Map(BTreeMap<String, Tree>),
}

impl Tree {
    /// The value at a path, its steps divided by dots.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |tree, step| match tree {
            Self::Map(members) => members.get(step),
            _ => None,
        })
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of an event's body")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Bytes, Tree::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Bytes)
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Tree, E> {
        Ok(Tree::Bytes)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Bytes)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Bytes)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut length = 0;
        while items.next_element::<IgnoredAny>()?.is_some() {
            length += 1;
        }
        Ok(Tree::List(length))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, value)) = members.next_entry()? {
            map.insert(name, value);
        }
        Ok(Tree::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_whatever_is_in_it() {
        #[derive(serde::Serialize)]
        struct Body {
            key: Key,
            names: Vec<&'static str>,
            #[serde(with = "serde_bytes")]
            digest: Vec<u8>,
            nothing: Option<u8>,
            huge: u64,
        }
        #[derive(serde::Serialize)]
        struct Key {
            key_index: u32,
            two_parts: bool,
        }
        let body = Body {
            key: Key {
                key_index: 2,
                two_parts: true,
            },
            names: vec!["a", "b"],
            digest: vec![1; 32],
            nothing: None,
            huge: u64::MAX,
        };
        let bytes = rmp_serde::to_vec_named(&body).unwrap();
        let tree: Tree = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(tree.at("key.key_index"), Some(&Tree::Number(2)));
        assert_eq!(tree.at("key.two_parts"), Some(&Tree::Flag(true)));
        assert_eq!(tree.at("names"), Some(&Tree::List(2)));
        for unseen in ["digest", "nothing", "huge"] {
            assert_eq!(tree.at(unseen), Some(&Tree::Bytes), "{unseen}");
        }
        assert_eq!(tree.at("names.0"), None);
        assert_eq!(tree.at("key.none"), None);
    }
}
