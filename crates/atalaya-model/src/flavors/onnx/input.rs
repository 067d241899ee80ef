//! From columns to the tensors of a graph's inputs, as MLflow passes a frame to onnxruntime: one input gets all columns
//! as a matrix; of several, each gets the column of its name. Doubles become float32 where the graph takes float32.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};

use super::error::{OnnxError, shown};
use super::proto::ValueType;
use super::tensor::{Elements, Kind, Tensor};
use crate::predictor::PredictError;
use crate::signature::{ColumnSpec, ColumnType, MAX_COLUMNS, Signature};

/// One input of the graph.
pub(super) struct Input {
    kind: Kind,
    /// Positions of its columns in the signature.
    columns: Vec<usize>,
    /// Whether it is a list rather than a matrix.
    list: bool,
}

/// The inputs, and the signature that their columns are taken from.
pub(super) fn inputs(
    types: &[&ValueType<'_>],
    declared: Option<&Signature>,
) -> Result<(Vec<Input>, Signature), OnnxError> {
    let mut wanted = Vec::new();
    for value in types {
        let place = format!("input `{}`", shown(value.name));
        let Some(kind) = value.kind.and_then(Kind::of_code) else {
            return Err(OnnxError::unsupported(
                place,
                "it is no tensor of a type that columns have",
            ));
        };
        let width = match value.shape.as_deref() {
            Some([_]) => Some((true, Some(1))),
            Some([_, width]) => Some((
                false,
                width
                    .and_then(|width| usize::try_from(width).ok())
                    .filter(|width| *width > 0),
            )),
            Some(_) => None,
            None => Some((false, None)),
        };
        let Some((list, width)) = width else {
            return Err(OnnxError::unsupported(
                place,
                "it has more than two dimensions, which no columns fill",
            ));
        };
        wanted.push((value.name, place, kind, list, width));
    }
    let signature = match declared {
        Some(signature) => signature.clone(),
        None => own_signature(&wanted)?,
    };
    let single = wanted.len() == 1;
    let mut found = Vec::new();
    for (name, place, kind, list, width) in wanted {
        let columns = if single {
            (0..signature.inputs().len()).collect()
        } else {
            match signature.position(name) {
                Some(position) => vec![position],
                None => return Err(OnnxError::unsupported(place, "the signature has no column of its name")),
            }
        };
        if width.is_some_and(|width| width != columns.len()) {
            return Err(OnnxError::unsupported(
                place,
                "it has another number of columns than the signature",
            ));
        }
        for position in &columns {
            if !takes(kind, signature.inputs()[*position].kind) {
                let column = shown(&signature.inputs()[*position].name);
                let problem = format!("column `{column}` of the signature is of a type that it does not take");
                return Err(OnnxError::unsupported(place, problem));
            }
        }
        found.push(Input { kind, columns, list });
    }
    Ok((found, signature))
}

type Wanted<'a> = (&'a str, String, Kind, bool, Option<usize>);

/// What the graph itself says, when `MLmodel` declares nothing.
fn own_signature(wanted: &[Wanted<'_>]) -> Result<Signature, OnnxError> {
    let own = |kind: Kind| match kind {
        Kind::F32 | Kind::F64 => ColumnType::Double,
        Kind::I64 => ColumnType::Long,
        Kind::I32 => ColumnType::Integer,
        Kind::Bool => ColumnType::Boolean,
        Kind::Text => ColumnType::String,
    };
    let signature = match wanted {
        [(_, place, kind, _, width)] => match width {
            Some(width) if *width <= MAX_COLUMNS => Signature::of_array(own(*kind), *width),
            Some(_) => return Err(OnnxError::unsupported(place.clone(), "it has too many columns")),
            None => {
                let problem = "neither it nor a signature says how many columns it has";
                return Err(OnnxError::unsupported(place.clone(), problem));
            }
        },
        wanted => {
            let columns = wanted
                .iter()
                .map(|(name, _, kind, _, _)| ColumnSpec::required(*name, own(*kind)));
            Signature::new(columns.collect(), Vec::new(), Vec::new())
        }
    };
    signature.map_err(|error| OnnxError::unsupported("the graph's inputs", error.to_string()))
}

/// Whether columns of a type can be elements of a kind.
fn takes(kind: Kind, column: ColumnType) -> bool {
    match kind {
        Kind::F32 | Kind::F64 => matches!(
            column,
            ColumnType::Double | ColumnType::Float | ColumnType::Long | ColumnType::Integer | ColumnType::Boolean
        ),
        Kind::I64 => matches!(column, ColumnType::Long | ColumnType::Integer),
        Kind::I32 => matches!(column, ColumnType::Integer),
        Kind::Bool => matches!(column, ColumnType::Boolean),
        Kind::Text => matches!(column, ColumnType::String),
    }
}

impl Input {
    /// The tensor of a batch.
    pub(super) fn read(&self, batch: &RecordBatch, signature: &Signature) -> Result<Tensor, PredictError> {
        let rows = batch.num_rows();
        let mut columns = Vec::with_capacity(self.columns.len());
        for position in &self.columns {
            let spec = &signature.inputs()[*position];
            let found = if signature.positional() {
                batch.columns().get(*position)
            } else {
                batch.column_by_name(&spec.name)
            };
            let column = found.filter(|column| *column.data_type() == spec.kind.arrow_type());
            columns.push(column.ok_or_else(|| PredictError::Column {
                column: spec.name.clone(),
                expected: format!("a column of type `{}`", spec.kind.as_str()),
            })?);
            if let Some(nulls) = columns.last().and_then(|column| column.nulls())
                && !matches!(self.kind, Kind::F32 | Kind::F64)
                && let Some(row) = (0..rows).find(|row| nulls.is_null(*row))
            {
                return Err(PredictError::Missing {
                    column: spec.name.clone(),
                    row,
                });
            }
        }
        let shape = if self.list {
            vec![rows]
        } else {
            vec![rows, columns.len()]
        };
        self.tensor(shape, &self.elements(&columns, rows))
    }

    /// As many rows of zeros or empty texts.
    pub(super) fn zeros(&self, rows: usize) -> Option<Tensor> {
        let count = rows.checked_mul(self.columns.len())?;
        let elements: Elements = match self.kind {
            Kind::F32 => vec![0.0f32; count].into(),
            Kind::F64 => vec![0.0f64; count].into(),
            Kind::I64 => vec![0i64; count].into(),
            Kind::I32 => vec![0i32; count].into(),
            Kind::Bool => vec![false; count].into(),
            Kind::Text => vec![Arc::<str>::from(""); count].into(),
        };
        let shape = if self.list {
            vec![rows]
        } else {
            vec![rows, self.columns.len()]
        };
        Tensor::new(shape, elements).ok()
    }

    fn tensor(&self, shape: Vec<usize>, elements: &Elements) -> Result<Tensor, PredictError> {
        Tensor::new(shape, elements.clone()).map_err(|error| PredictError::Evaluation {
            place: "the graph's inputs".to_owned(),
            problem: error.to_string(),
        })
    }

    /// Row after row. The columns have types that [`takes`] lets through.
    fn elements(&self, columns: &[&ArrayRef], rows: usize) -> Elements {
        let places = (0..rows).flat_map(|row| columns.iter().map(move |column| (*column, row)));
        match self.kind {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "as MLflow casts a frame for a graph of float32"
            )]
            Kind::F32 => places
                .map(|(column, row)| number(column, row) as f32)
                .collect::<Vec<_>>()
                .into(),
            Kind::F64 => places
                .map(|(column, row)| number(column, row))
                .collect::<Vec<_>>()
                .into(),
            Kind::I64 => places
                .map(|(column, row)| integer(column, row))
                .collect::<Vec<_>>()
                .into(),
            Kind::I32 => (places.map(|(column, row)| i32::try_from(integer(column, row)).unwrap_or(0)))
                .collect::<Vec<_>>()
                .into(),
            Kind::Bool => places
                .map(|(column, row)| column.as_boolean_opt().is_some_and(|column| column.value(row)))
                .collect::<Vec<_>>()
                .into(),
            Kind::Text => places
                .map(|(column, row)| Arc::from(column.as_string_opt::<i32>().map_or("", |column| column.value(row))))
                .collect::<Vec<Arc<str>>>()
                .into(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "as pandas makes one array of a frame's columns"
)]
fn number(column: &ArrayRef, row: usize) -> f64 {
    if column.is_null(row) {
        return f64::NAN;
    }
    if let Some(column) = column.as_primitive_opt::<Float64Type>() {
        column.value(row)
    } else if let Some(column) = column.as_primitive_opt::<Float32Type>() {
        f64::from(column.value(row))
    } else if let Some(column) = column.as_boolean_opt() {
        f64::from(u8::from(column.value(row)))
    } else {
        integer(column, row) as f64
    }
}

fn integer(column: &ArrayRef, row: usize) -> i64 {
    if let Some(column) = column.as_primitive_opt::<Int64Type>() {
        column.value(row)
    } else {
        column
            .as_primitive_opt::<Int32Type>()
            .map_or(0, |column| i64::from(column.value(row)))
    }
}
