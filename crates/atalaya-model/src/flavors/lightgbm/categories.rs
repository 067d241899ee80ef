//! The categories that pandas had in training: a column's value becomes its position among them.

use std::collections::HashMap;

use serde_json::Value;

use super::error::LightgbmError;

/// What the line of all lists starts with.
pub(super) const KEY: &str = "pandas_categorical:";

/// The categories of one column.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::flavors) enum Categories {
    /// Text, by position.
    Texts(HashMap<Box<str>, u32>),
    /// Numbers, by position: the bits of the double, −0 as 0.
    Numbers(HashMap<u64, u32>),
}

/// Reads the lists of all columns, of the line `line`.
pub(super) fn parse(list: &str, line: usize) -> Result<Vec<Categories>, LightgbmError> {
    let wrong = || LightgbmError::line(line, "`pandas_categorical` is not a list of lists of values");
    let value: Value = serde_json::from_str(list.trim()).map_err(|_| wrong())?;
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(columns) => columns
            .iter()
            .map(|column| Categories::of(column.as_array().ok_or_else(wrong)?))
            .collect(),
        _ => Err(wrong()),
    }
}

impl Categories {
    fn of(values: &[Value]) -> Result<Self, LightgbmError> {
        let coded = || values.iter().zip(0u32..);
        let texts = coded().map(|(value, code)| Some((Box::from(value.as_str()?), code)));
        let numbers = coded().map(|(value, code)| {
            let number = value
                .as_f64()
                .or(value.as_bool().map(|value| f64::from(u8::from(value))))?;
            Some((key(number), code))
        });
        let numbers: Option<HashMap<u64, u32>> = numbers.collect();
        let found = match texts.collect::<Option<HashMap<Box<str>, u32>>>() {
            Some(texts) => Some((texts.len(), Self::Texts(texts))),
            None => numbers.map(|numbers| (numbers.len(), Self::Numbers(numbers))),
        };
        match found {
            Some((len, found)) if len == values.len() => Ok(found),
            _ => Err(LightgbmError::unsupported(
                "`pandas_categorical`",
                "has categories that are neither all text nor all different numbers",
            )),
        }
    }

    /// Whether they are text.
    pub(in crate::flavors) fn are_texts(&self) -> bool {
        matches!(self, Self::Texts(_))
    }

    /// The position of a text; NaN when it is none of them.
    pub(super) fn text(&self, text: &str) -> f64 {
        match self {
            Self::Texts(known) => known.get(text).map_or(f64::NAN, |code| f64::from(*code)),
            Self::Numbers(_) => f64::NAN,
        }
    }

    /// The position of a number; NaN when it is none of them.
    pub(super) fn number(&self, number: f64) -> f64 {
        match self {
            Self::Numbers(known) => known.get(&key(number)).map_or(f64::NAN, |code| f64::from(*code)),
            Self::Texts(_) => f64::NAN,
        }
    }
}

/// Equal numbers have equal keys.
fn key(number: f64) -> u64 {
    (number + 0.0).to_bits()
}
