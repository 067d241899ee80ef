//! The categories of a column, and which of them a value is. They are compared as Python does: `1 == 1.0 == True`.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::block::{Block, Names, gather};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, length};
use crate::object::View;
use crate::predictor::PredictError;

/// The categories of one input column.
#[derive(Debug, Default)]
pub(super) struct Categories {
    /// Sorted numbers with their index.
    numbers: Vec<(f64, usize)>,
    /// Sorted texts with their index.
    texts: Vec<(Box<str>, usize)>,
    /// Index of NaN.
    nan: Option<usize>,
    /// Index of `None`.
    none: Option<usize>,
    count: usize,
}

impl Categories {
    /// The categories of `columns` columns.
    pub(super) fn read_each(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        columns: usize,
    ) -> Result<Vec<Self>, SklearnError> {
        let lists = part.items("categories_")?;
        if lists.len() != columns {
            return part.content("attribute `categories_` does not have one list per column");
        }
        let read = |list| {
            compiler.charge(length(list) * 4 * size_of::<(Box<str>, usize)>())?;
            Self::read(part, list)
        };
        lists.into_iter().map(read).collect()
    }

    fn read(part: &Part<'_, '_>, view: View<'_>) -> Result<Self, SklearnError> {
        let mut read = Self::default();
        if let Some(array) = view.as_array().filter(|_| view.items().is_none()) {
            match (array.floats(), array.strings()) {
                (Some(numbers), _) => numbers.into_iter().for_each(|number| read.add_number(number)),
                (None, Some(texts)) => texts.into_iter().for_each(|text| read.add_text(text.into())),
                (None, None) => return part.unsupported("with categories that are neither numbers nor text"),
            }
        } else {
            for item in view.elements().into_iter().flatten() {
                match (item.as_str(), item.as_f64()) {
                    (Some(text), _) => read.add_text(text.into()),
                    (None, Some(number)) => read.add_number(number),
                    (None, None) if item.is_none() => {
                        read.none = Some(read.count);
                        read.count += 1;
                    }
                    (None, None) => return part.unsupported("with categories that are neither numbers nor text"),
                }
            }
        }
        read.numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        read.texts.sort();
        Ok(read)
    }

    fn add_number(&mut self, number: f64) {
        if number.is_nan() {
            self.nan = Some(self.count);
        } else {
            // -0.0 equals 0.0, in Python and here, but not in the order of the search.
            self.numbers.push((number + 0.0, self.count));
        }
        self.count += 1;
    }

    fn add_text(&mut self, text: Box<str>) {
        self.texts.push((text, self.count));
        self.count += 1;
    }

    /// Where a missing value of a column of text is.
    fn null(&self) -> Option<usize> {
        self.none.or(self.nan)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Whether a category stands for a missing number.
    pub(super) fn missing(&self, index: usize) -> bool {
        self.nan == Some(index)
    }

    fn text(&self, text: &str) -> Option<usize> {
        let at = self.texts.binary_search_by(|(known, _)| (**known).cmp(text)).ok()?;
        Some(self.texts[at].1)
    }

    pub(super) fn number(&self, number: f64) -> Option<usize> {
        if number.is_nan() {
            return self.nan.or(self.none);
        }
        let at = self
            .numbers
            .binary_search_by(|(known, _)| known.total_cmp(&(number + 0.0)))
            .ok()?;
        Some(self.numbers[at].1)
    }

    /// The category of every row of a column, in order.
    pub(super) fn of_column(
        &self,
        column: &ArrayRef,
        name: &Arc<str>,
        mut each: impl FnMut(usize, Option<usize>) -> Result<(), PredictError>,
    ) -> Result<(), PredictError> {
        if *column.data_type() == DataType::Utf8 {
            let mut texts = column.as_string::<i32>().iter().enumerate();
            return texts
                .try_for_each(|(row, text)| each(row, text.map_or_else(|| self.null(), |text| self.text(text))));
        }
        let name: Names = Arc::from([Arc::clone(name)]);
        let numbers = gather(column.len(), std::slice::from_ref(column), &name)?;
        let mut values = numbers.values.iter().enumerate();
        values.try_for_each(|(row, value)| each(row, self.number(*value)))
    }
}

/// Calls `each` with position, row and category of every value of a block, which has a column per element of
/// `categories`.
pub(super) fn for_each_category(
    block: Block,
    names: &Names,
    categories: &[Categories],
    mut each: impl FnMut(usize, usize, Option<usize>) -> Result<(), PredictError>,
) -> Result<(), PredictError> {
    if let Block::Columns { columns, .. } = &block {
        for (position, (column, categories)) in columns.iter().zip(categories).enumerate() {
            categories.of_column(column, &names[position], |row, found| each(position, row, found))?;
        }
        return Ok(());
    }
    let matrix = block.into_numbers(names)?;
    for (position, categories) in categories.iter().enumerate() {
        let column = matrix.values.iter().skip(position).step_by(matrix.columns.max(1));
        for (row, value) in column.enumerate() {
            each(position, row, categories.number(*value))?;
        }
    }
    Ok(())
}

/// The error for a category that the model was not fitted on.
pub(super) fn unknown_category(names: &Names, position: usize, row: usize) -> PredictError {
    PredictError::UnknownCategory {
        column: names.get(position).map_or_else(String::new, ToString::to_string),
        row,
    }
}

/// How the categories of a column are grouped.
pub(super) struct Groups {
    /// The group of each category.
    pub(super) of: Vec<usize>,
    /// The first infrequent category.
    pub(super) first: Option<usize>,
}

/// The grouping of each column that has infrequent categories.
pub(super) fn infrequent(part: &Part<'_, '_>, width: usize) -> Result<Vec<Option<Groups>>, SklearnError> {
    let Some(indices) = part.optional("_infrequent_indices").and_then(View::elements) else {
        return Ok(Vec::new());
    };
    let mappings = part.items("_default_to_infrequent_mappings")?;
    if indices.len() != width || mappings.len() != width {
        return part.content("attribute `_infrequent_indices` does not have one list per column");
    }
    let group = |(indices, mapping): (View<'_>, View<'_>)| {
        if indices.is_none() || mapping.is_none() {
            return Ok(None);
        }
        let index = |value: i64| usize::try_from(value).ok();
        let of = mapping
            .ints()
            .and_then(|of| of.into_iter().map(index).collect::<Option<Vec<_>>>());
        let first = indices.ints().map(|indices| indices.first().copied().and_then(index));
        match (of, first) {
            (Some(of), Some(first)) => Ok(Some(Groups { of, first })),
            _ => part.content("attribute `_infrequent_indices` is not a list of indices"),
        }
    };
    indices.zip(mappings).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_numbers_as_python_compares_them() {
        let mut categories = Categories::default();
        for number in [-1.0, 0.0, 1.0, f64::NAN] {
            categories.add_number(number);
        }
        assert_eq!(categories.number(-0.0), Some(1));
        assert_eq!(categories.number(f64::NAN), Some(3));
        assert_eq!(categories.number(2.0), None);
        assert_eq!(categories.text("1"), None);
    }
}
