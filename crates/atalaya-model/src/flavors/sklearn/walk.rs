//! Rows of a matrix through trees: rounded to float32, checked, and evaluated some at a time, while they are in the cache.

use super::block::{Matrix, Names, refuse};
use super::tree::Trees;
use crate::ensemble::{Table, WALK_ROWS};
use crate::predictor::PredictError;

/// Rows that are rounded before they are evaluated: 768 rows of 20 columns are 60 KiB.
const PIECE_ROWS: usize = 2 * WALK_ROWS;

impl Trees {
    /// Adds what every tree says about every row to `out`, `outputs` numbers per row.
    ///
    /// # Errors
    /// For values that float32 cannot hold, and for missing ones unless `allow_missing`.
    pub(super) fn add_to(
        &self,
        x: &Matrix,
        names: &Names,
        allow_missing: bool,
        outputs: usize,
        out: &mut [f64],
    ) -> Result<(), PredictError> {
        let columns = x.columns.max(1);
        let mut piece = Vec::with_capacity(PIECE_ROWS.min(x.rows) * columns);
        let in_pieces = x.values.chunks(PIECE_ROWS * columns);
        for (number, (values, out)) in in_pieces.zip(out.chunks_mut(PIECE_ROWS * outputs)).enumerate() {
            piece.clear();
            let has_missing = narrow(values, &mut piece);
            if let Some(missing) = has_missing.filter(|missing| !(*missing && allow_missing)) {
                let wrong = |value: &f32| if missing { value.is_nan() } else { value.is_infinite() };
                let position = piece.iter().position(wrong).unwrap_or(0);
                let position = number * PIECE_ROWS * columns + position;
                return Err(refuse(position, columns, names, missing));
            }
            self.ensemble.add_to(Table::from_rows(&piece, columns), out);
        }
        Ok(())
    }
}

/// Rounds to float32. Says whether there are values that are not finite, and then whether all of those are missing ones.
#[expect(
    clippy::cast_possible_truncation,
    reason = "scikit-learn's trees get their input as float32"
)]
fn narrow(values: &[f64], block: &mut Vec<f32>) -> Option<bool> {
    block.extend(values.iter().map(|value| *value as f32));
    // As for doubles, see `all_finite`.
    let (chunks, rest) = block.as_chunks::<16>();
    let mut totals = [0.0f32; 16];
    for chunk in chunks {
        for (total, value) in totals.iter_mut().zip(chunk) {
            *total += value * 0.0;
        }
    }
    if totals.iter().chain(rest).fold(0.0, |total, value| total + value * 0.0) == 0.0 {
        return None;
    }
    Some(!block.iter().any(|value| value.is_infinite()))
}
