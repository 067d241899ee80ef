//! Small trees for one row: a word per tree in which a bit stands for each leaf, from the left.
//!
//! A comparison that sends the row right takes the leaves of its left side out of the word; the lowest bit that is left is
//! the row's leaf, since leaves that other comparisons of the tree take out are never to the left of it (QuickScorer,
//! Lucchese et al. 2015). Comparisons lie column by column in the order of their thresholds, so those that send a row right
//! are the first ones of each column. What the first [`STRIDE`], 2 [`STRIDE`], … of them leave of all words is stored, so
//! that few are taken one by one.

use std::collections::BTreeMap;
use std::ops::BitAndAssign;

use super::number::Number;
use super::packed::Context;

/// Most trees with words side by side.
pub(super) const MAX_TREES: usize = 512;
/// Columns whose thresholds are searched before any word is changed, so that the searches overlap.
const TOGETHER: usize = 16;

/// 32 or 64 bits.
pub(super) trait Word: Copy + BitAndAssign + std::fmt::Debug + Send + Sync + 'static {
    /// All leaves.
    const ALL: Self;
    /// Comparisons from one stored state of all words to the next: as many bytes are stored per comparison for both sizes.
    const STRIDE: usize;
    /// Without the `count` leaves from `first` on.
    fn without(first: usize, count: usize) -> Self;
    /// The first leaf that is left.
    fn first(self) -> usize;
}

macro_rules! word {
    ($word:ty, $stride:literal) => {
        impl Word for $word {
            const ALL: Self = Self::MAX;
            const STRIDE: usize = $stride;

            fn without(first: usize, count: usize) -> Self {
                (0..count).fold(Self::MAX, |word, leaf| word & !(1 << (first + leaf)))
            }

            #[inline(always)]
            fn first(self) -> usize {
                self.trailing_zeros() as usize
            }
        }
    };
}

word!(u32, 64);
word!(u64, 128);

/// A split of one of the trees, by number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split<X> {
    /// Among the trees with words.
    pub(super) tree: usize,
    /// Leaves of its left side.
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) decision: Decision<X>,
}

/// What sends a row right.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decision<X> {
    /// A number above the threshold, which is folded.
    Number {
        feature: u32,
        threshold: X,
        nan_left: bool,
        zero_left: Option<bool>,
    },
    /// A category that is not in the set.
    Category { feature: u32, set: u32 },
}

/// What a split that sends the row right does.
#[derive(Debug, Clone, Copy)]
struct Cut<W> {
    left: W,
    tree: u32,
}

/// The words of consecutive trees.
#[derive(Debug)]
pub(super) struct Words<X, W> {
    columns: Vec<Column>,
    /// Column after column, ascending in each.
    thresholds: Vec<X>,
    /// What each of them does.
    cuts: Vec<Cut<W>>,
    /// States of all words, `length` each.
    states: Vec<W>,
    length: usize,
    sets: Vec<(u32, u32, Cut<W>)>,
}

/// The comparisons of a column.
#[derive(Debug)]
struct Column {
    feature: u32,
    from: usize,
    to: usize,
    /// The state after the first stride.
    state: usize,
    /// The state for missing values.
    missing: usize,
    /// The state for zeros, when some splits treat them apart.
    zero: Option<usize>,
}

impl<X: Number, W: Word> Words<X, W> {
    /// Of so many trees, with all splits of each.
    pub(super) fn new(trees: usize, splits: &[Split<X>]) -> Self {
        let mut words = Self {
            columns: Vec::new(),
            thresholds: Vec::new(),
            cuts: Vec::new(),
            states: Vec::new(),
            length: trees.min(MAX_TREES),
            sets: Vec::new(),
        };
        let mut columns: BTreeMap<u32, Vec<&Split<X>>> = BTreeMap::new();
        for split in splits {
            match split.decision {
                Decision::Number { feature, .. } => columns.entry(feature).or_default().push(split),
                Decision::Category { feature, set } => words.sets.push((feature, set, cut(split))),
            }
        }
        for (feature, mut splits) in columns {
            splits.sort_by(|a, b| {
                threshold(a)
                    .partial_cmp(&threshold(b))
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
            words.push(feature, &splits);
        }
        words
    }

    fn push(&mut self, feature: u32, splits: &[&Split<X>]) {
        let from = self.cuts.len();
        let state = self.states();
        let mut now = vec![W::ALL; self.length];
        for (position, split) in splits.iter().enumerate() {
            self.thresholds.push(threshold(split));
            self.cuts.push(cut(split));
            take(&mut now, cut(split));
            if (position + 1) % W::STRIDE == 0 {
                self.states.extend_from_slice(&now);
            }
        }
        let mut of_those = |right: &dyn Fn(&Split<X>) -> bool| {
            let mut now = vec![W::ALL; self.length];
            splits
                .iter()
                .filter(|split| right(split))
                .for_each(|split| take(&mut now, cut(split)));
            self.states.extend(now);
            self.states() - 1
        };
        let missing = of_those(&|split| matches!(split.decision, Decision::Number { nan_left, .. } if !nan_left));
        let apart = |split: &&Split<X>| matches!(split.decision, Decision::Number { zero_left: Some(_), .. });
        let zero = splits.iter().any(apart).then(|| {
            of_those(&|split| match split.decision {
                Decision::Number {
                    zero_left: Some(zero_left),
                    ..
                } => !zero_left,
                _ => threshold(split) < X::default(),
            })
        });
        self.columns.push(Column {
            feature,
            from,
            to: self.cuts.len(),
            state,
            missing,
            zero,
        });
    }

    fn states(&self) -> usize {
        self.states.len().checked_div(self.length).unwrap_or(0)
    }

    /// The words of a row's leaves.
    #[inline(always)]
    pub(super) fn of(&self, context: Context<'_, X>, row: &[X]) -> [W; MAX_TREES] {
        let mut words = [W::ALL; MAX_TREES];
        for columns in self.columns.chunks(TOGETHER) {
            let mut counts = [0; TOGETHER];
            for (count, column) in counts.iter_mut().zip(columns) {
                let x = row[column.feature as usize];
                *count = self.thresholds[column.from..column.to].partition_point(|threshold| *threshold < x);
            }
            for (count, column) in counts.into_iter().zip(columns) {
                let x = row[column.feature as usize];
                let state = match column.zero {
                    _ if x.missing() => Some(column.missing),
                    Some(zero) if context.rules.is_zero(x) => Some(zero),
                    _ => None,
                };
                if let Some(state) = state {
                    self.restrict(&mut words, state);
                    continue;
                }
                let strides = count / W::STRIDE;
                if strides > 0 {
                    self.restrict(&mut words, column.state + strides - 1);
                }
                for cut in &self.cuts[column.from + strides * W::STRIDE..column.from + count] {
                    words[cut.tree as usize & (MAX_TREES - 1)] &= cut.left;
                }
            }
        }
        for (feature, set, cut) in &self.sets {
            if !context.sets[*set as usize].has_left(row[*feature as usize], &context.rules) {
                words[cut.tree as usize & (MAX_TREES - 1)] &= cut.left;
            }
        }
        words
    }

    /// Takes out of every word what a state does not have.
    #[inline(always)]
    fn restrict(&self, words: &mut [W; MAX_TREES], state: usize) {
        let state = &self.states[state * self.length..][..self.length];
        for (word, state) in words.iter_mut().zip(state) {
            *word &= *state;
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.columns.len() * size_of::<Column>()
            + self.thresholds.len() * size_of::<X>()
            + self.cuts.len() * size_of::<Cut<W>>()
            + self.states.len() * size_of::<W>()
            + self.sets.len() * size_of::<(u32, u32, Cut<W>)>()
    }
}

fn threshold<X: Number>(split: &Split<X>) -> X {
    match split.decision {
        Decision::Number { threshold, .. } => threshold,
        Decision::Category { .. } => X::default(),
    }
}

fn cut<X, W: Word>(split: &Split<X>) -> Cut<W> {
    Cut {
        left: W::without(split.first, split.count),
        tree: u32::try_from(split.tree).unwrap_or(u32::MAX),
    }
}

fn take<W: Word>(words: &mut [W], cut: Cut<W>) {
    words[cut.tree as usize] &= cut.left;
}

/// Whether words cost less than walks of `steps` steps in all, and less than [`SPLIT_BYTES`] per split.
pub(super) fn worthwhile<X, W: Word>(trees: usize, splits: &[Split<X>], steps: usize) -> bool {
    let (mut comparisons, mut sets) = (BTreeMap::<u32, usize>::new(), 0);
    for split in splits {
        match split.decision {
            Decision::Number { feature, .. } => *comparisons.entry(feature).or_insert(0) += 1,
            Decision::Category { .. } => sets += 1,
        }
    }
    // In units of about a nanosecond.
    let column = |count: &usize| 12 + W::STRIDE.min(*count) / 3 + trees * size_of::<W>() / 64;
    let words = 2 * trees + 8 * sets + comparisons.values().map(column).sum::<usize>();
    // The states for missing values and for zeros, and those of whole strides.
    let states: usize = comparisons.values().map(|count| 2 + count / W::STRIDE).sum();
    words < STEP * steps && states * trees * size_of::<W>() <= SPLIT_BYTES * splits.len()
}

/// A step of a walk, when twelve are made side by side, in the units of [`worthwhile`].
const STEP: usize = 3;
/// Most bytes of states per split.
const SPLIT_BYTES: usize = 64;
