//! What histogram boosting does to its columns before the trees see them.

use std::slice;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};

use super::block::{Block, Matrix, Names, gather};
use super::categories::Categories;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::Part;
use crate::object::View;
use crate::predictor::PredictError;

/// How a batch becomes the columns that trees test.
#[derive(Debug)]
pub(super) enum HistColumns {
    /// As it is.
    Numbers,
    /// These columns are cut to one byte, as categories were until scikit-learn 1.3.
    Wrapped(Vec<usize>),
    /// Columns of categories come first, as positions among those that were fitted on.
    Encoded(Vec<Column>),
}

/// A column that trees test.
#[derive(Debug)]
pub(super) struct Column {
    /// Where it is in the batch.
    source: usize,
    /// Of a column of categories.
    categories: Option<Categories>,
}

impl HistColumns {
    /// Of the columns in which trees split by category.
    pub(super) fn wrapped(columns: Vec<usize>) -> Self {
        if columns.is_empty() {
            Self::Numbers
        } else {
            Self::Wrapped(columns)
        }
    }

    /// What `_preprocessor` does: an `OrdinalEncoder` for some columns, and then the others as they are.
    pub(super) fn encoded(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        preprocessor: View<'_>,
        names: &Names,
    ) -> Result<Self, SklearnError> {
        let place = format!("{}, attribute `_preprocessor`", part.place);
        if preprocessor.class() != Some(("sklearn.compose._column_transformer", "ColumnTransformer")) {
            return Err(SklearnError::unknown(&place, preprocessor));
        }
        let sources = |name: &str| {
            let indices = preprocessor.attr("_transformer_to_input_indices");
            let indices = indices.and_then(|indices| indices.get(name)).and_then(View::ints);
            let position = |value: i64| usize::try_from(value).ok().filter(|at| *at < names.len());
            let found = indices.and_then(|found| found.into_iter().map(position).collect::<Option<Vec<_>>>());
            found.map_or_else(|| part.content("its preprocessor does not name columns"), Ok)
        };
        let (encoded, others) = (sources("encoder")?, sources("numerical")?);
        if encoded.len() + others.len() != names.len() {
            return part.content("its preprocessor does not give every column once");
        }
        let mut columns = Vec::with_capacity(names.len());
        let categories = categories(compiler, part, preprocessor, encoded.len())?;
        for (source, categories) in encoded.into_iter().zip(categories) {
            columns.push(Column {
                source,
                categories: Some(categories),
            });
        }
        columns.extend(others.into_iter().map(|source| Column {
            source,
            categories: None,
        }));
        Ok(Self::Encoded(columns))
    }

    /// What a cast to an unsigned byte makes of a category; negative and missing ones stay what they are.
    pub(super) fn wrap(columns: &[usize], matrix: &mut Matrix) {
        for row in matrix.values.chunks_exact_mut(matrix.columns.max(1)) {
            for column in columns {
                if row[*column] >= 256.0 {
                    row[*column] = low_byte(row[*column]);
                }
            }
        }
    }

    /// The columns that trees test, each with a number per row.
    pub(super) fn encode(columns: &[Column], x: &Block, names: &Names) -> Result<Vec<Vec<f64>>, PredictError> {
        let encode = |column: &Column| match x {
            Block::Columns { columns, .. } => column.of_array(&columns[column.source], names),
            Block::Numbers(matrix) => Ok(column.of_matrix(matrix)),
            Block::Sparse(_) => Ok(column.of_matrix(&*x.numbers(names)?)),
        };
        columns.iter().map(encode).collect()
    }
}

impl Column {
    /// A position among the categories; NaN for those that are missing or were not fitted on.
    fn code(categories: &Categories, found: Option<usize>) -> f64 {
        match found {
            Some(index) if !categories.missing(index) => super::members::double(index),
            _ => f64::NAN,
        }
    }

    fn of_matrix(&self, matrix: &Matrix) -> Vec<f64> {
        let values = matrix.values.iter().skip(self.source).step_by(matrix.columns.max(1));
        match &self.categories {
            None => values.copied().collect(),
            Some(categories) => values
                .map(|value| Self::code(categories, categories.number(*value)))
                .collect(),
        }
    }

    fn of_array(&self, array: &ArrayRef, names: &Names) -> Result<Vec<f64>, PredictError> {
        let name = &names[self.source];
        let Some(categories) = &self.categories else {
            let name = Arc::from([Arc::clone(name)]);
            return Ok(gather(array.len(), slice::from_ref(array), &name)?.values);
        };
        let mut codes = Vec::with_capacity(array.len());
        categories.of_column(array, name, |_, found| {
            codes.push(Self::code(categories, found));
            Ok(())
        })?;
        Ok(codes)
    }
}

/// The categories of the encoder's `columns` columns.
fn categories(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    preprocessor: View<'_>,
    columns: usize,
) -> Result<Vec<Categories>, SklearnError> {
    if columns == 0 {
        return Ok(Vec::new());
    }
    let encoder = preprocessor
        .attr("transformers_")
        .and_then(View::elements)
        .into_iter()
        .flatten()
        .find_map(|triple| {
            let mut triple = triple.elements()?;
            (triple.next()?.as_str()? == "encoder").then(|| triple.next())?
        });
    let Some(encoder) = encoder else {
        return part.content("its preprocessor has no encoder");
    };
    let place = format!("{}, encoder", part.place);
    if encoder.class() != Some(("sklearn.preprocessing._encoders", "OrdinalEncoder")) {
        return Err(SklearnError::unknown(&place, encoder));
    }
    let part = Part {
        view: encoder,
        place: &place,
        ..*part
    };
    if part.flag("_infrequent_enabled", false)? {
        return part.unsupported("with an encoder of infrequent categories");
    }
    Categories::read_each(compiler, &part, columns)
}

/// What x86-64 makes of a double of at least 0 as an unsigned byte: the lowest byte of the 32-bit integer, which is
/// `i32::MIN` for everything that is too large.
#[expect(clippy::cast_possible_truncation, reason = "the value is in the range of the cast")]
fn low_byte(value: f64) -> f64 {
    if value < f64::from(i32::MAX) + 1.0 {
        f64::from((value as i32 & 0xff) as u8)
    } else {
        0.0
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers")]
mod tests {
    use super::*;

    #[test]
    fn large_categories_wrap_as_a_byte_does() {
        assert_eq!([256.0, 300.9, 1e10, f64::INFINITY].map(low_byte), [0.0, 44.0, 0.0, 0.0]);
        let mut matrix = Matrix {
            rows: 2,
            columns: 2,
            values: vec![300.0, 300.0, -300.0, f64::NAN],
            single: false,
            sparse: false,
        };
        HistColumns::wrap(&[1], &mut matrix);
        assert_eq!(matrix.values[..3], [300.0, 44.0, -300.0]);
        assert!(matrix.values[3].is_nan());
    }
}
