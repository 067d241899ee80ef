//! From the columns of a batch to float32, as XGBoost's own adapters convert them.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::types::{UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_schema::DataType;

use super::booster::Booster;
use super::categories::{Categories, code_of};
use super::error::XgboostError;
use crate::predictor::PredictError;
use crate::signature::{ColumnSpec, ColumnType, Signature};

/// The model's columns, and where a batch has them.
#[derive(Debug)]
pub(super) struct Input {
    columns: Vec<Column>,
    /// Whether the batch's names mean nothing.
    positional: bool,
    /// Whether infinite values are refused.
    finite: bool,
}

#[derive(Debug)]
struct Column {
    name: String,
    /// Where it usually is.
    position: usize,
    categories: Categories,
}

impl Input {
    /// Of a model that is asked with columns of `declared`, or of what it says of itself.
    pub(super) fn new(
        booster: &Booster<'_>,
        finite: bool,
        declared: Option<&Signature>,
    ) -> Result<(Self, Signature), XgboostError> {
        let signature = match declared {
            Some(signature) => signature.clone(),
            None => own_signature(booster)?,
        };
        // Without names of its own the model takes the columns as they come.
        let positional = signature.positional() || booster.names.is_empty();
        if positional && signature.inputs().len() != booster.features {
            return Err(XgboostError::unsupported(
                "the signature",
                "has not as many columns as the model",
            ));
        }
        let mut columns = Vec::with_capacity(booster.features);
        for (feature, categories) in booster.categories.iter().enumerate() {
            let position = match booster.names.get(feature) {
                Some(name) if !positional => signature.position(name).ok_or_else(|| {
                    let name = crate::signature::clip(name);
                    XgboostError::unsupported("the signature", format!("lacks the model's column `{name}`"))
                })?,
                _ => feature,
            };
            let input = &signature.inputs()[position];
            check(input, categories)?;
            columns.push(Column {
                name: input.name.clone(),
                position,
                categories: categories.clone(),
            });
        }
        let input = Self {
            columns,
            positional,
            finite,
        };
        Ok((input, signature))
    }

    /// Calls `each` with the model's columns of a batch.
    pub(super) fn read<'b>(&self, batch: &'b RecordBatch) -> Result<Vec<Cow<'b, [f32]>>, PredictError> {
        let schema = batch.schema_ref();
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let hinted = schema
                .fields()
                .get(column.position)
                .is_some_and(|field| self.positional || *field.name() == column.name);
            let found = if hinted {
                Some(batch.column(column.position))
            } else {
                batch.column_by_name(&column.name)
            };
            let found = found.ok_or_else(|| column.expected("a column of that name"))?;
            let values = column.singles(found)?;
            if self.finite {
                column.check_finite(&values)?;
            }
            columns.push(values);
        }
        Ok(columns)
    }
}

/// Whether a declared column can hold what the model takes.
fn check(input: &ColumnSpec, categories: &Categories) -> Result<(), XgboostError> {
    let usable = match (input.kind, categories) {
        (ColumnType::Datetime | ColumnType::Binary, _)
        | (ColumnType::String, Categories::None | Categories::Ints(_)) => false,
        (ColumnType::String, Categories::Codes | Categories::Texts(_)) => true,
        (_, Categories::Texts(_)) => false,
        _ => true,
    };
    if usable {
        return Ok(());
    }
    let (name, kind) = (crate::signature::clip(&input.name), input.kind.as_str());
    Err(XgboostError::unsupported(
        "the signature",
        format!("declares column `{name}` as {kind}, which is not what the model was trained on"),
    ))
}

/// Doubles, and text where the model knows categories by it.
fn own_signature(booster: &Booster<'_>) -> Result<Signature, XgboostError> {
    let text = |categories: &Categories| matches!(categories, Categories::Texts(_));
    let signature = if booster.names.is_empty() && !booster.categories.iter().any(text) {
        Signature::of_array(ColumnType::Double, booster.features)
    } else {
        let columns = booster.categories.iter().enumerate().map(|(feature, categories)| {
            let name = booster
                .names
                .get(feature)
                .map_or_else(|| feature.to_string(), |name| (*name).to_owned());
            let kind = if text(categories) {
                ColumnType::String
            } else {
                ColumnType::Double
            };
            ColumnSpec::required(name, kind)
        });
        Signature::new(columns.collect(), Vec::new(), Vec::new())
    };
    signature.map_err(|error| {
        XgboostError::unsupported("the learner", format!("has names that no signature takes: {error}"))
    })
}

impl Column {
    fn expected(&self, expected: impl Into<String>) -> PredictError {
        PredictError::Column {
            column: self.name.clone(),
            expected: expected.into(),
        }
    }

    fn check_finite(&self, values: &[f32]) -> Result<(), PredictError> {
        match values.iter().position(|value| value.is_infinite()) {
            None => Ok(()),
            Some(row) => Err(PredictError::NotFinite {
                column: self.name.clone(),
                row,
            }),
        }
    }

    /// The column as float32; NaN where it has no value.
    fn singles<'b>(&self, array: &'b ArrayRef) -> Result<Cow<'b, [f32]>, PredictError> {
        match (array.data_type(), &self.categories) {
            (DataType::Dictionary(..), _) => self.dictionary(array).map(Cow::Owned),
            (DataType::Utf8, Categories::Texts(known)) => {
                let texts = array.as_string::<i32>().iter();
                let code = |(row, text): (usize, Option<&str>)| match text {
                    None => Ok(f32::NAN),
                    Some(text) => known.code(text).ok_or_else(|| if known.lost { self.cut_off() } else { self.unknown(row) }),
                };
                texts.enumerate().map(code).collect::<Result<_, _>>().map(Cow::Owned)
            }
            (DataType::Utf8, Categories::Codes) => Err(self.expected(
                "categories as a dictionary in the order of the training data, since the model does not say which text has \
                 which code",
            )),
            (_, Categories::Ints(codes)) => {
                let values = numbers(array).ok_or_else(|| self.expected("a number"))?;
                let code = |(row, value): (usize, f64)| {
                    if value.is_nan() {
                        return Ok(f32::NAN);
                    }
                    let whole = whole(value).and_then(|value| codes.get(&value));
                    whole.copied().ok_or_else(|| self.unknown(row))
                };
                values.into_iter().enumerate().map(code).collect::<Result<_, _>>().map(Cow::Owned)
            }
            _ => singles(array).ok_or_else(|| self.expected("a number")),
        }
    }

    fn cut_off(&self) -> PredictError {
        self.expected("categories whose texts the model file has; the XGBoost that wrote it cut some of them off")
    }

    fn unknown(&self, row: usize) -> PredictError {
        PredictError::UnknownCategory {
            column: self.name.clone(),
            row,
        }
    }

    /// A column of categories: by their values where the model knows them, otherwise by their codes.
    fn dictionary(&self, array: &ArrayRef) -> Result<Vec<f32>, PredictError> {
        let dictionary = array.as_any_dictionary();
        let keys = arrow_array::make_array(dictionary.keys().to_data());
        let keys = singles(&keys)
            .ok_or_else(|| self.expected("a dictionary"))?
            .into_owned();
        if self.categories == Categories::Codes {
            return Ok(keys);
        }
        let values = match dictionary.values().data_type() {
            DataType::LargeUtf8 | DataType::Utf8View => {
                arrow_cast::cast(dictionary.values(), &DataType::Utf8).map_err(|_| self.expected("text"))?
            }
            _ => Arc::clone(dictionary.values()),
        };
        if let (Categories::Texts(known), Some(texts)) = (&self.categories, values.as_string_opt::<i32>())
            && known.lost
        {
            // Categories in the order of the training data have its codes, also those whose texts the file lacks.
            let mut each = texts.iter().enumerate();
            let same = each.all(|(code, text)| {
                text.and_then(|text| known.code(text))
                    .is_none_or(|own| own == code_of(code))
            });
            return if same { Ok(keys) } else { Err(self.cut_off()) };
        }
        // Of each category alone, since one that no row has may be unknown.
        let codes: Vec<Result<f32, PredictError>> = (0..values.len())
            .map(|code| self.singles(&values.slice(code, 1)).map(|value| value[0]))
            .collect();
        let positions = dictionary.normalized_keys();
        let rows = keys.iter().zip(positions).enumerate();
        let code = |(row, (key, position)): (usize, (&f32, usize))| match codes.get(position) {
            _ if key.is_nan() => Ok(f32::NAN),
            Some(Ok(code)) => Ok(*code),
            Some(Err(PredictError::UnknownCategory { .. })) => Err(self.unknown(row)),
            Some(Err(_)) | None => Err(self.expected("what the model was trained on")),
        };
        rows.map(code).collect()
    }
}

/// The integer that a double is, when it is one.
fn whole(value: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the result is compared with the double that it came from"
    )]
    let whole = value as i64;
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    (whole as f64 == value).then_some(whole)
}

fn numbers(array: &ArrayRef) -> Option<Vec<f64>> {
    let cast = arrow_cast::cast(array, &DataType::Float64).ok()?;
    let cast = cast.as_primitive_opt::<Float64Type>()?;
    Some(cast.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// Numbers of any type as float32, each rounded once.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "XGBoost converts the same way"
)]
fn singles(array: &ArrayRef) -> Option<Cow<'_, [f32]>> {
    Some(Cow::Owned(match array.data_type() {
        DataType::Float32 => {
            let floats = array.as_primitive::<Float32Type>();
            if floats.null_count() == 0 {
                return Some(Cow::Borrowed(floats.values()));
            }
            primitive::<Float32Type>(array, |x| x)
        }
        DataType::Float64 => primitive::<Float64Type>(array, |x| x as f32),
        DataType::Int64 => primitive::<Int64Type>(array, |x| x as f32),
        DataType::Int32 => primitive::<Int32Type>(array, |x| x as f32),
        DataType::Int16 => primitive::<Int16Type>(array, f32::from),
        DataType::Int8 => primitive::<Int8Type>(array, f32::from),
        DataType::UInt64 => primitive::<UInt64Type>(array, |x| x as f32),
        DataType::UInt32 => primitive::<UInt32Type>(array, |x| x as f32),
        DataType::UInt16 => primitive::<UInt16Type>(array, f32::from),
        DataType::UInt8 => primitive::<UInt8Type>(array, f32::from),
        DataType::Boolean => {
            let booleans = array.as_boolean().iter();
            booleans
                .map(|value| value.map_or(f32::NAN, |value| f32::from(u8::from(value))))
                .collect()
        }
        _ => return None,
    }))
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef, convert: impl Fn(T::Native) -> f32) -> Vec<f32> {
    let array = array.as_primitive::<T>();
    let mut values: Vec<f32> = array.values().iter().map(|value| convert(*value)).collect();
    if array.null_count() > 0 {
        for row in (0..array.len()).filter(|row| array.is_null(*row)) {
            values[row] = f32::NAN;
        }
    }
    values
}
