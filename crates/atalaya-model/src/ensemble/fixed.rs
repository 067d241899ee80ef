//! Walks without a check of any position: trees and rows lie in arrays whose lengths are powers of two, and a position is
//! cut off to as many bits. Checks would cost more than the walk, since no step could then be finished before the next.

use super::number::Number;
use super::packed::{Index, LANES, Packed, SHALLOW, STRIDE, Span, Walks, number};

/// Lengths that trees are read in: their own nodes, and what comes after them.
pub(super) const TREES: [usize; 2] = [1 << 12, 1 << 16];
/// Lengths that rows are padded to.
pub(super) const ROWS: [usize; 2] = [32, 128];

/// The shortest of these lengths that is enough.
pub(super) fn fitting(lengths: [usize; 2], needed: usize) -> Option<usize> {
    lengths.into_iter().find(|length| needed <= *length)
}

impl<X: Number, I: Index> Walks<X, I> {
    /// The leaves that rows of `width` values each reach in one tree; `None` when there is no code for these lengths.
    pub(super) fn rows_fixed(
        &self,
        tree: usize,
        values: &[X],
        width: usize,
        missing: bool,
        out: &mut [u32],
    ) -> Option<()> {
        const SMALL: usize = TREES[0];
        const LARGE: usize = TREES[1];
        const FEW: usize = ROWS[0];
        const MANY: usize = ROWS[1];
        let tree = self.trees[tree];
        match (self.window, width) {
            (SMALL, FEW) => self.down_fixed::<SMALL, FEW>(tree, values, missing, out),
            (SMALL, MANY) => self.down_fixed::<SMALL, MANY>(tree, values, missing, out),
            (LARGE, FEW) => self.down_fixed::<LARGE, FEW>(tree, values, missing, out),
            (LARGE, MANY) => self.down_fixed::<LARGE, MANY>(tree, values, missing, out),
            _ => None,
        }
    }

    fn down_fixed<const N: usize, const W: usize>(
        &self,
        tree: Span,
        values: &[X],
        missing: bool,
        out: &mut [u32],
    ) -> Option<()> {
        let (all, leaf) = (&*self.nodes, &*self.leaf);
        let nodes = all[tree.start as usize..].first_chunk::<N>()?;
        let rows = values.as_chunks::<W>().0;
        for (rows, out) in rows.chunks(LANES).zip(out.chunks_mut(LANES)) {
            let padded;
            let lanes = match rows.first_chunk() {
                Some(lanes) => lanes,
                None => {
                    padded = padded_rows(rows);
                    &padded
                }
            };
            let at = if missing {
                walk_rows::<X, I, N, W, true>(nodes, tree.depth, lanes)
            } else {
                walk_rows::<X, I, N, W, false>(nodes, tree.depth, lanes)
            };
            for (out, at) in out.iter_mut().zip(at) {
                *out = number(all, leaf, tree.start as usize + at);
            }
        }
        Some(())
    }
}

/// Fewer rows than that, and zeros after them.
#[cold]
fn padded_rows<X: Number, const W: usize>(rows: &[[X; W]]) -> [[X; W]; LANES] {
    let mut padded = [[X::default(); W]; LANES];
    for (place, row) in padded.iter_mut().zip(rows) {
        *place = *row;
    }
    padded
}

/// Where twelve rows end in a tree.
#[inline(always)]
fn walk_rows<X: Number, I: Index, const N: usize, const W: usize, const NAN: bool>(
    nodes: &[Packed<X, I>; N],
    tree_depth: u32,
    rows: &[[X; W]; LANES],
) -> [usize; LANES] {
    let mut at = [0; LANES];
    let mut depth = tree_depth;
    while depth > 0 {
        for _ in 0..depth.min(STRIDE) {
            for lane in 0..LANES {
                at[lane] = step::<X, I, W, NAN>(&nodes[at[lane] & (N - 1)], &rows[lane]);
            }
        }
        depth = depth.saturating_sub(STRIDE);
        if tree_depth > SHALLOW && at.iter().all(|at| nodes[*at & (N - 1)].left.at() == *at) {
            break;
        }
    }
    at
}

/// The next node, counted from the root.
#[inline(always)]
fn step<X: Number, I: Index, const W: usize, const NAN: bool>(node: &Packed<X, I>, row: &[X; W]) -> usize {
    let feature = node.feature.at();
    let x = row[feature & (W - 1)];
    let mut right = x > node.threshold;
    if NAN {
        right |= x.missing() & (feature & I::NAN_RIGHT != 0);
    }
    node.left.at() + usize::from(right)
}
