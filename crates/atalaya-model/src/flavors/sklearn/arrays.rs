//! Answers as Arrow arrays, one element per row.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, FixedSizeListArray, Float64Array, Int64Array, StringArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, FieldRef};

use super::block::{Block, Names};
use super::estimator::{Output, Values};
use super::labels::Labels;
use crate::predictor::PredictError;

/// Makes arrays; holds what all those of one model share.
pub(super) struct Arrays {
    numbers: FieldRef,
}

impl Default for Arrays {
    fn default() -> Self {
        Self {
            numbers: Arc::new(Field::new_list_field(DataType::Float64, false)),
        }
    }
}

impl Arrays {
    /// An answer; labels by their value in `classes`.
    pub(super) fn output(&self, output: Output, classes: &[Labels]) -> ArrayRef {
        let Output { values, width, .. } = output;
        let values: ArrayRef = match values {
            Values::Floats(values) => Arc::new(Float64Array::from(values)),
            Values::Ints(values) => Arc::new(Int64Array::from(values)),
            Values::Bools(values) => Arc::new(BooleanArray::from(values)),
            Values::Texts(values) => Arc::new(StringArray::from_iter_values(values)),
            Values::Labels(indices) => Labels::take_each(classes, indices),
        };
        match width {
            None => values,
            Some(width) => {
                let rows = values.len() / width.max(1);
                self.list(values, width, rows)
            }
        }
    }

    /// The columns of a block, a list per row: of doubles, or of text when all columns are text.
    pub(super) fn block(&self, block: Block, names: &Names) -> Result<ArrayRef, PredictError> {
        let (rows, width) = (block.rows(), block.width());
        if let Block::Columns { columns, .. } = &block
            && width > 0
            && columns.iter().all(|column| *column.data_type() == DataType::Utf8)
        {
            let columns: Vec<_> = columns.iter().map(|column| column.as_string::<i32>()).collect();
            let places = (0..rows).flat_map(|row| columns.iter().map(move |column| (*column, row)));
            let texts = places.map(|(column, row)| column.is_valid(row).then(|| column.value(row)));
            return Ok(self.list(Arc::new(texts.collect::<StringArray>()), width, rows));
        }
        let matrix = block.into_numbers(names)?;
        Ok(self.list(Arc::new(Float64Array::from(matrix.values)), width, rows))
    }

    fn list(&self, values: ArrayRef, width: usize, rows: usize) -> ArrayRef {
        let field = match values.data_type() {
            DataType::Float64 => Arc::clone(&self.numbers),
            other => Arc::new(Field::new_list_field(other.clone(), values.null_count() > 0)),
        };
        // Without values only this says how many rows there are.
        let nulls = (width == 0).then(|| NullBuffer::new_valid(rows));
        // `width` is a number of classes, outputs or columns, all of which have an entry in the model file.
        let width = i32::try_from(width).unwrap_or(i32::MAX);
        Arc::new(FixedSizeListArray::new(field, width, values, nulls))
    }
}
