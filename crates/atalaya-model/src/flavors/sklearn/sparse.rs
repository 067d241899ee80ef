//! Sparse rows, as text gives them. Python adds up stored entries in their order, without fused rounding; columns that are
//! not stored add nothing.

use super::block::{Matrix, Names};
use crate::predictor::PredictError;

/// Most numbers of a sparse matrix that is written out: 1 GiB.
const MAX_DENSE: usize = 1 << 27;

/// Rows of which only some numbers are stored (scipy's CSR).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sparse {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Where each row starts in the next two, and where the last one ends: `rows + 1` positions.
    pub(super) starts: Vec<usize>,
    /// Column of each stored number, below `columns`; inside a row in the order in which Python stores them.
    pub(super) indices: Vec<u32>,
    /// The stored numbers.
    pub(super) values: Vec<f64>,
    /// Whether Python has these numbers as float32.
    pub(super) single: bool,
}

impl Sparse {
    /// No rows yet.
    pub(super) fn new(columns: usize) -> Self {
        Self {
            rows: 0,
            columns,
            starts: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
            single: false,
        }
    }

    /// Adds a row of stored entries.
    pub(super) fn push(&mut self, entries: impl IntoIterator<Item = (u32, f64)>) {
        for (index, value) in entries {
            self.indices.push(index);
            self.values.push(value);
        }
        self.rows += 1;
        self.starts.push(self.indices.len());
    }

    /// The columns and numbers of each row.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u32], &[f64])> {
        self.starts.windows(2).map(|pair| {
            let range = pair[0]..pair[1];
            (&self.indices[range.clone()], &self.values[range])
        })
    }

    /// All numbers, zeros included.
    ///
    /// # Errors
    /// When they are too many.
    pub(super) fn to_dense(&self, names: &Names) -> Result<Matrix, PredictError> {
        let count = self.rows.checked_mul(self.columns).filter(|count| *count <= MAX_DENSE);
        let Some(count) = count else {
            return Err(PredictError::Column {
                column: names.first().map_or_else(String::new, ToString::to_string),
                expected: "fewer rows in one batch: this model writes out every column of its sparse features"
                    .to_owned(),
            });
        };
        let mut values = vec![0.0; count];
        for (row, (indices, stored)) in values.chunks_exact_mut(self.columns.max(1)).zip(self.rows()) {
            for (index, value) in indices.iter().zip(stored) {
                row[*index as usize] = *value;
            }
        }
        Ok(Matrix {
            rows: self.rows,
            columns: self.columns,
            values,
            single: self.single,
            sparse: true,
        })
    }

    /// The columns at `positions`, in that order; one may come twice.
    pub(super) fn select(&self, positions: &[usize]) -> Self {
        let mut places: Vec<(usize, u32)> = (0u32..).zip(positions).map(|(new, old)| (*old, new)).collect();
        places.sort_unstable();
        let mut selected = Self {
            single: self.single,
            ..Self::new(positions.len())
        };
        let mut row = Vec::new();
        for (indices, values) in self.rows() {
            row.clear();
            for (index, value) in indices.iter().zip(values) {
                let old = *index as usize;
                let start = places.partition_point(|(position, _)| *position < old);
                let found = places[start..].iter().take_while(|(position, _)| *position == old);
                row.extend(found.map(|(_, new)| (*new, *value)));
            }
            row.sort_by_key(|(new, _)| *new);
            selected.push(row.iter().copied());
        }
        selected
    }

    /// Refuses infinite and missing values.
    pub(super) fn check(&self, names: &Names, allow_missing: bool) -> Result<(), PredictError> {
        let refused = |value: &f64| !(value.is_finite() || (allow_missing && value.is_nan()));
        let Some(at) = self.values.iter().position(refused) else {
            return Ok(());
        };
        let row = self.starts.partition_point(|start| *start <= at).saturating_sub(1);
        let position = row * self.columns + self.indices[at] as usize;
        Err(super::block::refuse(
            position,
            self.columns,
            names,
            self.values[at].is_nan(),
        ))
    }

    /// Matrices of the same rows side by side, as `scipy.sparse.hstack` does; zeros of dense ones are not stored.
    pub(super) fn beside(rows: usize, parts: &[super::block::Block], names: &Names) -> Result<Self, PredictError> {
        use super::block::Block;
        let mut offset = 0;
        let mut entries: Vec<Vec<(u32, f64)>> = vec![Vec::new(); rows];
        let mut single = !parts.is_empty();
        for part in parts {
            let at = |column: usize| u32::try_from(offset + column).unwrap_or(u32::MAX);
            match part {
                Block::Sparse(sparse) => {
                    for (row, (indices, values)) in entries.iter_mut().zip(sparse.rows()) {
                        row.extend(indices.iter().zip(values).map(|(j, value)| (at(*j as usize), *value)));
                    }
                    single &= sparse.single;
                    offset += sparse.columns;
                }
                Block::Numbers(_) | Block::Columns { .. } => {
                    let matrix = part.numbers(names)?;
                    for (row, values) in entries
                        .iter_mut()
                        .zip(matrix.values.chunks_exact(matrix.columns.max(1)))
                    {
                        let stored = values.iter().enumerate().filter(|(_, value)| **value != 0.0);
                        row.extend(stored.map(|(j, value)| (at(j), *value)));
                    }
                    single &= matrix.single;
                    offset += matrix.columns;
                }
            }
        }
        let mut all = Self {
            single,
            ..Self::new(offset)
        };
        entries.into_iter().for_each(|row| all.push(row));
        Ok(all)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use super::super::block::Block;
    use super::*;

    fn names(count: usize) -> Names {
        (0..count).map(|position| Arc::from(format!("c{position}"))).collect()
    }

    fn two_rows() -> Sparse {
        let mut sparse = Sparse::new(4);
        sparse.push([(1, 5.0), (3, 7.0)]);
        sparse.push([]);
        sparse
    }

    #[test]
    fn written_out_it_has_zeros() {
        let dense = two_rows().to_dense(&names(4)).unwrap();
        assert_eq!(dense.values, [0.0, 5.0, 0.0, 7.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(dense.sparse && !dense.single);
        let huge = Sparse {
            rows: 1 << 20,
            columns: 1 << 20,
            ..Sparse::new(0)
        };
        assert!(huge.to_dense(&names(1)).unwrap_err().to_string().contains("fewer rows"));
    }

    #[test]
    fn columns_are_selected_in_any_order_and_twice() {
        let selected = two_rows().select(&[3, 0, 3, 1]);
        assert_eq!(selected.to_dense(&names(4)).unwrap().values[..4], [7.0, 0.0, 7.0, 5.0]);
        assert_eq!(selected.indices, [0, 2, 3]);
    }

    #[test]
    fn side_by_side_zeros_of_dense_columns_are_not_stored() {
        let dense = Matrix {
            rows: 2,
            columns: 2,
            values: vec![0.0, 1.0, 2.0, -0.0],
            single: false,
            sparse: false,
        };
        let parts = [Block::Numbers(dense), Block::Sparse(two_rows())];
        let all = Sparse::beside(2, &parts, &names(6)).unwrap();
        assert_eq!((all.columns, &all.indices[..]), (6, &[1, 3, 5, 0][..]));
        assert_eq!(all.starts, [0, 3, 4]);
    }

    #[test]
    fn a_bad_value_is_named_by_its_column_and_row() {
        let mut sparse = two_rows();
        sparse.push([(2, f64::NAN)]);
        let error = sparse.check(&names(4), false).unwrap_err();
        assert!(matches!(error, PredictError::Missing { ref column, row: 2 } if column == "c2"));
        assert!(sparse.check(&names(4), true).is_ok());
    }
}
