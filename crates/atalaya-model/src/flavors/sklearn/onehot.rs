//! `OneHotEncoder`: a column of 0 and 1 per category.

use std::sync::Arc;

use super::block::{Block, Matrix, Names};
use super::categories::{Categories, Groups, for_each_category, infrequent, unknown_category};
use super::compiler::Compiler;
use super::encode::dtype_name;
use super::error::SklearnError;
use super::part::Part;
use super::transform::{Compiled, Transform};
use crate::predictor::PredictError;

/// What a value that is not among the categories becomes.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    Refuse,
    Zeros,
    /// The column of the infrequent categories.
    Slot(usize),
}

#[derive(Debug)]
struct Column {
    /// Output column, counted from `offset`, of each category; `None` for the dropped one.
    slots: Vec<Option<usize>>,
    unknown: Unknown,
    offset: usize,
}

/// `OneHotEncoder`.
#[derive(Debug)]
pub(super) struct OneHot {
    names: Names,
    categories: Vec<Categories>,
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
        let categories = Categories::read_each(compiler, part, names.len())?;
        let unknown = part.text("handle_unknown")?;
        let drops = drops(part, names.len())?;
        let infrequent = infrequent(part, names.len())?;
        let mut columns = Vec::with_capacity(names.len());
        let mut out = Vec::new();
        let mut width = 0;
        for (position, categories) in categories.iter().enumerate() {
            let groups = infrequent.get(position).and_then(Option::as_ref);
            let slots = slots(part, categories.len(), groups, drops[position])?;
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
        let single = matches!(part.view.attr("dtype").and_then(dtype_name), Some("float32" | "f4"));
        let one_hot = Self {
            names: Names::clone(names),
            categories,
            columns,
            width,
            sparse,
            single,
        };
        Ok((Box::new(one_hot), out.into()))
    }
}

impl Transform for OneHot {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let rows = block.rows();
        let mut values = vec![0.0; rows * self.width];
        for_each_category(block, &self.names, &self.categories, |position, row, found| {
            let column = &self.columns[position];
            let slot = match (found, column.unknown) {
                (Some(category), _) => column.slots[category],
                (None, Unknown::Zeros) => None,
                (None, Unknown::Slot(slot)) => Some(slot),
                (None, Unknown::Refuse) => return Err(unknown_category(&self.names, position, row)),
            };
            if let Some(slot) = slot {
                values[row * self.width + column.offset + slot] = 1.0;
            }
            Ok(())
        })?;
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
