//! The trees of histogram boosting as the shared builder takes them.

use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::{Part, length};
use crate::ensemble::{Categories, Missing, Node, Side, Tree};
use crate::object::{Array, View};

/// Words of a set of categories: one bit for each value of a byte.
const WORDS: usize = 8;

/// The categories that each column was fitted on; `None` for columns of numbers.
pub(super) struct Known(Vec<Option<[u32; WORDS]>>);

impl Known {
    /// Of the model's bins.
    pub(super) fn read(compiler: &mut Compiler, part: &Part<'_, '_>, columns: usize) -> Result<Self, SklearnError> {
        let bins = part.field("_bin_mapper")?;
        let flags = bins.attr("is_categorical_").and_then(View::ints);
        let thresholds = bins.attr("bin_thresholds_").and_then(View::elements);
        let (Some(flags), Some(thresholds)) = (flags, thresholds) else {
            return part.content("attribute `_bin_mapper` has no `is_categorical_` or `bin_thresholds_`");
        };
        if flags.len() != columns || thresholds.len() != columns {
            return part.content("attribute `_bin_mapper` does not have one entry per column");
        }
        let mut known = Vec::with_capacity(columns);
        for (flag, thresholds) in flags.into_iter().zip(thresholds) {
            if flag == 0 {
                known.push(None);
                continue;
            }
            compiler.charge(8 * length(thresholds))?;
            let mut set = [0; WORDS];
            for category in thresholds.floats().unwrap_or_default() {
                let Some(category) = byte(category) else {
                    return part.content("attribute `_bin_mapper` has a category that is no byte");
                };
                set[usize::from(category / 32)] |= 1 << (category % 32);
            }
            known.push(Some(set));
        }
        Ok(Self(known))
    }

    /// The columns of categories.
    pub(super) fn columns(&self) -> Vec<usize> {
        let columns = self.0.iter().enumerate().filter(|(_, set)| set.is_some());
        columns.map(|(column, _)| column).collect()
    }
}

/// A category as a byte.
fn byte(category: f64) -> Option<u8> {
    (0..=u8::MAX).find(|byte| (f64::from(*byte) - category).abs() == 0.0)
}

/// The tree at `view`, whose leaves are added to `output`.
pub(super) fn tree(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    place: &str,
    view: View<'_>,
    known: &Known,
    output: usize,
) -> Result<Tree<f64, f64>, SklearnError> {
    let class = ("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor");
    if view.class() != Some(class) {
        return Err(SklearnError::unknown(place, view));
    }
    let part = Part { view, place, ..*part };
    let Some(nodes) = part.field("nodes")?.as_array() else {
        return part.content("its tree has no array of nodes");
    };
    // Nine columns are read, a node is described, and compiled in several forms.
    compiler.charge(nodes.len() * (9 * 8 + size_of::<Node<f64>>() + 160))?;
    let columns = Columns::read(&part, nodes)?;
    let bitsets = part.optional("raw_left_cat_bitsets").and_then(View::as_array);
    let bitsets = match bitsets {
        Some(array) if array.shape.get(1) == Some(&WORDS) => {
            compiler.charge(8 * array.len())?;
            array.ints().unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let mut found = Vec::with_capacity(nodes.len());
    for at in 0..nodes.len() {
        if columns.categorical[at] != 0 && columns.leaf[at] == 0 {
            // Two sets, and the one that is made of them.
            compiler.charge(3 * (WORDS * size_of::<u32>() + 32))?;
        }
        found.push(columns.node(&part, at, &bitsets, known)?);
    }
    Ok(Tree {
        first: output,
        width: 1,
        nodes: found,
        values: columns.value,
    })
}

/// The fields of all nodes.
struct Columns {
    value: Vec<f64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    missing_left: Vec<i64>,
    left: Vec<i64>,
    right: Vec<i64>,
    leaf: Vec<i64>,
    categorical: Vec<i64>,
    bitset: Vec<i64>,
}

impl Columns {
    fn read(part: &Part<'_, '_>, nodes: &Array<'_>) -> Result<Self, SklearnError> {
        let ints = |name: &str| match nodes.field_ints(name) {
            Some(ints) => Ok(ints),
            None => part.content(format!("its tree's nodes have no integer field `{name}`")),
        };
        let floats = |name: &str| match nodes.field_floats(name) {
            Some(floats) => Ok(floats),
            None => part.content(format!("its tree's nodes have no field `{name}`")),
        };
        Ok(Self {
            value: floats("value")?,
            feature: ints("feature_idx")?,
            threshold: floats("num_threshold")?,
            missing_left: ints("missing_go_to_left")?,
            left: ints("left")?,
            right: ints("right")?,
            leaf: ints("is_leaf")?,
            categorical: ints("is_categorical")?,
            bitset: ints("bitset_idx")?,
        })
    }

    fn node(&self, part: &Part<'_, '_>, at: usize, bitsets: &[i64], known: &Known) -> Result<Node<f64>, SklearnError> {
        // What does not fit is beyond everything that exists, and the builder refuses it.
        let index = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        if self.leaf[at] != 0 {
            if self.value[at].is_nan() {
                return part.content("a tree has a value that is NaN");
            }
            return Ok(Node::Leaf { leaf: index(at as i64) });
        }
        let (feature, left, right) = (index(self.feature[at]), index(self.left[at]), index(self.right[at]));
        let missing = if self.missing_left[at] != 0 {
            Side::Left
        } else {
            Side::Right
        };
        if self.categorical[at] == 0 {
            let missing = Missing::Nan(missing);
            return Ok(Node::at_most(feature, self.threshold[at], missing, left, right));
        }
        let start = usize::try_from(self.bitset[at])
            .ok()
            .and_then(|row| row.checked_mul(WORDS));
        let words = start.and_then(|start| bitsets.get(start..start.checked_add(WORDS)?));
        let Some(words) = words else {
            return part.content("a tree node has no set of categories");
        };
        let set = usize::try_from(self.feature[at])
            .ok()
            .and_then(|feature| known.0.get(feature));
        let Some(Some(set)) = set else {
            return part.content("a tree node splits a column of numbers by category");
        };
        Ok(Node::Category {
            feature,
            categories: Categories {
                left: words.iter().map(|word| index(*word)).collect(),
                right: set.to_vec(),
                other: missing,
                missing,
            },
            left,
            right,
        })
    }
}
