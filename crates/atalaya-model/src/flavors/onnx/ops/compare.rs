//! Comparisons, logic, and the choice between two tensors.

use std::sync::Arc;

use super::{Budget, Compiled, Inputs, Results, Row, broadcast, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Tensor};

pub(super) static OPERATORS: &[Row] = &[
    row("Less", |_| compare(Order::Less)),
    row("LessOrEqual", |_| compare(Order::LessOrEqual)),
    row("Greater", |_| compare(Order::Greater)),
    row("GreaterOrEqual", |_| compare(Order::GreaterOrEqual)),
    row("Equal", |_| compare(Order::Equal)),
    row("And", |_| logic(|a, b| a && b)),
    row("Or", |_| logic(|a, b| a || b)),
    row("Xor", |_| logic(|a, b| a != b)),
    row("Not", |_| Ok(Box::new(not))),
    row("Where", |_| Ok(Box::new(choose))),
    row("IsNaN", |_| Ok(Box::new(is_nan))),
    row("IsInf", |spec| {
        let (positive, negative) = (spec.flag("detect_positive", true), spec.flag("detect_negative", true));
        Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
            floats_that(inputs, budget, |value| {
                value.is_infinite() && if value > 0.0 { positive } else { negative }
            })
        }))
    }),
];

#[derive(Clone, Copy)]
enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

impl Order {
    fn holds<T: PartialOrd + ?Sized>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Less => a < b,
            Self::LessOrEqual => a <= b,
            Self::Greater => a > b,
            Self::GreaterOrEqual => a >= b,
            Self::Equal => a == b,
        }
    }
}

fn compare(order: Order) -> Compiled {
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        let shape = broadcast::shape(a.shape(), b.shape())?;
        budget.take_shape(&shape)?;
        let (p, q) = (a.shape(), b.shape());
        let values = match (a.elements(), b.elements()) {
            (Elements::F32(x), Elements::F32(y)) => broadcast::zip((x, p), (y, q), &shape, |a, b| order.holds(&a, &b)),
            (Elements::F64(x), Elements::F64(y)) => broadcast::zip((x, p), (y, q), &shape, |a, b| order.holds(&a, &b)),
            (Elements::I64(x), Elements::I64(y)) => broadcast::zip((x, p), (y, q), &shape, |a, b| order.holds(&a, &b)),
            (Elements::I32(x), Elements::I32(y)) => broadcast::zip((x, p), (y, q), &shape, |a, b| order.holds(&a, &b)),
            (Elements::Bool(x), Elements::Bool(y)) => {
                broadcast::zip((x, p), (y, q), &shape, |a, b| order.holds(&a, &b))
            }
            (Elements::Text(x), Elements::Text(y)) => {
                broadcast::zip((x, p), (y, q), &shape, |a, b| order.holds(&*a, &*b))
            }
            _ => return Err(b.wrong_kind(1)),
        };
        one(Tensor::new(shape, values)?)
    }))
}

fn logic(operation: fn(bool, bool) -> bool) -> Compiled {
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let (a, b) = (inputs.get(0)?, inputs.get(1)?);
        let shape = broadcast::shape(a.shape(), b.shape())?;
        budget.take_shape(&shape)?;
        let values = broadcast::zip(
            (a.as_bools(0)?, a.shape()),
            (b.as_bools(1)?, b.shape()),
            &shape,
            operation,
        );
        one(Tensor::new(shape, values)?)
    }))
}

fn not(inputs: &Inputs, budget: &Budget) -> Results {
    let input = inputs.get(0)?;
    budget.take(input.len())?;
    let values: Vec<bool> = input.as_bools(0)?.iter().map(|value| !value).collect();
    one(Tensor::new(input.shape().to_vec(), values)?)
}

fn is_nan(inputs: &Inputs, budget: &Budget) -> Results {
    floats_that(inputs, budget, f64::is_nan)
}

fn floats_that(inputs: &Inputs, budget: &Budget, holds: impl Fn(f64) -> bool) -> Results {
    let input = inputs.get(0)?;
    budget.take(input.len())?;
    let values: Vec<bool> = match input.elements() {
        Elements::F32(values) => values.iter().map(|value| holds(f64::from(*value))).collect(),
        Elements::F64(values) => values.iter().map(|value| holds(*value)).collect(),
        _ => return Err(input.wrong_kind(0)),
    };
    one(Tensor::new(input.shape().to_vec(), values)?)
}

/// `Where`: the second input where the first is true, else the third.
fn choose(inputs: &Inputs, budget: &Budget) -> Results {
    let (condition, a, b) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
    let pair = broadcast::shape(a.shape(), b.shape())?;
    let shape = broadcast::shape(condition.shape(), &pair)?;
    budget.take_shape(&shape)?;
    let flags = condition.as_bools(0)?;
    let steps = [condition, a, b].map(|tensor| broadcast::steps(tensor.shape(), &shape));
    let steps = [&steps[0][..], &steps[1][..], &steps[2][..]];
    let elements: Elements = match (a.elements(), b.elements()) {
        (Elements::F32(x), Elements::F32(y)) => pick(&shape, steps, flags, x, y).into(),
        (Elements::F64(x), Elements::F64(y)) => pick(&shape, steps, flags, x, y).into(),
        (Elements::I64(x), Elements::I64(y)) => pick(&shape, steps, flags, x, y).into(),
        (Elements::I32(x), Elements::I32(y)) => pick(&shape, steps, flags, x, y).into(),
        (Elements::Bool(x), Elements::Bool(y)) => pick(&shape, steps, flags, x, y).into(),
        (Elements::Text(x), Elements::Text(y)) => pick::<Arc<str>>(&shape, steps, flags, x, y).into(),
        _ => return Err(b.wrong_kind(2)),
    };
    one(Tensor::new(shape, elements)?)
}

fn pick<T: Clone>(shape: &[usize], steps: [&[usize]; 3], flags: &[bool], a: &[T], b: &[T]) -> Vec<T> {
    let mut out = Vec::new();
    broadcast::walk(shape, steps, |[flag, i, j]| {
        out.push(if flags[flag] { a[i].clone() } else { b[j].clone() });
    });
    out
}

impl Tensor {
    /// The numbers as doubles, for exponents and the like.
    pub(in crate::flavors::onnx) fn as_f64(&self, input: usize) -> Result<Vec<f64>, EvalError> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "onnxruntime computes with them in floating point"
        )]
        Ok(match self.elements() {
            Elements::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Elements::F64(values) => values.clone(),
            Elements::I64(values) => values.iter().map(|value| *value as f64).collect(),
            Elements::I32(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Elements::Bool(_) | Elements::Text(_) => return Err(self.wrong_kind(input)),
        })
    }
}
