//! Operators that change features: scaling, imputing, picking, putting together.

use std::sync::Arc;

use super::super::ops::{Budget, Compiled, Inputs, one};
use crate::flavors::onnx::attributes::Spec;
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::ops::take;
use crate::flavors::onnx::tensor::{Elements, Tensor};

/// The sequence of maps is made where the model's answer is written; here its numbers go through.
pub(super) fn zip_map(_: &Spec<'_>) -> Compiled {
    Ok(Box::new(|inputs: &Inputs, _: &Budget| Ok(vec![inputs.shared(0)?])))
}

/// Columns by their indices.
pub(super) fn extractor(_: &Spec<'_>) -> Compiled {
    Ok(Box::new(|inputs: &Inputs, budget: &Budget| {
        let (input, indices) = (inputs.get(0)?, inputs.get(1)?);
        let indices = indices.as_ints(1)?;
        let Some(axis) = input.rank().checked_sub(1) else {
            return Err(EvalError::Shape("a single number has no columns"));
        };
        let mut shape = input.shape().to_vec();
        shape[axis] = indices.len();
        budget.take_shape(&shape)?;
        let taken = take(input, axis, &indices, shape)?;
        if input.rank() == 1 {
            return one(taken.reshaped(vec![1, indices.len()])?);
        }
        one(taken)
    }))
}

/// `(x - offset) * scale`.
pub(super) fn scaler(spec: &Spec<'_>) -> Compiled {
    let (offset, scale) = (spec.floats("offset"), spec.floats("scale"));
    if offset.is_empty() || offset.len() != scale.len() {
        return spec.content("offset and scale are not as many");
    }
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        budget.take(input.len())?;
        let width = input.shape().last().copied().unwrap_or(1);
        if offset.len() != 1 && offset.len() != width {
            return Err(EvalError::Shape("there is not one offset per column"));
        }
        let values = input.as_f32(0)?;
        let scaled = values.iter().enumerate().map(|(at, value)| {
            let column = at % offset.len();
            (value - offset[column]) * scale[column]
        });
        one(Tensor::new(input.shape().to_vec(), scaled.collect::<Vec<f32>>())?)
    }))
}

/// 1 above the threshold, else 0.
pub(super) fn binarizer(spec: &Spec<'_>) -> Compiled {
    let threshold = spec.float_or("threshold", 0.0);
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        budget.take(input.len())?;
        let values = input.as_f32(0)?;
        let bits = values.iter().map(|value| f32::from(u8::from(*value > threshold)));
        one(Tensor::new(input.shape().to_vec(), bits.collect::<Vec<_>>())?)
    }))
}

/// Rows divided by their largest number, their sum of sizes, or their length.
pub(super) fn normalizer(spec: &Spec<'_>) -> Compiled {
    let norm = spec.choice("norm", 0u8, &[("MAX", 0), ("L1", 1), ("L2", 2)])?;
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let (_, width) = input.rows_and_width()?;
        budget.take(input.len())?;
        let mut values = input.as_f32(0)?.into_owned();
        for row in values.chunks_exact_mut(width.max(1)) {
            let size = match norm {
                0 => row.iter().copied().fold(f32::MIN, f32::max),
                1 => row.iter().map(|value| value.abs()).sum::<f32>(),
                _ => row.iter().map(|value| value * value).sum::<f32>(),
            };
            if size == 0.0 {
                continue;
            }
            for value in row {
                *value = match norm {
                    2 => (*value * *value / size).sqrt().copysign(*value),
                    _ => *value / size,
                };
            }
        }
        one(Tensor::new(input.shape().to_vec(), values)?)
    }))
}

/// Another value where one stands that means "missing".
pub(super) fn imputer(spec: &Spec<'_>) -> Compiled {
    let (floats, ints) = (spec.floats("imputed_value_floats"), spec.ints("imputed_value_int64s"));
    let missing = spec.float_or("replaced_value_float", 0.0);
    let missing_int = spec.int_or("replaced_value_int64", 0);
    if floats.is_empty() == ints.is_empty() {
        return spec.content("it has no values to impute, or two kinds of them");
    }
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        budget.take(input.len())?;
        let width = input.shape().last().copied().unwrap_or(1);
        let count = floats.len().max(ints.len());
        if count != 1 && count != width {
            return Err(EvalError::Shape("there is not one value to impute per column"));
        }
        let elements: Elements = match input.elements() {
            Elements::F32(values) if !floats.is_empty() => {
                let mean = |value: f32| {
                    if missing.is_nan() {
                        value.is_nan()
                    } else {
                        value.to_bits() == missing.to_bits() || value == missing
                    }
                };
                let imputed = values.iter().enumerate();
                let imputed = imputed.map(|(at, value)| if mean(*value) { floats[at % count] } else { *value });
                imputed.collect::<Vec<_>>().into()
            }
            Elements::I64(values) if !ints.is_empty() => {
                let imputed = values.iter().enumerate();
                let imputed = imputed.map(|(at, value)| {
                    if *value == missing_int {
                        ints[at % count]
                    } else {
                        *value
                    }
                });
                imputed.collect::<Vec<_>>().into()
            }
            _ => return Err(input.wrong_kind(0)),
        };
        one(Tensor::new(input.shape().to_vec(), elements)?)
    }))
}

/// The columns of all inputs, as float32.
pub(super) fn vectorizer(spec: &Spec<'_>) -> Compiled {
    let widths = spec.ints("inputdimensions");
    let widths = widths.iter().map(|width| spec.count("inputdimensions", *width));
    let widths = widths.collect::<Result<Vec<_>, _>>()?;
    if widths.len() != spec.inputs {
        return spec.content("attribute `inputdimensions` has not one entry per input");
    }
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (rows, _) = inputs.get(0)?.rows_and_width()?;
        let total = widths.iter().try_fold(0usize, |sum, width| sum.checked_add(*width));
        let shape = vec![rows, total.ok_or(EvalError::TooLarge)?];
        let count = budget.take_shape(&shape)?;
        let mut parts = Vec::with_capacity(widths.len());
        for (position, width) in widths.iter().enumerate() {
            let input = inputs.get(position)?;
            let (own_rows, own_width) = input.rows_and_width()?;
            if own_rows != rows || own_width != *width {
                return Err(EvalError::Shape("an input has not as many columns as are declared"));
            }
            parts.push(input.as_f32(position)?);
        }
        let mut out = Vec::with_capacity(count);
        for row in 0..rows {
            for (part, width) in parts.iter().zip(&widths) {
                out.extend_from_slice(&part[row * width..(row + 1) * width]);
            }
        }
        Ok(vec![Arc::new(Tensor::new(shape, out)?)])
    }))
}
