//! Walking trees: eight rows through one tree at a time, or one row through eight trees, so that their memory accesses
//! overlap; blocks of rows stay in the cache while all trees pass. Leaf values are added in the order of the trees.

use super::block::{Matrix, Names, refuse};
use super::tree::{Node, Trees};
use crate::predictor::PredictError;

/// Rows or trees that are walked together.
const LANES: usize = 8;
/// Rows that pass all trees before the next ones do: 64 rows of 100 columns are 25 KiB.
const BLOCK_ROWS: usize = 64;

impl Trees {
    /// Adds what every tree says about every row to `out`, `outputs` numbers per row: tree `t` adds its `width` values
    /// from position `t * width % outputs` on.
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
        let mut block = Vec::with_capacity(BLOCK_ROWS.min(x.rows) * columns);
        let in_rows = x.values.chunks(BLOCK_ROWS * columns);
        for (number, (values, out)) in in_rows.zip(out.chunks_mut(BLOCK_ROWS * outputs)).enumerate() {
            block.clear();
            let has_missing = narrow(values, &mut block);
            if let Some(missing) = has_missing.filter(|missing| !(*missing && allow_missing)) {
                let wrong = |value: &f32| if missing { value.is_nan() } else { value.is_infinite() };
                let position = block.iter().position(wrong).unwrap_or(0);
                return Err(refuse(
                    number * BLOCK_ROWS * columns + position,
                    columns,
                    names,
                    missing,
                ));
            }
            match (has_missing, values.len() == columns) {
                (Some(_), _) => self.add_with_missing(&block, columns, outputs, out),
                (None, true) => self.add_row(&block, out),
                (None, false) => self.add_rows(&block, columns, outputs, out),
            }
        }
        Ok(())
    }

    /// One row, eight trees at a time.
    fn add_row(&self, row: &[f32], out: &mut [f64]) {
        let outputs = out.len();
        let mut target = 0;
        for roots in self.roots.chunks(LANES) {
            let mut at = [roots[0]; LANES];
            at[..roots.len()].copy_from_slice(roots);
            loop {
                let mut moved = 0;
                for at in &mut at {
                    let node = &self.nodes[*at as usize];
                    let next = step(node, row);
                    moved |= next ^ *at;
                    *at = next;
                }
                if moved == 0 {
                    break;
                }
            }
            for at in &at[..roots.len()] {
                self.add_leaf(*at, &mut out[target..target + self.width]);
                target += self.width;
                if target >= outputs {
                    target = 0;
                }
            }
        }
    }

    /// Rows, eight at a time through each tree.
    fn add_rows(&self, block: &[f32], columns: usize, outputs: usize, out: &mut [f64]) {
        let mut target = 0;
        for root in &self.roots {
            for (rows, out) in block.chunks(LANES * columns).zip(out.chunks_mut(LANES * outputs)) {
                let count = rows.len() / columns;
                let mut at = [*root; LANES];
                loop {
                    let mut moved = 0;
                    for (at, row) in at.iter_mut().zip(rows.chunks_exact(columns)) {
                        let node = &self.nodes[*at as usize];
                        let next = step(node, row);
                        moved |= next ^ *at;
                        *at = next;
                    }
                    if moved == 0 {
                        break;
                    }
                }
                for (at, out) in at[..count].iter().zip(out.chunks_exact_mut(outputs)) {
                    self.add_leaf(*at, &mut out[target..target + self.width]);
                }
            }
            target = (target + self.width) % outputs;
        }
    }

    /// Rows of which some have missing values, one at a time.
    fn add_with_missing(&self, block: &[f32], columns: usize, outputs: usize, out: &mut [f64]) {
        for (row, out) in block.chunks_exact(columns).zip(out.chunks_exact_mut(outputs)) {
            let mut target = 0;
            for root in &self.roots {
                let mut at = *root;
                loop {
                    let node = &self.nodes[at as usize];
                    if node.left == at {
                        break;
                    }
                    let value = row[node.feature as usize];
                    at = if value.is_nan() {
                        node.left + node.leaf
                    } else {
                        step(node, row)
                    };
                }
                self.add_leaf(at, &mut out[target..target + self.width]);
                target = (target + self.width) % outputs;
            }
        }
    }

    fn add_leaf(&self, at: u32, out: &mut [f64]) {
        let start = self.nodes[at as usize].leaf as usize * self.width;
        for (out, value) in out.iter_mut().zip(&self.leaves[start..start + self.width]) {
            *out += value;
        }
    }
}

fn step(node: &Node, row: &[f32]) -> u32 {
    node.left + u32::from(row[node.feature as usize] > node.threshold)
}

/// Rounds to float32. Says whether there are values that are not finite, and then whether all of those are missing ones.
#[expect(
    clippy::cast_possible_truncation,
    reason = "scikit-learn's trees get their input as float32"
)]
fn narrow(values: &[f64], block: &mut Vec<f32>) -> Option<bool> {
    block.extend(values.iter().map(|value| *value as f32));
    if block.iter().fold(0.0f32, |total, value| total + value * 0.0) == 0.0 {
        return None;
    }
    Some(!block.iter().any(|value| value.is_infinite()))
}
