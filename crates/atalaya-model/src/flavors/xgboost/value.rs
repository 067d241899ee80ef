//! The tree that JSON and UBJSON files are read into. Arrays of numbers stay bytes of the file until somebody asks for
//! them, so that a tree of values is small beside its file.

use std::borrow::Cow;

use super::error::XgboostError;

/// Deepest nesting of objects and arrays; XGBoost writes seven levels.
const MAX_DEPTH: usize = 32;
/// Memory that any file's values may take, and memory per byte of the file: real ones take under 3.
const FREE_BYTES: usize = 16 << 20;
const BYTES_PER_FILE_BYTE: usize = 8;

/// A value of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'f> {
    Null,
    Bool(bool),
    /// A number as JSON text.
    Text(&'f str),
    Int(i64),
    Single(f32),
    Double(f64),
    Str(Cow<'f, str>),
    /// Numbers as JSON text, what is between the brackets.
    Texts(&'f str),
    /// Numbers of one type, big-endian.
    Packed(Packed, &'f [u8]),
    List(Vec<Self>),
    /// Sorted by key, each there once.
    Object(Vec<(Cow<'f, str>, Self)>),
}

/// The type of the elements of a UBJSON array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

impl Packed {
    /// Bytes of one element.
    pub(super) fn width(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// The element of these bytes, as many as [`Packed::width`] says. `None` for an integer beyond int64.
    pub(super) fn read<'f>(self, bytes: &[u8]) -> Option<Value<'f>> {
        let mut raw = [0; 8];
        raw.get_mut(8 - bytes.len()..)?.copy_from_slice(bytes);
        let word = u64::from_be_bytes(raw);
        #[expect(clippy::cast_possible_truncation, reason = "as many bytes as the type has were read")]
        Some(match self {
            Self::I8 => Value::Int((word as u8).cast_signed().into()),
            Self::I16 => Value::Int((word as u16).cast_signed().into()),
            Self::I32 => Value::Int((word as u32).cast_signed().into()),
            Self::I64 => Value::Int(word.cast_signed()),
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => Value::Int(i64::try_from(word).ok()?),
            Self::F32 => Value::Single(f32::from_bits(word as u32)),
            Self::F64 => Value::Double(f64::from_bits(word)),
        })
    }
}

/// The tokens of JSON numbers with commas between them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let some = !text.trim_ascii().is_empty();
    text.split(',')
        .take(if some { usize::MAX } else { 0 })
        .map(str::trim_ascii)
}

impl Value<'_> {
    /// The value at `key` of an object.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(entries) = self else { return None };
        let found = entries.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
        Some(&entries[found].1)
    }

    /// The value at the end of a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// Text.
    pub(super) fn str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// An integer.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A number as XGBoost reads it: to the nearest float32.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "XGBoost converts the same way"
    )]
    pub(super) fn single(&self) -> Option<f32> {
        match self {
            Self::Single(value) => Some(*value),
            Self::Double(value) => Some(*value as f32),
            Self::Int(value) => Some(*value as f32),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The elements of an array that is not of numbers of one type.
    pub(super) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            // An empty array has no type.
            Self::Texts(text) if tokens(text).next().is_none() => Some(&[]),
            Self::Packed(_, []) => Some(&[]),
            _ => None,
        }
    }

    /// Every number of an array, as `one` reads it.
    fn numbers<T>(&self, one: impl Fn(&Value<'_>) -> Option<T>) -> Option<Vec<T>> {
        match self {
            Self::Texts(text) => tokens(text).map(|token| one(&Value::Text(token))).collect(),
            Self::Packed(kind, bytes) => bytes
                .chunks_exact(kind.width())
                .map(|element| one(&kind.read(element)?))
                .collect(),
            Self::List(items) => items.iter().map(one).collect(),
            _ => None,
        }
    }

    /// Integers of an array; booleans count as 0 and 1.
    pub(super) fn ints(&self) -> Option<Vec<i64>> {
        self.numbers(|value| match value {
            Value::Bool(value) => Some(i64::from(*value)),
            value => value.int(),
        })
    }

    /// Numbers of an array, each to the nearest float32.
    pub(super) fn singles(&self) -> Option<Vec<f32>> {
        self.numbers(|value| value.single())
    }

    /// Texts of an array.
    pub(super) fn strs(&self) -> Option<Vec<&str>> {
        self.list()?.iter().map(Value::str).collect()
    }
}

impl Value<'_> {
    /// As JSON, without these keys wherever they are. `None` for numbers that JSON does not have.
    pub(super) fn to_json_without(&self, keys: &[&str]) -> Option<Vec<u8>> {
        let mut out = String::new();
        // Values nest no deeper than MAX_DEPTH.
        self.write_json(keys, &mut out)?;
        Some(out.into_bytes())
    }

    fn write_json(&self, keys: &[&str], out: &mut String) -> Option<()> {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Text(text) => out.push_str(text),
            Self::Int(value) => out.push_str(&value.to_string()),
            Self::Single(_) | Self::Double(_) => {
                // Whoever reads either asks for a float32.
                let value = self.single().filter(|value| value.is_finite())?;
                out.push_str(&format!("{value:?}"));
            }
            Self::Str(text) => out.push_str(&serde_json::to_string(text).ok()?),
            Self::Texts(text) => {
                out.push('[');
                out.push_str(text);
                out.push(']');
            }
            Self::Packed(kind, bytes) => {
                out.push('[');
                for (position, element) in bytes.chunks_exact(kind.width()).enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    kind.read(element)?.write_json(keys, out)?;
                }
                out.push(']');
            }
            Self::List(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    item.write_json(keys, out)?;
                }
                out.push(']');
            }
            Self::Object(entries) => {
                out.push('{');
                let kept = entries.iter().filter(|(key, _)| !keys.contains(&&**key));
                for (position, (key, value)) in kept.enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    out.push_str(&serde_json::to_string(key).ok()?);
                    out.push(':');
                    value.write_json(keys, out)?;
                }
                out.push('}');
            }
        }
        Some(())
    }
}

/// An object or array that is not complete.
#[derive(Debug)]
enum Open<'f> {
    List(Vec<Value<'f>>),
    Object(Vec<(Cow<'f, str>, Value<'f>)>),
}

/// What was just completed, or may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// The root is complete.
    Nothing,
    List,
    Object,
}

/// Puts values together that a reader finds one after the other, within the limits, without recursion.
#[derive(Debug)]
pub(super) struct Builder<'f> {
    open: Vec<Open<'f>>,
    /// The key of each open object whose value is to come.
    keys: Vec<Cow<'f, str>>,
    root: Option<Value<'f>>,
    left_bytes: usize,
}

impl<'f> Builder<'f> {
    /// For a file of `file_bytes`.
    pub(super) fn new(file_bytes: usize) -> Self {
        Self {
            open: Vec::new(),
            keys: Vec::new(),
            root: None,
            left_bytes: file_bytes
                .saturating_mul(BYTES_PER_FILE_BYTE)
                .saturating_add(FREE_BYTES),
        }
    }

    /// Where the next value goes.
    pub(super) fn inside(&self) -> Inside {
        match self.open.last() {
            None => Inside::Nothing,
            Some(Open::List(_)) => Inside::List,
            Some(Open::Object(_)) => Inside::Object,
        }
    }

    /// Whether the root is there.
    pub(super) fn complete(&self) -> bool {
        self.root.is_some()
    }

    /// The root, once it is complete.
    pub(super) fn finish(self) -> Option<Value<'f>> {
        self.root
    }

    fn charge(&mut self, bytes: usize) -> Result<(), XgboostError> {
        let left = self.left_bytes.checked_sub(bytes);
        self.left_bytes = left.ok_or(XgboostError::TooLarge {
            what: "the number of values of the model file",
        })?;
        Ok(())
    }

    fn push_open(&mut self, open: Open<'f>) -> Result<(), XgboostError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(XgboostError::TooLarge {
                what: "the nesting of the model file",
            });
        }
        self.open.push(open);
        Ok(())
    }

    pub(super) fn open_list(&mut self) -> Result<(), XgboostError> {
        self.push_open(Open::List(Vec::new()))
    }

    pub(super) fn open_object(&mut self) -> Result<(), XgboostError> {
        self.push_open(Open::Object(Vec::new()))
    }

    /// The key of the next value of the innermost object.
    pub(super) fn key(&mut self, key: Cow<'f, str>) {
        self.keys.push(key);
    }

    /// A value of the innermost list or object, or the root.
    pub(super) fn value(&mut self, value: Value<'f>) -> Result<(), XgboostError> {
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open::List(items)) => {
                let before = items.capacity();
                items.push(value);
                let grown = items.capacity() - before;
                self.charge(grown * size_of::<Value<'_>>())?;
            }
            Some(Open::Object(entries)) => {
                // Readers give a key before each value of an object.
                let key = self.keys.pop().unwrap_or_default();
                let before = entries.capacity();
                entries.push((key, value));
                let grown = entries.capacity() - before;
                self.charge(grown * size_of::<(Cow<'_, str>, Value<'_>)>())?;
            }
        }
        Ok(())
    }

    /// Completes the innermost list or object.
    pub(super) fn close(&mut self) -> Result<(), XgboostError> {
        let value = match self.open.pop() {
            Some(Open::List(items)) => Value::List(items),
            Some(Open::Object(mut entries)) => {
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                    return Err(XgboostError::content("the model file", "an object has a key twice"));
                }
                Value::Object(entries)
            }
            None => return Ok(()),
        };
        self.value(value)
    }
}
