//! The classes of a classifier, and labels as Arrow values.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};

use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, length};
use crate::object::{Scalar, View};

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
    pub(super) fn take_each(sets: &[Self], indices: &[usize]) -> ArrayRef {
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

    /// Where a label is among them.
    pub(super) fn position(&self, label: View<'_>) -> Option<usize> {
        match self {
            Self::Int(labels) => label
                .as_i64()
                .and_then(|label| labels.iter().position(|one| *one == label)),
            Self::Bool(labels) => label
                .as_bool()
                .and_then(|label| labels.iter().position(|one| *one == label)),
            #[expect(clippy::float_cmp, reason = "a label is one of them exactly, or none")]
            Self::Float(labels) => label
                .as_f64()
                .and_then(|label| labels.iter().position(|one| *one == label)),
            Self::Text(labels) => label
                .as_str()
                .and_then(|label| labels.iter().position(|one| **one == *label)),
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
    pub(super) fn take(&self, indices: &[usize]) -> ArrayRef {
        match self {
            Self::Int(labels) => Arc::new(Int64Array::from_iter_values(indices.iter().map(|i| labels[*i]))),
            Self::Bool(labels) => Arc::new(indices.iter().map(|i| Some(labels[*i])).collect::<BooleanArray>()),
            Self::Float(labels) => Arc::new(Float64Array::from_iter_values(indices.iter().map(|i| labels[*i]))),
            Self::Text(labels) => Arc::new(StringArray::from_iter_values(indices.iter().map(|i| &*labels[*i]))),
        }
    }
}
