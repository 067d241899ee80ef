//! `OneHotEncoder`: a column of 0 and 1 per category. Categories are compared as Python does: `1 == 1.0 == True`.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;

use super::block::{Block, Matrix, Names, gather};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, length};
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::PredictError;

/// What a value that is not among the categories becomes.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    Refuse,
    Zeros,
    /// The column of the infrequent categories.
    Slot(usize),
}

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

#[derive(Debug)]
struct Column {
    categories: Categories,
    /// Output column, counted from `offset`, of each category; `None` for the dropped one.
    slots: Vec<Option<usize>>,
    unknown: Unknown,
    offset: usize,
}

/// `OneHotEncoder`.
#[derive(Debug)]
pub(super) struct OneHot {
    names: Names,
    columns: Vec<Column>,
    width: usize,
    sparse: bool,
    single: bool,
}

impl OneHot {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let categories = part.items("categories_")?;
        if categories.len() != names.len() {
            return part.content("attribute `categories_` does not have one list per column");
        }
        let unknown = part.text("handle_unknown")?;
        let drops = drops(part, names.len())?;
        let infrequent = infrequent(part, names.len())?;
        let mut columns = Vec::with_capacity(names.len());
        let mut out = Vec::new();
        let mut width = 0;
        for (position, view) in categories.into_iter().enumerate() {
            compiler.charge(length(view) * 4 * size_of::<(Box<str>, usize)>())?;
            let categories = Categories::read(part, view)?;
            let groups = infrequent.get(position).and_then(Option::as_ref);
            let slots = slots(part, categories.count, groups, drops[position])?;
            let size = slots.iter().flatten().max().map_or(0, |last| last + 1);
            let unknown = match (unknown, groups) {
                ("error", _) => Unknown::Refuse,
                ("infrequent_if_exist" | "warn", Some(groups)) => groups
                    .first
                    .and_then(|first| slots.get(first).copied().flatten())
                    .map_or(Unknown::Zeros, Unknown::Slot),
                ("ignore" | "infrequent_if_exist" | "warn", _) => Unknown::Zeros,
                _ => return part.content("attribute `handle_unknown` is not one of its words"),
            };
            out.extend(std::iter::repeat_n(&names[position], size).map(Arc::clone));
            columns.push(Column {
                categories,
                slots,
                unknown,
                offset: width,
            });
            width += size;
        }
        let sparse = match part.view.attr("sparse_output") {
            Some(_) => part.flag("sparse_output", true)?,
            None => part.flag("sparse", true)?,
        };
        let single = part
            .view
            .attr("dtype")
            .and_then(View::class)
            .is_some_and(|(_, name)| name == "float32");
        let one_hot = Self {
            names: Names::clone(names),
            columns,
            width,
            sparse,
            single,
        };
        Ok((Box::new(one_hot), out.into()))
    }

    /// Sets the ones of one input column in `values`, from the index of each row's category.
    fn mark(
        &self,
        position: usize,
        values: &mut [f64],
        found: impl Iterator<Item = Option<usize>>,
    ) -> Result<(), PredictError> {
        let column = &self.columns[position];
        for (row, category) in found.enumerate() {
            let slot = match (category, column.unknown) {
                (Some(category), _) => column.slots[category],
                (None, Unknown::Zeros) => None,
                (None, Unknown::Slot(slot)) => Some(slot),
                (None, Unknown::Refuse) => {
                    return Err(PredictError::UnknownCategory {
                        column: self.names[position].to_string(),
                        row,
                    });
                }
            };
            if let Some(slot) = slot {
                values[row * self.width + column.offset + slot] = 1.0;
            }
        }
        Ok(())
    }

    fn mark_column(&self, position: usize, column: &ArrayRef, values: &mut [f64]) -> Result<(), PredictError> {
        let categories = &self.columns[position].categories;
        if *column.data_type() == DataType::Utf8 {
            let texts = column.as_string::<i32>().iter();
            return self.mark(
                position,
                values,
                texts.map(|text| match text {
                    Some(text) => categories.text(text),
                    None => categories.null(),
                }),
            );
        }
        let name: Names = Arc::from([Arc::clone(&self.names[position])]);
        let numbers = gather(column.len(), std::slice::from_ref(column), &name)?;
        self.mark(
            position,
            values,
            numbers.values.iter().map(|value| categories.number(*value)),
        )
    }
}

impl Transform for OneHot {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let rows = block.rows();
        let mut values = vec![0.0; rows * self.width];
        match block {
            block @ (Block::Numbers(_) | Block::Sparse(_)) => {
                let matrix = block.into_numbers(&self.names)?;
                for position in 0..matrix.columns {
                    let categories = &self.columns[position].categories;
                    let column = matrix.values.iter().skip(position).step_by(matrix.columns);
                    self.mark(position, &mut values, column.map(|value| categories.number(*value)))?;
                }
            }
            Block::Columns { columns, .. } => {
                for (position, column) in columns.iter().enumerate() {
                    self.mark_column(position, column, &mut values)?;
                }
            }
        }
        let (sparse, single) = (self.sparse, self.single);
        Ok(Block::Numbers(Matrix {
            rows,
            columns: self.width,
            values,
            single,
            sparse,
        }))
    }
}

impl Categories {
    pub(super) fn read(part: &Part<'_, '_>, view: View<'_>) -> Result<Self, SklearnError> {
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
    pub(super) fn null(&self) -> Option<usize> {
        self.none.or(self.nan)
    }

    /// Whether a category stands for a missing number.
    pub(super) fn missing(&self, index: usize) -> bool {
        self.nan == Some(index)
    }

    pub(super) fn text(&self, text: &str) -> Option<usize> {
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
}

/// How the categories of a column are grouped.
struct Groups {
    /// The group of each category.
    of: Vec<usize>,
    /// The first infrequent category.
    first: Option<usize>,
}

fn slots(
    part: &Part<'_, '_>,
    count: usize,
    groups: Option<&Groups>,
    drop: Option<usize>,
) -> Result<Vec<Option<usize>>, SklearnError> {
    if groups.is_some_and(|groups| groups.of.len() != count || groups.of.iter().any(|group| *group >= count)) {
        return part.content("attribute `_default_to_infrequent_mappings` does not fit `categories_`");
    }
    let slot = |category: usize| {
        let group = groups.map_or(category, |groups| groups.of[category]);
        match drop {
            Some(drop) if group == drop => None,
            Some(drop) if group > drop => Some(group - 1),
            _ => Some(group),
        }
    };
    Ok((0..count).map(slot).collect())
}

/// The dropped category of each column, counted after grouping.
fn drops(part: &Part<'_, '_>, width: usize) -> Result<Vec<Option<usize>>, SklearnError> {
    let drops = part
        .optional("_drop_idx_after_grouping")
        .or_else(|| part.optional("drop_idx_"));
    let Some(drops) = drops else {
        return Ok(vec![None; width]);
    };
    let wrong = "attribute `drop_idx_` does not have one index per column";
    let index = |value: i64| usize::try_from(value).ok();
    let read: Option<Vec<Option<usize>>> = match (drops.elements(), drops.ints()) {
        (Some(items), _) => items
            .map(|item| {
                if item.is_none() {
                    Some(None)
                } else {
                    item.as_i64().and_then(index).map(Some)
                }
            })
            .collect(),
        (None, Some(values)) => values.into_iter().map(|value| index(value).map(Some)).collect(),
        (None, None) => None,
    };
    match read {
        Some(read) if read.len() == width => Ok(read),
        _ => part.content(wrong),
    }
}

/// The grouping of each column that has infrequent categories.
fn infrequent(part: &Part<'_, '_>, width: usize) -> Result<Vec<Option<Groups>>, SklearnError> {
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
