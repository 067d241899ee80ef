//! The input of an ensemble: numbers row after row, or column after column.

/// Rows whose codes are compared together.
pub const BLOCK_ROWS: usize = 64;
/// Rows that pass a tree that is walked before the next tree does: enough to pay for bringing it into the cache. A multiple
/// of [`BLOCK_ROWS`].
pub const WALK_ROWS: usize = 6 * BLOCK_ROWS;

/// Borrowed numbers, all of the ensemble's columns.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a, X> {
    pub(super) layout: Layout<'a, X>,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// How they lie in memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout<'a, X> {
    Rows(&'a [X]),
    Columns(&'a [&'a [X]]),
}

impl<'a, X: Copy> Table<'a, X> {
    /// `values.len() / columns` rows of `columns` values each.
    ///
    /// # Panics
    /// When the last row is not complete. Without columns there are no rows: use [`Table::from_columns`] then.
    #[must_use]
    pub fn from_rows(values: &'a [X], columns: usize) -> Self {
        let rows = values.len().checked_div(columns).unwrap_or(0);
        assert_eq!(rows * columns, values.len(), "whole rows");
        Self {
            layout: Layout::Rows(values),
            rows,
            columns,
        }
    }

    /// Columns of `rows` values each, as an Arrow array without nulls has them.
    ///
    /// # Panics
    /// When a column has another length.
    #[must_use]
    pub fn from_columns(columns: &'a [&'a [X]], rows: usize) -> Self {
        assert!(
            columns.iter().all(|column| column.len() == rows),
            "columns of one length"
        );
        Self {
            layout: Layout::Columns(columns),
            rows,
            columns: columns.len(),
        }
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }
}
