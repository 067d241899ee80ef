//! Operators that look elements up: label encoders and one-hot encoders.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::ops::{Budget, Compiled, Inputs, one};
use crate::flavors::onnx::attributes::Spec;
use crate::flavors::onnx::error::{EvalError, OnnxError};
use crate::flavors::onnx::tensor::{Elements, Tensor};

/// An element as a key: floats by their bits, with one zero and one NaN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Int(i64),
    Float(u64),
    Text(Arc<str>),
}

fn float_key(value: f64) -> Key {
    Key::Float(if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        (value + 0.0).to_bits()
    })
}

fn keys(elements: &Elements) -> Option<Vec<Key>> {
    Some(match elements {
        Elements::I64(values) => values.iter().map(|value| Key::Int(*value)).collect(),
        Elements::F32(values) => values.iter().map(|value| float_key(f64::from(*value))).collect(),
        Elements::F64(values) => values.iter().map(|value| float_key(*value)).collect(),
        Elements::Text(values) => values.iter().map(|value| Key::Text(Arc::clone(value))).collect(),
        Elements::I32(values) => values.iter().map(|value| Key::Int(i64::from(*value))).collect(),
        Elements::Bool(_) => return None,
    })
}

/// `keys_<suffix>` or `values_<suffix>`, of whichever type the node has.
fn list(spec: &Spec<'_>, name: &str) -> Result<Option<Elements>, OnnxError> {
    let (texts, ints, floats) = (
        format!("{name}_strings"),
        format!("{name}_int64s"),
        format!("{name}_floats"),
    );
    if let Some(tensor) = spec.tensor(&format!("{name}_tensor"))? {
        return Ok(Some(tensor.elements().clone()));
    }
    Ok(if spec.has(&texts) {
        Some(spec.texts(&texts).into())
    } else if spec.has(&ints) {
        Some(spec.ints(&ints).into())
    } else if spec.has(&floats) {
        Some(spec.floats(&floats).into())
    } else {
        None
    })
}

/// What an unknown key becomes, in the type of the values.
fn default(spec: &Spec<'_>, values: &Elements) -> Result<Elements, OnnxError> {
    let given = spec.tensor("default_tensor")?.map(|tensor| tensor.elements().clone());
    Ok(match (values, given) {
        (values, Some(given)) if given.kind() == values.kind() && given.len() == 1 => given,
        (_, Some(_)) => return spec.content("attribute `default_tensor` is not one element of the values' type"),
        (Elements::Text(_), None) => vec![Arc::from(spec.text("default_string")?.unwrap_or("_Unused"))].into(),
        (Elements::I64(_), None) => vec![spec.int_or("default_int64", -1)].into(),
        (Elements::F32(_), None) => vec![spec.float_or("default_float", -0.0)].into(),
        (Elements::F64(_), None) => vec![-0.0f64].into(),
        (Elements::I32(_), None) => vec![-1i32].into(),
        (Elements::Bool(_), None) => return spec.unsupported("it encodes as true and false"),
    })
}

/// Elements by what they are mapped to.
struct Lookup {
    places: HashMap<Key, usize>,
    /// The values, then the default.
    values: Elements,
}

impl Lookup {
    fn new(spec: &Spec<'_>, from: &Elements, values: Elements) -> Result<Self, OnnxError> {
        if from.len() != values.len() {
            return spec.content("keys and values are not as many");
        }
        let Some(keys) = keys(from) else {
            return spec.unsupported("its keys are of a type that is not understood");
        };
        let mut places = HashMap::with_capacity(keys.len());
        for (place, key) in keys.into_iter().enumerate() {
            places.entry(key).or_insert(place);
        }
        if spec.opset < 4 {
            // Up to version 2 onnxruntime compares keys by `==`, which no NaN passes.
            places.remove(&float_key(f64::NAN));
        }
        let default = default(spec, &values)?;
        macro_rules! extended {
            ($values:expr, $default:expr) => {{
                let mut all = $values;
                all.extend($default);
                all.into()
            }};
        }
        let values = match (values, default) {
            (Elements::F32(values), Elements::F32(default)) => extended!(values, default),
            (Elements::F64(values), Elements::F64(default)) => extended!(values, default),
            (Elements::I64(values), Elements::I64(default)) => extended!(values, default),
            (Elements::I32(values), Elements::I32(default)) => extended!(values, default),
            (Elements::Text(values), Elements::Text(default)) => extended!(values, default),
            _ => return spec.unsupported("its values are of a type that is not understood"),
        };
        Ok(Self { places, values })
    }

    fn apply(&self, input: &Tensor) -> Result<Tensor, EvalError> {
        let keys = keys(input.elements()).ok_or_else(|| input.wrong_kind(0))?;
        let unknown = self.values.len() - 1;
        let places = keys.iter().map(|key| self.places.get(key).copied().unwrap_or(unknown));
        let elements: Elements = match &self.values {
            Elements::F32(values) => places.map(|place| values[place]).collect::<Vec<_>>().into(),
            Elements::F64(values) => places.map(|place| values[place]).collect::<Vec<_>>().into(),
            Elements::I64(values) => places.map(|place| values[place]).collect::<Vec<_>>().into(),
            Elements::I32(values) => places.map(|place| values[place]).collect::<Vec<_>>().into(),
            Elements::Bool(values) => places.map(|place| values[place]).collect::<Vec<_>>().into(),
            Elements::Text(values) => places
                .map(|place| Arc::clone(&values[place]))
                .collect::<Vec<_>>()
                .into(),
        };
        Tensor::new(input.shape().to_vec(), elements)
    }
}

/// Keys to values; version 1 has a list of texts whose values are their positions, in both directions.
pub(super) fn label_encoder(spec: &Spec<'_>) -> Compiled {
    if spec.has("classes_strings") {
        return positions(spec, spec.texts("classes_strings"));
    }
    let (Some(from), Some(to)) = (list(spec, "keys")?, list(spec, "values")?) else {
        return spec.content("it has no keys or no values");
    };
    let lookup = Lookup::new(spec, &from, to)?;
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        budget.take(inputs.get(0)?.len())?;
        one(lookup.apply(inputs.get(0)?)?)
    }))
}

fn positions(spec: &Spec<'_>, texts: Vec<Arc<str>>) -> Compiled {
    let ints: Vec<i64> = (0i64..).take(texts.len()).collect();
    let to_int = Lookup::new(spec, &texts.clone().into(), ints.clone().into())?;
    let to_text = Lookup::new(spec, &ints.into(), texts.into())?;
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        budget.take(input.len())?;
        one(match input.elements() {
            Elements::Text(_) => to_int.apply(input)?,
            _ => to_text.apply(input)?,
        })
    }))
}

pub(super) fn category_mapper(spec: &Spec<'_>) -> Compiled {
    let (texts, ints) = (spec.texts("cats_strings"), spec.ints("cats_int64s"));
    let to_int = Lookup::new(spec, &texts.clone().into(), ints.clone().into())?;
    let to_text = Lookup::new(spec, &ints.into(), texts.into())?;
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        budget.take(input.len())?;
        one(match input.elements() {
            Elements::Text(_) => to_int.apply(input)?,
            _ => to_text.apply(input)?,
        })
    }))
}

/// A one at the place of the category, zeros elsewhere, in a new last dimension.
pub(super) fn one_hot(spec: &Spec<'_>) -> Compiled {
    let (ints, texts) = (spec.ints("cats_int64s"), spec.texts("cats_strings"));
    let zeros = spec.flag("zeros", true);
    let known: Vec<Key> = match (ints.is_empty(), texts.is_empty()) {
        (false, true) => ints.into_iter().map(Key::Int).collect(),
        (true, false) => texts.into_iter().map(Key::Text).collect(),
        _ => return spec.content("it has no categories, or two kinds of them"),
    };
    let width = known.len();
    // Of a category that is listed twice, the last place counts.
    let places: HashMap<Key, usize> = known.into_iter().enumerate().map(|(place, key)| (key, place)).collect();
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        let input = inputs.get(0)?;
        let mut shape = input.shape().to_vec();
        shape.push(width);
        let count = budget.take_shape(&shape)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "onnxruntime casts numbers to int64 to look them up"
        )]
        let keys = match input.elements() {
            Elements::F32(values) => values.iter().map(|value| Key::Int(*value as i64)).collect(),
            Elements::F64(values) => values.iter().map(|value| Key::Int(*value as i64)).collect(),
            elements => keys(elements).ok_or_else(|| input.wrong_kind(0))?,
        };
        let mut out = vec![0.0f32; count];
        for (row, key) in keys.iter().enumerate() {
            match places.get(key) {
                Some(place) => out[row * width + place] = 1.0,
                None if zeros || budget.trial => {}
                None => return Err(EvalError::Value("a category that the model was not fitted on")),
            }
        }
        one(Tensor::new(shape, out)?)
    }))
}
