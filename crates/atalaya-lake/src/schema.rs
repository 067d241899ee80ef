//! Which Arrow types Delta stores, how a batch is fitted to a table, and how a table's schema grows.
//!
//! A value is stored exactly or not at all: every conversion here is checked, and a refusal names
//! the column and the two types, never the value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Int64Type, Schema, SchemaRef, TimeUnit, UInt64Type};

use crate::error::LakeError;

/// Integers up to this magnitude are exact in a double (2⁵³).
const EXACT_IN_DOUBLE: i64 = 1 << 53;
/// Integers up to this magnitude are exact in a float (2²⁴).
const EXACT_IN_FLOAT: i64 = 1 << 24;

/// What a batch asks of a table.
#[derive(Debug)]
pub(crate) struct Merge {
    /// The table's schema afterwards.
    pub(crate) schema: SchemaRef,
    /// Columns were added.
    pub(crate) grown: bool,
    /// Integer columns that now receive fractions and become doubles; the stored files hold integers.
    pub(crate) widened: Vec<String>,
}

/// The table's schema after taking in `incoming`: new columns go to the end, nullable.
///
/// # Errors
/// [`LakeError::Column`] for a type that Delta has not, two names that differ only in case, or a
/// type that cannot go into the existing column.
pub(crate) fn merge(table: Option<&Schema>, incoming: &Schema) -> Result<Merge, LakeError> {
    let mut fields: Vec<FieldRef> = table.map(|schema| schema.fields().to_vec()).unwrap_or_default();
    let mut merged = Merge {
        schema: Arc::new(Schema::empty()),
        grown: false,
        widened: Vec::new(),
    };
    for field in incoming.fields() {
        let place = fields
            .iter()
            .position(|known| known.name().eq_ignore_ascii_case(field.name()));
        match place {
            None => {
                fields.push(Arc::new(storable_field(field)?));
                merged.grown = true;
            }
            Some(at) if fields[at].name() != field.name() => {
                let reason = format!("the table has `{}`, which differs only in case", fields[at].name());
                return Err(LakeError::column(field.name(), reason));
            }
            Some(at) if widens(field.data_type(), fields[at].data_type()) => {
                fields[at] = Arc::new(fields[at].as_ref().clone().with_data_type(DataType::Float64));
                merged.widened.push(field.name().clone());
            }
            Some(at) => check_fits(field.name(), field.data_type(), fields[at].data_type())?,
        }
    }
    merged.schema = Arc::new(Schema::new(fields));
    Ok(merged)
}

/// `batch` with exactly the columns of `table`: cast where that is exact, NULL where it has none.
///
/// # Errors
/// [`LakeError::Column`] for a value that the column cannot hold exactly, or a NULL (also a
/// missing column) where the table forbids it.
pub(crate) fn fit(batch: &RecordBatch, table: &SchemaRef) -> Result<RecordBatch, LakeError> {
    if batch.schema_ref() == table {
        return Ok(batch.clone());
    }
    let columns = table
        .fields()
        .iter()
        .map(|field| {
            let column = match batch.column_by_name(field.name()) {
                Some(column) => convert(field.name(), column, field.data_type())?,
                None => new_null_array(field.data_type(), batch.num_rows()),
            };
            if !field.is_nullable() && column.null_count() > 0 {
                return Err(LakeError::column(
                    field.name(),
                    "the table forbids a missing value here",
                ));
            }
            Ok(column)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(table), columns, &options)?)
}

/// `batch` with each column in the type that Delta stores it in (plain strings, microseconds UTC).
pub(crate) fn plain(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    fit(batch, &plain_schema(batch.schema_ref())?)
}

/// The schema of [`plain`].
pub(crate) fn plain_schema(schema: &Schema) -> Result<SchemaRef, LakeError> {
    let fields = schema
        .fields()
        .iter()
        .map(|field| {
            Ok(Field::new(
                field.name(),
                storable(field.name(), field.data_type())?,
                field.is_nullable(),
            ))
        })
        .collect::<Result<Vec<_>, LakeError>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

fn storable_field(field: &Field) -> Result<Field, LakeError> {
    Ok(Field::new(
        field.name(),
        storable(field.name(), field.data_type())?,
        true,
    ))
}

/// The type in which Delta stores `kind`.
///
/// A timestamp without a zone is taken as UTC: Delta's own zone-less type needs a table feature
/// that older readers refuse. Nanoseconds are cut to microseconds, Delta's precision.
fn storable(column: &str, kind: &DataType) -> Result<DataType, LakeError> {
    use DataType as T;
    let element = |field: &FieldRef| -> Result<FieldRef, LakeError> {
        Ok(Arc::new(Field::new(
            "element",
            storable(column, field.data_type())?,
            true,
        )))
    };
    Ok(match kind {
        T::Boolean | T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64 => kind.clone(),
        T::Utf8 | T::Binary | T::Date32 => kind.clone(),
        T::UInt8 => T::Int16,
        T::UInt16 => T::Int32,
        T::UInt32 | T::UInt64 => T::Int64,
        T::Float16 => T::Float32,
        T::LargeUtf8 | T::Utf8View | T::Null => T::Utf8,
        T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => T::Binary,
        T::Date64 => T::Date32,
        T::Timestamp(_, _) => T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) if *s >= 0 => T::Decimal128(*p, *s),
        T::Decimal256(p, s) if *p <= 38 && *s >= 0 => T::Decimal128(*p, *s),
        T::Dictionary(_, value) => storable(column, value)?,
        T::List(item) | T::LargeList(item) | T::FixedSizeList(item, _) | T::ListView(item) => T::List(element(item)?),
        T::Struct(fields) => T::Struct(
            fields
                .iter()
                .map(|f| storable_field(f))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
        ),
        T::Map(_, _) => kind.clone(),
        other => return Err(LakeError::column(column, format!("Delta has no type for {other}"))),
    })
}

fn widens(incoming: &DataType, table: &DataType) -> bool {
    incoming.is_floating() && table.is_integer()
}

fn check_fits(column: &str, from: &DataType, to: &DataType) -> Result<(), LakeError> {
    if fits(from, to) {
        return Ok(());
    }
    Err(LakeError::column(
        column,
        format!("the table has {to} here, the input {from}"),
    ))
}

/// Whether values of `from` may go into a column of `to`; single values can still be out of range.
fn fits(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match (from, to) {
        _ if from == to => true,
        (T::Null, _) => true,
        (T::Dictionary(_, value), _) => fits(value, to),
        (_, T::Int8 | T::Int16 | T::Int32 | T::Int64) => from.is_integer(),
        (_, T::Float64) => from.is_integer() || from.is_floating(),
        (_, T::Float32) => from.is_integer() || matches!(from, T::Float16),
        (_, T::Utf8 | T::LargeUtf8 | T::Utf8View) => matches!(from, T::Utf8 | T::LargeUtf8 | T::Utf8View),
        (T::Date32 | T::Timestamp(_, _), T::Timestamp(_, _)) => true,
        (T::List(f) | T::LargeList(f) | T::FixedSizeList(f, _) | T::ListView(f), T::List(t)) => {
            fits(f.data_type(), t.data_type())
        }
        (T::Struct(f), T::Struct(t)) => {
            f.len() == t.len()
                && f.iter()
                    .zip(t)
                    .all(|(f, t)| f.name() == t.name() && fits(f.data_type(), t.data_type()))
        }
        (
            T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) | T::Decimal256(p, s),
            T::Decimal128(tp, ts),
        ) => s == ts && p <= tp,
        _ => storable("", from).is_ok_and(|stored| &stored == to),
    }
}

fn convert(column: &str, array: &ArrayRef, to: &DataType) -> Result<ArrayRef, LakeError> {
    let from = array.data_type();
    if from == to {
        return Ok(Arc::clone(array));
    }
    check_fits(column, from, to)?;
    if from.is_integer() && to.is_floating() && !exact(array, to)? {
        return Err(LakeError::column(
            column,
            format!("an integer is too large to be exact as {to}"),
        ));
    }
    // The cast's own message would repeat the value.
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(array, to, &strict)
        .map_err(|_| LakeError::column(column, format!("a value of type {from} does not fit into {to}")))
}

fn exact(array: &ArrayRef, to: &DataType) -> Result<bool, LakeError> {
    let limit = if *to == DataType::Float32 {
        EXACT_IN_FLOAT
    } else {
        EXACT_IN_DOUBLE
    };
    if *array.data_type() == DataType::UInt64 {
        let limit = limit.unsigned_abs();
        return Ok(array
            .as_primitive::<UInt64Type>()
            .iter()
            .flatten()
            .all(|value| value <= limit));
    }
    let wide = arrow::compute::cast(array, &DataType::Int64)?;
    Ok(wide
        .as_primitive::<Int64Type>()
        .iter()
        .flatten()
        .all(|value| value.unsigned_abs() <= limit.unsigned_abs()))
}

/// Whether a column of floats holds a NaN.
pub(crate) fn has_nan(array: &ArrayRef) -> bool {
    use arrow::datatypes::Float64Type;
    match array.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().iter().flatten().any(f32::is_nan),
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().flatten().any(f64::is_nan),
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use arrow::array::{Float64Array, Int32Array, Int64Array, StringArray, record_batch};

    use super::*;

    fn schema(fields: &[(&str, DataType)]) -> Schema {
        Schema::new(
            fields
                .iter()
                .map(|(name, kind)| Field::new(*name, kind.clone(), true))
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn new_columns_go_to_the_end_and_missing_ones_become_null() {
        let table = schema(&[("a", DataType::Int64)]);
        let batch = record_batch!(("b", Utf8, ["x", "y"])).unwrap();
        let merged = merge(Some(&table), batch.schema_ref()).unwrap();
        assert!(merged.grown && merged.widened.is_empty());
        assert_eq!(
            merged
                .schema
                .fields()
                .iter()
                .map(|f| f.name().as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(fit(&batch, &merged.schema).unwrap().column(0).null_count(), 2);
    }

    #[test]
    fn integers_become_doubles_only_where_exact() {
        let table = Arc::new(schema(&[("x", DataType::Float64)]));
        let exact = record_batch!(("x", Int64, [1 << 53])).unwrap();
        assert_eq!(
            fit(&exact, &table).unwrap().column(0).as_ref(),
            &Float64Array::from(vec![9_007_199_254_740_992.0])
        );
        let inexact = record_batch!(("x", Int64, [(1 << 53) + 1])).unwrap();
        let error = fit(&inexact, &table).unwrap_err().to_string();
        assert!(error.contains("`x`") && !error.contains("9007"), "{error}");
    }

    #[test]
    fn fractions_widen_an_integer_column_and_text_is_refused() {
        let table = schema(&[("x", DataType::Int64)]);
        assert_eq!(
            merge(Some(&table), &schema(&[("x", DataType::Float64)]))
                .unwrap()
                .widened,
            ["x"]
        );
        let error = merge(Some(&table), &schema(&[("x", DataType::Utf8)])).unwrap_err();
        assert!(matches!(error, LakeError::Column { column, .. } if column == "x"));
        assert!(merge(Some(&table), &schema(&[("X", DataType::Int64)])).is_err());
    }

    #[test]
    fn narrowing_is_checked_by_value() {
        let table = Arc::new(schema(&[("x", DataType::Int32)]));
        let small = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![7])) as ArrayRef)]).unwrap();
        assert_eq!(
            fit(&small, &table).unwrap().column(0).as_ref(),
            &Int32Array::from(vec![7])
        );
        let large = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1 << 40])) as ArrayRef)]).unwrap();
        assert!(!fit(&large, &table).unwrap_err().to_string().contains("1099511627776"));
    }

    #[test]
    fn views_and_dictionaries_are_stored_as_plain_text() {
        let words = StringArray::from(vec![Some("a"), None]);
        let kinds = [
            DataType::Utf8View,
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        ];
        for kind in kinds {
            let column = arrow::compute::cast(&words, &kind).unwrap();
            let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
            assert_eq!(plain(&batch).unwrap().column(0).as_ref(), &words);
        }
    }
}
