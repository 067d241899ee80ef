//! Trees to walk: nodes of eight bytes for most models, siblings side by side, so that a step is one comparison and one
//! addition. A leaf leads to itself, so a walk may go on when it has ended, and eight walks run side by side without a
//! branch between them.

use super::compiled::{Set, Step};
use super::number::Number;
use super::tree::Rules;

/// Walks that run side by side, to overlap their memory accesses.
pub(super) const LANES: usize = 8;
/// Steps between two looks whether all walks have ended.
const STRIDE: u32 = 4;

/// A position in a tree or a column, in 16 or 32 bits, of which the highest two of a column are flags.
pub(super) trait Index: Copy + Default + std::fmt::Debug + Send + Sync + 'static {
    /// Set in `feature` when NaN goes right.
    const NAN_RIGHT: usize;
    /// Set in `feature` of a node that is more than a comparison.
    const SPECIAL: usize;
    /// From a number that fits.
    fn new(value: usize) -> Self;
    /// As a number.
    fn at(self) -> usize;
}

impl Index for u16 {
    const NAN_RIGHT: usize = 1 << 15;
    const SPECIAL: usize = 1 << 14;

    fn new(value: usize) -> Self {
        Self::try_from(value).unwrap_or(Self::MAX)
    }

    #[inline(always)]
    fn at(self) -> usize {
        usize::from(self)
    }
}

impl Index for u32 {
    const NAN_RIGHT: usize = 1 << 31;
    const SPECIAL: usize = 1 << 30;

    fn new(value: usize) -> Self {
        Self::try_from(value).unwrap_or(Self::MAX)
    }

    #[inline(always)]
    fn at(self) -> usize {
        self as usize
    }
}

/// A node: `x > threshold` goes to `left + 1`, everything else to `left`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed<X, I> {
    threshold: X,
    feature: I,
    /// Counted from the tree's root.
    left: I,
}

/// What a node is that is more than a comparison.
#[derive(Debug, Clone, Copy)]
enum Special {
    /// Values near zero, and NaN, go left or not.
    Zero(bool),
    /// A split by a set of categories.
    Set(u32),
}

/// Trees of nodes with one kind of index.
#[derive(Debug)]
pub(super) struct Walks<X, I> {
    nodes: Vec<Packed<X, I>>,
    /// The leaf number of each node that is a leaf.
    leaf: Vec<u32>,
    /// By position in `nodes`, in order.
    specials: Vec<(u32, Special)>,
    trees: Vec<Span>,
}

/// Where a tree is.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    depth: u32,
}

/// Eight-byte nodes where they suffice.
#[derive(Debug)]
pub(super) enum Forest<X> {
    Narrow(Walks<X, u16>),
    Wide(Walks<X, u32>),
}

/// Calls the same method on either.
macro_rules! either {
    ($forest:expr, $walks:ident => $body:expr) => {
        match $forest {
            Forest::Narrow($walks) => $body,
            Forest::Wide($walks) => $body,
        }
    };
}
pub(super) use either;

/// What walks need beside the nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a, X> {
    pub(super) sets: &'a [Set],
    pub(super) rules: Rules<X>,
}

impl<X: Number> Forest<X> {
    /// From trees that start at `roots` in `steps`, over so many columns.
    pub(super) fn new(steps: &[Step<X>], roots: &[usize], columns: usize, rules: &Rules<X>) -> Self {
        let ends = roots.iter().skip(1).copied().chain([steps.len()]);
        let largest = roots
            .iter()
            .zip(ends)
            .map(|(start, end)| end - start)
            .max()
            .unwrap_or(0);
        let plain = steps.iter().all(|step| match step {
            Step::Number { zero_left, .. } => zero_left.is_none(),
            Step::Category { .. } => false,
            Step::Leaf(_) => true,
        });
        // Doubles align nodes to 16 bytes, narrow or wide.
        if plain && columns <= u16::SPECIAL && largest <= usize::from(u16::MAX) && size_of::<X>() == 4 {
            Self::Narrow(Walks::new(steps, roots, rules))
        } else {
            Self::Wide(Walks::new(steps, roots, rules))
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        either!(self, walks => walks.size_bytes())
    }
}

impl<X: Number, I: Index> Walks<X, I> {
    fn new(steps: &[Step<X>], roots: &[usize], rules: &Rules<X>) -> Self {
        let mut walks = Self {
            nodes: Vec::with_capacity(steps.len()),
            leaf: Vec::with_capacity(steps.len()),
            specials: Vec::new(),
            trees: Vec::with_capacity(roots.len()),
        };
        let ends = roots.iter().skip(1).copied().chain([steps.len()]);
        let mut depths = Vec::new();
        for (start, end) in roots.iter().copied().zip(ends) {
            depths.clear();
            depths.resize(end - start, 0u32);
            for at in start..end {
                let depth = depths[at - start];
                if let Step::Number { children, .. } | Step::Category { children, .. } = steps[at] {
                    let left = children as usize - start;
                    depths[left..left + 2].fill(depth + 1);
                }
                walks.push(&steps[at], start, rules);
            }
            walks.trees.push(Span {
                start: u32::new(start),
                depth: depths.iter().copied().max().unwrap_or(0),
            });
        }
        walks
    }

    fn push(&mut self, step: &Step<X>, start: usize, rules: &Rules<X>) {
        let at = self.nodes.len();
        let node = |threshold, feature: usize, left: usize| Packed {
            threshold,
            feature: I::new(feature),
            left: I::new(left),
        };
        let (packed, leaf) = match *step {
            Step::Leaf(leaf) => (node(X::INFINITY, 0, at - start), leaf),
            Step::Number {
                feature,
                threshold,
                nan_left,
                zero_left,
                children,
            } => {
                let mut feature = feature as usize;
                if !nan_left {
                    feature |= I::NAN_RIGHT;
                }
                if let Some(zero_left) = zero_left {
                    feature |= I::SPECIAL;
                    self.specials.push((u32::new(at), Special::Zero(zero_left)));
                }
                (node(rules.fold(threshold), feature, children as usize - start), 0)
            }
            Step::Category { feature, set, children } => {
                self.specials.push((u32::new(at), Special::Set(set)));
                (
                    node(X::INFINITY, feature as usize | I::SPECIAL, children as usize - start),
                    0,
                )
            }
        };
        self.nodes.push(packed);
        self.leaf.push(leaf);
    }

    fn size_bytes(&self) -> usize {
        self.nodes.len() * (size_of::<Packed<X, I>>() + 4)
            + self.specials.len() * size_of::<(u32, Special)>()
            + self.trees.len() * size_of::<Span>()
    }

    /// The leaves that one row reaches in the trees from `first` on, as many as fit `out`.
    pub(super) fn row(&self, context: Context<'_, X>, first: usize, row: &[X], out: &mut [u32]) {
        let missing = row.iter().any(|x| x.missing());
        for (trees, out) in self.trees[first..].chunks(LANES).zip(out.chunks_mut(LANES)) {
            match (self.specials.is_empty(), missing) {
                (true, false) => self.across::<false, false>(context, &trees[..out.len()], row, out),
                (true, true) => self.across::<true, false>(context, &trees[..out.len()], row, out),
                (false, _) => self.across::<true, true>(context, &trees[..out.len()], row, out),
            }
        }
    }

    /// Up to eight trees side by side.
    #[inline(always)]
    fn across<const NAN: bool, const SPECIAL: bool>(
        &self,
        context: Context<'_, X>,
        trees: &[Span],
        row: &[X],
        out: &mut [u32],
    ) {
        let mut start = [trees[0].start as usize; LANES];
        let mut depth = 0;
        for (start, span) in start.iter_mut().zip(trees) {
            *start = span.start as usize;
            depth = depth.max(span.depth);
        }
        let mut at = start;
        while depth > 0 {
            for _ in 0..depth.min(STRIDE) {
                for (at, start) in at.iter_mut().zip(start) {
                    *at = start + self.step::<NAN, SPECIAL>(context, *at, row);
                }
            }
            depth = depth.saturating_sub(STRIDE);
            if at
                .iter()
                .zip(start)
                .all(|(at, start)| start + self.nodes[*at].left.at() == *at)
            {
                break;
            }
        }
        for (out, at) in out.iter_mut().zip(at) {
            *out = self.leaf[at];
        }
    }

    /// The leaves that rows reach in one tree; `missing` when a value among them is NaN.
    pub(super) fn rows(
        &self,
        context: Context<'_, X>,
        tree: usize,
        rows: &Block<'_, X>,
        missing: bool,
        out: &mut [u32],
    ) {
        match (self.specials.is_empty(), missing) {
            (true, false) => self.down::<false, false>(context, self.trees[tree], rows, out),
            (true, true) => self.down::<true, false>(context, self.trees[tree], rows, out),
            (false, _) => self.down::<true, true>(context, self.trees[tree], rows, out),
        }
    }

    /// One tree, eight rows side by side.
    #[inline(always)]
    fn down<const NAN: bool, const SPECIAL: bool>(
        &self,
        context: Context<'_, X>,
        tree: Span,
        rows: &Block<'_, X>,
        out: &mut [u32],
    ) {
        let start = tree.start as usize;
        let in_eights = rows.values.chunks(LANES * rows.columns);
        for (values, out) in in_eights.zip(out.chunks_mut(LANES)) {
            let mut at = [start; LANES];
            let mut depth = tree.depth;
            while depth > 0 {
                if values.len() == LANES * rows.columns {
                    for _ in 0..depth.min(STRIDE) {
                        for (lane, at) in at.iter_mut().enumerate() {
                            let row = &values[lane * rows.columns..];
                            *at = start + self.step::<NAN, SPECIAL>(context, *at, row);
                        }
                    }
                } else {
                    for _ in 0..depth.min(STRIDE) {
                        for (at, row) in at.iter_mut().zip(values.chunks_exact(rows.columns)) {
                            *at = start + self.step::<NAN, SPECIAL>(context, *at, row);
                        }
                    }
                }
                depth = depth.saturating_sub(STRIDE);
                if at.iter().all(|at| start + self.nodes[*at].left.at() == *at) {
                    break;
                }
            }
            for (out, at) in out.iter_mut().zip(at) {
                *out = self.leaf[at];
            }
        }
    }

    /// The next node, counted from the root.
    #[inline(always)]
    fn step<const NAN: bool, const SPECIAL: bool>(&self, context: Context<'_, X>, at: usize, row: &[X]) -> usize {
        let node = &self.nodes[at];
        let feature = node.feature.at();
        let x = row[feature & (I::SPECIAL - 1)];
        let mut right = x > node.threshold;
        if NAN {
            right |= x.missing() & (feature & I::NAN_RIGHT != 0);
        }
        if SPECIAL && feature & I::SPECIAL != 0 {
            right = !self.special_left(context, at, x, !right);
        }
        node.left.at() + usize::from(right)
    }

    #[inline(never)]
    fn special_left(&self, context: Context<'_, X>, at: usize, x: X, compared: bool) -> bool {
        let found = self.specials.binary_search_by_key(&at, |(node, _)| *node as usize);
        match found.map(|found| self.specials[found].1) {
            Ok(Special::Zero(left)) if x.missing() || context.rules.is_zero(x) => left,
            Ok(Special::Set(set)) => context.sets[set as usize].has_left(x, &context.rules),
            _ => compared,
        }
    }
}

/// Rows of numbers, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a, X> {
    pub(super) values: &'a [X],
    pub(super) columns: usize,
}
