//! The compiled form.

use super::number::Number;
use super::tree::Rules;

/// Trees, checked: every walk ends at a leaf that has values.
#[derive(Debug)]
pub struct Ensemble<X, Y> {
    pub(super) columns: usize,
    pub(super) accumulators: usize,
    pub(super) rules: Rules<X>,
    pub(super) members: Vec<Member>,
    pub(super) steps: Vec<Step<X>>,
    pub(super) sets: Vec<Set>,
    pub(super) values: Vec<Y>,
}

/// A tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// Where it starts in `steps`.
    pub(super) root: usize,
    /// The accumulator of a leaf's first value.
    pub(super) first: usize,
    /// Values per leaf.
    pub(super) width: usize,
    /// Where its leaves' values start.
    pub(super) values: usize,
}

/// A node; the left child is at `children`, the right one after it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<X> {
    Leaf(u32),
    Number {
        feature: u32,
        threshold: X,
        nan_left: bool,
        zero_left: Option<bool>,
        children: u32,
    },
    Category {
        feature: u32,
        set: u32,
        children: u32,
    },
}

/// Categories that go left.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) left: Box<[u32]>,
    pub(super) other_left: bool,
    pub(super) nan_left: bool,
}

impl<X: Number, Y: Number> Ensemble<X, Y> {
    pub(super) fn empty(columns: usize, accumulators: usize, rules: Rules<X>) -> Self {
        Self {
            columns,
            accumulators,
            rules,
            members: Vec::new(),
            steps: Vec::new(),
            sets: Vec::new(),
            values: Vec::new(),
        }
    }

    /// How many trees it has.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.members.len()
    }

    /// How many sums a row has.
    #[must_use]
    pub fn accumulators(&self) -> usize {
        self.accumulators
    }

    /// The bytes that it takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let sets: usize = self.sets.iter().map(|set| size_of::<Set>() + 4 * set.left.len()).sum();
        self.members.len() * size_of::<Member>()
            + self.steps.len() * size_of::<Step<X>>()
            + self.values.len() * size_of::<Y>()
            + sets
    }
}
