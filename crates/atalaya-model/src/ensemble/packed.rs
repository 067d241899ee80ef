//! Trees to walk: nodes of eight bytes for most models, siblings side by side, so that a step is one comparison and one
//! addition. A leaf leads to itself, so a walk may go on when it has ended, and twelve walks run side by side without a
//! branch between them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::buffer::Buffer;
use super::compiled::{Set, Step};
use super::fixed::{ROWS, TREES, fitting};
use super::number::Number;
use super::tree::Rules;

/// Walks that run side by side, to overlap their memory accesses.
pub(super) const LANES: usize = 12;
/// Steps between two looks whether all walks have ended.
pub(super) const STRIDE: u32 = 4;
/// Trees of so many levels are walked without such looks.
pub(super) const SHALLOW: u32 = 12;

/// A position in a tree or a column, in 16 or 32 bits, of which the highest two of a column are flags.
pub(super) trait Index:
    Copy + Default + std::fmt::Debug + Send + Sync + FromBytes + IntoBytes + Immutable + KnownLayout + 'static
{
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

/// A node: `x > threshold` goes to `left + 1`, everything else to `left`. Compiled forms have it as it is in memory.
#[derive(Debug, Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Packed<X, I> {
    pub(super) threshold: X,
    pub(super) feature: I,
    /// Counted from the tree's root.
    pub(super) left: I,
}

/// What a node is that is more than a comparison.
#[derive(Debug, Clone, Copy)]
pub(super) enum Special {
    /// Values near zero, and NaN, go left or not.
    Zero(bool),
    /// A split by a set of categories.
    Set(u32),
}

/// Trees of nodes with one kind of index.
#[derive(Debug)]
pub(super) struct Walks<X, I> {
    /// After the last tree there are so many more that each tree can be read as an array of `window` nodes.
    pub(super) nodes: Buffer<Packed<X, I>>,
    /// One of [`TREES`]; 0 when the trees are too large for that, or have nodes that are more than a comparison.
    pub(super) window: usize,
    /// The leaf number of each node that is a leaf, when some are too large for the nodes themselves.
    pub(super) leaf: Buffer<u32>,
    /// By position in `nodes`, in order.
    pub(super) specials: Vec<(u32, Special)>,
    pub(super) trees: Vec<Span>,
}

/// Where a tree is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) depth: u32,
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
        let mut nodes = Vec::with_capacity(steps.len());
        let mut specials = Vec::new();
        let mut trees = Vec::with_capacity(roots.len());
        let mut leaf = Vec::new();
        let large = |step: &Step<X>| matches!(step, Step::Leaf(leaf) if X::carrying(*leaf).carried() != *leaf);
        if steps.iter().any(large) {
            let number = |step: &Step<X>| if let Step::Leaf(leaf) = step { *leaf } else { 0 };
            leaf = steps.iter().map(number).collect();
        }
        let ends = roots.iter().skip(1).copied().chain([steps.len()]);
        let mut depths = Vec::new();
        let mut largest = 0;
        for (start, end) in roots.iter().copied().zip(ends) {
            depths.clear();
            depths.resize(end - start, 0u32);
            for at in start..end {
                let depth = depths[at - start];
                if let Step::Number { children, .. } | Step::Category { children, .. } = steps[at] {
                    let left = children as usize - start;
                    depths[left..left + 2].fill(depth + 1);
                }
                nodes.push(Self::packed(&steps[at], (at, start), rules, &mut specials));
            }
            trees.push(Span {
                start: u32::new(start),
                depth: depths.iter().copied().max().unwrap_or(0),
            });
            largest = largest.max(end - start);
        }
        let window = Self::fitting_window(&specials, largest);
        let end = Packed {
            threshold: X::carrying(0),
            feature: I::default(),
            left: I::default(),
        };
        nodes.resize(steps.len() + window, end);
        Self {
            nodes: Buffer::Owned(nodes),
            window,
            leaf: Buffer::Owned(leaf),
            specials,
            trees,
        }
    }

    /// What [`Walks::window`] is when the largest tree has so many nodes.
    pub(super) fn fitting_window(specials: &[(u32, Special)], largest: usize) -> usize {
        fitting(TREES, largest)
            .filter(|_| specials.is_empty())
            .unwrap_or_default()
    }

    /// The node at position `at`, of the tree that starts at `start`.
    fn packed(
        step: &Step<X>,
        (at, start): (usize, usize),
        rules: &Rules<X>,
        specials: &mut Vec<(u32, Special)>,
    ) -> Packed<X, I> {
        let node = |threshold, feature: usize, left: usize| Packed {
            threshold,
            feature: I::new(feature),
            left: I::new(left),
        };
        match *step {
            // Nothing is above NaN: a walk stays here.
            Step::Leaf(leaf) => node(X::carrying(leaf), 0, at - start),
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
                    specials.push((u32::new(at), Special::Zero(zero_left)));
                }
                node(rules.fold(threshold), feature, children as usize - start)
            }
            Step::Category { feature, set, children } => {
                specials.push((u32::new(at), Special::Set(set)));
                node(X::INFINITY, feature as usize | I::SPECIAL, children as usize - start)
            }
        }
    }

    /// The steps that these walks were made of; thresholds are folded already.
    pub(super) fn steps(&self) -> (Vec<usize>, Vec<Step<X>>) {
        let nodes = &self.nodes[..self.nodes.len() - self.window];
        let roots: Vec<usize> = self.trees.iter().map(|tree| tree.start as usize).collect();
        let ends = roots.iter().skip(1).copied().chain([nodes.len()]);
        let mut specials = self.specials.iter().peekable();
        let mut steps = Vec::with_capacity(nodes.len());
        for (start, end) in roots.iter().copied().zip(ends) {
            for (at, node) in nodes.iter().enumerate().take(end).skip(start) {
                let special = specials.next_if(|(position, _)| *position as usize == at);
                if node.left.at() == at - start {
                    steps.push(Step::Leaf(self.number(at)));
                    continue;
                }
                let feature = u32::new(node.feature.at() & (I::SPECIAL - 1));
                let children = u32::new(start + node.left.at());
                steps.push(match special {
                    Some((_, Special::Set(set))) => Step::Category {
                        feature,
                        set: *set,
                        children,
                    },
                    other => Step::Number {
                        feature,
                        threshold: node.threshold,
                        nan_left: node.feature.at() & I::NAN_RIGHT == 0,
                        zero_left: match other {
                            Some((_, Special::Zero(left))) => Some(*left),
                            _ => None,
                        },
                        children,
                    },
                });
            }
        }
        (roots, steps)
    }

    /// The number of the leaf at a position.
    fn number(&self, at: usize) -> u32 {
        number(&self.nodes, &self.leaf, at)
    }

    fn size_bytes(&self) -> usize {
        self.nodes.len() * size_of::<Packed<X, I>>()
            + self.leaf.len() * 4
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

    /// Up to twelve trees side by side.
    #[inline(always)]
    fn across<const NAN: bool, const SPECIAL: bool>(
        &self,
        context: Context<'_, X>,
        trees: &[Span],
        row: &[X],
        out: &mut [u32],
    ) {
        let (all, leaf) = (&*self.nodes, &*self.leaf);
        let mut nodes = [&all[trees[0].start as usize..]; LANES];
        let mut depth = 0;
        for (nodes, span) in nodes.iter_mut().zip(trees) {
            *nodes = &all[span.start as usize..];
            depth = depth.max(span.depth);
        }
        let shallow = depth <= SHALLOW;
        let mut at = [0; LANES];
        while depth > 0 {
            for _ in 0..depth.min(STRIDE) {
                for (at, nodes) in at.iter_mut().zip(nodes) {
                    *at = self.step::<NAN, SPECIAL>(context, nodes, *at, row);
                }
            }
            depth = depth.saturating_sub(STRIDE);
            if !shallow && at.iter().zip(nodes).all(|(at, nodes)| nodes[*at].left.at() == *at) {
                break;
            }
        }
        for ((out, at), span) in out.iter_mut().zip(at).zip(trees) {
            *out = number(all, leaf, span.start as usize + at);
        }
    }

    /// How many values apart rows of so many columns should lie.
    pub(super) fn row_length(&self, columns: usize) -> usize {
        match fitting(ROWS, columns) {
            Some(padded) if self.window > 0 => padded,
            _ => columns,
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
        if self.rows_fixed(tree, rows.values, rows.columns, missing, out).is_some() {
            return;
        }
        match (self.specials.is_empty(), missing) {
            (true, false) => self.down::<false, false>(context, self.trees[tree], rows, out),
            (true, true) => self.down::<true, false>(context, self.trees[tree], rows, out),
            (false, _) => self.down::<true, true>(context, self.trees[tree], rows, out),
        }
    }

    /// One tree, twelve rows side by side.
    #[inline(always)]
    fn down<const NAN: bool, const SPECIAL: bool>(
        &self,
        context: Context<'_, X>,
        tree: Span,
        rows: &Block<'_, X>,
        out: &mut [u32],
    ) {
        let start = tree.start as usize;
        let (all, leaf) = (&*self.nodes, &*self.leaf);
        let nodes = &all[start..];
        let in_lanes = rows.values.chunks(LANES * rows.columns);
        for (values, out) in in_lanes.zip(out.chunks_mut(LANES)) {
            // The last rows are walked again in place of those that are missing to twelve.
            let mut lanes = [&values[..rows.columns]; LANES];
            for (lane, row) in lanes.iter_mut().zip(values.chunks_exact(rows.columns)) {
                *lane = row;
            }
            let mut at = [0; LANES];
            let mut depth = tree.depth;
            while depth > 0 {
                for _ in 0..depth.min(STRIDE) {
                    for (at, row) in at.iter_mut().zip(lanes) {
                        *at = self.step::<NAN, SPECIAL>(context, nodes, *at, row);
                    }
                }
                depth = depth.saturating_sub(STRIDE);
                if tree.depth > SHALLOW && at.iter().all(|at| nodes[*at].left.at() == *at) {
                    break;
                }
            }
            for (out, at) in out.iter_mut().zip(at) {
                *out = number(all, leaf, start + at);
            }
        }
    }

    /// The next node, counted from the root.
    #[inline(always)]
    fn step<const NAN: bool, const SPECIAL: bool>(
        &self,
        context: Context<'_, X>,
        nodes: &[Packed<X, I>],
        at: usize,
        row: &[X],
    ) -> usize {
        let node = &nodes[at];
        let feature = node.feature.at();
        let x = row[feature & (I::SPECIAL - 1)];
        let mut right = x > node.threshold;
        if NAN {
            right |= x.missing() & (feature & I::NAN_RIGHT != 0);
        }
        if SPECIAL && feature & I::SPECIAL != 0 {
            right = !self.special_left(context, self.nodes.len() - nodes.len() + at, x, !right);
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

/// The number of the leaf at a position, among all nodes and the numbers that were too large for them.
#[inline(always)]
pub(super) fn number<X: Number, I: Index>(nodes: &[Packed<X, I>], leaf: &[u32], at: usize) -> u32 {
    match leaf.get(at) {
        Some(leaf) => *leaf,
        None => nodes[at].threshold.carried(),
    }
}

/// Rows of numbers, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a, X> {
    pub(super) values: &'a [X],
    pub(super) columns: usize,
}
