//! Statistics of one data file in the form of Delta's `add.stats`, with which readers skip files.
//!
//! What cannot be stated without risk is left out, which only costs skipping: bounds of a column
//! with NaN (readers order NaN differently), long text, nested columns.

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::kernels::aggregate;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use chrono::DateTime;
use serde_json::{Map, Value, json};

use crate::schema::has_nan;

/// Columns with statistics, from the left: Delta's default.
const INDEXED_COLUMNS: usize = 32;
/// Longer text has no bounds. Delta's own writers cut it to this length, for which the upper bound
/// would need a padded last character.
const LONGEST_TEXT: usize = 32;

#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Bound {
    Integer(i64),
    Number(f64),
    Text(String),
}

#[derive(Debug)]
struct Column {
    nulls: usize,
    /// `None` until the first value.
    bounds: Option<(Bound, Bound)>,
    bounded: bool,
}

/// Grows with each batch that goes into the file.
#[derive(Debug)]
pub(crate) struct FileStats {
    schema: SchemaRef,
    rows: usize,
    columns: Vec<Option<Column>>,
}

impl FileStats {
    /// Empty statistics for a file of `schema` (without the partition columns).
    pub(crate) fn new(schema: SchemaRef) -> Self {
        let columns = schema.fields().iter().enumerate().map(|(at, field)| {
            let indexed = at < INDEXED_COLUMNS && !field.data_type().is_nested();
            indexed.then_some(Column {
                nulls: 0,
                bounds: None,
                bounded: true,
            })
        });
        let columns = columns.collect();
        FileStats {
            schema,
            rows: 0,
            columns,
        }
    }

    /// Takes in a batch of the file's schema.
    pub(crate) fn update(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows();
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            let Some(column) = column else { continue };
            column.nulls += array.null_count();
            if array.null_count() == array.len() || !column.bounded {
                continue;
            }
            match bounds(array) {
                None => column.bounded = false,
                Some((low, high)) => {
                    column.bounds = Some(match column.bounds.take() {
                        None => (low, high),
                        Some((a, b)) => (if low < a { low } else { a }, if high > b { high } else { b }),
                    });
                }
            }
        }
    }

    /// The `stats` text of the `add` action.
    pub(crate) fn to_json(&self) -> String {
        let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
        for (field, column) in self.schema.fields().iter().zip(&self.columns) {
            let Some(column) = column else { continue };
            nulls.insert(field.name().clone(), json!(column.nulls));
            if let (true, Some((low, high))) = (column.bounded, &column.bounds)
                && let (Some(low), Some(high)) = (render(low, field.data_type()), render(high, field.data_type()))
            {
                min.insert(field.name().clone(), low);
                max.insert(field.name().clone(), high);
            }
        }
        json!({"numRecords": self.rows, "minValues": min, "maxValues": max, "nullCount": nulls}).to_string()
    }
}

fn bounds(array: &ArrayRef) -> Option<(Bound, Bound)> {
    match array.data_type() {
        DataType::Int8 => integers::<Int8Type>(array),
        DataType::Int16 => integers::<Int16Type>(array),
        DataType::Int32 => integers::<Int32Type>(array),
        DataType::Int64 => integers::<Int64Type>(array),
        DataType::Date32 => integers::<Date32Type>(array),
        DataType::Timestamp(TimeUnit::Microsecond, _) => integers::<TimestampMicrosecondType>(array),
        DataType::Float32 => numbers::<Float32Type>(array),
        DataType::Float64 => numbers::<Float64Type>(array),
        DataType::Utf8 => {
            let text = array.as_string::<i32>();
            let (low, high) = (aggregate::min_string(text)?, aggregate::max_string(text)?);
            let short = low.len() <= LONGEST_TEXT && high.len() <= LONGEST_TEXT;
            short.then(|| (Bound::Text(low.to_owned()), Bound::Text(high.to_owned())))
        }
        _ => None,
    }
}

fn integers<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &ArrayRef) -> Option<(Bound, Bound)> {
    let array = array.as_primitive::<T>();
    Some((
        Bound::Integer(aggregate::min(array)?.into()),
        Bound::Integer(aggregate::max(array)?.into()),
    ))
}

fn numbers<T: ArrowPrimitiveType<Native: Into<f64>>>(array: &ArrayRef) -> Option<(Bound, Bound)> {
    if has_nan(array) {
        return None;
    }
    let array = array.as_primitive::<T>();
    Some((
        Bound::Number(aggregate::min(array)?.into()),
        Bound::Number(aggregate::max(array)?.into()),
    ))
}

fn render(bound: &Bound, kind: &DataType) -> Option<Value> {
    match (bound, kind) {
        (Bound::Integer(days), DataType::Date32) => {
            let date = arrow::temporal_conversions::date32_to_datetime(i32::try_from(*days).ok()?)?;
            Some(json!(date.format("%Y-%m-%d").to_string()))
        }
        (Bound::Integer(micros), DataType::Timestamp(..)) => {
            let time = DateTime::from_timestamp_micros(*micros)?;
            Some(json!(time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()))
        }
        (Bound::Integer(value), _) => Some(json!(value)),
        (Bound::Number(value), _) => value.is_finite().then(|| json!(value)),
        (Bound::Text(value), _) => Some(json!(value)),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Float64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn bounds_and_null_counts_over_two_batches() {
        let batch = |days: Vec<Option<i32>>, number: f64, word: &str| {
            let rows = days.len();
            RecordBatch::try_from_iter_with_nullable([
                ("day", Arc::new(Date32Array::from(days)) as ArrayRef, true),
                (
                    "number",
                    Arc::new(Float64Array::from(vec![number; rows])) as ArrayRef,
                    true,
                ),
                ("word", Arc::new(StringArray::from(vec![word; rows])) as ArrayRef, true),
                (
                    "time",
                    Arc::new(TimestampMicrosecondArray::from(vec![1_500_000; rows]).with_timezone("UTC")) as ArrayRef,
                    true,
                ),
            ])
            .unwrap()
        };
        let first = batch(vec![Some(1), None], 2.5, "b");
        let mut stats = FileStats::new(first.schema());
        stats.update(&first);
        stats.update(&batch(vec![Some(0)], f64::NAN, &"long".repeat(9)));
        let stats: Value = serde_json::from_str(&stats.to_json()).unwrap();
        let time = "1970-01-01T00:00:01.500000Z";
        assert_eq!(stats["numRecords"], 3);
        assert_eq!(stats["minValues"], json!({"day": "1970-01-01", "time": time}));
        assert_eq!(stats["maxValues"], json!({"day": "1970-01-02", "time": time}));
        assert_eq!(stats["nullCount"], json!({"day": 1, "number": 0, "word": 0, "time": 0}));
    }
}
