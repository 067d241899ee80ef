//! JSON text as values, with what it may hold counted while it is read. Depth is limited by `serde_json` itself (128),
//! duplicate keys are refused.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::ObjectError;
use super::limits::Budget;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer that fits 64 signed bits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Str(String),
    /// An array.
    Array(Vec<Json>),
    /// An object in the order of the file.
    Object(Vec<(String, Json)>),
}

/// Longest list of keys that is searched for duplicates pair by pair; longer ones are sorted for it.
const FEW_KEYS: usize = 16;

impl Json {
    /// Reads `text`; `None` when it is not JSON or beyond the budget.
    pub(super) fn parse(text: &[u8], budget: &mut Budget) -> Option<Self> {
        let budget = RefCell::new(budget);
        let mut reader = serde_json::Deserializer::from_slice(text);
        let value = Seed { budget: &budget }.deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        Some(value)
    }

    /// The value at `key` of an object.
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Self::Object(pairs) => pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_array(&self) -> Option<&[Json]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }
}

struct Seed<'b> {
    budget: &'b RefCell<&'b mut Budget>,
}

impl Seed<'_> {
    fn charge<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let charged: Result<(), ObjectError> = self.budget.borrow_mut().charge(bytes);
        charged.map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        // Growing vectors double: twice the size of a value is what it may take.
        self.charge(2 * size_of::<Json>())?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Int(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "an integer beyond i64 is kept as the nearest double"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Float(value as f64), Json::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        self.charge(value.len())?;
        Ok(Json::Str(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(Seed { budget: self.budget })? {
            read.push(item);
        }
        Ok(Json::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Json, A::Error> {
        let mut read: Vec<(String, Json)> = Vec::new();
        while let Some(key) = pairs.next_key::<String>()? {
            self.charge(key.len() + 2 * size_of::<String>())?;
            let value = pairs.next_value_seed(Seed { budget: self.budget })?;
            read.push((key, value));
        }
        let duplicate = if read.len() <= FEW_KEYS {
            (1..read.len()).any(|i| read[..i].iter().any(|(key, _)| *key == read[i].0))
        } else {
            let mut keys: Vec<&str> = read.iter().map(|(key, _)| key.as_str()).collect();
            keys.sort_unstable();
            keys.windows(2).any(|two| two[0] == two[1])
        };
        if duplicate {
            return Err(A::Error::custom("a key twice"));
        }
        Ok(Json::Object(read))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Json> {
        Json::parse(text.as_bytes(), &mut Budget::for_file(text.len()).unwrap())
    }

    #[test]
    fn reads_values_and_refuses_what_is_none() {
        assert_eq!(
            parse("[1, -2.5, null]"),
            Some(Json::Array(vec![Json::Int(1), Json::Float(-2.5), Json::Null]))
        );
        assert_eq!(
            parse(r#"{"a": {"b": "c"}}"#)
                .unwrap()
                .get("a")
                .unwrap()
                .get("b")
                .unwrap()
                .as_str(),
            Some("c")
        );
        assert_eq!(parse(r#"{"a": 1, "a": 2}"#), None);
        assert_eq!(parse("1 2"), None);
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }

    #[test]
    fn stops_at_the_budget() {
        let long = format!("[{}1]", "1,".repeat(4_000_000));
        assert_eq!(parse(&long), None);
    }
}
