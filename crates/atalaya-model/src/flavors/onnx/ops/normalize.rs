//! Softmax and the normalisations of networks, over one axis or several.

use std::sync::Arc;

use super::select::around;
use super::{Budget, Compiled, Inputs, Row, Spec, axis, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Tensor};

pub(super) static OPERATORS: &[Row] = &[
    row("Softmax", |spec| compile_softmax(spec, Softmax::Plain)),
    row("LogSoftmax", |spec| compile_softmax(spec, Softmax::Log)),
    row("Hardmax", |spec| compile_softmax(spec, Softmax::Hard)),
    row("LpNormalization", compile_lp),
    row("BatchNormalization", compile_batch),
    row("LayerNormalization", compile_layer),
];

#[derive(Clone, Copy)]
enum Softmax {
    Plain,
    Log,
    Hard,
}

/// A tensor's floats as doubles, changed list by list along an axis, in the tensor's own precision again.
fn along(
    input: &Tensor,
    (rows, size, inner): (usize, usize, usize),
    budget: &Budget,
    change: impl Fn(&mut [f64]),
) -> Result<Tensor, EvalError> {
    budget.take(input.len())?;
    if !matches!(input.elements(), Elements::F32(_) | Elements::F64(_)) {
        return Err(input.wrong_kind(0));
    }
    let mut values = input.as_f64(0)?;
    let mut list = vec![0.0; size];
    for start in (0..rows).flat_map(|row| (0..inner).map(move |column| row * size * inner + column)) {
        for (place, value) in list.iter_mut().enumerate() {
            *value = values[start + place * inner];
        }
        change(&mut list);
        for (place, value) in list.iter().enumerate() {
            values[start + place * inner] = *value;
        }
    }
    rounded(input, values)
}

/// Doubles in the precision and shape of `like`.
fn rounded(like: &Tensor, values: Vec<f64>) -> Result<Tensor, EvalError> {
    #[expect(clippy::cast_possible_truncation, reason = "the tensor's own precision")]
    let elements: Elements = match like.elements() {
        Elements::F64(_) => values.into(),
        _ => values.into_iter().map(|value| value as f32).collect::<Vec<_>>().into(),
    };
    Tensor::new(like.shape().to_vec(), elements)
}

fn compile_softmax(spec: &Spec<'_>, kind: Softmax) -> Compiled {
    // Before opset 13 all axes from the given one on are one list.
    let flat = spec.opset < 13;
    let at = spec.int_or("axis", if flat { 1 } else { -1 });
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let at = axis(at, input.rank())?;
        let (rows, size, inner) = around(input.shape(), at);
        let lists = if flat {
            (rows, size * inner, 1)
        } else {
            (rows, size, inner)
        };
        one(along(input, lists, budget, |list| softmax(kind, list))?)
    }))
}

fn softmax(kind: Softmax, list: &mut [f64]) {
    let most = list.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match kind {
        Softmax::Plain => {
            let mut sum = 0.0;
            for value in list.iter_mut() {
                *value = (*value - most).exp();
                sum += *value;
            }
            list.iter_mut().for_each(|value| *value /= sum);
        }
        Softmax::Log => {
            let sum: f64 = list.iter().map(|value| (value - most).exp()).sum();
            list.iter_mut().for_each(|value| *value = *value - most - sum.ln());
        }
        Softmax::Hard => {
            #[expect(clippy::float_cmp, reason = "the largest is one of them")]
            let first = list.iter().position(|value| *value == most);
            for (place, value) in list.iter_mut().enumerate() {
                *value = f64::from(u8::from(Some(place) == first));
            }
        }
    }
}

fn compile_lp(spec: &Spec<'_>) -> Compiled {
    let at = spec.int_or("axis", -1);
    let one_norm = match spec.int_or("p", 2) {
        1 => true,
        2 => false,
        _ => return spec.content("attribute `p` is neither 1 nor 2"),
    };
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let lists = around(input.shape(), axis(at, input.rank())?);
        one(along(input, lists, budget, |list| {
            let norm = if one_norm {
                list.iter().map(|value| value.abs()).sum::<f64>()
            } else {
                list.iter().map(|value| value * value).sum::<f64>().sqrt()
            };
            if norm != 0.0 {
                list.iter_mut().for_each(|value| *value /= norm);
            }
        })?)
    }))
}

/// `(x - mean) / sqrt(var + epsilon) * scale + bias`, per channel (the second dimension), with stored mean and variance.
fn compile_batch(spec: &Spec<'_>) -> Compiled {
    let epsilon = f64::from(spec.float_or("epsilon", 1e-5));
    if spec.flag("training_mode", false) || spec.outputs > 1 {
        return spec.unsupported("it is in training mode");
    }
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let &[_, channels, ..] = input.shape() else {
            return Err(EvalError::Shape("there is no channel"));
        };
        budget.take(input.len())?;
        let per_channel = |position: usize| -> Result<Vec<f64>, EvalError> {
            let values = inputs.get(position)?.as_f64(position)?;
            match values.len() == channels {
                true => Ok(values),
                false => Err(EvalError::Shape("there is not one parameter per channel")),
            }
        };
        let [scale, bias, mean, variance] = [per_channel(1)?, per_channel(2)?, per_channel(3)?, per_channel(4)?];
        let inner: usize = input.shape()[2..].iter().product();
        let mut values = input.as_f64(0)?;
        for (at, value) in values.iter_mut().enumerate() {
            let channel = at / inner % channels;
            *value = (*value - mean[channel]) / (variance[channel] + epsilon).sqrt() * scale[channel] + bias[channel];
        }
        one(rounded(input, values)?)
    }))
}

/// `(x - mean) / sqrt(var + epsilon) * scale + bias` over the dimensions from an axis on.
fn compile_layer(spec: &Spec<'_>) -> Compiled {
    let (at, epsilon) = (spec.int_or("axis", -1), f64::from(spec.float_or("epsilon", 1e-5)));
    if spec.outputs > 1 {
        return spec.unsupported("its mean and deviation are not understood as outputs");
    }
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let at = axis(at, input.rank())?;
        let size: usize = input.shape()[at..].iter().product();
        let scale = inputs.get(1)?.as_f64(1)?;
        let bias = inputs.optional(2).map(|bias| bias.as_f64(2)).transpose()?;
        if scale.len() != size || bias.as_ref().is_some_and(|bias| bias.len() != size) {
            return Err(EvalError::Shape("there is not one scale per place"));
        }
        let rows = input.shape()[..at].iter().product();
        let result = along(input, (rows, size, 1), budget, |list| {
            #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
            let count = list.len() as f64;
            let mean = list.iter().sum::<f64>() / count;
            let variance = list.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
            for (place, value) in list.iter_mut().enumerate() {
                let shift = bias.as_ref().map_or(0.0, |bias| bias[place]);
                *value = (*value - mean) / (variance + epsilon).sqrt() * scale[place] + shift;
            }
        })?;
        Ok(vec![Arc::new(result)])
    }))
}
