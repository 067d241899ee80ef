//! Decision trees, checked and compiled: one flat array of 16-byte nodes for all trees of a model, siblings side by side,
//! so that a step is one comparison and one addition.

use std::collections::VecDeque;

use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, length};
use crate::object::View;

/// A node. `x > threshold` goes to `left + 1`, everything else to `left`; a leaf is its own left child and has an infinite
/// threshold, so that a walk may stay on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    /// The largest float32 that is not above scikit-learn's double: float32 input compares with either alike.
    pub(super) threshold: f32,
    pub(super) feature: u32,
    pub(super) left: u32,
    /// Of a leaf, the number of its values; of any other node, 1 when missing values go right.
    pub(super) leaf: u32,
}

/// The trees of a model, in its order.
#[derive(Debug, Default)]
pub(super) struct Trees {
    pub(super) nodes: Vec<Node>,
    pub(super) roots: Vec<u32>,
    /// `width` values per leaf.
    pub(super) leaves: Vec<f64>,
    pub(super) width: usize,
}

/// What a tree's values become when they are compiled.
#[derive(Debug, Clone, Copy)]
pub(super) enum Values {
    /// As stored.
    Stored,
    /// Weighted counts of so many classes become fractions, as they are stored from scikit-learn 1.4 on.
    Fractions(usize),
    /// Times the learning rate.
    Times(f64),
}

/// The arrays of `sklearn.tree._tree.Tree`.
struct Arrays {
    left: Vec<i64>,
    right: Vec<i64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    missing_left: Option<Vec<i64>>,
    values: Vec<f64>,
}

impl Trees {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// Adds the tree of a fitted decision tree: `columns` features, `width` values per node.
    pub(super) fn add(
        &mut self,
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        columns: usize,
        values: Values,
    ) -> Result<(), SklearnError> {
        let tree = part.field("tree_")?;
        if tree.class() != Some(("sklearn.tree._tree", "Tree")) {
            return Err(SklearnError::unknown(
                &format!("{}, attribute `tree_`", part.place),
                tree,
            ));
        }
        let count = tree.attr("nodes").map_or(0, length);
        // Five columns of eight bytes are read, a node of sixteen is made.
        compiler.charge(count * (5 * 8 + size_of::<Node>()))?;
        compiler.charge(8 * 2 * tree.attr("values").map_or(0, length))?;
        let arrays = Arrays::read(part, tree, self.width)?;
        arrays.check(part, columns)?;
        self.compile(part, &arrays, values)
    }

    /// Renumbers breadth first, so that the two children of a node follow each other.
    fn compile(&mut self, part: &Part<'_, '_>, arrays: &Arrays, values: Values) -> Result<(), SklearnError> {
        let too_large = SklearnError::TooLarge {
            what: "the number of tree nodes",
        };
        let base = self.nodes.len();
        u32::try_from(base + arrays.left.len() + 1).map_err(|_| too_large)?;
        let index = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        let mut queue = VecDeque::from([0usize]);
        let mut next = base + 1;
        self.roots.push(index(base as i64));
        while let Some(old) = queue.pop_front() {
            let (left, right) = (arrays.left[old], arrays.right[old]);
            if left < 0 {
                let own = index(self.nodes.len() as i64);
                let leaf = index((self.leaves.len() / self.width) as i64);
                self.nodes.push(Node {
                    threshold: f32::INFINITY,
                    feature: 0,
                    left: own,
                    leaf,
                });
                self.leaf(&arrays.values[old * self.width..(old + 1) * self.width], values);
                continue;
            }
            let missing_right = arrays
                .missing_left
                .as_ref()
                .is_none_or(|missing_left| missing_left[old] == 0);
            self.nodes.push(Node {
                threshold: round_down(arrays.threshold[old]),
                feature: index(arrays.feature[old]),
                left: index(next as i64),
                leaf: u32::from(missing_right),
            });
            next += 2;
            for child in [left, right] {
                match usize::try_from(child) {
                    Ok(child) => queue.push_back(child),
                    Err(_) => return part.content("a tree node has one child"),
                }
            }
        }
        Ok(())
    }

    fn leaf(&mut self, stored: &[f64], values: Values) {
        match values {
            Values::Stored => self.leaves.extend_from_slice(stored),
            Values::Times(rate) => self.leaves.extend(stored.iter().map(|value| rate * value)),
            Values::Fractions(classes) => {
                for stored in stored.chunks_exact(classes) {
                    let total = super::numeric::sum(stored);
                    let total = if total == 0.0 { 1.0 } else { total };
                    self.leaves.extend(stored.iter().map(|value| value / total));
                }
            }
        }
    }
}

impl Arrays {
    fn read(part: &Part<'_, '_>, tree: View<'_>, width: usize) -> Result<Self, SklearnError> {
        let nodes = tree.attr("nodes").and_then(View::as_array);
        let values = tree.attr("values").and_then(View::as_array);
        let (Some(nodes), Some(values)) = (nodes, values) else {
            return part.content("its tree has no `nodes` or `values`");
        };
        let ints = |name: &str| match nodes.field_ints(name) {
            Some(ints) => Ok(ints),
            None => part.content(format!("its tree's nodes have no integer field `{name}`")),
        };
        let Some(threshold) = nodes.field_floats("threshold") else {
            return part.content("its tree's nodes have no field `threshold`");
        };
        let count = nodes.len();
        if values.shape.first() != Some(&count) || count.checked_mul(width) != Some(values.len()) {
            return part.content("its tree's `values` do not have one row per node and one value per class or output");
        }
        let Some(values) = values.floats() else {
            return part.content("its tree's `values` are not numbers");
        };
        Ok(Self {
            left: ints("left_child")?,
            right: ints("right_child")?,
            feature: ints("feature")?,
            threshold,
            missing_left: nodes.field_ints("missing_go_to_left"),
            values,
        })
    }

    /// Every child comes after its parent, has one parent, and is inside the array: a walk ends, and stays inside.
    fn check(&self, part: &Part<'_, '_>, columns: usize) -> Result<(), SklearnError> {
        let count = self.left.len();
        if count == 0 {
            return part.content("its tree has no nodes");
        }
        let mut has_parent = vec![false; count];
        for (node, (left, right)) in self.left.iter().zip(&self.right).enumerate() {
            if *left == -1 && *right == -1 {
                continue;
            }
            for child in [*left, *right] {
                let child = usize::try_from(child)
                    .ok()
                    .filter(|child| *child > node && *child < count);
                match child {
                    Some(child) if !has_parent[child] => has_parent[child] = true,
                    Some(_) => return part.content("a tree node has two parents"),
                    None => return part.content("a tree node has a child that is not after it"),
                }
            }
            if usize::try_from(self.feature[node])
                .ok()
                .is_none_or(|feature| feature >= columns)
            {
                return part.content("a tree node tests a column that does not exist");
            }
            if self.threshold[node].is_nan() {
                return part.content("a tree node compares with NaN");
            }
        }
        if self.values.iter().any(|value| value.is_nan()) {
            return part.content("a tree has a value that is NaN");
        }
        Ok(())
    }
}

/// The largest float32 that is not above `threshold`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the result is corrected to the float32 below"
)]
fn round_down(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold {
        nearest.next_down()
    } else {
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float32_thresholds_decide_like_double_ones() {
        for threshold in [0.1, -0.1, 1e-50, -1e-50, 1e300, -1e300, 0.0, 16_777_217.0] {
            let single = round_down(threshold);
            assert!(f64::from(single) <= threshold);
            for x in [single.next_down(), single, single.next_up()] {
                if x.is_finite() {
                    assert_eq!(f64::from(x) <= threshold, x <= single, "{threshold}");
                }
            }
        }
        assert_eq!(round_down(f64::INFINITY), f32::INFINITY);
    }
}
