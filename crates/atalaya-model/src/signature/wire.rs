//! The JSON text forms in which `MLmodel` carries a signature.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{ColumnSpec, ColumnType, OutputSpec, ParamSpec, Signature, SignatureError};

/// One element of `inputs` or `outputs`. Fields that are not read here (`properties`, `items`) belong to nested types.
#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    required: Option<bool>,
    optional: Option<bool>,
    #[serde(rename = "tensor-spec")]
    tensor: Option<TensorWire>,
}

#[derive(Deserialize)]
struct TensorWire {
    dtype: String,
    shape: Vec<i64>,
}

#[derive(Deserialize)]
struct ParamWire {
    name: String,
    /// `dtype` in files of older versions.
    #[serde(rename = "type", alias = "dtype")]
    kind: String,
    default: Option<Box<RawValue>>,
    shape: Option<Vec<i64>>,
}

pub(super) fn parse(inputs: &str, outputs: Option<&str>, params: Option<&str>) -> Result<Signature, SignatureError> {
    let inputs: Vec<Wire> = json("inputs", inputs)?;
    let outputs: Vec<Wire> = outputs.map_or(Ok(Vec::new()), |text| json("outputs", text))?;
    let params: Vec<ParamWire> = params.map_or(Ok(Vec::new()), |text| json("params", text))?;
    let outputs = outputs.into_iter().map(output).collect();
    let params = params.into_iter().map(param).collect();
    if inputs.len() > super::MAX_COLUMNS {
        return Err(SignatureError::TooWide);
    }
    if let [
        Wire {
            name: None,
            tensor: Some(tensor),
            ..
        },
    ] = inputs.as_slice()
    {
        return unnamed_tensor(tensor, outputs, params);
    }
    let positional = !inputs.is_empty() && inputs.iter().all(|input| input.name.is_none());
    let columns = inputs
        .into_iter()
        .enumerate()
        .map(|(position, input)| column(position, input, positional));
    Signature::build(columns.collect::<Result<_, _>>()?, outputs, params, positional)
}

fn json<T: DeserializeOwned>(part: &'static str, text: &str) -> Result<T, SignatureError> {
    serde_json::from_str(text).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "unexpected shape",
            serde_json::error::Category::Eof => "unexpected end",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "bad syntax",
        };
        SignatureError::Json {
            part,
            problem,
            line: error.line(),
            column: error.column(),
        }
    })
}

fn unnamed_tensor(
    tensor: &TensorWire,
    outputs: Vec<OutputSpec>,
    params: Vec<ParamSpec>,
) -> Result<Signature, SignatureError> {
    let unsupported = |reason| SignatureError::Unsupported { position: 0, reason };
    let kind = dtype(&tensor.dtype).ok_or(unsupported("its dtype has no column type"))?;
    let width = match tensor.shape.as_slice() {
        [_] => 1,
        [_, width] => usize::try_from(*width).map_err(|_| unsupported("the number of columns is open"))?,
        _ => return Err(unsupported("it is a tensor of more than two dimensions")),
    };
    let mut signature = Signature::of_array(kind, width)?;
    (signature.outputs, signature.params) = (outputs, params);
    Ok(signature)
}

fn column(position: usize, input: Wire, positional: bool) -> Result<ColumnSpec, SignatureError> {
    let unsupported = |reason| SignatureError::Unsupported { position, reason };
    let required = input.required.unwrap_or(!input.optional.unwrap_or(false));
    let kind = match input.tensor {
        None => ColumnType::parse(&input.kind).ok_or_else(|| unsupported(no_column(&input.kind)))?,
        Some(tensor) if matches!(tensor.shape.as_slice(), [_] | [_, 1]) => {
            dtype(&tensor.dtype).ok_or(unsupported("its dtype has no column type"))?
        }
        Some(_) => return Err(unsupported("it is a tensor of more than one column")),
    };
    let name = if positional {
        position.to_string()
    } else {
        input.name.ok_or(unsupported("it has no name"))?
    };
    Ok(ColumnSpec { name, kind, required })
}

fn output(wire: Wire) -> OutputSpec {
    match wire.tensor {
        Some(tensor) => OutputSpec {
            name: wire.name,
            dtype: tensor.dtype,
            shape: tensor.shape,
        },
        None => OutputSpec {
            name: wire.name,
            dtype: wire.kind,
            shape: Vec::new(),
        },
    }
}

fn param(wire: ParamWire) -> ParamSpec {
    let default = wire
        .default
        .map_or_else(|| "null".to_owned(), |raw| raw.get().to_owned());
    ParamSpec {
        name: wire.name,
        dtype: wire.kind,
        default,
        list: wire.shape.is_some(),
    }
}

/// Why a word of MLflow is no column's type.
fn no_column(kind: &str) -> &'static str {
    match kind {
        "array" => "its type is `array`, a list in each row",
        "object" => "its type is `object`, a record in each row",
        "map" => "its type is `map`, a record in each row",
        "any" => "its type is `any`",
        _ => "its type is unknown",
    }
}

/// numpy dtypes that have a column type. Unsigned and half-precision ones have none that holds all of their values.
fn dtype(name: &str) -> Option<ColumnType> {
    Some(match name {
        "int64" => ColumnType::Long,
        "int8" | "int16" | "int32" | "uint8" | "uint16" => ColumnType::Integer,
        "uint32" => ColumnType::Long,
        "float64" => ColumnType::Double,
        "float32" => ColumnType::Float,
        "bool" => ColumnType::Boolean,
        "str" | "object" => ColumnType::String,
        _ => return None,
    })
}
