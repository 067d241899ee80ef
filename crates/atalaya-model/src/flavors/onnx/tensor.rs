//! Tensors: a shape, and the elements in row-major order.

use std::sync::Arc;

use super::error::EvalError;

/// Most dimensions of a tensor.
pub(super) const MAX_RANK: usize = 16;

/// Elements in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Elements {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    Bool(Vec<bool>),
    Text(Vec<Arc<str>>),
}

/// The type of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F64,
    I64,
    I32,
    Bool,
    Text,
}

/// A shape and as many elements as it has places.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    shape: Vec<usize>,
    elements: Elements,
}

/// Does `$body` with `$values` bound to the numbers of a tensor; other elements are an error.
macro_rules! numeric {
    ($input:expr, $tensor:expr, $values:ident => $body:expr) => {
        match $tensor.elements() {
            $crate::flavors::onnx::tensor::Elements::F32($values) => $body,
            $crate::flavors::onnx::tensor::Elements::F64($values) => $body,
            $crate::flavors::onnx::tensor::Elements::I64($values) => $body,
            $crate::flavors::onnx::tensor::Elements::I32($values) => $body,
            _ => {
                return Err($crate::flavors::onnx::error::EvalError::Kind {
                    input: $input,
                    found: $tensor.kind().name(),
                })
            }
        }
    };
}

/// Does `$body` with `$values` bound to the elements of a tensor, whatever their type.
macro_rules! any {
    ($tensor:expr, $values:ident => $body:expr) => {
        match $tensor.elements() {
            $crate::flavors::onnx::tensor::Elements::F32($values) => $body,
            $crate::flavors::onnx::tensor::Elements::F64($values) => $body,
            $crate::flavors::onnx::tensor::Elements::I64($values) => $body,
            $crate::flavors::onnx::tensor::Elements::I32($values) => $body,
            $crate::flavors::onnx::tensor::Elements::Bool($values) => $body,
            $crate::flavors::onnx::tensor::Elements::Text($values) => $body,
        }
    };
}

pub(super) use {any, numeric};

impl Kind {
    /// The element type of `TensorProto.DataType`.
    pub(super) fn of_code(code: i64) -> Option<Self> {
        Some(match code {
            1 => Self::F32,
            6 => Self::I32,
            7 => Self::I64,
            8 => Self::Text,
            9 => Self::Bool,
            11 => Self::F64,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "float",
            Self::F64 => "double",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::Bool => "bool",
            Self::Text => "string",
        }
    }
}

impl Elements {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::F32(_) => Kind::F32,
            Self::F64(_) => Kind::F64,
            Self::I64(_) => Kind::I64,
            Self::I32(_) => Kind::I32,
            Self::Bool(_) => Kind::Bool,
            Self::Text(_) => Kind::Text,
        }
    }
}

macro_rules! from_vec {
    ($($element:ty => $variant:ident),*) => {
        $(impl From<Vec<$element>> for Elements {
            fn from(values: Vec<$element>) -> Self {
                Self::$variant(values)
            }
        })*
    };
}

from_vec!(f32 => F32, f64 => F64, i64 => I64, i32 => I32, bool => Bool, Arc<str> => Text);

/// How many places a shape has; `None` when they are too many to count.
pub(super) fn places(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |product, size| product.checked_mul(*size))
}

/// How far apart neighbours of each dimension are.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

impl Tensor {
    /// A tensor; an error when the number of elements is not that of the shape.
    pub(super) fn new(shape: Vec<usize>, elements: impl Into<Elements>) -> Result<Self, EvalError> {
        let elements = elements.into();
        if shape.len() > MAX_RANK {
            return Err(EvalError::Shape("too many dimensions"));
        }
        if places(&shape) != Some(elements.len()) {
            return Err(EvalError::Shape("the number of elements is not that of the shape"));
        }
        Ok(Self { shape, elements })
    }

    pub(super) fn list(values: impl Into<Elements>) -> Self {
        let elements = values.into();
        Self {
            shape: vec![elements.len()],
            elements,
        }
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }

    pub(super) fn len(&self) -> usize {
        self.elements.len()
    }

    pub(super) fn elements(&self) -> &Elements {
        &self.elements
    }

    pub(super) fn kind(&self) -> Kind {
        self.elements.kind()
    }

    /// The same elements in another shape.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Result<Self, EvalError> {
        Self::new(shape, self.elements.clone())
    }

    /// Rows and columns as the operators of `ai.onnx.ml` see them: a list is one row.
    pub(super) fn rows_and_width(&self) -> Result<(usize, usize), EvalError> {
        match self.shape[..] {
            [width] => Ok((1, width)),
            [rows, width] => Ok((rows, width)),
            _ => Err(EvalError::Shape("expected a list or a matrix")),
        }
    }

    /// The numbers as float32, as the operators of `ai.onnx.ml` cast them.
    pub(super) fn as_f32(&self, input: usize) -> Result<std::borrow::Cow<'_, [f32]>, EvalError> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "onnxruntime casts these inputs to float32"
        )]
        Ok(match &self.elements {
            Elements::F32(values) => values.into(),
            Elements::F64(values) => values.iter().map(|value| *value as f32).collect(),
            Elements::I64(values) => values.iter().map(|value| *value as f32).collect(),
            Elements::I32(values) => values.iter().map(|value| *value as f32).collect(),
            Elements::Bool(values) => values.iter().map(|value| f32::from(u8::from(*value))).collect(),
            Elements::Text(_) => return Err(self.wrong_kind(input)),
        })
    }

    /// The integers.
    pub(super) fn as_ints(&self, input: usize) -> Result<std::borrow::Cow<'_, [i64]>, EvalError> {
        Ok(match &self.elements {
            Elements::I64(values) => values.into(),
            Elements::I32(values) => values.iter().map(|value| i64::from(*value)).collect(),
            _ => return Err(self.wrong_kind(input)),
        })
    }

    pub(super) fn as_bools(&self, input: usize) -> Result<&[bool], EvalError> {
        match &self.elements {
            Elements::Bool(values) => Ok(values),
            _ => Err(self.wrong_kind(input)),
        }
    }

    pub(super) fn wrong_kind(&self, input: usize) -> EvalError {
        EvalError::Kind {
            input,
            found: self.kind().name(),
        }
    }
}
