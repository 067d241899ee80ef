//! Operators that change the shape of a tensor, or put tensors together, without looking at the elements.

use std::sync::Arc;

use super::create::sizes;
use super::{Budget, Compiled, Inputs, Results, Row, Spec, axis, broadcast, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Tensor, any, places, strides};

pub(super) static OPERATORS: &[Row] = &[
    row("Identity", |_| Ok(Box::new(same))),
    row("Dropout", |_| Ok(Box::new(dropout))),
    row("Reshape", compile_reshape),
    row("Flatten", compile_flatten),
    row("Squeeze", compile_squeeze),
    row("Unsqueeze", compile_unsqueeze),
    row("Transpose", compile_transpose),
    row("Expand", |_| Ok(Box::new(expand))),
    row("Tile", |_| Ok(Box::new(tile))),
    row("Concat", compile_concat),
    row("Shape", compile_shape),
    row("Size", |_| {
        Ok(Box::new(|inputs: &Inputs, _: &Budget| {
            let count = i64::try_from(inputs.get(0)?.len()).map_err(|_| EvalError::TooLarge)?;
            one(Tensor::new(Vec::new(), vec![count])?)
        }))
    }),
];

fn same(inputs: &Inputs, _: &Budget) -> Results {
    Ok(vec![inputs.shared(0)?])
}

/// Nothing is dropped outside of training; the mask is all true.
fn dropout(inputs: &Inputs, budget: &Budget) -> Results {
    let input = inputs.shared(0)?;
    if inputs
        .optional(2)
        .is_some_and(|training| training.as_bools(2).is_ok_and(|flags| flags.contains(&true)))
    {
        return Err(EvalError::Value("it is in training mode"));
    }
    budget.take(input.len())?;
    let mask = Tensor::new(input.shape().to_vec(), vec![true; input.len()])?;
    Ok(vec![input, Arc::new(mask)])
}

fn reshaped(inputs: &Inputs, shape: Vec<usize>, budget: &Budget) -> Results {
    let input = inputs.get(0)?;
    budget.take(input.len())?;
    one(input.reshaped(shape)?)
}

fn compile_reshape(spec: &Spec<'_>) -> Compiled {
    let (attribute, allow_zero) = (spec.ints("shape"), spec.flag("allowzero", false));
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let wanted = match inputs.optional(1) {
            Some(shape) => shape.as_ints(1)?.into_owned(),
            None => attribute.clone(),
        };
        let mut shape = Vec::with_capacity(wanted.len());
        let mut open = None;
        for (position, size) in wanted.iter().enumerate() {
            shape.push(match *size {
                -1 if open.is_none() => {
                    open = Some(position);
                    1
                }
                0 if !allow_zero => {
                    *(input.shape().get(position)).ok_or(EvalError::Shape("a size is copied from nowhere"))?
                }
                size => usize::try_from(size).map_err(|_| EvalError::Shape("a size is negative"))?,
            });
        }
        if let Some(position) = open {
            let others = places(&shape).ok_or(EvalError::TooLarge)?;
            shape[position] = match others {
                // Of nothing, rows and columns are as many as there were.
                0 => 0,
                others if input.len().is_multiple_of(others) => input.len() / others,
                _ => return Err(EvalError::Shape("the elements do not fill the new shape")),
            };
        }
        reshaped(inputs, shape, budget)
    }))
}

fn compile_flatten(spec: &Spec<'_>) -> Compiled {
    let at = spec.int_or("axis", 1);
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let shape = inputs.get(0)?.shape();
        let at = match usize::try_from(at) {
            Ok(at) if at <= shape.len() => at,
            Ok(_) => return Err(EvalError::Shape("an axis is out of range")),
            Err(_) => axis(at, shape.len())?,
        };
        let (rows, columns) = shape.split_at(at);
        reshaped(inputs, vec![rows.iter().product(), columns.iter().product()], budget)
    }))
}

/// Axes from an attribute, or from the second input in later versions.
fn axes(attribute: &[i64], inputs: &Inputs, rank: usize) -> Result<Vec<usize>, EvalError> {
    let given = match inputs.optional(1) {
        Some(axes) => axes.as_ints(1)?,
        None => attribute.into(),
    };
    given.iter().map(|given| axis(*given, rank)).collect()
}

fn compile_squeeze(spec: &Spec<'_>) -> Compiled {
    let attribute = spec.ints("axes");
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let shape = inputs.get(0)?.shape();
        let axes = axes(&attribute, inputs, shape.len())?;
        if axes.iter().any(|axis| shape[*axis] != 1) {
            return Err(EvalError::Shape("an axis to be removed has more than one place"));
        }
        let kept = shape.iter().enumerate().filter(|(axis, size)| {
            if axes.is_empty() {
                **size != 1
            } else {
                !axes.contains(axis)
            }
        });
        let shape = kept.map(|(_, size)| *size).collect();
        reshaped(inputs, shape, budget)
    }))
}

fn compile_unsqueeze(spec: &Spec<'_>) -> Compiled {
    let attribute = spec.ints("axes");
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let shape = inputs.get(0)?.shape();
        let added = inputs.optional(1).map_or(attribute.len(), Tensor::len);
        let rank = shape.len() + added;
        let axes = axes(&attribute, inputs, rank)?;
        let mut rest = shape.iter();
        let mut grown = Vec::with_capacity(rank);
        for axis in 0..rank {
            grown.push(match axes.contains(&axis) {
                true => 1,
                false => *rest.next().ok_or(EvalError::Shape("an axis is added twice"))?,
            });
        }
        reshaped(inputs, grown, budget)
    }))
}

/// The elements of `input` at the places that steps through it give, in a new shape.
pub(super) fn gather_steps(
    input: &Tensor,
    start: usize,
    shape: Vec<usize>,
    steps: &[usize],
) -> Result<Tensor, EvalError> {
    let elements: Elements = any!(input, values => broadcast::stepped(values, start, &shape, steps).into());
    Tensor::new(shape, elements)
}

fn compile_transpose(spec: &Spec<'_>) -> Compiled {
    let order = spec.ints("perm");
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let rank = input.rank();
        let order: Vec<usize> = if order.is_empty() {
            (0..rank).rev().collect()
        } else {
            order.iter().map(|given| axis(*given, rank)).collect::<Result<_, _>>()?
        };
        if order.len() != rank || (0..rank).any(|axis| !order.contains(&axis)) {
            return Err(EvalError::Shape("the order of axes is not one of all axes"));
        }
        budget.take(input.len())?;
        let own = strides(input.shape());
        let shape = order.iter().map(|axis| input.shape()[*axis]).collect();
        let steps: Vec<usize> = order.iter().map(|axis| own[*axis]).collect();
        one(gather_steps(input, 0, shape, &steps)?)
    }))
}

fn expand(inputs: &Inputs, budget: &Budget) -> Results {
    let input = inputs.get(0)?;
    let shape = broadcast::shape(input.shape(), &sizes(inputs, 1)?)?;
    budget.take_shape(&shape)?;
    let steps = broadcast::steps(input.shape(), &shape);
    one(gather_steps(input, 0, shape, &steps)?)
}

fn tile(inputs: &Inputs, budget: &Budget) -> Results {
    let input = inputs.get(0)?;
    let repeats = sizes(inputs, 1)?;
    if repeats.len() != input.rank() {
        return Err(EvalError::Shape("there is not one repetition per axis"));
    }
    // Each axis is seen as repetitions of itself: two dimensions, the outer one with step 0.
    let own = strides(input.shape());
    let (mut wide, mut steps, mut shape) = (Vec::new(), Vec::new(), Vec::new());
    for (axis, repeat) in repeats.iter().enumerate() {
        let size = input.shape()[axis];
        wide.extend([*repeat, size]);
        steps.extend([0, own[axis]]);
        shape.push(repeat.checked_mul(size).ok_or(EvalError::TooLarge)?);
    }
    budget.take_shape(&shape)?;
    let elements: Elements = any!(input, values => broadcast::stepped(values, 0, &wide, &steps).into());
    one(Tensor::new(shape, elements)?)
}

fn compile_concat(spec: &Spec<'_>) -> Compiled {
    let Some(at) = spec.int("axis") else {
        return spec.content("attribute `axis` is missing");
    };
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let first = inputs.get(0)?;
        let at = axis(at, first.rank())?;
        let mut shape = first.shape().to_vec();
        shape[at] = 0;
        for position in 0..inputs.len() {
            let input = inputs.get(position)?;
            let fits = |(axis, size): (usize, &usize)| axis == at || *size == shape[axis];
            if input.rank() != shape.len() || !input.shape().iter().enumerate().all(fits) {
                return Err(EvalError::Shape(
                    "they differ in more than the axis on which they are joined",
                ));
            }
            shape[at] = shape[at].checked_add(input.shape()[at]).ok_or(EvalError::TooLarge)?;
        }
        budget.take_shape(&shape)?;
        let rows: usize = shape[..at].iter().product();
        let inner: usize = shape[at + 1..].iter().product();
        macro_rules! join {
            ($variant:ident) => {{
                let mut parts = Vec::with_capacity(inputs.len());
                for position in 0..inputs.len() {
                    let input = inputs.get(position)?;
                    let Elements::$variant(values) = input.elements() else {
                        return Err(input.wrong_kind(position));
                    };
                    parts.push((values, input.shape()[at] * inner));
                }
                let mut out = Vec::with_capacity(rows * shape[at] * inner);
                for row in 0..rows {
                    for (values, width) in &parts {
                        out.extend_from_slice(&values[row * width..(row + 1) * width]);
                    }
                }
                Elements::from(out)
            }};
        }
        let elements = match first.elements() {
            Elements::F32(_) => join!(F32),
            Elements::F64(_) => join!(F64),
            Elements::I64(_) => join!(I64),
            Elements::I32(_) => join!(I32),
            Elements::Bool(_) => join!(Bool),
            Elements::Text(_) => join!(Text),
        };
        one(Tensor::new(shape, elements)?)
    }))
}

fn compile_shape(spec: &Spec<'_>) -> Compiled {
    let (start, end) = (spec.int_or("start", 0), spec.int("end"));
    Ok(Box::new(move |inputs: &Inputs, _: &Budget| {
        let shape = inputs.get(0)?.shape();
        let rank = i64::try_from(shape.len()).map_err(|_| EvalError::TooLarge)?;
        let bound = |given: i64| {
            let counted = if given < 0 { given.saturating_add(rank) } else { given };
            usize::try_from(counted.clamp(0, rank)).unwrap_or(0)
        };
        let (start, end) = (bound(start), end.map_or(shape.len(), bound));
        let sizes = shape.get(start..end).unwrap_or_default();
        let sizes = sizes.iter().map(|size| i64::try_from(*size));
        let sizes = sizes.collect::<Result<Vec<_>, _>>().map_err(|_| EvalError::TooLarge)?;
        one(Tensor::list(sizes))
    }))
}
