//! What a column holds.

/// A number or a text; `None` is SQL's null.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A 64-bit number.
    Number(Option<i64>),
    /// A text.
    Text(Option<String>),
}

/// A row is not what the program expects: the tables were changed by hand, or by another version of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row of the database does not have the expected shape")]
pub struct WrongShape;

impl Value {
    /// Is there nothing?
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Number(None) | Self::Text(None))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl TryFrom<Value> for Option<i64> {
    type Error = WrongShape;

    fn try_from(value: Value) -> Result<Self, WrongShape> {
        match value {
            Value::Number(number) => Ok(number),
            Value::Text(None) => Ok(None),
            Value::Text(Some(_)) => Err(WrongShape),
        }
    }
}

impl TryFrom<Value> for Option<String> {
    type Error = WrongShape;

    fn try_from(value: Value) -> Result<Self, WrongShape> {
        match value {
            Value::Text(text) => Ok(text),
            Value::Number(None) => Ok(None),
            Value::Number(Some(_)) => Err(WrongShape),
        }
    }
}

impl TryFrom<Value> for i64 {
    type Error = WrongShape;

    fn try_from(value: Value) -> Result<Self, WrongShape> {
        Option::<Self>::try_from(value)?.ok_or(WrongShape)
    }
}

impl TryFrom<Value> for String {
    type Error = WrongShape;

    fn try_from(value: Value) -> Result<Self, WrongShape> {
        Option::<Self>::try_from(value)?.ok_or(WrongShape)
    }
}
