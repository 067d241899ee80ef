//! What a loader says about a tree.

use super::number::Number;

/// A child of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first child.
    Left,
    /// The second child.
    Right,
}

impl Side {
    /// The other child.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// What a numeric split does with missing values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// NaN goes to this side.
    Nan(Side),
    /// NaN is compared as 0 (LightGBM's missing type "none").
    AsZero,
    /// NaN and 0 go to this side (LightGBM's missing type "zero").
    Zero(Side),
}

/// A split by category. A value stands for the category that it is when cut off towards zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Categories {
    /// Bit `c % 32` of word `c / 32`: category `c` goes left.
    pub left: Vec<u32>,
    /// The same for those that go right; `left` wins.
    pub right: Vec<u32>,
    /// Where categories in neither set and negative values go.
    pub other: Side,
    /// Where NaN goes.
    pub missing: Side,
}

/// A node. Children are positions in [`Tree::nodes`].
#[derive(Debug, Clone, PartialEq)]
pub enum Node<X> {
    /// The end of a walk.
    Leaf {
        /// Its number: its values are `values[leaf * width..][..width]`.
        leaf: u32,
    },
    /// `x <= threshold` goes left.
    Number {
        /// The column.
        feature: u32,
        /// Not NaN.
        threshold: X,
        /// What happens to missing values.
        missing: Missing,
        /// Position of the left child.
        left: u32,
        /// Position of the right child.
        right: u32,
    },
    /// Some categories go left, others right.
    Category {
        /// The column.
        feature: u32,
        /// Which go where.
        categories: Categories,
        /// Position of the left child.
        left: u32,
        /// Position of the right child.
        right: u32,
    },
}

impl<X: Number> Node<X> {
    /// `x <= threshold` goes left. A double that is compared with floats becomes one by [`Number::round_down`].
    #[must_use]
    pub fn at_most(feature: u32, threshold: X, missing: Missing, left: u32, right: u32) -> Self {
        Self::Number {
            feature,
            threshold,
            missing,
            left,
            right,
        }
    }

    /// `x < threshold` goes left; `missing` speaks of these children.
    #[must_use]
    pub fn less_than(feature: u32, threshold: X, missing: Missing, left: u32, right: u32) -> Self {
        if threshold > X::NEG_INFINITY || threshold.missing() {
            return Self::at_most(feature, threshold.below(), missing, left, right);
        }
        // Nothing is below -∞: the children change places, and everything that is compared goes to what was the right one.
        let missing = match missing {
            Missing::Nan(side) => Missing::Nan(side.other()),
            Missing::Zero(side) => Missing::Zero(side.other()),
            Missing::AsZero => Missing::AsZero,
        };
        Self::at_most(feature, X::INFINITY, missing, right, left)
    }
}

/// A tree, its root first. Nodes that cannot be reached from the root are allowed and dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree<X, Y> {
    /// The accumulator that gets the first value of a leaf.
    pub first: usize,
    /// Values per leaf, for consecutive accumulators; 0 when only [`super::Ensemble::leaves`] is wanted.
    pub width: usize,
    /// The nodes.
    pub nodes: Vec<Node<X>>,
    /// `width` values per leaf number.
    pub values: Vec<Y>,
}

/// What holds for all nodes of an ensemble.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules<X> {
    /// Values of at most this magnitude are 0 before anything else (LightGBM: 1e-35 as a float32).
    pub zero_within: X,
    /// Where a split by category puts -0.5: true when a value is cut off before its sign is looked at, so that it stands for
    /// category 0 (LightGBM); false when it is negative (XGBoost, histogram boosting).
    pub cut_before_sign: bool,
}

impl<X: Number> Default for Rules<X> {
    fn default() -> Self {
        Self {
            zero_within: X::default(),
            cut_before_sign: false,
        }
    }
}

impl<X: Number> Rules<X> {
    /// A threshold that decides about values as they are like `threshold` about those that were made 0.
    pub(super) fn fold(&self, threshold: X) -> X {
        let zero = X::default();
        if threshold >= self.zero_within || threshold < self.zero_within.negated() {
            threshold
        } else if threshold >= zero {
            self.zero_within
        } else {
            self.below_zero()
        }
    }

    /// The largest number that is not 0 for being near it, and below.
    pub(super) fn below_zero(&self) -> X {
        self.zero_within.negated().below()
    }

    pub(super) fn is_zero(&self, x: X) -> bool {
        x.magnitude() <= self.zero_within
    }

    /// The category that a number stands for; `None` for a negative one.
    pub(super) fn category(&self, x: X) -> Option<usize> {
        if self.is_zero(x) {
            return Some(0);
        }
        let x = x.to_f64();
        let negative = if self.cut_before_sign { x <= -1.0 } else { x < 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and saturating; sets are smaller than any saturated value"
        )]
        (!negative).then_some(x as usize)
    }
}
