//! Operators of two numbers or more, with broadcasting.

use super::{Budget, Compiled, Inputs, Results, Row, Spec, broadcast, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Tensor};

pub(super) static OPERATORS: &[Row] = &[
    row("Add", |_| binary(&Add)),
    row("Sub", |_| binary(&Sub)),
    row("Mul", |_| binary(&Mul)),
    row("Div", |_| binary(&Div)),
    row("Mod", compile_mod),
    row("Pow", |_| Ok(Box::new(pow))),
    row("Sum", |_| folded(&Add, None)),
    row("Mean", |_| folded(&Add, Some(&Div))),
    row("Min", |_| folded(&Min, None)),
    row("Max", |_| folded(&Max, None)),
    row("PRelu", |_| binary(&PRelu)),
];

/// An operation on two numbers of one type.
trait Binary: Send + Sync {
    fn f32(&self, a: f32, b: f32) -> f32;
    fn f64(&self, a: f64, b: f64) -> f64;
    fn i64(&self, a: i64, b: i64) -> i64;
    fn i32(&self, a: i32, b: i32) -> i32;
    /// Whether a zero as the second number has no answer among the integers.
    fn divides(&self) -> bool {
        false
    }
}

macro_rules! operation {
    ($name:ident, $a:ident, $b:ident, $float:expr, $int:expr) => {
        struct $name;
        impl Binary for $name {
            fn f32(&self, $a: f32, $b: f32) -> f32 {
                $float
            }
            fn f64(&self, $a: f64, $b: f64) -> f64 {
                $float
            }
            fn i64(&self, $a: i64, $b: i64) -> i64 {
                $int
            }
            fn i32(&self, $a: i32, $b: i32) -> i32 {
                $int
            }
        }
    };
}

operation!(Add, a, b, a + b, a.wrapping_add(b));
operation!(Sub, a, b, a - b, a.wrapping_sub(b));
operation!(Mul, a, b, a * b, a.wrapping_mul(b));
// NaN wins over a number, as in numpy and onnxruntime.
operation!(Min, a, b, if a < b || a.is_nan() { a } else { b }, a.min(b));
operation!(Max, a, b, if a > b || a.is_nan() { a } else { b }, a.max(b));
operation!(
    PRelu,
    a,
    b,
    if a < 0.0 { a * b } else { a },
    if a < 0 { a.wrapping_mul(b) } else { a }
);

struct Div;

impl Binary for Div {
    fn f32(&self, a: f32, b: f32) -> f32 {
        a / b
    }
    fn f64(&self, a: f64, b: f64) -> f64 {
        a / b
    }
    fn i64(&self, a: i64, b: i64) -> i64 {
        a.checked_div(b).unwrap_or(a)
    }
    fn i32(&self, a: i32, b: i32) -> i32 {
        a.checked_div(b).unwrap_or(a)
    }
    fn divides(&self) -> bool {
        true
    }
}

/// The remainder with the sign of the divisor (Python's), or of the dividend (C's `fmod`).
struct Mod {
    fmod: bool,
}

macro_rules! remainder {
    ($name:ident, $type:ty) => {
        fn $name(&self, a: $type, b: $type) -> $type {
            let rest = a.checked_rem(b).unwrap_or(0);
            if !self.fmod && rest != 0 && (rest < 0) != (b < 0) {
                rest + b
            } else {
                rest
            }
        }
    };
}

impl Binary for Mod {
    fn f32(&self, a: f32, b: f32) -> f32 {
        a % b
    }
    fn f64(&self, a: f64, b: f64) -> f64 {
        a % b
    }
    remainder!(i64, i64);
    remainder!(i32, i32);
    fn divides(&self) -> bool {
        true
    }
}

fn compile_mod(spec: &Spec<'_>) -> Compiled {
    let fmod = spec.flag("fmod", false);
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        one(apply(&Mod { fmod }, inputs.get(0)?, inputs.get(1)?, 1, budget)?)
    }))
}

fn binary(operation: &'static dyn Binary) -> Compiled {
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        one(apply(operation, inputs.get(0)?, inputs.get(1)?, 1, budget)?)
    }))
}

/// An operation over any number of inputs, from the first to the last; then divided by how many there were.
fn folded(operation: &'static dyn Binary, divide: Option<&'static dyn Binary>) -> Compiled {
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let mut sum = inputs.shared(0)?;
        for position in 1..inputs.len() {
            sum = std::sync::Arc::new(apply(operation, &sum, inputs.get(position)?, position, budget)?);
        }
        let Some(divide) = divide else {
            return Ok(vec![sum]);
        };
        #[expect(clippy::cast_precision_loss, reason = "a node has few inputs")]
        let count = match sum.elements() {
            Elements::F32(_) => Tensor::list(vec![inputs.len() as f32]),
            Elements::F64(_) => Tensor::list(vec![inputs.len() as f64]),
            _ => return Err(sum.wrong_kind(0)),
        };
        one(apply(divide, &sum, &count.reshaped(Vec::new())?, 0, budget)?)
    }))
}

fn apply(operation: &dyn Binary, a: &Tensor, b: &Tensor, input: usize, budget: &Budget) -> Result<Tensor, EvalError> {
    let shape = broadcast::shape(a.shape(), b.shape())?;
    budget.take_shape(&shape)?;
    let (a_shape, b_shape) = (a.shape(), b.shape());
    let elements: Elements = match (a.elements(), b.elements()) {
        (Elements::F32(x), Elements::F32(y)) => {
            broadcast::zip((x, a_shape), (y, b_shape), &shape, |a, b| operation.f32(a, b)).into()
        }
        (Elements::F64(x), Elements::F64(y)) => {
            broadcast::zip((x, a_shape), (y, b_shape), &shape, |a, b| operation.f64(a, b)).into()
        }
        (Elements::I64(x), Elements::I64(y)) if !(operation.divides() && y.contains(&0)) => {
            broadcast::zip((x, a_shape), (y, b_shape), &shape, |a, b| operation.i64(a, b)).into()
        }
        (Elements::I32(x), Elements::I32(y)) if !(operation.divides() && y.contains(&0)) => {
            broadcast::zip((x, a_shape), (y, b_shape), &shape, |a, b| operation.i32(a, b)).into()
        }
        (Elements::I64(_), Elements::I64(_)) | (Elements::I32(_), Elements::I32(_)) => {
            return Err(EvalError::Value("a division of integers by zero"));
        }
        _ => return Err(b.wrong_kind(input)),
    };
    Tensor::new(shape, elements)
}

/// `a` to the power `b`, in the type of `a`.
fn pow(inputs: &Inputs, budget: &Budget) -> Results {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    let shape = broadcast::shape(a.shape(), b.shape())?;
    budget.take_shape(&shape)?;
    let exponents = b.as_f64(1)?;
    let exponents = (&exponents[..], b.shape());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "onnxruntime computes the powers of integers in floating point"
    )]
    let elements: Elements = match a.elements() {
        Elements::F32(x) => broadcast::zip((x, a.shape()), exponents, &shape, |a, b| power_f32(a, b as f32)).into(),
        Elements::F64(x) => broadcast::zip((x, a.shape()), exponents, &shape, f64::powf).into(),
        Elements::I64(x) => broadcast::zip((x, a.shape()), exponents, &shape, |a, b| (a as f64).powf(b) as i64).into(),
        Elements::I32(x) => {
            broadcast::zip((x, a.shape()), exponents, &shape, |a, b| f64::from(a).powf(b) as i32).into()
        }
        _ => return Err(a.wrong_kind(0)),
    };
    one(Tensor::new(shape, elements)?)
}

#[expect(clippy::float_cmp, reason = "onnxruntime multiplies for exactly these exponents")]
fn power_f32(a: f32, b: f32) -> f32 {
    if b == 2.0 {
        a * a
    } else if b == 3.0 {
        a * a * a
    } else {
        a.powf(b)
    }
}
