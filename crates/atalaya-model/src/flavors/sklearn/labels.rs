//! The classes of a classifier, and labels as Arrow values.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};

use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, length};
use crate::object::{Scalar, View};

/// A label as Python compares it: `1 == 1.0 == True`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Int(i64),
    /// The bits of a number that is no `i64`.
    Number(u64),
    Text(&'a str),
}

impl Key<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "only the value of a whole number is kept"
    )]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the comparison says whether anything was lost"
    )]
    #[expect(clippy::float_cmp, reason = "whole numbers are equal to their integer")]
    fn number(number: f64) -> Self {
        let int = number as i64;
        if int as f64 == number && int.unsigned_abs() < 1 << 53 {
            Self::Int(int)
        } else {
            Self::Number(number.to_bits())
        }
    }
}

/// `classes_`, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Labels {
    Int(Vec<i64>),
    Bool(Vec<bool>),
    Float(Vec<f64>),
    Text(Vec<Box<str>>),
}

impl Labels {
    pub(super) fn read(compiler: &mut Compiler, part: &Part<'_, '_>) -> Result<Self, SklearnError> {
        Self::read_view(compiler, part, part.field("classes_")?)
    }

    /// The classes of every output: a list of arrays, all of one type.
    pub(super) fn read_several(compiler: &mut Compiler, part: &Part<'_, '_>) -> Result<Vec<Self>, SklearnError> {
        let views = part.items("classes_")?;
        let sets = views.into_iter().map(|view| Self::read_view(compiler, part, view));
        let sets = sets.collect::<Result<Vec<_>, _>>()?;
        if sets.windows(2).all(|pair| pair[0].same_type(&pair[1])) {
            Ok(sets)
        } else {
            part.unsupported("with `classes_` of several types")
        }
    }

    /// As [`Labels::read`], from an array that is elsewhere, or one of a list of them.
    pub(super) fn read_view(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        view: View<'_>,
    ) -> Result<Self, SklearnError> {
        compiler.charge(length(view) * 64)?;
        let labels = match view.as_array().map(|array| (array, array.dtype.scalar)) {
            Some((_, Scalar::Object)) => Self::objects(view),
            Some((array, Scalar::Bool)) => array
                .ints()
                .map(|values| Self::Bool(values.into_iter().map(|value| value != 0).collect())),
            Some((array, Scalar::Int | Scalar::UInt)) => array.ints().map(Self::Int),
            Some((array, Scalar::Float)) => array.floats().map(Self::Float),
            Some((array, Scalar::Str)) => array
                .strings()
                .map(|texts| Self::Text(texts.into_iter().map(String::into_boxed_str).collect())),
            _ if view.items().is_some() => return part.unsupported("with several outputs"),
            _ => None,
        };
        match labels {
            Some(labels) if labels.len() > 0 => Ok(labels),
            _ => part.unsupported("with `classes_` that are neither numbers, booleans nor text"),
        }
    }

    /// An array of Python objects, all of one type.
    fn objects(view: View<'_>) -> Option<Self> {
        let items = view.elements()?;
        if let Some(texts) = items.clone().map(|item| item.as_str().map(Box::from)).collect() {
            return Some(Self::Text(texts));
        }
        if let Some(booleans) = items.clone().map(View::as_bool).collect() {
            return Some(Self::Bool(booleans));
        }
        if let Some(ints) = items.clone().map(View::as_i64).collect() {
            return Some(Self::Int(ints));
        }
        items.map(View::as_f64).collect::<Option<_>>().map(Self::Float)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Int(labels) => labels.len(),
            Self::Bool(labels) => labels.len(),
            Self::Float(labels) => labels.len(),
            Self::Text(labels) => labels.len(),
        }
    }

    /// Where each label is in `all`; `None` when one is not there.
    pub(super) fn positions_in(&self, all: &Self) -> Option<Vec<usize>> {
        let places: BTreeMap<Key<'_>, usize> = (0..all.len()).rev().map(|index| (all.key(index), index)).collect();
        (0..self.len())
            .map(|index| places.get(&self.key(index)).copied())
            .collect()
    }

    /// Where a value of the file is; `None` when it is no label.
    pub(super) fn position(&self, value: View<'_>) -> Option<usize> {
        let key = match (value.as_str(), value.as_i64(), value.as_f64()) {
            (Some(text), ..) => Key::Text(text),
            (None, Some(int), _) => Key::Int(int),
            (None, None, number) => Key::number(number?),
        };
        (0..self.len()).find(|index| self.key(*index) == key)
    }

    /// Where a whole number is.
    pub(super) fn position_of_int(&self, value: i64) -> Option<usize> {
        (0..self.len()).find(|index| self.key(*index) == Key::Int(value))
    }

    fn key(&self, index: usize) -> Key<'_> {
        match self {
            Self::Int(labels) => Key::Int(labels[index]),
            Self::Bool(labels) => Key::Int(i64::from(labels[index])),
            Self::Float(labels) => Key::number(labels[index]),
            Self::Text(labels) => Key::Text(&labels[index]),
        }
    }

    /// The value of a label as a number; `None` for text.
    pub(super) fn number(&self, index: usize) -> Option<f64> {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "integers beyond 2^53 round to the nearest double, as in numpy"
            )]
            Self::Int(labels) => Some(labels[index] as f64),
            Self::Bool(labels) => Some(f64::from(u8::from(labels[index]))),
            Self::Float(labels) => Some(labels[index]),
            Self::Text(_) => None,
        }
    }

    /// The labels at `indices` of one set; of several sets of one type, those of each in turn.
    pub(super) fn take_each(sets: &[Self], indices: Vec<usize>) -> ArrayRef {
        if let [only] = sets {
            return only.take(indices);
        }
        let pairs = indices.iter().zip(sets.iter().cycle());
        match sets.first() {
            Some(Self::Bool(_)) => Arc::new(
                pairs
                    .map(|(i, set)| set.number(*i).map(|value| value != 0.0))
                    .collect::<BooleanArray>(),
            ),
            Some(Self::Float(_)) => Arc::new(pairs.map(|(i, set)| set.number(*i)).collect::<Float64Array>()),
            Some(Self::Text(_)) => Arc::new(pairs.map(|(i, set)| set.text(*i)).collect::<StringArray>()),
            Some(Self::Int(_)) | None => Arc::new(pairs.map(|(i, set)| set.int(*i)).collect::<Int64Array>()),
        }
    }

    /// Whether two sets are of one type.
    pub(super) fn same_type(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    fn text(&self, index: usize) -> Option<&str> {
        match self {
            Self::Text(labels) => Some(&*labels[index]),
            Self::Int(_) | Self::Bool(_) | Self::Float(_) => None,
        }
    }

    fn int(&self, index: usize) -> Option<i64> {
        match self {
            Self::Int(labels) => Some(labels[index]),
            Self::Bool(_) | Self::Float(_) | Self::Text(_) => None,
        }
    }

    /// The labels at `indices`, each below [`Labels::len`].
    pub(super) fn take(&self, indices: Vec<usize>) -> ArrayRef {
        match self {
            // As many bytes per element: the same memory is used.
            Self::Int(labels) => {
                let labels: Vec<i64> = indices.into_iter().map(|i| labels[i]).collect();
                Arc::new(Int64Array::from(labels))
            }
            Self::Bool(labels) => Arc::new(indices.iter().map(|i| Some(labels[*i])).collect::<BooleanArray>()),
            Self::Float(labels) => Arc::new(Float64Array::from_iter_values(indices.iter().map(|i| labels[*i]))),
            Self::Text(labels) => Arc::new(StringArray::from_iter_values(indices.iter().map(|i| &*labels[*i]))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_as_python_compares_them() {
        let all = Labels::Int(vec![-1, 0, 1]);
        assert_eq!(Labels::Bool(vec![true, false]).positions_in(&all), Some(vec![2, 1]));
        assert_eq!(Labels::Float(vec![-1.0, 0.5]).positions_in(&all), None);
        assert_eq!(Labels::Float(vec![-0.0]).positions_in(&all), Some(vec![1]));
        assert_eq!(Labels::Text(vec!["1".into()]).positions_in(&all), None);
        let texts = Labels::Text(vec!["no".into(), "yes".into()]);
        assert_eq!(texts.positions_in(&texts), Some(vec![0, 1]));
    }
}
