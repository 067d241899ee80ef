//! What flows between the steps of a model: a row-major matrix of numbers, or columns as they came while some are text.

use std::borrow::{Borrow, Cow};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::types::{UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, Float64Array, RecordBatch};
use arrow_schema::DataType;

use super::numeric::round_to_f32;
use super::sparse::Sparse;
use crate::predictor::PredictError;

/// The names of the columns that a step gets, for its error texts: those of the request that they came from.
pub(super) type Names = Arc<[Arc<str>]>;

/// Numbers, row after row.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// `rows × columns`; a missing value is NaN.
    pub(super) values: Vec<f64>,
    /// Whether Python has these numbers as float32; they then are exactly representable.
    pub(super) single: bool,
    /// Whether Python has them as a sparse matrix, which multiplies without fused rounding.
    pub(super) sparse: bool,
}

/// What a step gets and gives.
#[derive(Debug, Clone)]
pub(super) enum Block {
    Numbers(Matrix),
    /// Numbers most of which are zero and not stored.
    Sparse(Sparse),
    /// Columns as they came, some of them text.
    Columns {
        rows: usize,
        columns: Vec<ArrayRef>,
    },
}

impl Block {
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Numbers(matrix) => matrix.rows,
            Self::Sparse(sparse) => sparse.rows,
            Self::Columns { rows, .. } => *rows,
        }
    }

    /// All of it as numbers.
    pub(super) fn into_numbers(self, names: &Names) -> Result<Matrix, PredictError> {
        match self {
            Self::Numbers(matrix) => Ok(matrix),
            Self::Sparse(sparse) => sparse.to_dense(names),
            Self::Columns { rows, columns } => gather(rows, &columns, names),
        }
    }

    /// As [`Block::into_numbers`], without taking the block; numbers are not copied.
    pub(super) fn numbers(&self, names: &Names) -> Result<Cow<'_, Matrix>, PredictError> {
        match self {
            Self::Numbers(matrix) => Ok(Cow::Borrowed(matrix)),
            Self::Sparse(sparse) => sparse.to_dense(names).map(Cow::Owned),
            Self::Columns { rows, columns } => gather(*rows, columns, names).map(Cow::Owned),
        }
    }

    /// How many columns it has.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Numbers(matrix) => matrix.columns,
            Self::Sparse(sparse) => sparse.columns,
            Self::Columns { columns, .. } => columns.len(),
        }
    }

    /// The columns at `positions`: numbers when all of them are.
    pub(super) fn select(&self, positions: &[usize], names: &Names) -> Result<Self, PredictError> {
        match self {
            Self::Numbers(matrix) => {
                let mut values = Vec::with_capacity(matrix.rows * positions.len());
                for row in matrix.values.chunks_exact(matrix.columns.max(1)) {
                    values.extend(positions.iter().map(|position| row[*position]));
                }
                Ok(Self::Numbers(Matrix {
                    rows: matrix.rows,
                    columns: positions.len(),
                    values,
                    ..*matrix
                }))
            }
            Self::Sparse(sparse) => Ok(Self::Sparse(sparse.select(positions))),
            Self::Columns { rows, columns } => {
                let columns: Vec<ArrayRef> = positions
                    .iter()
                    .map(|position| Arc::clone(&columns[*position]))
                    .collect();
                if columns.iter().all(|column| is_number(column.data_type())) {
                    return gather(*rows, &columns, names).map(Self::Numbers);
                }
                Ok(Self::Columns { rows: *rows, columns })
            }
        }
    }

    /// Every column on its own.
    pub(super) fn into_columns(self, names: &Names) -> Result<Vec<ArrayRef>, PredictError> {
        match self {
            Self::Columns { columns, .. } => Ok(columns),
            Self::Numbers(_) | Self::Sparse(_) => Ok(self.into_numbers(names)?.into_columns()),
        }
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Float32 | DataType::Float64 | DataType::Boolean)
}

/// Rows that are gathered from all columns before the next ones, while they are in the cache.
const GATHERED_ROWS: usize = 256;

/// Columns of numbers as a matrix. It is float32 only when every column is, as in pandas.
pub(super) fn gather(rows: usize, columns: &[impl Borrow<ArrayRef>], names: &Names) -> Result<Matrix, PredictError> {
    let width = columns.len();
    let mut values = vec![0.0; rows * width];
    for (position, column) in columns.iter().enumerate() {
        if !is_number(column.borrow().data_type()) {
            let column = names.get(position).map_or_else(String::new, ToString::to_string);
            return Err(PredictError::Column {
                column,
                expected: "a number".to_owned(),
            });
        }
    }
    for (number, piece) in values.chunks_mut(GATHERED_ROWS * width.max(1)).enumerate() {
        for (position, column) in columns.iter().enumerate() {
            fill(column.borrow(), number * GATHERED_ROWS, piece, position, width);
        }
    }
    let is_single = |column: &ArrayRef| *column.data_type() == DataType::Float32;
    let single = width > 0 && columns.iter().all(|column| is_single(column.borrow()));
    Ok(Matrix {
        rows,
        columns: width,
        values,
        single,
        sparse: false,
    })
}

/// Writes a column of numbers, from a row on, into every `width`-th place from `offset`.
fn fill(column: &ArrayRef, first: usize, values: &mut [f64], offset: usize, width: usize) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "integers beyond 2^53 round to the nearest double, as in numpy"
    )]
    match column.data_type() {
        DataType::Float64 => primitive::<Float64Type>(column, first, values, offset, width, |x| x),
        DataType::Float32 => primitive::<Float32Type>(column, first, values, offset, width, f64::from),
        DataType::Int64 => primitive::<Int64Type>(column, first, values, offset, width, |x| x as f64),
        DataType::Int32 => primitive::<Int32Type>(column, first, values, offset, width, f64::from),
        DataType::Int16 => primitive::<Int16Type>(column, first, values, offset, width, f64::from),
        DataType::Int8 => primitive::<Int8Type>(column, first, values, offset, width, f64::from),
        DataType::UInt64 => primitive::<UInt64Type>(column, first, values, offset, width, |x| x as f64),
        DataType::UInt32 => primitive::<UInt32Type>(column, first, values, offset, width, f64::from),
        DataType::UInt16 => primitive::<UInt16Type>(column, first, values, offset, width, f64::from),
        DataType::UInt8 => primitive::<UInt8Type>(column, first, values, offset, width, f64::from),
        DataType::Boolean => {
            let booleans = column.as_boolean().iter().skip(first);
            for (slot, value) in values[offset..].iter_mut().step_by(width).zip(booleans) {
                *slot = value.map_or(f64::NAN, |value| f64::from(u8::from(value)));
            }
        }
        _ => {}
    }
}

fn primitive<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    first: usize,
    values: &mut [f64],
    offset: usize,
    width: usize,
    convert: impl Fn(T::Native) -> f64,
) {
    let column = column.as_primitive::<T>();
    let Some(values) = values.get_mut(offset..) else { return };
    for (slot, value) in values.iter_mut().step_by(width).zip(&column.values()[first..]) {
        *slot = convert(*value);
    }
    if column.null_count() > 0 {
        for (at, slot) in values.iter_mut().step_by(width).enumerate() {
            if column.is_null(first + at) {
                *slot = f64::NAN;
            }
        }
    }
}

impl Matrix {
    /// Every column on its own.
    pub(super) fn into_columns(self) -> Vec<ArrayRef> {
        let column = |j| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(
                self.values.iter().skip(j).step_by(self.columns).copied(),
            ))
        };
        (0..self.columns).map(column).collect()
    }

    /// Refuses infinite values, and missing ones unless `allow_missing`.
    pub(super) fn check(&self, names: &Names, allow_missing: bool) -> Result<(), PredictError> {
        if all_finite(&self.values) {
            return Ok(());
        }
        for (position, value) in self.values.iter().enumerate() {
            if value.is_finite() || (allow_missing && value.is_nan()) {
                continue;
            }
            return Err(refuse(position, self.columns, names, value.is_nan()));
        }
        Ok(())
    }

    /// Applies `change` to every value with what two lists have for its column, without rounding of float32.
    pub(super) fn for_each_with(&mut self, a: &[f64], b: &[f64], change: impl Fn(f64, f64, f64) -> f64) {
        // Several rows are one long row, so that the loop is long enough to be done in vectors.
        let repeats = (64 / self.columns.max(1)).clamp(1, self.rows.max(1));
        let (a, b) = (a.repeat(repeats), b.repeat(repeats));
        for rows in self.values.chunks_mut(a.len().max(1)) {
            for ((x, a), b) in rows.iter_mut().zip(&a).zip(&b) {
                *x = change(*x, *a, *b);
            }
        }
    }

    /// Applies `change` to every value with the position of its column.
    pub(super) fn for_each(&mut self, mut change: impl FnMut(usize, f64) -> f64) {
        let single = self.single;
        for row in self.values.chunks_exact_mut(self.columns.max(1)) {
            for (position, value) in row.iter_mut().enumerate() {
                *value = change(position, *value);
                if single {
                    *value = round_to_f32(*value);
                }
            }
        }
    }
}

/// Whether no value is infinite or NaN: x * 0 is 0 for every other x, and NaN for those.
#[inline]
pub(super) fn all_finite(values: &[f64]) -> bool {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut totals = [0.0; 16];
    for chunk in chunks {
        for (total, value) in totals.iter_mut().zip(chunk) {
            *total += value * 0.0;
        }
    }
    totals.iter().chain(rest).fold(0.0, |total, value| total + value * 0.0) == 0.0
}

/// The error for the value at `position` of a row-major matrix.
pub(super) fn refuse(position: usize, columns: usize, names: &Names, missing: bool) -> PredictError {
    let row = position / columns.max(1);
    let column = names
        .get(position % columns.max(1))
        .map_or_else(String::new, ToString::to_string);
    if missing {
        PredictError::Missing { column, row }
    } else {
        PredictError::NotFinite { column, row }
    }
}

/// Where the model's columns are in a batch.
#[derive(Debug)]
pub(super) struct Source {
    /// The model's columns, in its order.
    pub(super) names: Names,
    /// Where each of them usually is; where it is always, when `positional`.
    pub(super) positions: Vec<usize>,
    /// Whether the batch's names mean nothing.
    pub(super) positional: bool,
}

impl Source {
    /// The model's columns of `batch`.
    pub(super) fn read(&self, batch: &RecordBatch) -> Result<Block, PredictError> {
        let mut columns = Vec::with_capacity(self.names.len());
        for position in 0..self.names.len() {
            columns.push(self.column(batch, position)?);
        }
        let rows = batch.num_rows();
        let singles = columns
            .iter()
            .filter(|column| *column.data_type() == DataType::Float32)
            .count();
        let uniform = singles == 0 || singles == columns.len();
        if uniform && columns.iter().all(|column| is_number(column.data_type())) {
            return gather(rows, &columns, &self.names).map(Block::Numbers);
        }
        let columns = columns.into_iter().map(Arc::clone).collect();
        Ok(Block::Columns { rows, columns })
    }

    /// The model's columns of `batch` as they lie there, when all of them are doubles without missing values.
    pub(super) fn doubles<'b>(&self, batch: &'b RecordBatch) -> Option<Vec<&'b [f64]>> {
        let column = |position| {
            let column = self.column(batch, position).ok()?.as_primitive_opt::<Float64Type>()?;
            (column.null_count() == 0).then(|| &**column.values())
        };
        (0..self.names.len()).map(column).collect()
    }

    /// The model's column at `position`.
    fn column<'b>(&self, batch: &'b RecordBatch, position: usize) -> Result<&'b ArrayRef, PredictError> {
        let (name, hint) = (&self.names[position], self.positions[position]);
        let schema = batch.schema_ref();
        let hinted = schema
            .fields()
            .get(hint)
            .is_some_and(|field| self.positional || field.name() == &**name);
        let found = if hinted {
            Some(batch.column(hint))
        } else {
            batch.column_by_name(name)
        };
        found.ok_or_else(|| PredictError::Column {
            column: name.to_string(),
            expected: "a column of that name".to_owned(),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use arrow_array::{BooleanArray, Float32Array, Int64Array, StringArray};

    use super::*;

    fn names(names: &[&str]) -> Names {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    #[test]
    fn gathers_rows_and_marks_missing_values() {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(1), None])),
            Arc::new(BooleanArray::from(vec![true, false])),
            Arc::new(Float32Array::from(vec![0.5, 1.5])),
        ];
        let matrix = gather(2, &columns, &names(&["a", "b", "c"])).unwrap();
        assert_eq!(matrix.values[..3], [1.0, 1.0, 0.5]);
        assert!(matrix.values[3].is_nan() && !matrix.single);
        assert!(gather(2, &columns[2..], &names(&["c"])).unwrap().single);
        let error = matrix.check(&names(&["a", "b", "c"]), false).unwrap_err();
        assert!(matches!(error, PredictError::Missing { ref column, row: 1 } if column == "a"));
    }

    #[test]
    fn text_is_no_number() {
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec!["1"]))];
        let error = gather(1, &columns, &names(&["t"])).unwrap_err();
        assert!(error.to_string().contains("`t`"));
    }
}
