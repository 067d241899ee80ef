//! The definition of what an ensemble computes: one row and one tree at a time.

use super::compiled::{Ensemble, Member, Set, Step};
use super::number::Number;
use super::table::Table;

impl<X: Number, Y: Number> Ensemble<X, Y> {
    /// Adds every tree's leaf to `out`, `accumulators` numbers per row, tree by tree.
    ///
    /// # Panics
    /// When `table` has fewer columns than the ensemble, or `out` another length than rows × accumulators.
    pub fn add_to(&self, table: Table<'_, X>, out: &mut [Y]) {
        assert!(table.columns >= self.columns, "all columns");
        assert_eq!(out.len(), table.rows * self.accumulators, "a place for every sum");
        for (row, out) in out.chunks_exact_mut(self.accumulators.max(1)).enumerate() {
            for member in &self.members {
                let leaf = self.leaf(member, |column| table.value(row, column)) as usize;
                let values = &self.values[member.values + leaf * member.width..][..member.width];
                for (sum, value) in out[member.first..].iter_mut().zip(values) {
                    *sum += *value;
                }
            }
        }
    }

    /// The number of the leaf that each row ends in, rows × trees.
    ///
    /// # Panics
    /// When `table` has fewer columns than the ensemble.
    #[must_use]
    pub fn leaves(&self, table: Table<'_, X>) -> Vec<u32> {
        assert!(table.columns >= self.columns, "all columns");
        let mut leaves = Vec::with_capacity(table.rows * self.members.len());
        for row in 0..table.rows {
            let each = self.members.iter();
            leaves.extend(each.map(|member| self.leaf(member, |column| table.value(row, column))));
        }
        leaves
    }

    /// The number of the leaf that a row ends in.
    fn leaf(&self, member: &Member, row: impl Fn(usize) -> X) -> u32 {
        let zero = X::default();
        let read = |feature: u32| {
            let x = row(feature as usize);
            if x.magnitude() <= self.rules.zero_within {
                zero
            } else {
                x
            }
        };
        let mut at = member.root;
        loop {
            let (left, children) = match self.steps[at] {
                Step::Leaf(leaf) => return leaf,
                Step::Number {
                    feature,
                    threshold,
                    nan_left,
                    zero_left,
                    children,
                } => {
                    let x = read(feature);
                    let left = match zero_left {
                        _ if x.missing() => nan_left,
                        Some(zero_left) if x == zero => zero_left,
                        _ => x <= threshold,
                    };
                    (left, children)
                }
                Step::Category { feature, set, children } => {
                    let set = &self.sets[set as usize];
                    (
                        set.has_left(read(feature).to_f64(), self.rules.cut_before_sign),
                        children,
                    )
                }
            };
            at = children as usize + usize::from(!left);
        }
    }
}

impl Set {
    /// Whether the category `x` goes left.
    fn has_left(&self, x: f64, cut_before_sign: bool) -> bool {
        if x.is_nan() {
            return self.nan_left;
        }
        let category = x.trunc();
        let negative = if cut_before_sign { category < 0.0 } else { x < 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "a set has far fewer than 2^53 categories")]
        let beyond = category >= (self.left.len() * 32) as f64;
        if negative || beyond {
            return self.other_left;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be in range"
        )]
        let category = category as usize;
        self.left[category / 32] >> (category % 32) & 1 == 1
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::ensemble::{Builder, Categories, Missing, Node, Rules, Side, Table, Tree};

    fn leaves(node: Node<f64>, rules: Rules<f64>, rows: &[f64]) -> Vec<u32> {
        let mut builder = Builder::<f64, f64>::new(1, 0, rules);
        let nodes = vec![node, Node::Leaf { leaf: 0 }, Node::Leaf { leaf: 1 }];
        let tree = Tree {
            first: 0,
            width: 0,
            nodes,
            values: vec![],
        };
        builder.add(tree).unwrap();
        builder.build().leaves(Table::from_rows(rows, 1))
    }

    #[test]
    fn missing_values_go_where_each_library_sends_them() {
        let rows = [-1.0, 0.0, 1e-36, 1.0, f64::NAN];
        let node = |missing| Node::at_most(0, -0.5, missing, 1, 2);
        let rules = Rules {
            zero_within: 1e-35,
            ..Rules::default()
        };
        assert_eq!(
            leaves(node(Missing::Nan(Side::Left)), Rules::default(), &rows),
            [0, 1, 1, 1, 0]
        );
        assert_eq!(leaves(node(Missing::AsZero), rules, &rows), [0, 1, 1, 1, 1]);
        assert_eq!(leaves(node(Missing::Zero(Side::Left)), rules, &rows), [0, 0, 0, 1, 0]);
    }

    #[test]
    fn less_than_minus_infinity_is_never() {
        let rows = [f64::NEG_INFINITY, 0.0, f64::INFINITY, f64::NAN];
        let node = Node::less_than(0, f64::NEG_INFINITY, Missing::Nan(Side::Left), 1, 2);
        assert_eq!(leaves(node, Rules::default(), &rows), [1, 1, 1, 0]);
        let node = Node::less_than(0, f64::INFINITY, Missing::Nan(Side::Right), 1, 2);
        assert_eq!(leaves(node, Rules::default(), &rows), [0, 0, 1, 1]);
    }

    #[test]
    fn categories_go_where_each_library_sends_them() {
        let rows = [-1.0, -0.5, 0.0, 1.9, 2.0, 31.0, 32.0, 1e30, f64::NAN];
        let node = |left, right, other, missing| Node::Category {
            feature: 0,
            categories: Categories {
                left,
                right,
                other,
                missing,
            },
            left: 1,
            right: 2,
        };
        let lightgbm = node(vec![0b11], vec![], Side::Right, Side::Right);
        let rules = Rules {
            cut_before_sign: true,
            ..Rules::default()
        };
        assert_eq!(leaves(lightgbm, rules, &rows), [1, 0, 0, 0, 1, 1, 1, 1, 1]);
        let xgboost = node(vec![], vec![0b11], Side::Left, Side::Right);
        assert_eq!(leaves(xgboost, Rules::default(), &rows), [0, 0, 1, 1, 0, 0, 0, 0, 1]);
        let histogram = node(vec![0b1], vec![0b110], Side::Left, Side::Left);
        assert_eq!(leaves(histogram, Rules::default(), &rows), [0, 0, 0, 1, 1, 0, 0, 0, 0]);
    }
}
