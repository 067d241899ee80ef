//! Sums, products and extremes over axes. Sums are kept in double and rounded once: onnxruntime adds float32 in an order
//! that depends on the processor, and this is what all those orders are near to.

use super::{Budget, Compiled, Inputs, Row, Spec, axis, broadcast, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Tensor, strides};

pub(super) static OPERATORS: &[Row] = &[
    row("ReduceSum", |spec| compile(spec, Reduction::Sum)),
    row("ReduceMean", |spec| compile(spec, Reduction::Mean)),
    row("ReduceMax", |spec| compile(spec, Reduction::Max)),
    row("ReduceMin", |spec| compile(spec, Reduction::Min)),
    row("ReduceProd", |spec| compile(spec, Reduction::Prod)),
    row("ReduceSumSquare", |spec| compile(spec, Reduction::SumSquare)),
    row("ReduceL1", |spec| compile(spec, Reduction::L1)),
    row("ReduceL2", |spec| compile(spec, Reduction::L2)),
    row("ReduceLogSum", |spec| compile(spec, Reduction::LogSum)),
    row("ReduceLogSumExp", |spec| compile(spec, Reduction::LogSumExp)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
    SumSquare,
    L1,
    L2,
    LogSum,
    LogSumExp,
}

fn compile(spec: &Spec<'_>, reduction: Reduction) -> Compiled {
    let (attribute, keep) = (spec.ints("axes"), spec.flag("keepdims", true));
    let nothing = spec.flag("noop_with_empty_axes", false);
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let rank = input.rank();
        let given = match inputs.optional(1) {
            Some(axes) => axes.as_ints(1)?.into_owned(),
            None => attribute.clone(),
        };
        if given.is_empty() && nothing {
            return Ok(vec![inputs.shared(0)?]);
        }
        let axes: Vec<usize> = if given.is_empty() {
            (0..rank).collect()
        } else {
            given.iter().map(|given| axis(*given, rank)).collect::<Result<_, _>>()?
        };
        let mut kept = input.shape().to_vec();
        for axis in &axes {
            kept[*axis] = 1;
        }
        let count = budget.take_shape(&kept)?;
        budget.work(input.len())?;
        // Where in the result each element of the input goes.
        let mut steps = strides(&kept);
        for axis in &axes {
            steps[*axis] = 0;
        }
        let mut places = Vec::with_capacity(input.len());
        broadcast::walk(input.shape(), [&steps], |[at]| places.push(at));
        let shape = if keep {
            kept
        } else {
            let rest = kept.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
            rest.map(|(_, size)| *size).collect()
        };
        one(Tensor::new(shape, reduce(reduction, input, &places, count)?)?)
    }))
}

#[expect(clippy::cast_possible_truncation, reason = "the tensor's own precision")]
fn reduce(reduction: Reduction, input: &Tensor, places: &[usize], count: usize) -> Result<Elements, EvalError> {
    Ok(match input.elements() {
        Elements::F32(values) => {
            let wide = floats(reduction, values.iter().map(|value| f64::from(*value)), places, count);
            wide.into_iter().map(|value| value as f32).collect::<Vec<_>>().into()
        }
        Elements::F64(values) => floats(reduction, values.iter().copied(), places, count).into(),
        Elements::I64(values) => ints(reduction, values.iter().copied(), places, count, input)?.into(),
        Elements::I32(values) => {
            let wide = ints(
                reduction,
                values.iter().map(|value| i64::from(*value)),
                places,
                count,
                input,
            )?;
            wide.into_iter().map(|value| value as i32).collect::<Vec<_>>().into()
        }
        _ => return Err(input.wrong_kind(0)),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn floats(reduction: Reduction, values: impl Iterator<Item = f64> + Clone, places: &[usize], count: usize) -> Vec<f64> {
    let extreme = |start: f64, better: fn(f64, f64) -> bool| {
        let mut out = vec![start; count];
        for (value, place) in values.clone().zip(places) {
            if better(value, out[*place]) || value.is_nan() {
                out[*place] = value;
            }
        }
        out
    };
    let sum = |start: f64, add: &dyn Fn(f64, f64, usize) -> f64| {
        let mut out = vec![start; count];
        for (value, place) in values.clone().zip(places) {
            out[*place] = add(out[*place], value, *place);
        }
        out
    };
    let each = |out: Vec<f64>, f: fn(f64) -> f64| out.into_iter().map(f).collect();
    match reduction {
        Reduction::Max => extreme(f64::NEG_INFINITY, |a, b| a > b),
        Reduction::Min => extreme(f64::INFINITY, |a, b| a < b),
        Reduction::Sum => sum(0.0, &|sum, value, _| sum + value),
        Reduction::Prod => sum(1.0, &|product, value, _| product * value),
        Reduction::SumSquare => sum(0.0, &|sum, value, _| sum + value * value),
        Reduction::L1 => sum(0.0, &|sum, value, _| sum + value.abs()),
        Reduction::L2 => each(sum(0.0, &|sum, value, _| sum + value * value), f64::sqrt),
        Reduction::LogSum => each(sum(0.0, &|sum, value, _| sum + value), f64::ln),
        Reduction::Mean => {
            let each = (places.len() / count.max(1)) as f64;
            sum(0.0, &|sum, value, _| sum + value)
                .into_iter()
                .map(|sum| sum / each)
                .collect()
        }
        Reduction::LogSumExp => {
            let most = extreme(f64::NEG_INFINITY, |a, b| a > b);
            let shift = |place: usize| if most[place].is_finite() { most[place] } else { 0.0 };
            let sums = sum(0.0, &|sum, value, place| sum + (value - shift(place)).exp());
            sums.iter()
                .enumerate()
                .map(|(place, sum)| sum.ln() + shift(place))
                .collect()
        }
    }
}

fn ints(
    reduction: Reduction,
    values: impl Iterator<Item = i64>,
    places: &[usize],
    count: usize,
    input: &Tensor,
) -> Result<Vec<i64>, EvalError> {
    let start = match reduction {
        Reduction::Max => i64::MIN,
        Reduction::Min => i64::MAX,
        Reduction::Prod => 1,
        _ => 0,
    };
    let mut out = vec![start; count];
    for (value, place) in values.zip(places) {
        let so_far = out[*place];
        out[*place] = match reduction {
            Reduction::Max => so_far.max(value),
            Reduction::Min => so_far.min(value),
            Reduction::Prod => so_far.wrapping_mul(value),
            Reduction::Sum | Reduction::Mean => so_far.wrapping_add(value),
            Reduction::SumSquare => so_far.wrapping_add(value.wrapping_mul(value)),
            Reduction::L1 => so_far.wrapping_add(value.wrapping_abs()),
            Reduction::L2 | Reduction::LogSum | Reduction::LogSumExp => return Err(input.wrong_kind(0)),
        };
    }
    if reduction == Reduction::Mean {
        let each = i64::try_from(places.len() / count.max(1)).unwrap_or(i64::MAX).max(1);
        out.iter_mut().for_each(|sum| *sum /= each);
    }
    Ok(out)
}
