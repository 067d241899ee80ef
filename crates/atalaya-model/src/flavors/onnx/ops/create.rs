//! Operators that make tensors from attributes or sizes.

use std::sync::Arc;

use super::{Budget, Compiled, Inputs, Results, Row, Spec, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Tensor};

pub(super) static OPERATORS: &[Row] = &[
    row("Constant", compile_constant),
    row("ConstantOfShape", compile_fill),
    row("Range", |_| Ok(Box::new(range))),
    row("OneHot", compile_one_hot),
    row("EyeLike", |spec| spec.unsupported("the operator is not understood")),
];

fn compile_constant(spec: &Spec<'_>) -> Compiled {
    let scalar = |elements: Elements| Tensor::new(Vec::new(), elements).ok();
    let tensor = if let Some(tensor) = spec.tensor("value")? {
        Some(tensor)
    } else if let Some(value) = spec.float("value_float") {
        scalar(vec![value].into())
    } else if let Some(value) = spec.int("value_int") {
        scalar(vec![value].into())
    } else if let Some(value) = spec.text("value_string")? {
        scalar(vec![Arc::<str>::from(value)].into())
    } else if spec.has("value_floats") {
        Some(Tensor::list(spec.floats("value_floats")))
    } else if spec.has("value_ints") {
        Some(Tensor::list(spec.ints("value_ints")))
    } else if spec.has("value_strings") {
        Some(Tensor::list(spec.texts("value_strings")))
    } else {
        None
    };
    let Some(tensor) = tensor else {
        return spec.unsupported("it has no value that is understood");
    };
    let tensor = Arc::new(tensor);
    Ok(Box::new(move |_: &Inputs, _: &Budget| Ok(vec![Arc::clone(&tensor)])))
}

/// A shape that a node takes as a list of integers.
pub(super) fn sizes(inputs: &Inputs, input: usize) -> Result<Vec<usize>, EvalError> {
    let ints = inputs.get(input)?.as_ints(input)?;
    let sizes = ints.iter().map(|size| usize::try_from(*size));
    let sizes = sizes.collect::<Result<_, _>>();
    sizes.map_err(|_| EvalError::Shape("a size is negative"))
}

fn compile_fill(spec: &Spec<'_>) -> Compiled {
    let value = spec.tensor("value")?.unwrap_or_else(|| Tensor::list(vec![0.0f32]));
    if value.len() != 1 {
        return spec.content("attribute `value` is not one element");
    }
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let shape = sizes(inputs, 0)?;
        let count = budget.take_shape(&shape)?;
        let elements: Elements = match value.elements() {
            Elements::F32(one) => vec![one[0]; count].into(),
            Elements::F64(one) => vec![one[0]; count].into(),
            Elements::I64(one) => vec![one[0]; count].into(),
            Elements::I32(one) => vec![one[0]; count].into(),
            Elements::Bool(one) => vec![one[0]; count].into(),
            Elements::Text(one) => vec![Arc::clone(&one[0]); count].into(),
        };
        one(Tensor::new(shape, elements)?)
    }))
}

fn range(inputs: &Inputs, budget: &Budget) -> Results {
    let [start, limit, delta] = [inputs.get(0)?, inputs.get(1)?, inputs.get(2)?];
    if [start, limit, delta].iter().any(|tensor| tensor.len() != 1) {
        return Err(EvalError::Shape("start, limit and step are one number each"));
    }
    let [first, last, step] = [start.as_f64(0)?[0], limit.as_f64(1)?[0], delta.as_f64(2)?[0]];
    let count = ((last - first) / step).ceil().max(0.0);
    if !count.is_finite() || count > 1e9 {
        return Err(EvalError::TooLarge);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1e9"
    )]
    let count = count as usize;
    budget.take(count)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_possible_wrap,
        reason = "at most 1e9 steps"
    )]
    let elements: Elements = match start.elements() {
        Elements::F32(_) => (0..count)
            .map(|i| (first + i as f64 * step) as f32)
            .collect::<Vec<_>>()
            .into(),
        Elements::F64(_) => (0..count).map(|i| first + i as f64 * step).collect::<Vec<_>>().into(),
        Elements::I64(start) => {
            let step = delta.as_ints(2)?[0];
            (0..count)
                .map(|i| start[0].wrapping_add(step.wrapping_mul(i as i64)))
                .collect::<Vec<_>>()
                .into()
        }
        Elements::I32(start) => {
            let step = delta.as_ints(2)?[0] as i32;
            (0..count)
                .map(|i| start[0].wrapping_add(step.wrapping_mul(i as i32)))
                .collect::<Vec<_>>()
                .into()
        }
        _ => return Err(start.wrong_kind(0)),
    };
    one(Tensor::list(elements))
}

/// One row of zeros and a one per index, the new axis being the last (or the one that the node names).
fn compile_one_hot(spec: &Spec<'_>) -> Compiled {
    if spec.int_or("axis", -1) != -1 {
        return spec.unsupported("it puts the new axis elsewhere than last");
    }
    Ok(Box::new(|inputs: &Inputs, budget: &Budget| {
        let (indices, depth, values) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
        let depth = match depth.as_f64(1)?[..] {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 1 and 1e9"
            )]
            [depth] if (1.0..1e9).contains(&depth) => depth as usize,
            _ => return Err(EvalError::Value("the depth is not a count")),
        };
        let mut shape = indices.shape().to_vec();
        shape.push(depth);
        let count = budget.take_shape(&shape)?;
        let (Elements::F32(pair), 2) = (values.elements(), values.len()) else {
            return Err(values.wrong_kind(2));
        };
        let mut out = vec![pair[0]; count];
        for (row, index) in indices.as_f64(0)?.iter().enumerate() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "within the depth, which is below 1e9"
            )]
            let place = match if *index < 0.0 { *index + depth as f64 } else { *index } {
                place if place >= 0.0 && place < depth as f64 => Some(place as usize),
                _ => None,
            };
            if let Some(place) = place {
                out[row * depth + place] = pair[1];
            }
        }
        one(Tensor::new(shape, out)?)
    }))
}
