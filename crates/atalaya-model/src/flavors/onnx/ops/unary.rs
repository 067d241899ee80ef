//! Operators of one number, element by element.

use super::{Budget, Compiled, Inputs, Results, Row, Spec, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Tensor};

pub(super) static OPERATORS: &[Row] = &[
    row("Abs", |_| signed(f64::abs, f32::abs, i64::wrapping_abs)),
    row("Neg", |_| signed(|x| -x, |x| -x, i64::wrapping_neg)),
    row("Sign", |_| signed(sign, sign_f32, i64::signum)),
    row("Relu", |_| {
        signed(
            |x| if x < 0.0 { 0.0 } else { x },
            |x| if x < 0.0 { 0.0 } else { x },
            |x| x.max(0),
        )
    }),
    row("Floor", |_| floats(f64::floor, f32::floor)),
    row("Ceil", |_| floats(f64::ceil, f32::ceil)),
    row("Round", |_| floats(f64::round_ties_even, f32::round_ties_even)),
    row("Sqrt", |_| floats(f64::sqrt, f32::sqrt)),
    row("Reciprocal", |_| floats(|x| 1.0 / x, |x| 1.0 / x)),
    row("Exp", |_| floats(f64::exp, f32::exp)),
    row("Log", |_| floats(f64::ln, f32::ln)),
    row("Sin", |_| floats(f64::sin, f32::sin)),
    row("Cos", |_| floats(f64::cos, f32::cos)),
    row("Tan", |_| floats(f64::tan, f32::tan)),
    row("Asin", |_| floats(f64::asin, f32::asin)),
    row("Acos", |_| floats(f64::acos, f32::acos)),
    row("Atan", |_| floats(f64::atan, f32::atan)),
    row("Sinh", |_| floats(f64::sinh, f32::sinh)),
    row("Cosh", |_| floats(f64::cosh, f32::cosh)),
    row("Tanh", |_| floats(f64::tanh, f32::tanh)),
    row("Erf", |_| wide(erf)),
    row("Sigmoid", |_| wide(|x| 1.0 / (1.0 + (-x).exp()))),
    row("Softplus", |_| wide(softplus)),
    row("Softsign", |_| wide(|x| x / (1.0 + x.abs()))),
    row("Mish", |_| wide(|x| x * softplus(x).tanh())),
    row("Gelu", compile_gelu),
    row("Elu", |spec| {
        let alpha = f64::from(spec.float_or("alpha", 1.0));
        wide(move |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
    }),
    row("Celu", |spec| {
        let alpha = f64::from(spec.float_or("alpha", 1.0));
        wide(move |x| if x > 0.0 { x } else { alpha * (x / alpha).exp_m1() })
    }),
    row("Selu", |spec| {
        let alpha = f64::from(spec.float_or("alpha", 1.673_263_2));
        let gamma = f64::from(spec.float_or("gamma", 1.050_701));
        wide(move |x| gamma * if x > 0.0 { x } else { alpha * x.exp_m1() })
    }),
    row("LeakyRelu", |spec| {
        let alpha = f64::from(spec.float_or("alpha", 0.01));
        wide(move |x| if x < 0.0 { alpha * x } else { x })
    }),
    row("ThresholdedRelu", |spec| {
        let alpha = f64::from(spec.float_or("alpha", 1.0));
        wide(move |x| if x > alpha { x } else { 0.0 })
    }),
    row("HardSigmoid", |spec| {
        let alpha = f64::from(spec.float_or("alpha", 0.2));
        let beta = f64::from(spec.float_or("beta", 0.5));
        wide(move |x| (alpha * x + beta).clamp(0.0, 1.0))
    }),
    row("HardSwish", |_| wide(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))),
    row("Clip", compile_clip),
];

/// An operation on floats, in the tensor's own precision.
fn floats(f64: fn(f64) -> f64, f32: fn(f32) -> f32) -> Compiled {
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        budget.take(input.len())?;
        let elements: Elements = match input.elements() {
            Elements::F32(values) => values.iter().map(|value| f32(*value)).collect::<Vec<_>>().into(),
            Elements::F64(values) => values.iter().map(|value| f64(*value)).collect::<Vec<_>>().into(),
            _ => return Err(input.wrong_kind(0)),
        };
        one(Tensor::new(input.shape().to_vec(), elements)?)
    }))
}

/// An operation on floats, computed in double and rounded to the tensor's precision.
fn wide(operation: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Compiled {
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        budget.take(input.len())?;
        #[expect(clippy::cast_possible_truncation, reason = "the tensor's own precision")]
        let elements: Elements = match input.elements() {
            Elements::F32(values) => (values.iter())
                .map(|value| operation(f64::from(*value)) as f32)
                .collect::<Vec<_>>()
                .into(),
            Elements::F64(values) => values.iter().map(|value| operation(*value)).collect::<Vec<_>>().into(),
            _ => return Err(input.wrong_kind(0)),
        };
        one(Tensor::new(input.shape().to_vec(), elements)?)
    }))
}

/// An operation on any signed numbers.
fn signed(f64: fn(f64) -> f64, f32: fn(f32) -> f32, i64: fn(i64) -> i64) -> Compiled {
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        budget.take(input.len())?;
        #[expect(clippy::cast_possible_truncation, reason = "wrapping, as in C")]
        let elements: Elements = match input.elements() {
            Elements::F32(values) => values.iter().map(|value| f32(*value)).collect::<Vec<_>>().into(),
            Elements::F64(values) => values.iter().map(|value| f64(*value)).collect::<Vec<_>>().into(),
            Elements::I64(values) => values.iter().map(|value| i64(*value)).collect::<Vec<_>>().into(),
            Elements::I32(values) => (values.iter())
                .map(|value| i64(i64::from(*value)) as i32)
                .collect::<Vec<_>>()
                .into(),
            _ => return Err(input.wrong_kind(0)),
        };
        one(Tensor::new(input.shape().to_vec(), elements)?)
    }))
}

fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        // Zero, or NaN.
        x
    }
}

fn sign_f32(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        // Zero, or NaN.
        x
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn compile_gelu(spec: &Spec<'_>) -> Compiled {
    if spec.choice("approximate", false, &[("none", false), ("tanh", true)])? {
        return wide(|x| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + inner.tanh())
        });
    }
    wide(|x| 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)))
}

/// The error function, to about 1e-15: a series below 2.5, else a continued fraction of its complement
/// (Abramowitz and Stegun 7.1.6 and 7.1.14).
fn erf(x: f64) -> f64 {
    let size = x.abs();
    if x.is_nan() {
        return x;
    }
    if size > 6.0 {
        return 1.0f64.copysign(x);
    }
    let scale = (-x * x).exp() / std::f64::consts::PI.sqrt();
    let value = if size < 2.5 {
        let (mut term, mut sum) = (size, size);
        for n in 1..80 {
            term *= 2.0 * size * size / f64::from(2 * n + 1);
            sum += term;
        }
        2.0 * scale * sum
    } else {
        let mut fraction = 0.0;
        for n in (1..60).rev() {
            fraction = f64::from(n) / 2.0 / (size + fraction);
        }
        1.0 - scale / (size + fraction)
    };
    value.copysign(x)
}

/// Numbers cut at a lower and an upper bound, from attributes (opset 6) or inputs (from 11 on).
fn compile_clip(spec: &Spec<'_>) -> Compiled {
    let (low, high) = (spec.float("min"), spec.float("max"));
    let old = spec.opset < 11;
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| -> Results {
        let input = inputs.get(0)?;
        budget.take(input.len())?;
        let bound = |position: usize, attribute: Option<f32>| -> Result<Option<f64>, EvalError> {
            match inputs.optional(position) {
                _ if old => Ok(attribute.map(f64::from)),
                None => Ok(None),
                Some(bound) => match bound.as_f64(position)?[..] {
                    [value] => Ok(Some(value)),
                    _ => Err(EvalError::Shape("a bound is not one number")),
                },
            }
        };
        let (low, high) = (bound(1, low)?, bound(2, high)?);
        let cut = |value: f64| {
            let value = low.map_or(value, |low| if value < low { low } else { value });
            high.map_or(value, |high| if value > high { high } else { value })
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "values and bounds are of one type, which doubles hold but for large int64"
        )]
        let elements: Elements = match input.elements() {
            Elements::F32(values) => (values.iter())
                .map(|value| cut(f64::from(*value)) as f32)
                .collect::<Vec<_>>()
                .into(),
            Elements::F64(values) => values.iter().map(|value| cut(*value)).collect::<Vec<_>>().into(),
            Elements::I64(values) => values
                .iter()
                .map(|value| cut(*value as f64) as i64)
                .collect::<Vec<_>>()
                .into(),
            Elements::I32(values) => (values.iter())
                .map(|value| cut(f64::from(*value)) as i32)
                .collect::<Vec<_>>()
                .into(),
            _ => return Err(input.wrong_kind(0)),
        };
        one(Tensor::new(input.shape().to_vec(), elements)?)
    }))
}
