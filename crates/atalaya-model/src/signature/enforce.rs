//! Fitting a record batch to a signature: order by name, drop what is extra, fill what is optional, cast what is exact.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_buffer::ScalarBuffer;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::DataType;

use super::{ColumnSpec, ColumnType, Signature, SignatureError, closest};

impl Signature {
    /// The batch with exactly [`Signature::arrow_schema`]: columns by name (by position for a positional signature),
    /// extra ones dropped, absent optional ones filled with nulls, numbers cast only where no value changes.
    ///
    /// # Errors
    /// [`SignatureError`] for a missing column, a type that never fits, a value that would change, a null in a
    /// required column whose type has none.
    pub fn enforce(&self, batch: &RecordBatch) -> Result<RecordBatch, SignatureError> {
        let found = self.find(batch)?;
        let fitted = self.inputs.iter().zip(found).map(|(spec, column)| match column {
            Some(column) => fit(column, spec),
            None => Ok(absent(spec, batch.num_rows())),
        });
        let columns = fitted.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(
            RecordBatch::try_new_with_options(self.arrow_schema(), columns, &options)
                .expect("`fit` gives the declared type, the batch's length, and nulls only where they are allowed"),
        )
    }

    /// The batch's column for each input.
    fn find<'b>(&self, batch: &'b RecordBatch) -> Result<Vec<Option<&'b ArrayRef>>, SignatureError> {
        if self.positional {
            let (expected, found) = (self.inputs.len(), batch.num_columns());
            if found != expected {
                return Err(SignatureError::Width { expected, found });
            }
            return Ok(batch.columns().iter().map(Some).collect());
        }
        let found = self.find_named(batch);
        let missing = self
            .inputs
            .iter()
            .zip(&found)
            .filter(|(spec, column)| spec.required && column.is_none());
        let columns: Vec<String> = missing.map(|(spec, _)| spec.name.clone()).collect();
        if columns.is_empty() {
            Ok(found)
        } else {
            /// Names of the batch that are compared with the missing ones.
            const COMPARED: usize = 32;
            let schema = batch.schema_ref();
            let others = schema.fields().iter().map(|field| field.name().as_str());
            let others = others.filter(|name| self.position(name).is_none()).take(COMPARED);
            let names = columns.iter().take(COMPARED).map(String::as_str);
            let close = others.filter_map(|other| closest(names.clone(), other)).min();
            let close = close.map(str::to_owned);
            Err(SignatureError::Missing { columns, close })
        }
    }

    /// The batch's column of each input's name, the first where several have it; every name of the batch is looked at
    /// once.
    fn find_named<'b>(&self, batch: &'b RecordBatch) -> Vec<Option<&'b ArrayRef>> {
        let mut found = vec![None; self.inputs.len()];
        // Most frames keep the order, perhaps with columns between.
        let mut next = 0;
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if let Some(position) = self.position_near(field.name(), next) {
                found[position].get_or_insert(column);
                next = position + 1;
            }
        }
        found
    }
}

/// A column of nulls.
fn absent(spec: &ColumnSpec, rows: usize) -> ArrayRef {
    nan_under_nulls(new_null_array(&spec.kind.arrow_type(), rows))
}

/// `column` in the declared type, every value kept.
fn fit(column: &ArrayRef, spec: &ColumnSpec) -> Result<ArrayRef, SignatureError> {
    if let Some(row) = first_null(column).filter(|_| !spec.nullable()) {
        return Err(SignatureError::Null {
            column: spec.name.clone(),
            row,
            expected: spec.kind,
        });
    }
    let target = spec.kind.arrow_type();
    if *column.data_type() == target {
        return Ok(nan_under_nulls(Arc::clone(column)));
    }
    let wrong_type = || SignatureError::Type {
        column: spec.name.clone(),
        expected: spec.kind,
        found: column.data_type().clone(),
    };
    let plain = match column.data_type() {
        DataType::Dictionary(_, values) => cast(column, values).ok_or_else(wrong_type)?,
        _ => Arc::clone(column),
    };
    if !may_fit(plain.data_type(), spec.kind) {
        return Err(wrong_type());
    }
    let fitted = cast(&plain, &target).ok_or_else(wrong_type)?;
    // Casting back must give what was there: then nothing was cut, rounded or out of range.
    let back = cast(&fitted, plain.data_type()).ok_or_else(wrong_type)?;
    if back.to_data() != plain.to_data() {
        let differs = |row: &usize| back.slice(*row, 1).to_data() != plain.slice(*row, 1).to_data();
        if let Some(row) = (0..plain.len()).find(differs) {
            return Err(SignatureError::Inexact {
                column: spec.name.clone(),
                row,
                expected: spec.kind,
            });
        }
    }
    Ok(nan_under_nulls(fitted))
}

/// The column in another type; values that do not fit become null. `None` when there is no such cast at all.
fn cast(column: &ArrayRef, target: &DataType) -> Option<ArrayRef> {
    cast_with_options(
        column,
        target,
        &CastOptions {
            safe: true,
            ..CastOptions::default()
        },
    )
    .ok()
}

/// Whether values of `from` can be values of `to` at all; text is never a number here, and a boolean nothing else.
fn may_fit(from: &DataType, to: ColumnType) -> bool {
    if *from == DataType::Null {
        return true;
    }
    match to {
        ColumnType::Long | ColumnType::Integer | ColumnType::Double | ColumnType::Float => {
            from.is_integer() || matches!(from, DataType::Float16 | DataType::Float32 | DataType::Float64)
        }
        ColumnType::Boolean => *from == DataType::Boolean,
        ColumnType::String => matches!(from, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
        ColumnType::Datetime => matches!(from, DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64),
        ColumnType::Binary => {
            matches!(
                from,
                DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
            )
        }
    }
}

fn first_null(column: &ArrayRef) -> Option<usize> {
    let nulls = column.logical_nulls()?;
    (nulls.null_count() > 0).then(|| (0..nulls.len()).find(|row| nulls.is_null(*row)))?
}

/// Float columns with NaN as the value under each null; see [`Signature::arrow_schema`].
fn nan_under_nulls(column: ArrayRef) -> ArrayRef {
    if column.null_count() == 0 {
        return column;
    }
    match column.data_type() {
        DataType::Float64 => {
            let floats = column.as_primitive::<Float64Type>();
            let values = floats.iter().map(|value| value.unwrap_or(f64::NAN));
            let values = ScalarBuffer::from(values.collect::<Vec<_>>());
            Arc::new(PrimitiveArray::<Float64Type>::new(values, floats.nulls().cloned()))
        }
        DataType::Float32 => {
            let floats = column.as_primitive::<Float32Type>();
            let values = floats.iter().map(|value| value.unwrap_or(f32::NAN));
            let values = ScalarBuffer::from(values.collect::<Vec<_>>());
            Arc::new(PrimitiveArray::<Float32Type>::new(values, floats.nulls().cloned()))
        }
        _ => column,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use arrow_array::types::Int32Type as Code;
    use arrow_array::{
        BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, LargeStringArray,
        StringArray, TimestampNanosecondArray, UInt64Array,
    };

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
    }

    fn one(kind: ColumnType, array: impl Array + 'static) -> Result<ArrayRef, SignatureError> {
        let signature = Signature::new(vec![ColumnSpec::required("x", kind)], vec![], vec![]).unwrap();
        signature
            .enforce(&batch(vec![("x", Arc::new(array))]))
            .map(|fitted| Arc::clone(fitted.column(0)))
    }

    #[test]
    fn columns_come_by_name_and_extra_ones_go() {
        let optional = ColumnSpec {
            name: "c".to_owned(),
            kind: ColumnType::Double,
            required: false,
        };
        let inputs = vec![
            ColumnSpec::required("a", ColumnType::Long),
            ColumnSpec::required("b", ColumnType::String),
            optional,
        ];
        let signature = Signature::new(inputs, vec![], vec![]).unwrap();
        let text: ArrayRef = Arc::new(StringArray::from(vec!["u", "v"]));
        let given = batch(vec![
            ("b", Arc::clone(&text)),
            ("extra", Arc::clone(&text)),
            ("a", Arc::new(Int64Array::from(vec![1, 2]))),
        ]);
        let fitted = signature.enforce(&given).unwrap();
        assert_eq!(fitted.schema(), signature.arrow_schema());
        assert_eq!(fitted.column(1), &text);
        let filled = fitted.column(2).as_primitive::<Float64Type>();
        assert_eq!(filled.null_count(), 2);
        assert!(filled.value(0).is_nan());
        let error = signature.enforce(&batch(vec![("a", text)])).unwrap_err();
        assert_eq!(
            error,
            SignatureError::Missing {
                columns: vec!["b".to_owned()],
                close: None
            }
        );
    }

    #[test]
    fn a_positional_signature_counts_columns() {
        let signature = Signature::of_array(ColumnType::Double, 2).unwrap();
        let column: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        assert!(
            signature
                .enforce(&batch(vec![("x", Arc::clone(&column)), ("y", Arc::clone(&column))]))
                .is_ok()
        );
        let error = signature.enforce(&batch(vec![("x", column)])).unwrap_err();
        assert_eq!(error, SignatureError::Width { expected: 2, found: 1 });
    }

    #[test]
    fn exact_casts_keep_values() {
        let double: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 3.0]));
        assert_eq!(&one(ColumnType::Double, Int64Array::from(vec![1, 3])).unwrap(), &double);
        assert_eq!(
            &one(ColumnType::Double, Float32Array::from(vec![1.0, 3.0])).unwrap(),
            &double
        );
        let long: ArrayRef = Arc::new(Int64Array::from(vec![1, 3]));
        assert_eq!(
            &one(ColumnType::Long, Float64Array::from(vec![1.0, 3.0])).unwrap(),
            &long
        );
        assert_eq!(&one(ColumnType::Long, Int32Array::from(vec![1, 3])).unwrap(), &long);
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        assert_eq!(
            &one(ColumnType::String, LargeStringArray::from(vec!["a", "b"])).unwrap(),
            &text
        );
        let dictionary: DictionaryArray<Code> = ["a", "b"].into_iter().collect();
        assert_eq!(&one(ColumnType::String, dictionary).unwrap(), &text);
    }

    #[test]
    fn values_that_would_change_are_refused_with_their_row() {
        let inexact = |expected| SignatureError::Inexact {
            column: "x".to_owned(),
            row: 1,
            expected,
        };
        let error = |kind, array: ArrayRef| one(kind, array).unwrap_err();
        assert_eq!(
            error(ColumnType::Long, Arc::new(Float64Array::from(vec![1.0, 1.5]))),
            inexact(ColumnType::Long)
        );
        assert_eq!(
            error(ColumnType::Long, Arc::new(UInt64Array::from(vec![1, u64::MAX]))),
            inexact(ColumnType::Long)
        );
        assert_eq!(
            error(ColumnType::Double, Arc::new(Int64Array::from(vec![1, (1 << 53) + 1]))),
            inexact(ColumnType::Double)
        );
        assert_eq!(
            error(ColumnType::Double, Arc::new(Int64Array::from(vec![1, i64::MAX]))),
            inexact(ColumnType::Double)
        );
        assert_eq!(
            error(ColumnType::Float, Arc::new(Float64Array::from(vec![0.5, 0.1]))),
            inexact(ColumnType::Float)
        );
        assert_eq!(
            error(ColumnType::Integer, Arc::new(Int64Array::from(vec![1, 1 << 31]))),
            inexact(ColumnType::Integer)
        );
        let nanoseconds = TimestampNanosecondArray::from(vec![1_000, 1_001]);
        assert_eq!(
            error(ColumnType::Datetime, Arc::new(nanoseconds)),
            inexact(ColumnType::Datetime)
        );
    }

    #[test]
    fn types_that_never_fit_are_refused() {
        for kind in [
            ColumnType::Long,
            ColumnType::Double,
            ColumnType::Datetime,
            ColumnType::Boolean,
            ColumnType::Binary,
        ] {
            let error = one(kind, StringArray::from(vec!["1"])).unwrap_err();
            assert!(matches!(error, SignatureError::Type { .. }), "{kind:?}");
        }
        assert!(matches!(
            one(ColumnType::Double, BooleanArray::from(vec![true])),
            Err(SignatureError::Type { .. })
        ));
        assert!(matches!(
            one(ColumnType::String, Int64Array::from(vec![1])),
            Err(SignatureError::Type { .. })
        ));
    }

    #[test]
    fn nulls_stay_where_the_type_has_them() {
        let fitted = one(ColumnType::Double, Int64Array::from(vec![Some(1), None])).unwrap();
        let floats = fitted.as_primitive::<Float64Type>();
        assert!(floats.is_null(1) && floats.value(1).is_nan());
        let error = one(ColumnType::Long, Int64Array::from(vec![Some(1), None])).unwrap_err();
        assert_eq!(
            error,
            SignatureError::Null {
                column: "x".to_owned(),
                row: 1,
                expected: ColumnType::Long
            }
        );
    }
}
