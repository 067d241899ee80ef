//! The classes of a classifier, and labels as Arrow values.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};

use super::error::SklearnError;
use super::part::{Compiler, Part, length};
use crate::object::{Scalar, View};

/// `classes_`, in order.
#[derive(Debug)]
pub(super) enum Labels {
    Int(Vec<i64>),
    Bool(Vec<bool>),
    Float(Vec<f64>),
    Text(Vec<Box<str>>),
}

impl Labels {
    pub(super) fn read(compiler: &mut Compiler, part: &Part<'_, '_>) -> Result<Self, SklearnError> {
        let view = part.field("classes_")?;
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
