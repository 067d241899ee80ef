//! Decision trees, checked and compiled into an ensemble. They compare float32 input with doubles, and add doubles.

use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, length};
use crate::ensemble::{Builder, Ensemble, Missing, Node, Number, Rules, Side, Tree};
use crate::object::View;

/// The trees of a model, in its order.
#[derive(Debug)]
pub(super) struct Trees {
    pub(super) ensemble: Ensemble<f32, f64>,
    /// Values per leaf.
    pub(super) width: usize,
}

/// Trees that are still added to.
#[derive(Debug)]
pub(super) struct Growing {
    builder: Builder<f32, f64>,
    width: usize,
    outputs: usize,
    trees: usize,
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
    /// For trees over so many columns, with `width` values per leaf, that add to so many outputs: tree `t` to those from
    /// `t * width % outputs` on.
    pub(super) fn growing(columns: usize, width: usize, outputs: usize) -> Growing {
        Growing {
            builder: Builder::new(columns, outputs, Rules::default()),
            width,
            outputs,
            trees: 0,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ensemble.trees()
    }
}

impl Growing {
    /// Adds the tree of a fitted decision tree.
    pub(super) fn add(
        &mut self,
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
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
        compiler.charge(count.saturating_mul(NODE_BYTES))?;
        compiler.charge(8 * 3 * tree.attr("values").map_or(0, length))?;
        let arrays = Arrays::read(part, tree, self.width)?;
        if arrays.values.iter().any(|value| value.is_nan()) {
            return part.content("a tree has a value that is NaN");
        }
        let mut leaves = Vec::new();
        let mut nodes = Vec::with_capacity(count);
        for at in 0..arrays.left.len() {
            if arrays.left[at] == -1 && arrays.right[at] == -1 {
                let leaf = u32::try_from(leaves.len() / self.width.max(1)).unwrap_or(u32::MAX);
                nodes.push(Node::Leaf { leaf });
                let stored = &arrays.values[at * self.width..(at + 1) * self.width];
                values.push(stored, &mut leaves);
            } else {
                match arrays.split(at) {
                    Some(node) => nodes.push(node),
                    None => {
                        return part.content(format!(
                            "node {at} of its tree has a child or column that does not exist"
                        ));
                    }
                }
            }
        }
        let added = self.builder.add(Tree {
            first: self.trees * self.width % self.outputs.max(1),
            width: self.width,
            nodes,
            values: leaves,
        });
        self.trees += 1;
        added.or_else(|error| part.content(format!("node {} of its tree: {}", error.node, error.what)))
    }

    /// All of them.
    pub(super) fn build(self) -> Trees {
        Trees {
            ensemble: self.builder.build(),
            width: self.width,
        }
    }
}

/// Five columns of eight bytes are read, a node is described, and compiled in several forms.
const NODE_BYTES: usize = 5 * 8 + size_of::<Node<f32>>() + 160;

impl Values {
    /// Adds a leaf's values.
    fn push(self, stored: &[f64], leaves: &mut Vec<f64>) {
        match self {
            Self::Stored => leaves.extend_from_slice(stored),
            Self::Times(rate) => leaves.extend(stored.iter().map(|value| rate * value)),
            Self::Fractions(classes) => {
                for stored in stored.chunks_exact(classes) {
                    let total = super::numeric::sum(stored);
                    let total = if total == 0.0 { 1.0 } else { total };
                    leaves.extend(stored.iter().map(|value| value / total));
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

    /// A node that is no leaf; `None` when its numbers are not positions.
    fn split(&self, at: usize) -> Option<Node<f32>> {
        let index = |value: i64| u32::try_from(value).ok();
        let goes_left = self.missing_left.as_ref().is_some_and(|left| left[at] != 0);
        let side = if goes_left { Side::Left } else { Side::Right };
        Some(Node::at_most(
            index(self.feature[at])?,
            f32::round_down(self.threshold[at]),
            Missing::Nan(side),
            index(self.left[at])?,
            index(self.right[at])?,
        ))
    }
}
