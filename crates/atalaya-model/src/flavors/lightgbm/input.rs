//! From columns of a batch to doubles, as `_data_from_pandas` of LightGBM's Python package converts a frame.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

use super::booster::Booster;
use super::categories::Categories;
use super::error::LightgbmError;
use crate::predictor::PredictError;
use crate::signature::{ColumnSpec, ColumnType, Signature};

/// The categories of each column, where pandas had it as such.
pub(in crate::flavors) type Known = Vec<Option<Categories>>;

/// Gives each column that pandas had as a category its categories; `is_text` says which columns come as text.
///
/// The text has the lists in the order of columns, but not whose they are. pandas' ordered categories are not among the
/// columns that LightGBM declares as categories, and columns of codes are among them without a list.
///
/// # Errors
/// When it cannot be told which columns they are.
pub(in crate::flavors) fn known(booster: &Booster, is_text: impl Fn(usize) -> bool) -> Result<Known, LightgbmError> {
    let features = booster.names.len();
    let texts: Vec<usize> = (0..features).filter(|feature| is_text(*feature)).collect();
    let declared = |feature: &usize| booster.categorical.binary_search(feature).is_ok();
    let either: Vec<usize> = (0..features)
        .filter(|feature| is_text(*feature) || declared(feature))
        .collect();
    let wanted = booster.pandas.len();
    let fits = |columns: &&Vec<usize>| {
        let kinds = || booster.pandas.iter().map(Categories::are_texts);
        columns.len() == wanted && (texts.is_empty() || columns.iter().map(|column| is_text(*column)).eq(kinds()))
    };
    let columns = [&texts, &either, &booster.categorical].into_iter().find(fits);
    let Some(columns) = columns else {
        return Err(LightgbmError::unsupported(
            "the model",
            "was trained on categories of pandas, and which columns have them cannot be told",
        ));
    };
    let mut known = vec![None; features];
    for (column, categories) in columns.iter().zip(&booster.pandas) {
        known[*column] = Some(categories.clone());
    }
    Ok(known)
}

/// A column as doubles, NaN where it has no value or an unknown category; `None` when it is of another kind.
pub(in crate::flavors) fn doubles<'b>(array: &'b ArrayRef, known: Option<&Categories>) -> Option<Cow<'b, [f64]>> {
    if let DataType::Dictionary(_, values) = array.data_type() {
        let plain = arrow_cast::cast(array, values).ok()?;
        return doubles(&plain, known).map(|values| Cow::Owned(values.into_owned()));
    }
    match (array.data_type(), known) {
        (DataType::Utf8, Some(known)) if known.are_texts() => {
            let texts = array.as_string::<i32>().iter();
            Some(
                texts
                    .map(|text| text.map_or(f64::NAN, |text| known.text(text)))
                    .collect(),
            )
        }
        (_, Some(known)) if known.are_texts() => None,
        (_, Some(known)) => Some(numbers(array)?.iter().map(|value| known.number(*value)).collect()),
        (_, None) => numbers(array),
    }
}

fn numbers(array: &ArrayRef) -> Option<Cow<'_, [f64]>> {
    let kind = array.data_type();
    let numeric = kind.is_integer() || matches!(kind, DataType::Float32 | DataType::Float64 | DataType::Boolean);
    if !numeric {
        return None;
    }
    if let Some(floats) = array.as_primitive_opt::<Float64Type>()
        && floats.null_count() == 0
    {
        return Some(Cow::Borrowed(floats.values()));
    }
    let cast = arrow_cast::cast(array, &DataType::Float64).ok()?;
    let cast = cast.as_primitive_opt::<Float64Type>()?;
    Some(cast.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// The columns of a Booster's batches.
#[derive(Debug)]
pub(super) struct Input {
    columns: Vec<Column>,
    positional: bool,
}

#[derive(Debug)]
struct Column {
    name: String,
    known: Option<Categories>,
    /// Whether Python rounds it to float32: an array that is not of floats.
    single: bool,
}

impl Input {
    /// Of a model that is asked with columns of `declared`, or of what it says of itself. LightGBM takes columns by their
    /// position, whatever their names.
    pub(super) fn new(booster: &Booster, declared: Option<&Signature>) -> Result<(Self, Signature), LightgbmError> {
        let text = |feature: usize| {
            declared.is_some_and(|signature| {
                let input = signature.inputs().get(feature);
                input.is_some_and(|input| input.kind == ColumnType::String)
            })
        };
        if let Some(signature) = declared {
            check(signature, booster)?;
        }
        let known = known(booster, text)?;
        let signature = match declared {
            Some(signature) => signature.clone(),
            None => own_signature(booster, &known)?,
        };
        let positional = signature.positional();
        let columns = signature.inputs().iter().zip(known).map(|(input, known)| Column {
            name: input.name.clone(),
            known,
            single: positional && !matches!(input.kind, ColumnType::Double | ColumnType::Float),
        });
        let columns = columns.collect();
        Ok((Self { columns, positional }, signature))
    }

    /// The model's columns of a batch.
    pub(super) fn read<'b>(&self, batch: &'b RecordBatch) -> Result<Vec<Cow<'b, [f64]>>, PredictError> {
        let schema = batch.schema_ref();
        let mut columns = Vec::with_capacity(self.columns.len());
        for (position, column) in self.columns.iter().enumerate() {
            let hinted = schema
                .fields()
                .get(position)
                .is_some_and(|field| self.positional || *field.name() == column.name);
            let found = if hinted {
                Some(batch.column(position))
            } else {
                batch.column_by_name(&column.name)
            };
            let expected = |expected: &str| PredictError::Column {
                column: column.name.clone(),
                expected: expected.to_owned(),
            };
            let found = found.ok_or_else(|| expected("a column of that name"))?;
            let text = column.known.as_ref().is_some_and(Categories::are_texts);
            let values = doubles(found, column.known.as_ref());
            let values = values.ok_or_else(|| expected(if text { "text" } else { "a number" }))?;
            #[expect(clippy::cast_possible_truncation, reason = "LightGBM rounds the same way")]
            columns.push(if column.single {
                values.iter().map(|value| f64::from(*value as f32)).collect()
            } else {
                values
            });
        }
        Ok(columns)
    }
}

/// Whether declared columns can be what the model was trained on.
fn check(signature: &Signature, booster: &Booster) -> Result<(), LightgbmError> {
    if signature.inputs().len() != booster.names.len() {
        return Err(LightgbmError::unsupported(
            "the signature",
            "has not as many columns as the model",
        ));
    }
    let texts = booster.pandas.iter().any(Categories::are_texts);
    for input in signature.inputs() {
        let usable = match input.kind {
            ColumnType::Datetime | ColumnType::Binary => false,
            ColumnType::String => texts,
            _ => true,
        };
        if !usable {
            let (name, kind) = (crate::signature::clip(&input.name), input.kind.as_str());
            return Err(LightgbmError::unsupported(
                "the signature",
                format!("declares column `{name}` as {kind}, which is not what the model was trained on"),
            ));
        }
    }
    Ok(())
}

/// Doubles, and text where the model knows categories by it.
fn own_signature(booster: &Booster, known: &Known) -> Result<Signature, LightgbmError> {
    let columns = booster.names.iter().zip(known).map(|(name, known)| {
        let text = known.as_ref().is_some_and(Categories::are_texts);
        let kind = if text { ColumnType::String } else { ColumnType::Double };
        ColumnSpec::required(name.to_string(), kind)
    });
    Signature::new(columns.collect(), Vec::new(), Vec::new())
        .map_err(|error| LightgbmError::unsupported("the model", format!("has names that no signature takes: {error}")))
}
