//! Trees of the text as trees of [`crate::ensemble`], and what linear ones have in their leaves.

use super::error::LightgbmError;
use super::text::Fields;
use crate::ensemble::{Categories, Missing, Node, Side, Tree};

/// Bits of `decision_type`.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;
const MISSING_SHIFT: u32 = 2;

/// The leaves of a linear tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LinearLeaf {
    /// The value when a column of the products is missing.
    pub(super) value: f64,
    pub(super) constant: f64,
    /// Column and coefficient, in the order of addition.
    pub(super) products: Vec<(u32, f64)>,
}

/// One tree, read.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Its leaves have one value each.
    pub(super) tree: Tree<f64, f64>,
    /// Its leaves, when it is linear.
    pub(super) linear: Option<Vec<LinearLeaf>>,
}

/// Reads a tree that adds to the sum `output` of a row of `features` columns.
pub(super) fn parse(fields: &Fields<'_>, output: usize, features: usize) -> Result<Parsed, LightgbmError> {
    let leaves: usize = fields.number("num_leaves")?;
    if leaves == 0 {
        return Err(LightgbmError::line(fields.line, "`num_leaves` is 0"));
    }
    // This bounds all other claims: every leaf has a number in the text.
    let values: Vec<f64> = fields.numbers("leaf_value", leaves)?;
    let linear = match fields.optional("is_linear") {
        Some((flag, _)) if flag.trim() != "0" => Some(linear_leaves(fields, &values, features)?),
        _ => None,
    };
    Ok(Parsed {
        tree: Tree {
            first: output,
            width: 1,
            nodes: nodes(fields, leaves)?,
            values,
        },
        linear,
    })
}

/// The splits, then the leaves.
fn nodes(fields: &Fields<'_>, leaves: usize) -> Result<Vec<Node<f64>>, LightgbmError> {
    let splits = leaves - 1;
    let mut nodes = Vec::with_capacity(splits + leaves);
    if splits > 0 {
        let features: Vec<u32> = fields.numbers("split_feature", splits)?;
        let thresholds: Vec<f64> = fields.numbers("threshold", splits)?;
        let decisions: Vec<u8> = match fields.optional("decision_type") {
            Some(_) => fields.numbers("decision_type", splits)?,
            None => vec![0; splits],
        };
        let children = [
            children(fields, "left_child", leaves)?,
            children(fields, "right_child", leaves)?,
        ];
        let sets = Sets::read(fields)?;
        let mut unused = sets.words.len();
        for split in 0..splits {
            let (feature, threshold, decision) = (features[split], thresholds[split], decisions[split]);
            let (left, right) = (children[0][split], children[1][split]);
            nodes.push(if decision & CATEGORICAL == 0 {
                let missing = missing(decision).ok_or_else(|| {
                    LightgbmError::line(
                        fields.line,
                        "`decision_type` of a node has an unknown kind of missing values",
                    )
                })?;
                Node::at_most(feature, threshold, missing, left, right)
            } else {
                let left_set = sets.get(threshold).ok_or_else(|| {
                    LightgbmError::line(
                        fields.line,
                        "a split by category has a `threshold` that is not a set of its tree",
                    )
                })?;
                // Sets are copied: one that many splits name would make a large model of a small text.
                unused = unused.checked_sub(left_set.len()).ok_or_else(|| {
                    LightgbmError::line(fields.line, "several splits have the same set of categories")
                })?;
                Node::Category {
                    feature,
                    categories: Categories {
                        left: left_set.to_vec(),
                        right: Vec::new(),
                        other: Side::Right,
                        missing: Side::Right,
                    },
                    left,
                    right,
                }
            });
        }
    }
    let last = u32::try_from(leaves).map_err(|_| LightgbmError::TooLarge { what: "a tree" })?;
    nodes.extend((0..last).map(|leaf| Node::Leaf { leaf }));
    Ok(nodes)
}

fn missing(decision: u8) -> Option<Missing> {
    let side = if decision & DEFAULT_LEFT == 0 {
        Side::Right
    } else {
        Side::Left
    };
    match decision >> MISSING_SHIFT {
        0 => Some(Missing::AsZero),
        1 => Some(Missing::Zero(side)),
        2 => Some(Missing::Nan(side)),
        _ => None,
    }
}

/// Positions of children among [`nodes`]: in the text a leaf is `-1 - leaf`.
fn children(fields: &Fields<'_>, key: &'static str, leaves: usize) -> Result<Vec<u32>, LightgbmError> {
    let splits = leaves - 1;
    let position = |child: i32| {
        let at = usize::try_from(if child < 0 { !child } else { child }).ok()?;
        match child < 0 {
            true if at < leaves => u32::try_from(splits + at).ok(),
            false if at < splits => u32::try_from(at).ok(),
            _ => None,
        }
    };
    let children: Vec<i32> = fields.numbers(key, splits)?;
    let positions = children.into_iter().map(position).collect::<Option<_>>();
    positions.ok_or_else(|| LightgbmError::line(fields.line, format!("`{key}` has a node that does not exist")))
}

/// The sets of categories of a tree.
struct Sets {
    bounds: Vec<usize>,
    words: Vec<u32>,
}

impl Sets {
    fn read(fields: &Fields<'_>) -> Result<Self, LightgbmError> {
        let count: usize = match fields.optional("num_cat") {
            Some(_) => fields.number("num_cat")?,
            None => 0,
        };
        if count == 0 {
            return Ok(Self {
                bounds: Vec::new(),
                words: Vec::new(),
            });
        }
        let bounds: Vec<usize> = fields.numbers("cat_boundaries", count.saturating_add(1))?;
        let words: Vec<u32> = fields.numbers("cat_threshold", bounds.last().copied().unwrap_or(0))?;
        if !bounds.is_sorted() {
            return Err(LightgbmError::line(fields.line, "`cat_boundaries` do not ascend"));
        }
        Ok(Self { bounds, words })
    }

    /// The set of a split, whose number stands as its threshold.
    fn get(&self, threshold: f64) -> Option<&[u32]> {
        let sets = u32::try_from(self.bounds.len().checked_sub(1)?).ok()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be in range; LightGBM cuts it off as well"
        )]
        let at = (threshold >= 0.0 && threshold < f64::from(sets)).then_some(threshold as usize)?;
        self.words.get(self.bounds[at]..self.bounds[at + 1])
    }
}

fn linear_leaves(fields: &Fields<'_>, values: &[f64], features: usize) -> Result<Vec<LinearLeaf>, LightgbmError> {
    let leaves = values.len();
    let constants: Vec<f64> = fields.numbers("leaf_const", leaves)?;
    let counts: Vec<usize> = fields.numbers("num_features", leaves)?;
    let total = counts.iter().try_fold(0usize, |total, count| total.checked_add(*count));
    let total = total.ok_or(LightgbmError::TooLarge { what: "`num_features`" })?;
    let (columns, coefficients): (Vec<u32>, Vec<f64>) = if total == 0 {
        (Vec::new(), Vec::new())
    } else {
        (
            fields.numbers("leaf_features", total)?,
            fields.numbers("leaf_coeff", total)?,
        )
    };
    if columns.iter().any(|column| *column as usize >= features) {
        return Err(LightgbmError::line(
            fields.line,
            "`leaf_features` has a column that does not exist",
        ));
    }
    let mut products = columns.into_iter().zip(coefficients);
    let leaves = values.iter().zip(constants).zip(counts);
    Ok(leaves
        .map(|((value, constant), count)| LinearLeaf {
            value: *value,
            constant,
            products: products.by_ref().take(count).collect(),
        })
        .collect())
}
