//! The shape of a record, learned from its own `Deserialize`: whatever the type asks for is noted and given a harmless
//! value. So a schema says what the program really reads, and no second description can fall behind.

use serde::Deserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

/// What a value looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Yes or no.
    Bool,
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// Bytes: MessagePack `bin`.
    Bytes,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A map with known keys.
    Record(Record),
    /// Any number of these.
    List(Box<Shape>),
}

/// A map with known keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Name of the Rust type, which leads to its documentation.
    pub name: &'static str,
    /// Its fields, in the order of the type.
    pub fields: Vec<Field>,
}

/// A key of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// Whether a reader fails without it.
    pub required: bool,
    /// Whether it may be null.
    pub nullable: bool,
}

/// Traces a record: `read` deserializes it from the tracer it is given.
pub fn trace(read: impl Fn(Tracer<'_>) -> Result<(), Error>) -> Result<Record, Error> {
    let traced = run(&read, &[])?;
    let Shape::Record(mut record) = traced else {
        return Err(de::Error::custom("only records have fields"));
    };
    mark_optional(&mut record, &mut Vec::new(), &|path| {
        run(&read, path).is_ok()
    });
    Ok(record)
}

fn run(
    read: &impl Fn(Tracer<'_>) -> Result<(), Error>,
    without: &[&'static str],
) -> Result<Shape, Error> {
    let mut noted = Noted::default();
    read(Tracer {
        noted: &mut noted,
        path: Vec::new(),
        without,
    })?;
    noted
        .shape
        .ok_or_else(|| de::Error::custom("nothing was read"))
}

/// A field is optional when the record reads without it.
fn mark_optional(
    record: &mut Record,
    path: &mut Vec<&'static str>,
    reads_without: &dyn Fn(&[&'static str]) -> bool,
) {
    for field in &mut record.fields {
        path.push(field.name);
        field.required = !reads_without(path);
        if let Some(inner) = field.shape.record_mut() {
            mark_optional(inner, path, reads_without);
        }
        path.pop();
    }
}

impl Shape {
    /// The record this is, or is a list of.
    fn record_mut(&mut self) -> Option<&mut Record> {
        match self {
            Self::Record(record) => Some(record),
            Self::List(item) => item.record_mut(),
            Self::Bool | Self::Integer | Self::Text | Self::Bytes | Self::Word(_) => None,
        }
    }
}

/// A deserializer that notes what it is asked for. One path of fields can be left out.
pub struct Tracer<'a> {
    noted: &'a mut Noted,
    path: Vec<&'static str>,
    without: &'a [&'static str],
}

#[derive(Default)]
struct Noted {
    shape: Option<Shape>,
    nullable: bool,
}

macro_rules! integers {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.noted.shape = Some(Shape::Integer);
            visitor.$visit(0)
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    integers! {
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.noted.shape = Some(Shape::Bool);
        visitor.visit_bool(false)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.noted.shape = Some(Shape::Text);
        // Every identifier and every free text takes this.
        visitor.visit_str("1")
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.noted.shape = Some(Shape::Bytes);
        // Every digest and every blob takes this.
        visitor.visit_bytes(&[0; 32])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.noted.nullable = true;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let record = Record {
            name,
            fields: Vec::new(),
        };
        let mut access = Fields {
            names: fields.iter(),
            current: None,
            record,
            path: self.path,
            without: self.without,
        };
        let value = visitor.visit_map(&mut access)?;
        self.noted.shape = Some(Shape::Record(access.record));
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Tracer {
            noted,
            path,
            without,
        } = self;
        let name = variants
            .first()
            .ok_or_else(|| de::Error::custom("an enum without variants"))?;
        let tracer = Tracer {
            noted: &mut *noted,
            path,
            without,
        };
        let value = visitor.visit_enum(FirstVariant { name, tracer })?;
        noted.shape = Some(Shape::Word(variants));
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Tracer {
            noted,
            path,
            without,
        } = self;
        let mut item = Noted::default();
        let value = visitor.visit_seq(OneItem(Some(Tracer {
            noted: &mut item,
            path,
            without,
        })))?;
        let item = item
            .shape
            .ok_or_else(|| de::Error::custom("a list of nothing"))?;
        noted.shape = Some(Shape::List(Box::new(item)));
        Ok(value)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("events hold no value of this kind"))
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char unit unit_struct tuple tuple_struct map identifier ignored_any
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// A list of one item.
struct OneItem<'a>(Option<Tracer<'a>>);

impl<'de> de::SeqAccess<'de> for OneItem<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let item = self.0.take();
        item.map(|tracer| seed.deserialize(tracer)).transpose()
    }
}

/// Hands out every field of a record but the one left out.
struct Fields<'a> {
    names: std::slice::Iter<'static, &'static str>,
    current: Option<&'static str>,
    record: Record,
    path: Vec<&'static str>,
    without: &'a [&'static str],
}

impl<'de> MapAccess<'de> for &mut Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        for name in self.names.by_ref() {
            self.path.push(name);
            let left_out = self.path == self.without;
            self.path.pop();
            if !left_out {
                self.current = Some(name);
                let key: StrDeserializer<'_, Error> = name.into_deserializer();
                return seed.deserialize(key).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let name = self
            .current
            .take()
            .ok_or_else(|| de::Error::custom("a value without a key"))?;
        let mut noted = Noted::default();
        let mut path = self.path.clone();
        path.push(name);
        let value = seed.deserialize(Tracer {
            noted: &mut noted,
            path,
            without: self.without,
        })?;
        let shape = noted
            .shape
            .ok_or_else(|| de::Error::custom("a field that reads nothing"))?;
        self.record.fields.push(Field {
            name,
            shape,
            required: true,
            nullable: noted.nullable,
        });
        Ok(value)
    }
}

/// Chooses the first word of an enum.
struct FirstVariant<'a> {
    name: &'static str,
    tracer: Tracer<'a>,
}

impl<'de, 'a> de::EnumAccess<'de> for FirstVariant<'a> {
    type Error = Error;
    type Variant = Tracer<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Tracer<'a>), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.tracer))
    }
}

impl<'de> VariantAccess<'de> for Tracer<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only its shape is of interest")]
        count: u32,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is of interest")]
    struct Sample {
        text: String,
        maybe: Option<i64>,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        items: Vec<Inner>,
    }

    fn field(name: &'static str, shape: Shape, required: bool, nullable: bool) -> Field {
        Field {
            name,
            shape,
            required,
            nullable,
        }
    }

    #[test]
    fn a_record_tells_its_shape() {
        let traced = trace(|tracer| Sample::deserialize(tracer).map(|_| ()));
        let count = field("count", Shape::Integer, true, false);
        let inner = Record {
            name: "Inner",
            fields: vec![count],
        };
        let fields = vec![
            field("text", Shape::Text, true, false),
            field("maybe", Shape::Integer, false, true),
            field("inner", Shape::Record(inner.clone()), false, true),
            field("bytes", Shape::Bytes, true, false),
            field(
                "items",
                Shape::List(Box::new(Shape::Record(inner))),
                true,
                false,
            ),
        ];
        assert_eq!(
            traced,
            Ok(Record {
                name: "Sample",
                fields
            })
        );
    }
}
