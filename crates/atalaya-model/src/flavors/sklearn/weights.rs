//! Matrices among the attributes of an estimator: dense arrays of two dimensions, and scipy's compressed sparse rows.

use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, length};
use super::sparse::Sparse;
use crate::object::View;

/// A matrix, row after row.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<f64>,
    /// Whether it is float32 in Python.
    pub(super) single: bool,
}

impl Weights {
    /// The attribute `name`, an array of two dimensions.
    pub(super) fn read(compiler: &mut Compiler, part: &Part<'_, '_>, name: &str) -> Result<Self, SklearnError> {
        Self::read_view(compiler, part, part.field(name)?, name)
    }

    /// As [`Weights::read`], of an array that is elsewhere, which error texts call `name`.
    pub(super) fn read_view(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        view: View<'_>,
        name: &str,
    ) -> Result<Self, SklearnError> {
        if let (None, Some(_)) = (view.as_array(), view.class()) {
            return part.unsupported(format!("with an attribute `{name}` that is not a dense array"));
        }
        compiler.charge(8 * length(view))?;
        let shape = view.as_array().map(|array| (&array.shape[..], array.is_f32()));
        let (Some(([rows, columns], single)), Some(values)) = (shape, view.floats()) else {
            return part.content(format!("attribute `{name}` is not a matrix of numbers"));
        };
        Ok(Self {
            rows: *rows,
            columns: *columns,
            values,
            single,
        })
    }

    /// A matrix of `columns` columns.
    pub(super) fn with_columns(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        name: &str,
        columns: usize,
    ) -> Result<Self, SklearnError> {
        let weights = Self::read(compiler, part, name)?;
        if weights.columns != columns {
            return part.content(format!("attribute `{name}` does not have {columns} columns"));
        }
        Ok(weights)
    }

    /// A matrix of that shape.
    pub(super) fn with_shape(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        name: &str,
        shape: [usize; 2],
    ) -> Result<Self, SklearnError> {
        let weights = Self::read(compiler, part, name)?;
        if [weights.rows, weights.columns] != shape {
            let [rows, columns] = shape;
            return part.content(format!("attribute `{name}` is not a matrix of {rows} by {columns}"));
        }
        Ok(weights)
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        (0..self.rows).map(|row| self.row(row))
    }

    pub(super) fn transposed(&self) -> Self {
        let places = (0..self.columns).flat_map(|column| (0..self.rows).map(move |row| row * self.columns + column));
        Self {
            rows: self.columns,
            columns: self.rows,
            values: places.map(|place| self.values[place]).collect(),
            single: self.single,
        }
    }
}

/// Whether an attribute is one of scipy's sparse matrices.
pub(super) fn sparse_rows(view: View<'_>) -> bool {
    view.as_object().is_some() && matches!(view.class(), Some((module, _)) if module.starts_with("scipy.sparse."))
}

/// The attribute `name`, compressed sparse rows; columns ascend in each row.
pub(super) fn read_sparse(compiler: &mut Compiler, part: &Part<'_, '_>, name: &str) -> Result<Sparse, SklearnError> {
    let view = part.field(name)?;
    if !matches!(
        view.class(),
        Some(("scipy.sparse._csr" | "scipy.sparse.csr", "csr_matrix" | "csr_array"))
    ) {
        return part.unsupported(format!(
            "with an attribute `{name}` that is neither dense nor sparse rows"
        ));
    }
    let (Some(shape), Some(starts), Some(indices), Some(values)) = (
        view.attr("_shape"),
        view.attr("indptr"),
        view.attr("indices"),
        view.attr("data"),
    ) else {
        return part.unsupported(format!("with an attribute `{name}` of an unknown layout"));
    };
    compiler.charge(8 * length(starts) + 24 * length(values) + 8 * length(indices))?;
    let shape = shape.ints().unwrap_or_default();
    let single = values.as_array().is_some_and(|array| array.is_f32());
    let (Some(starts), Some(indices), Some(values)) = (starts.ints(), indices.ints(), values.floats()) else {
        return part.content(format!("attribute `{name}` is not a matrix of numbers"));
    };
    let count = |value: &i64| usize::try_from(*value).ok();
    let sizes: Option<Vec<_>> = shape.iter().map(count).collect();
    let starts: Option<Vec<_>> = starts.iter().map(count).collect();
    let (Some(starts), Some(&[rows, columns])) = (starts, sizes.as_deref()) else {
        return part.content(format!("attribute `{name}` has a negative size"));
    };
    let sound = starts.len() == rows.saturating_add(1)
        && starts.first() == Some(&0)
        && starts.is_sorted()
        && starts.last().is_some_and(|end| *end <= values.len())
        && indices.len() == values.len()
        && u32::try_from(columns).is_ok()
        && indices
            .iter()
            .all(|column| usize::try_from(*column).is_ok_and(|column| column < columns));
    if !sound {
        return part.content(format!("attribute `{name}` contradicts itself"));
    }
    let mut sparse = Sparse {
        single,
        ..Sparse::new(columns)
    };
    let mut entries = Vec::new();
    for pair in starts.windows(2) {
        let range = pair[0]..pair[1];
        let columns = indices[range.clone()]
            .iter()
            .map(|column| u32::try_from(*column).unwrap_or(u32::MAX));
        entries.clear();
        entries.extend(columns.zip(values[range].iter().copied()));
        entries.sort_by_key(|(column, _)| *column);
        sparse.push(entries.iter().copied());
    }
    Ok(sparse)
}
