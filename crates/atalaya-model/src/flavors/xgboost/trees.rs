//! The trees of a file, checked and compiled in the order in which XGBoost adds their leaves.

use super::booster::{Booster, count};
use super::categories::MAX_CATEGORIES;
use super::error::XgboostError;
use super::value::Value;
use crate::ensemble::{Builder, Categories, Ensemble, Missing, Node, Rules, Side, Tree};

/// Memory that the sets of categories and the vectors of leaves of any model may take, and memory per byte of the file. A
/// file may have one for many nodes.
const FREE_SHARED_BYTES: usize = 64 << 20;
const SHARED_BYTES_PER_FILE_BYTE: usize = 8;
const PLACE: &str = "the trees";

/// What a leaf adds to the sum of `group`, from what the file says of it and of its tree.
pub(super) type Leaf<'l> = dyn Fn(f32, usize, usize) -> f32 + 'l;

fn wrong<T>(what: impl Into<String>) -> Result<T, XgboostError> {
    Err(XgboostError::content(PLACE, what))
}

/// `gradient_booster.model` of `gbtree`, or what is below `gradient_booster.gbtree` of `dart`.
#[derive(Debug)]
pub(super) struct Trees<'f> {
    trees: &'f [Value<'f>],
    /// The group of each tree.
    groups: Vec<usize>,
}

impl<'f> Trees<'f> {
    /// Of the model's first `rounds` rounds, or all of them.
    pub(super) fn parse(
        model: &'f Value<'f>,
        booster: &Booster<'_>,
        rounds: Option<usize>,
    ) -> Result<Self, XgboostError> {
        let Some(trees) = model.get("trees").and_then(Value::list) else {
            return wrong("`trees` is not a list");
        };
        let Some(groups) = model.get("tree_info").and_then(Value::ints) else {
            return wrong("`tree_info` is not an array of integers");
        };
        let groups = groups
            .into_iter()
            .map(|group| usize::try_from(group).ok().filter(|group| *group < booster.groups));
        let Some(groups) = groups.collect::<Option<Vec<_>>>() else {
            return wrong("`tree_info` has a group that does not exist");
        };
        if groups.len() != trees.len() {
            return wrong("`tree_info` has not one group per tree");
        }
        // Otherwise a small file could ask for as much memory per row as it likes.
        if booster.groups > 1 && booster.groups > trees.len().max(width(trees.first())) {
            return wrong("there are more outputs than trees");
        }
        let mut trees = Self { trees, groups };
        if let Some(rounds) = rounds {
            let kept = trees.end_of(model, booster.groups, rounds)?;
            trees.trees = &trees.trees[..kept];
            trees.groups.truncate(kept);
        }
        Ok(trees)
    }

    /// How many trees the first `rounds` rounds have.
    fn end_of(&self, model: &Value<'_>, groups: usize, rounds: usize) -> Result<usize, XgboostError> {
        let beyond = || XgboostError::content(PLACE, "`best_iteration` is beyond the last round");
        let end = if let Some(ends) = model.get("iteration_indptr") {
            let end = ends
                .ints()
                .and_then(|ends| ends.get(rounds).copied())
                .ok_or_else(beyond)?;
            usize::try_from(end).map_err(|_| beyond())?
        } else {
            // XGBoost 1 does not say where rounds end.
            let parallel = count(model.at(&["gbtree_model_param", "num_parallel_tree"])).unwrap_or(1);
            let per_round = if width(self.trees.first()) > 1 { 1 } else { groups };
            let per_round = per_round.checked_mul(parallel);
            per_round
                .and_then(|trees| trees.checked_mul(rounds))
                .ok_or_else(beyond)?
        };
        if end > self.trees.len() {
            return Err(beyond());
        }
        Ok(end)
    }

    /// How many trees there are.
    pub(super) fn len(&self) -> usize {
        self.trees.len()
    }

    /// Compiles them. `leaf` is given what the file says, the number of the tree, and the group.
    pub(super) fn compile(
        &self,
        booster: &Booster<'_>,
        file_bytes: usize,
        leaf: &Leaf<'_>,
    ) -> Result<Ensemble<f32, f32>, XgboostError> {
        let mut builder = Builder::new(booster.features, booster.groups, Rules::default());
        let mut shared_bytes = file_bytes
            .saturating_mul(SHARED_BYTES_PER_FILE_BYTE)
            .saturating_add(FREE_SHARED_BYTES);
        for (number, (tree, group)) in self.trees.iter().zip(&self.groups).enumerate() {
            let one = One {
                tree,
                place: format!("tree {number}"),
            };
            let width = width(Some(tree));
            if width > 1 && width != booster.groups {
                return one.wrong("`size_leaf_vector` is not the number of outputs");
            }
            let first = if width > 1 { 0 } else { *group };
            let (nodes, mut values) = one.read(width, &mut shared_bytes)?;
            for (position, value) in values.iter_mut().enumerate() {
                *value = leaf(*value, number, first + position % width);
            }
            let tree = Tree {
                first,
                width,
                nodes,
                values,
            };
            builder
                .add(tree)
                .map_err(|error| XgboostError::content(PLACE, error.to_string()))?;
        }
        Ok(builder.build())
    }
}

/// Takes `bytes` from what is left.
fn take(left: &mut usize, bytes: usize, what: &'static str) -> Result<(), XgboostError> {
    *left = left.checked_sub(bytes).ok_or(XgboostError::TooLarge { what })?;
    Ok(())
}

/// How many values a leaf of the tree has.
fn width(tree: Option<&Value<'_>>) -> usize {
    let size = tree.and_then(|tree| count(tree.at(&["tree_param", "size_leaf_vector"])));
    // XGBoost 1 writes 0.
    size.unwrap_or(1).max(1)
}

/// A tree that is being read.
struct One<'f> {
    tree: &'f Value<'f>,
    place: String,
}

impl One<'_> {
    fn wrong<T>(&self, what: impl Into<String>) -> Result<T, XgboostError> {
        Err(XgboostError::content(self.place.clone(), what))
    }

    fn ints(&self, key: &str, length: Option<usize>) -> Result<Vec<i64>, XgboostError> {
        match self.tree.get(key).and_then(Value::ints) {
            Some(values) if length.is_none_or(|length| values.len() == length) => Ok(values),
            _ => self.wrong(format!("`{key}` is not an array of integers of the right length")),
        }
    }

    fn singles(&self, key: &str, length: usize) -> Result<Vec<f32>, XgboostError> {
        match self.tree.get(key).and_then(Value::singles) {
            Some(values) if values.len() == length => Ok(values),
            _ => self.wrong(format!("`{key}` is not an array of numbers of the right length")),
        }
    }

    /// Nodes, and the values of leaves of `width` values each.
    fn read(&self, width: usize, shared_bytes: &mut usize) -> Result<(Vec<Node<f32>>, Vec<f32>), XgboostError> {
        let Some(count) = count(self.tree.at(&["tree_param", "num_nodes"])) else {
            return self.wrong("`num_nodes` is not a count");
        };
        let length = Some(count);
        let left = self.ints("left_children", length)?;
        let right = self.ints("right_children", length)?;
        let features = self.ints("split_indices", length)?;
        let conditions = self.singles("split_conditions", count)?;
        let default_left = self.ints("default_left", length)?;
        let mut categories = self.categories(count, shared_bytes)?;
        let values = self.leaf_values(width, count)?;
        // What cannot be reached may be anything; what can be reached is checked by the builder.
        let unsigned = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        let (mut nodes, mut leaves) = (Vec::with_capacity(count), Vec::new());
        for node in 0..count {
            if left[node] == -1 {
                nodes.push(Node::Leaf {
                    leaf: unsigned(i64::try_from(leaves.len() / width).unwrap_or(i64::MAX)),
                });
                match &values {
                    None => leaves.push(conditions[node]),
                    Some(values) => {
                        // Twice: here and in the compiled form.
                        take(shared_bytes, 8 * width, "the memory that the leaves take")?;
                        leaves.extend_from_slice(
                            values
                                .of(node, right[node], width)
                                .ok_or_else(|| XgboostError::content(self.place.clone(), "a leaf has no values"))?,
                        );
                    }
                }
                continue;
            }
            let (feature, left, right) = (unsigned(features[node]), unsigned(left[node]), unsigned(right[node]));
            let side = if default_left[node] == 0 {
                Side::Right
            } else {
                Side::Left
            };
            nodes.push(match categories.as_mut().and_then(|sets| sets[node].take()) {
                Some(chosen) => Node::Category {
                    feature,
                    categories: Categories {
                        left: Vec::new(),
                        right: chosen,
                        other: Side::Left,
                        missing: side,
                    },
                    left,
                    right,
                },
                None => Node::less_than(feature, conditions[node], Missing::Nan(side), left, right),
            });
        }
        Ok((nodes, leaves))
    }

    /// The categories that go right, as a bit set, for each node that tests some. `None` when no node does.
    fn categories(
        &self,
        count: usize,
        shared_bytes: &mut usize,
    ) -> Result<Option<Vec<Option<Vec<u32>>>>, XgboostError> {
        if self.tree.get("split_type").is_none() {
            return Ok(None);
        }
        let types = self.ints("split_type", Some(count))?;
        if types.iter().all(|kind| *kind == 0) {
            return Ok(None);
        }
        let nodes = self.ints("categories_nodes", None)?;
        let segments = self.ints("categories_segments", Some(nodes.len()))?;
        let sizes = self.ints("categories_sizes", Some(nodes.len()))?;
        let categories = self.ints("categories", None)?;
        let mut sets: Vec<Option<Vec<u32>>> = vec![None; count];
        for ((node, start), size) in nodes.iter().zip(segments).zip(sizes) {
            let part = || {
                let (start, size) = (usize::try_from(start).ok()?, usize::try_from(size).ok()?);
                categories.get(start..start.checked_add(size)?)
            };
            let slot = usize::try_from(*node).ok().and_then(|node| sets.get_mut(node));
            let (Some(slot @ None), Some(chosen)) = (slot, part()) else {
                return self
                    .wrong("`categories_nodes`, `categories_segments` and `categories_sizes` contradict each other");
            };
            *slot = Some(self.set(chosen, shared_bytes)?);
        }
        if types.iter().zip(&sets).any(|(kind, set)| (*kind != 0) != set.is_some()) {
            return self.wrong("`split_type` and `categories_nodes` contradict each other");
        }
        Ok(Some(sets))
    }

    fn set(&self, categories: &[i64], shared_bytes: &mut usize) -> Result<Vec<u32>, XgboostError> {
        let most = categories.iter().copied().max().unwrap_or(0);
        let Some(most) = usize::try_from(most).ok().filter(|most| *most < MAX_CATEGORIES) else {
            return self.wrong("a category is out of range");
        };
        let words = most / 32 + 1;
        // Twice: here and in the compiled form. And reading the categories again and again must cost as well.
        take(
            shared_bytes,
            8 * words + categories.len(),
            "the memory that the categories take",
        )?;
        let mut set = vec![0u32; words];
        for category in categories {
            let Ok(category) = usize::try_from(*category) else {
                return self.wrong("a category is out of range");
            };
            set[category / 32] |= 1 << (category % 32);
        }
        Ok(set)
    }

    /// The values of leaves that have several.
    fn leaf_values(&self, width: usize, count: usize) -> Result<Option<LeafValues>, XgboostError> {
        if width == 1 {
            return Ok(None);
        }
        // From XGBoost 3.2 on leaves have values of their own, and the number of a leaf stands in place of its right child.
        let numbered = self.tree.get("leaf_weights").is_some();
        let key = if numbered { "leaf_weights" } else { "base_weights" };
        let Some(values) = self.tree.get(key).and_then(Value::singles) else {
            return self.wrong(format!("`{key}` is not an array of numbers"));
        };
        let complete = if numbered {
            values.len().is_multiple_of(width)
        } else {
            count.checked_mul(width) == Some(values.len())
        };
        if !complete {
            return self.wrong(format!("`{key}` has not the right length"));
        }
        Ok(Some(LeafValues { values, numbered }))
    }
}

struct LeafValues {
    values: Vec<f32>,
    numbered: bool,
}

impl LeafValues {
    /// Of the leaf at `node`.
    fn of(&self, node: usize, right: i64, width: usize) -> Option<&[f32]> {
        let number = if self.numbered {
            usize::try_from(right).ok()?
        } else {
            node
        };
        let start = number.checked_mul(width)?;
        self.values.get(start..start.checked_add(width)?)
    }
}
