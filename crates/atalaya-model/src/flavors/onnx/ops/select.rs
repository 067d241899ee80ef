//! Operators that pick elements: slices, gathered indices, the largest ones.

use std::cmp::Ordering;
use std::sync::Arc;

use super::layout::gather_steps;
use super::{Budget, Compiled, Inputs, Results, Row, Spec, axis, broadcast, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Tensor, any, numeric, strides};

pub(super) static OPERATORS: &[Row] = &[
    row("Slice", compile_slice),
    row("Split", compile_split),
    row("Gather", compile_gather),
    row("GatherElements", compile_gather_elements),
    row("GatherND", compile_gather_nd),
    row("TopK", compile_top_k),
    row("ArgMax", |spec| compile_arg(spec, Ordering::Greater)),
    row("ArgMin", |spec| compile_arg(spec, Ordering::Less)),
    row("CumSum", compile_cumsum),
    row("NonZero", |_| Ok(Box::new(non_zero))),
];

/// Start, end and step of one axis of a slice, as Python's `slice.indices` gives them; then how many places there are.
fn bounds(start: i64, end: i64, step: i64, size: usize) -> Result<(usize, usize), EvalError> {
    let size = i64::try_from(size).map_err(|_| EvalError::TooLarge)?;
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let bound = |given: i64| {
        let counted = if given < 0 { given.saturating_add(size) } else { given };
        counted.clamp(low, high)
    };
    let (start, end) = (bound(start), bound(end));
    let span = if step > 0 { end - start } else { start - end };
    let count = if span <= 0 {
        0
    } else {
        (span - 1) / step.saturating_abs() + 1
    };
    let start = usize::try_from(start.max(0)).map_err(|_| EvalError::TooLarge)?;
    Ok((start, usize::try_from(count).map_err(|_| EvalError::TooLarge)?))
}

fn compile_slice(spec: &Spec<'_>) -> Compiled {
    let from_attributes = [spec.ints("starts"), spec.ints("ends"), spec.ints("axes"), Vec::new()];
    let old = spec.opset < 10;
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let lists = if old {
            from_attributes.clone()
        } else {
            let list = |position: usize| match inputs.optional(position) {
                Some(list) => Ok(list.as_ints(position)?.into_owned()),
                None => Ok(Vec::new()),
            };
            [list(1)?, list(2)?, list(3)?, list(4)?]
        };
        let [starts, ends, axes, steps] = lists;
        let fits = |list: &Vec<i64>| list.is_empty() || list.len() == starts.len();
        if ends.len() != starts.len() || !fits(&axes) || !fits(&steps) || starts.len() > input.rank() {
            return Err(EvalError::Shape("starts, ends, axes and steps are not as many"));
        }
        let rank = input.rank();
        let mut shape = input.shape().to_vec();
        let mut firsts = vec![0usize; rank];
        let mut strided = vec![1i64; rank];
        for (position, start) in starts.iter().enumerate() {
            let at = match axes.get(position) {
                Some(given) => axis(*given, rank)?,
                None => position,
            };
            let step = steps.get(position).copied().unwrap_or(1);
            if step == 0 {
                return Err(EvalError::Value("a step is zero"));
            }
            (firsts[at], shape[at]) = bounds(*start, ends[position], step, input.shape()[at])?;
            strided[at] = step;
        }
        budget.take_shape(&shape)?;
        one(slice(input, &firsts, &strided, shape)?)
    }))
}

fn slice(input: &Tensor, firsts: &[usize], steps: &[i64], shape: Vec<usize>) -> Result<Tensor, EvalError> {
    let own = strides(input.shape());
    if steps.iter().all(|step| *step > 0) {
        let start = firsts.iter().zip(&own).map(|(first, own)| first * own).sum();
        let steps: Vec<usize> = (steps.iter().zip(&own))
            .map(|(step, own)| usize::try_from(*step).unwrap_or(usize::MAX).saturating_mul(*own))
            .collect();
        // A step beyond the end is never taken: there is one place then.
        let steps: Vec<usize> = (steps.iter().zip(&shape))
            .map(|(step, size)| if *size > 1 { *step } else { 0 })
            .collect();
        return gather_steps(input, start, shape, &steps);
    }
    // Backwards: by the positions of each axis.
    let mut indices: Vec<usize> = vec![0];
    for (axis, size) in shape.iter().enumerate() {
        let place = |position: usize| {
            let step = i64::try_from(position).ok()?.checked_mul(steps[axis])?;
            firsts[axis].checked_add_signed(isize::try_from(step).ok()?)
        };
        let places: Option<Vec<usize>> = (0..*size).map(place).collect();
        let (places, apart) = (places.ok_or(EvalError::TooLarge)?, own[axis]);
        indices = (indices.iter())
            .flat_map(|base| places.iter().map(move |place| base + place * apart))
            .collect();
    }
    let elements: Elements = any!(input, values => broadcast::picked(values, &indices).into());
    Tensor::new(shape, elements)
}

fn compile_split(spec: &Spec<'_>) -> Compiled {
    let (at, attribute, outputs) = (spec.int_or("axis", 0), spec.ints("split"), spec.outputs);
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let at = axis(at, input.rank())?;
        let size = input.shape()[at];
        let sizes: Vec<usize> = match inputs.optional(1) {
            Some(_) => super::create::sizes(inputs, 1)?,
            None if !attribute.is_empty() => {
                let sizes = attribute.iter().map(|size| usize::try_from(*size));
                sizes
                    .collect::<Result<_, _>>()
                    .map_err(|_| EvalError::Shape("a size is negative"))?
            }
            None => {
                // Equal parts; the last one may be smaller.
                let part = size.div_ceil(outputs.max(1));
                (0..outputs).map(|i| part.min(size.saturating_sub(i * part))).collect()
            }
        };
        let total = sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size));
        if total != Some(size) || sizes.len() < outputs {
            return Err(EvalError::Shape("the parts are not the whole"));
        }
        budget.take(input.len())?;
        let own = strides(input.shape());
        let mut start = 0;
        let mut parts = Vec::with_capacity(sizes.len());
        for part in sizes {
            let mut shape = input.shape().to_vec();
            shape[at] = part;
            parts.push(Arc::new(gather_steps(input, start * own[at], shape, &own)?));
            start += part;
        }
        Ok(parts)
    }))
}

/// An index into an axis, counted from the end when it is negative.
fn place(index: i64, size: usize) -> Result<usize, EvalError> {
    let counted = if index < 0 {
        index.checked_add_unsigned(size as u64)
    } else {
        Some(index)
    };
    let found = counted.and_then(|index| usize::try_from(index).ok());
    found
        .filter(|index| *index < size)
        .ok_or(EvalError::Value("an index is out of range"))
}

fn compile_gather(spec: &Spec<'_>) -> Compiled {
    let at = spec.int_or("axis", 0);
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (input, indices) = (inputs.get(0)?, inputs.get(1)?);
        let at = axis(at, input.rank())?;
        let mut shape = input.shape()[..at].to_vec();
        shape.extend(indices.shape());
        shape.extend(&input.shape()[at + 1..]);
        budget.take_shape(&shape)?;
        one(take(input, at, &indices.as_ints(1)?, shape)?)
    }))
}

/// The places `indices` of one axis.
pub(in crate::flavors::onnx) fn take(
    input: &Tensor,
    axis: usize,
    indices: &[i64],
    shape: Vec<usize>,
) -> Result<Tensor, EvalError> {
    let size = input.shape()[axis];
    let places = indices
        .iter()
        .map(|index| place(*index, size))
        .collect::<Result<Vec<_>, _>>()?;
    let rows: usize = input.shape()[..axis].iter().product();
    let inner: usize = input.shape()[axis + 1..].iter().product();
    let elements: Elements = any!(input, values => {
        let mut out = Vec::with_capacity(rows * places.len() * inner);
        for row in 0..rows {
            for place in &places {
                let start = (row * size + place) * inner;
                out.extend_from_slice(&values[start..start + inner]);
            }
        }
        out.into()
    });
    Tensor::new(shape, elements)
}

fn compile_gather_elements(spec: &Spec<'_>) -> Compiled {
    let at = spec.int_or("axis", 0);
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (input, indices) = (inputs.get(0)?, inputs.get(1)?);
        let at = axis(at, input.rank())?;
        let shape = indices.shape().to_vec();
        let within = |(axis, size): (usize, &usize)| axis == at || *size <= input.shape()[axis];
        if shape.len() != input.rank() || !shape.iter().enumerate().all(within) {
            return Err(EvalError::Shape("the indices do not lie within the tensor"));
        }
        budget.take_shape(&shape)?;
        let ints = indices.as_ints(1)?;
        let own = strides(input.shape());
        let mut steps = own.clone();
        steps[at] = 0;
        let mut places = Vec::with_capacity(ints.len());
        let mut ints = ints.iter();
        broadcast::walk(&shape, [&steps], |[base]| {
            places.push(
                ints.next()
                    .map_or(Ok(0), |index| place(*index, input.shape()[at]))
                    .map(|place| base + place * own[at]),
            );
        });
        let places = places.into_iter().collect::<Result<Vec<_>, _>>()?;
        let elements: Elements = any!(input, values => broadcast::picked(values, &places).into());
        one(Tensor::new(shape, elements)?)
    }))
}

fn compile_gather_nd(spec: &Spec<'_>) -> Compiled {
    if spec.int_or("batch_dims", 0) != 0 {
        return spec.unsupported("batch dimensions are not understood");
    }
    Ok(Box::new(|inputs: &Inputs, budget: &Budget| {
        let (input, indices) = (inputs.get(0)?, inputs.get(1)?);
        let Some((depth, outer)) = indices.shape().split_last() else {
            return Err(EvalError::Shape("the indices have no dimension"));
        };
        if *depth == 0 || *depth > input.rank() {
            return Err(EvalError::Shape(
                "an index has more parts than the tensor has dimensions",
            ));
        }
        let mut shape = outer.to_vec();
        shape.extend(&input.shape()[*depth..]);
        budget.take_shape(&shape)?;
        let inner: usize = input.shape()[*depth..].iter().product();
        let own = strides(input.shape());
        let ints = indices.as_ints(1)?;
        let mut starts = Vec::with_capacity(ints.len() / depth);
        for index in ints.chunks_exact(*depth) {
            let mut start = 0;
            for (axis, index) in index.iter().enumerate() {
                start += place(*index, input.shape()[axis])? * own[axis];
            }
            starts.push(start);
        }
        let elements: Elements = any!(input, values => {
            let mut out = Vec::with_capacity(starts.len() * inner);
            for start in &starts {
                out.extend_from_slice(&values[*start..*start + inner]);
            }
            out.into()
        });
        one(Tensor::new(shape, elements)?)
    }))
}

/// Rows, places and inner places of an axis.
pub(super) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (
        shape[..axis].iter().product(),
        shape[axis],
        shape[axis + 1..].iter().product(),
    )
}

/// The `k` largest or smallest of an axis, of equal ones the first; with their indices.
fn compile_top_k(spec: &Spec<'_>) -> Compiled {
    let (at, largest, attribute) = (spec.int_or("axis", -1), spec.flag("largest", true), spec.int("k"));
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let at = axis(at, input.rank())?;
        let k = match (inputs.optional(1), attribute) {
            (Some(k), _) => k.as_ints(1)?.first().copied(),
            (None, k) => k,
        };
        let k = k
            .and_then(|k| usize::try_from(k).ok())
            .filter(|k| *k <= input.shape()[at]);
        let k = k.ok_or(EvalError::Value("more are wanted than there are"))?;
        let (rows, size, inner) = around(input.shape(), at);
        let mut shape = input.shape().to_vec();
        shape[at] = k;
        let count = budget.take_shape(&shape)?;
        budget.take(count)?;
        budget.work(input.len().saturating_mul(8))?;
        let mut indices = vec![0i64; count];
        let elements: Elements = numeric!(0, input, values => {
            let mut out = vec![Default::default(); count];
            let mut order: Vec<usize> = Vec::with_capacity(size);
            for (row, column) in (0..rows).flat_map(|row| (0..inner).map(move |column| (row, column))) {
                let value = |place: usize| values[(row * size + place) * inner + column];
                order.clear();
                order.extend(0..size);
                let by = |a: &usize, b: &usize| {
                    let order = value(*a).partial_cmp(&value(*b)).unwrap_or(Ordering::Equal);
                    (if largest { order.reverse() } else { order }).then(a.cmp(b))
                };
                order.sort_by(by);
                for (rank, place) in order.iter().take(k).enumerate() {
                    let to = (row * k + rank) * inner + column;
                    out[to] = value(*place);
                    indices[to] = i64::try_from(*place).unwrap_or(i64::MAX);
                }
            }
            out.into()
        });
        let indices = Tensor::new(shape.clone(), indices)?;
        Ok(vec![Arc::new(Tensor::new(shape, elements)?), Arc::new(indices)])
    }))
}

/// The place of the largest or smallest of an axis, of equal ones the first (or last).
fn compile_arg(spec: &Spec<'_>, better: Ordering) -> Compiled {
    let (at, keep) = (spec.int_or("axis", 0), spec.flag("keepdims", true));
    let last = spec.flag("select_last_index", false);
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let at = axis(at, input.rank())?;
        let (rows, size, inner) = around(input.shape(), at);
        if size == 0 {
            return Err(EvalError::Shape("there is nothing to choose from"));
        }
        let mut shape = input.shape().to_vec();
        if keep {
            shape[at] = 1;
        } else {
            shape.remove(at);
        }
        budget.take_shape(&shape)?;
        budget.work(input.len())?;
        let mut out = Vec::with_capacity(rows * inner);
        numeric!(0, input, values => {
            for (row, column) in (0..rows).flat_map(|row| (0..inner).map(move |column| (row, column))) {
                let value = |place: usize| values[(row * size + place) * inner + column];
                let mut best = 0;
                for place in 1..size {
                    let order = value(place).partial_cmp(&value(best));
                    if order == Some(better) || (last && order == Some(Ordering::Equal)) {
                        best = place;
                    }
                }
                out.push(i64::try_from(best).unwrap_or(i64::MAX));
            }
        });
        one(Tensor::new(shape, out)?)
    }))
}

fn compile_cumsum(spec: &Spec<'_>) -> Compiled {
    if spec.flag("exclusive", false) || spec.flag("reverse", false) {
        return spec.unsupported("exclusive and reverse sums are not understood");
    }
    Ok(Box::new(|inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let Some(at) = inputs.get(1)?.as_ints(1)?.first().copied() else {
            return Err(EvalError::Shape("the axis is not one number"));
        };
        let (_, size, inner) = around(input.shape(), axis(at, input.rank())?);
        budget.take(input.len())?;
        macro_rules! sums {
            ($values:expr, $add:expr) => {{
                let mut out = $values.clone();
                for at in 0..out.len() {
                    if (at / inner.max(1)) % size.max(1) > 0 {
                        out[at] = $add(out[at - inner], out[at]);
                    }
                }
                out.into()
            }};
        }
        let elements: Elements = match input.elements() {
            Elements::F32(values) => sums!(values, |a: f32, b: f32| a + b),
            Elements::F64(values) => sums!(values, |a: f64, b: f64| a + b),
            Elements::I64(values) => sums!(values, i64::wrapping_add),
            Elements::I32(values) => sums!(values, i32::wrapping_add),
            _ => return Err(input.wrong_kind(0)),
        };
        one(Tensor::new(input.shape().to_vec(), elements)?)
    }))
}

/// The indices of what is not zero, one column each.
fn non_zero(inputs: &Inputs, budget: &Budget) -> Results {
    let input = inputs.get(0)?;
    let found: Vec<usize> = match input.elements() {
        Elements::Bool(values) => (0..values.len()).filter(|at| values[*at]).collect(),
        _ => {
            let values = input.as_f64(0)?;
            (0..values.len()).filter(|at| values[*at] != 0.0).collect()
        }
    };
    let shape = vec![input.rank(), found.len()];
    budget.take_shape(&shape)?;
    let own = strides(input.shape());
    let mut out = Vec::new();
    for (own, size) in own.iter().zip(input.shape()) {
        out.extend(
            found
                .iter()
                .map(|at| i64::try_from(at / own % size).unwrap_or(i64::MAX)),
        );
    }
    one(Tensor::new(shape, out)?)
}
