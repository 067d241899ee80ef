//! `Cast`: elements in another type, texts written and read as onnxruntime does.

use std::sync::Arc;

use super::{Budget, Compiled, Inputs, Row, Spec, one, row};
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Kind, Tensor, numeric};

pub(super) static OPERATORS: &[Row] = &[
    row("Cast", compile),
    row("CastLike", |_| {
        Ok(Box::new(|inputs: &Inputs, budget: &Budget| {
            let to = inputs.get(1)?.kind();
            budget.take(inputs.get(0)?.len())?;
            one(cast(inputs.get(0)?, to)?)
        }))
    }),
];

fn compile(spec: &Spec<'_>) -> Compiled {
    let Some(code) = spec.int("to") else {
        return spec.content("attribute `to` is missing");
    };
    let Some(to) = Kind::of_code(code) else {
        return spec.unsupported("it casts to a type that is not understood");
    };
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        budget.take(inputs.get(0)?.len())?;
        if inputs.get(0)?.kind() == to {
            return Ok(vec![inputs.shared(0)?]);
        }
        one(cast(inputs.get(0)?, to)?)
    }))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_lossless,
    clippy::unnecessary_cast,
    reason = "casting is what the operator is for; integers are cut as in C, and saturate where C leaves it open"
)]
pub(in crate::flavors::onnx) fn cast(input: &Tensor, to: Kind) -> Result<Tensor, EvalError> {
    let elements: Elements = match (input.elements(), to) {
        (elements, to) if elements.kind() == to => elements.clone(),
        (Elements::Text(values), to) => parse(values, to)?,
        (Elements::Bool(values), to) => {
            let bits = values.iter().map(|value| u8::from(*value));
            match to {
                Kind::F32 => bits.map(f32::from).collect::<Vec<_>>().into(),
                Kind::F64 => bits.map(f64::from).collect::<Vec<_>>().into(),
                Kind::I64 => bits.map(i64::from).collect::<Vec<_>>().into(),
                Kind::I32 => bits.map(i32::from).collect::<Vec<_>>().into(),
                Kind::Bool | Kind::Text => bits.map(|bit| Arc::from(bit.to_string())).collect::<Vec<_>>().into(),
            }
        }
        (Elements::F32(values), Kind::Text) => {
            let texts = values.iter().map(|value| general(f64::from(*value), 8));
            texts.map(Arc::from).collect::<Vec<Arc<str>>>().into()
        }
        (Elements::F64(values), Kind::Text) => {
            let texts = values.iter().map(|value| general(*value, 17));
            texts.map(Arc::from).collect::<Vec<Arc<str>>>().into()
        }
        (Elements::I64(values), Kind::I32) => values.iter().map(|value| *value as i32).collect::<Vec<_>>().into(),
        (_, Kind::F32) => numeric!(0, input, values => values.iter().map(|v| *v as f32).collect::<Vec<_>>().into()),
        (_, Kind::F64) => numeric!(0, input, values => values.iter().map(|v| *v as f64).collect::<Vec<_>>().into()),
        (_, Kind::I64) => numeric!(0, input, values => values.iter().map(|v| *v as i64).collect::<Vec<_>>().into()),
        (_, Kind::I32) => numeric!(0, input, values => values.iter().map(|v| *v as i32).collect::<Vec<_>>().into()),
        (_, Kind::Bool) => {
            numeric!(0, input, values => values.iter().map(|v| *v as f64 != 0.0).collect::<Vec<_>>().into())
        }
        (_, Kind::Text) => numeric!(0, input, values => {
            values.iter().map(|v| Arc::from(v.to_string())).collect::<Vec<Arc<str>>>().into()
        }),
    };
    Tensor::new(input.shape().to_vec(), elements)
}

fn parse(values: &[Arc<str>], to: Kind) -> Result<Elements, EvalError> {
    fn all<T: std::str::FromStr>(values: &[Arc<str>]) -> Result<Vec<T>, EvalError> {
        let parsed = values.iter().map(|text| text.trim().parse::<T>());
        parsed
            .collect::<Result<_, _>>()
            .map_err(|_| EvalError::Value("a text is not a number"))
    }
    Ok(match to {
        Kind::F32 => all::<f32>(values)?.into(),
        Kind::F64 => all::<f64>(values)?.into(),
        Kind::I64 => all::<i64>(values)?.into(),
        Kind::I32 => all::<i32>(values)?.into(),
        Kind::Bool | Kind::Text => return Err(EvalError::Value("texts are not cast to that type")),
    })
}

/// C's `%.<digits>g`, with onnxruntime's words for what is not finite.
fn general(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let places = i32::try_from(digits).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= places {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(places - 1 - exponent).unwrap_or(0);
    trim(&format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_c_does() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1f32.into(), "0.1"),
            (1e-5, "1e-05"),
            (123_456_789.0, "1.2345679e+08"),
            (12_345_678.0, "12345678"),
            (1e20, "1e+20"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(general(value, 8), text);
        }
        assert_eq!(general(0.1, 17), "0.10000000000000001");
    }
}
