//! Small trees for many rows: 64 rows pass a tree together, node by node, without a branch on their values.
//!
//! Numbers become codes first: `code(x)` is how many of a column's thresholds are below `x`, so `x <= threshold k` is
//! `code(x) <= k`, exactly. A node compares 64 codes with one number and cuts the set of rows that reach it, a mask of 64
//! bytes, in two. A row's leaf, counted from the left, is the sum of the leaves to the left of every right turn it takes.
//! The method is that of QuickScorer's descendants (Lucchese et al. 2015; Ye et al., RapidScorer, 2018), with byte masks.

use std::collections::BTreeMap;

use super::bins::{Bin, Codes, MAX_CODES};
use super::compiled::{Member, Set, Step};
use super::number::Number;
use super::tree::Rules;
use super::words::{Decision, MAX_TREES, Split, Words, worthwhile};

/// Most leaves of a tree that is worth it.
pub(super) const MAX_LEAVES: usize = 64;
/// Fewer trees than this are not worth coding the rows.
pub(super) const MIN_TREES: usize = 4;

/// 64 rows' bytes.
pub(super) type Lanes = [u8; 64];

/// Consecutive trees that share codes.
#[derive(Debug)]
pub(super) struct Masks<X, Y> {
    /// The first tree.
    pub(super) first: usize,
    pub(super) trees: Vec<MaskTree>,
    nodes: Vec<MaskNode>,
    specials: Vec<Chosen>,
    pub(super) bins: Vec<Bin<X>>,
    /// The leaves of any tree can be counted in so many bits, three at least.
    pub(super) bits: u32,
    /// `1 << bits` leaves per tree, `width` values each.
    pub(super) values: Vec<Y>,
    /// Whether all trees have one value per leaf, for the same accumulator.
    pub(super) alike: bool,
    pub(super) one_row: OneRow<X>,
}

/// How one row is evaluated.
#[derive(Debug)]
pub(super) enum OneRow<X> {
    /// The trees are walked.
    Walk,
    /// By words, of trees of up to 32 leaves.
    Short(Words<X, u32>),
    /// By words, of trees of up to 64 leaves.
    Long(Words<X, u64>),
}

/// A tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct MaskTree {
    /// Its nodes, and which of them have no further node below.
    start: u32,
    inner: u8,
    outer: u8,
    special: u32,
    /// Whether all nodes are comparisons.
    plain: bool,
    pub(super) values: u32,
}

/// A node.
#[derive(Debug, Clone, Copy)]
struct MaskNode {
    /// The codes to compare; with [`SPECIAL`], to look up in the tree's next special node.
    slot: u16,
    /// Codes below it go left.
    bound: u8,
    /// Which mask says who is here: 0 for the root, then those of the first node's children, and so on.
    at: u8,
    /// Leaves of the left child.
    leaves: u8,
}

/// Marks a node that is more than a comparison.
const SPECIAL: u16 = 1 << 15;

/// The codes that go left.
#[derive(Debug)]
enum Chosen {
    /// Those, or all but those.
    Few {
        codes: Box<[u8]>,
        left: bool,
    },
    Many(Box<[bool; 256]>),
}

/// Most codes that are compared one by one.
const FEW: usize = 12;

impl<X: Number, Y: Number> Masks<X, Y> {
    /// The leaf of each row whose codes are in `codes`, counted from the left.
    #[inline(always)]
    pub(super) fn leaves(&self, tree: &MaskTree, codes: &Codes, masks: &mut [Lanes; 128], out: &mut Lanes) {
        *out = if tree.plain {
            self.pass::<false>(tree, codes, masks)
        } else {
            self.pass::<true>(tree, codes, masks)
        };
    }

    /// `MIXED` when some nodes are more than comparisons.
    #[inline(always)]
    fn pass<const MIXED: bool>(&self, tree: &MaskTree, codes: &Codes, masks: &mut [Lanes; 128]) -> Lanes {
        masks[0] = [0xff; 64];
        let mut leaf = [0u8; 64];
        let mut special = tree.special as usize;
        let nodes = &self.nodes[tree.start as usize..][..usize::from(tree.inner) + usize::from(tree.outer)];
        let (inner, outer) = nodes.split_at(usize::from(tree.inner));
        for (position, node) in inner.iter().enumerate() {
            let left = self.compare::<MIXED>(node, codes, &mut special);
            let here = masks[usize::from(node.at & 127)];
            let (mut to_left, mut to_right) = ([0u8; 64], [0u8; 64]);
            for lane in 0..64 {
                to_left[lane] = here[lane] & left[lane];
                to_right[lane] = here[lane] & !left[lane];
                leaf[lane] = leaf[lane].wrapping_add(to_right[lane] & node.leaves);
            }
            masks[(2 * position + 1) & 127] = to_left;
            masks[(2 * position + 2) & 127] = to_right;
        }
        for node in outer {
            let left = self.compare::<MIXED>(node, codes, &mut special);
            let here = masks[usize::from(node.at & 127)];
            for lane in 0..64 {
                leaf[lane] = leaf[lane].wrapping_add(here[lane] & !left[lane] & node.leaves);
            }
        }
        leaf
    }

    /// 0xff for the rows that a node sends left.
    #[inline(always)]
    fn compare<const MIXED: bool>(&self, node: &MaskNode, codes: &Codes, special: &mut usize) -> Lanes {
        if MIXED && node.slot & SPECIAL != 0 {
            let mut left = [0u8; 64];
            self.specials[*special].lanes(codes.slot(node.slot & !SPECIAL), &mut left);
            *special += 1;
            return left;
        }
        let mut left = *codes.slot(node.slot);
        #[expect(
            clippy::cast_possible_wrap,
            reason = "codes are shifted so that signed bytes compare"
        )]
        for lane in &mut left {
            *lane = if (*lane as i8) < (node.bound as i8) { 0xff } else { 0 };
        }
        left
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.trees.len() * size_of::<MaskTree>()
            + self.nodes.len() * size_of::<MaskNode>()
            + self.specials.len() * (size_of::<Chosen>() + 256)
            + self.bins.iter().map(Bin::size_bytes).sum::<usize>()
            + self.values.len() * size_of::<Y>()
            + match &self.one_row {
                OneRow::Walk => 0,
                OneRow::Short(words) => words.size_bytes(),
                OneRow::Long(words) => words.size_bytes(),
            }
    }
}

impl Chosen {
    fn new(left: &dyn Fn(u8) -> bool) -> Self {
        let codes = |side: bool| (0..=255u8).filter(|code| left(*code) == side).collect::<Vec<u8>>();
        let (lefts, rights) = (codes(true), codes(false));
        let (fewer, side) = if lefts.len() <= rights.len() {
            (lefts, true)
        } else {
            (rights, false)
        };
        if fewer.len() <= FEW {
            return Self::Few {
                codes: fewer.into(),
                left: side,
            };
        }
        let mut table = Box::new([false; 256]);
        for code in 0..=255u8 {
            table[usize::from(code)] = left(code);
        }
        Self::Many(table)
    }

    #[inline(never)]
    fn lanes(&self, codes: &Lanes, out: &mut Lanes) {
        match self {
            Self::Few { codes: few, left } => {
                for code in few {
                    for lane in 0..64 {
                        out[lane] |= if codes[lane] == *code ^ 0x80 { 0xff } else { 0 };
                    }
                }
                if !left {
                    out.iter_mut().for_each(|lane| *lane = !*lane);
                }
            }
            Self::Many(table) => {
                for (out, code) in out.iter_mut().zip(codes) {
                    *out = if table[usize::from(*code ^ 0x80)] { 0xff } else { 0 };
                }
            }
        }
    }
}

/// Collects consecutive trees until their codes no longer fit a byte.
#[derive(Debug)]
pub(super) struct Grouping<'a, X> {
    steps: &'a [Step<X>],
    sets: &'a [Set],
    rules: Rules<X>,
    thresholds: BTreeMap<u32, Vec<X>>,
    /// How many categories matter, by column.
    categories: BTreeMap<u32, usize>,
    roots: Vec<usize>,
}

impl<'a, X: Number> Grouping<'a, X> {
    pub(super) fn new(steps: &'a [Step<X>], sets: &'a [Set], rules: Rules<X>) -> Self {
        Self {
            steps,
            sets,
            rules,
            thresholds: BTreeMap::new(),
            categories: BTreeMap::new(),
            roots: Vec::new(),
        }
    }

    /// Whether a tree of these nodes may be in a group at all.
    pub(super) fn takes(&self, tree: &[Step<X>]) -> bool {
        tree.len() < 2 * MAX_LEAVES
            && tree.iter().all(|step| match step {
                Step::Category { set, .. } => self.sets[*set as usize].len() < MAX_CODES,
                _ => true,
            })
    }

    /// Takes in a tree that [`Grouping::takes`]; false, and nothing changes, when its thresholds do not fit.
    pub(super) fn add(&mut self, root: usize, tree: &[Step<X>]) -> bool {
        let mut thresholds = BTreeMap::new();
        for step in tree {
            let Step::Number {
                feature,
                threshold,
                zero_left,
                ..
            } = step
            else {
                continue;
            };
            let known = self.thresholds.get(feature).map_or(&[][..], Vec::as_slice);
            let sorted = thresholds.entry(*feature).or_insert_with(|| known.to_vec());
            insert(sorted, self.rules.fold(*threshold));
            if zero_left.is_some() {
                let zero = self.rules.zero_within;
                insert(sorted, zero);
                insert(sorted, self.rules.below_zero());
            }
        }
        if self.roots.len() == MAX_TREES {
            return false;
        }
        if thresholds.values().any(|sorted| sorted.len() > MAX_CODES) || self.slots() + 3 * tree.len() > 1 << 14 {
            return false;
        }
        self.thresholds.append(&mut thresholds);
        for step in tree {
            if let Step::Category { feature, set, .. } = step {
                let known = self.categories.entry(*feature).or_insert(0);
                *known = (*known).max(self.sets[*set as usize].len());
            }
        }
        self.roots.push(root);
        true
    }

    fn slots(&self) -> usize {
        2 * self.thresholds.len() + self.categories.len()
    }

    pub(super) fn trees(&self) -> usize {
        self.roots.len()
    }

    /// The group of all trees so far, the first of which is tree `first` of the ensemble.
    pub(super) fn finish<Y: Number>(self, first: usize, members: &[Member], values: &[Y]) -> Masks<X, Y> {
        let mut masks = Masks {
            first,
            trees: Vec::with_capacity(self.roots.len()),
            nodes: Vec::new(),
            specials: Vec::new(),
            bins: Vec::new(),
            bits: 0,
            values: Vec::new(),
            alike: true,
            one_row: OneRow::Walk,
        };
        // Two slots per numeric column: NaN above all thresholds, and below them.
        let mut slots = 0u16;
        let mut numbers = BTreeMap::new();
        for (feature, thresholds) in &self.thresholds {
            masks.bins.push(Bin::numbers(*feature, thresholds, slots));
            numbers.insert(*feature, slots);
            slots += 2;
        }
        let mut categories = BTreeMap::new();
        for (feature, count) in &self.categories {
            masks.bins.push(Bin::categories(*feature, *count, slots));
            categories.insert(*feature, slots);
            slots += 1;
        }
        let places = Places { numbers, categories };
        let leaves: Vec<Vec<u32>> = self.roots.iter().map(|root| self.leaves_from_left(*root)).collect();
        let most = leaves.iter().map(Vec::len).max().unwrap_or(1);
        masks.bits = most.next_power_of_two().trailing_zeros().max(3);
        let members = &members[first..][..self.roots.len()];
        let same = |member: &Member| member.width == 1 && member.first == members[0].first;
        masks.alike = members.iter().all(same);
        masks.one_row = self.one_row(most);
        for ((root, member), leaves) in self.roots.iter().zip(members).zip(leaves) {
            let start = masks.values.len();
            self.lower(*root, start, &places, &mut masks);
            for leaf in leaves {
                let from = member.values + leaf as usize * member.width;
                masks.values.extend_from_slice(&values[from..from + member.width]);
            }
            masks.values.resize(start + (member.width << masks.bits), Y::default());
        }
        masks
    }

    /// Words for all trees, none of which has more than `most` leaves, when they cost less than walks.
    fn one_row(&self, most: usize) -> OneRow<X> {
        let mut splits = Vec::new();
        let mut steps = 0;
        for (tree, root) in self.roots.iter().copied().enumerate() {
            let mut stack = vec![(root, 0, 0)];
            let mut deepest = 0;
            while let Some((at, first, depth)) = stack.pop() {
                deepest = deepest.max(depth);
                let (decision, left) = match self.steps[at] {
                    Step::Leaf(_) => continue,
                    Step::Number {
                        feature,
                        threshold,
                        nan_left,
                        zero_left,
                        children,
                    } => {
                        let threshold = self.rules.fold(threshold);
                        let decision = Decision::Number {
                            feature,
                            threshold,
                            nan_left,
                            zero_left,
                        };
                        (decision, children as usize)
                    }
                    Step::Category { feature, set, children } => {
                        (Decision::Category { feature, set }, children as usize)
                    }
                };
                let count = self.leaves_from_left(left).len();
                stack.extend([(left + 1, first + count, depth + 1), (left, first, depth + 1)]);
                splits.push(Split {
                    tree,
                    first,
                    count,
                    decision,
                });
            }
            steps += deepest;
        }
        let trees = self.roots.len();
        match most {
            0..=32 if worthwhile::<X, u32>(trees, &splits, steps) => OneRow::Short(Words::new(trees, &splits)),
            33..=64 if worthwhile::<X, u64>(trees, &splits, steps) => OneRow::Long(Words::new(trees, &splits)),
            _ => OneRow::Walk,
        }
    }

    /// The leaf numbers of a tree, from left to right.
    fn leaves_from_left(&self, root: usize) -> Vec<u32> {
        let mut leaves = Vec::new();
        let mut stack = vec![root];
        while let Some(at) = stack.pop() {
            match self.steps[at] {
                Step::Leaf(leaf) => leaves.push(leaf),
                Step::Number { children, .. } | Step::Category { children, .. } => {
                    stack.extend([children as usize + 1, children as usize]);
                }
            }
        }
        leaves
    }

    fn lower<Y>(&self, root: usize, values: usize, places: &Places, masks: &mut Masks<X, Y>) {
        // A node with a further split below makes two masks; one with leaves only makes none and may wait.
        let is_leaf = |at: usize| matches!(self.steps[at], Step::Leaf(_));
        let children = |at: usize| match self.steps[at] {
            Step::Leaf(_) => None,
            Step::Number { children, .. } | Step::Category { children, .. } => Some(children as usize),
        };
        let (mut inner, mut outer) = (Vec::new(), Vec::new());
        let mut queue = std::collections::VecDeque::from([(root, 0u8)]);
        let mut made = 1u8;
        while let Some((at, mask)) = queue.pop_front() {
            let Some(left) = children(at) else { continue };
            if is_leaf(left) && is_leaf(left + 1) {
                outer.push((at, mask));
                continue;
            }
            inner.push((at, mask));
            queue.extend([(left, made), (left + 1, made + 1)]);
            made += 2;
        }
        let special = masks.specials.len();
        masks.trees.push(MaskTree {
            plain: false,
            start: u32::try_from(masks.nodes.len()).unwrap_or(u32::MAX),
            inner: u8::try_from(inner.len()).unwrap_or(u8::MAX),
            outer: u8::try_from(outer.len()).unwrap_or(u8::MAX),
            special: u32::try_from(special).unwrap_or(u32::MAX),
            values: u32::try_from(values).unwrap_or(u32::MAX),
        });
        for (at, mask) in inner.into_iter().chain(outer) {
            let (slot, bound) = self.decision(at, places, &mut masks.specials);
            let left = children(at).map_or(0, |left| self.leaves_from_left(left).len());
            masks.nodes.push(MaskNode {
                slot,
                bound,
                at: mask,
                leaves: u8::try_from(left).unwrap_or(u8::MAX),
            });
        }
        if let Some(tree) = masks.trees.last_mut() {
            tree.plain = masks.specials.len() == special;
        }
    }

    /// Which codes a node compares with what.
    fn decision(&self, at: usize, places: &Places, specials: &mut Vec<Chosen>) -> (u16, u8) {
        match self.steps[at] {
            Step::Leaf(_) => (0, 0),
            Step::Number {
                feature,
                threshold,
                nan_left,
                zero_left,
                ..
            } => {
                let thresholds = &self.thresholds[&feature];
                let bound = rank(thresholds, self.rules.fold(threshold)) + 1;
                let slot = places.numbers[&feature];
                let Some(zero_left) = zero_left else {
                    return (slot + u16::from(nan_left), bound ^ 0x80);
                };
                let zero = rank(thresholds, self.rules.zero_within);
                let left = |code: u8| {
                    if code == zero || code == 255 {
                        zero_left
                    } else {
                        code < bound
                    }
                };
                specials.push(Chosen::new(&left));
                (slot | SPECIAL, 0)
            }
            Step::Category { feature, set, .. } => {
                let set = &self.sets[set as usize];
                specials.push(Chosen::new(&|code| match code {
                    255 => set.nan_left,
                    code => set.has(usize::from(code)),
                }));
                (places.categories[&feature] | SPECIAL, 0)
            }
        }
    }
}

/// The first slot of each column.
struct Places {
    numbers: BTreeMap<u32, u16>,
    categories: BTreeMap<u32, u16>,
}

/// Adds to a sorted list what it does not have.
fn insert<X: Number>(sorted: &mut Vec<X>, threshold: X) {
    let at = sorted.partition_point(|known| *known < threshold);
    if sorted.get(at).is_none_or(|known| *known != threshold) {
        sorted.insert(at, threshold);
    }
}

/// How many thresholds are below this one.
fn rank<X: Number>(sorted: &[X], threshold: X) -> u8 {
    u8::try_from(sorted.partition_point(|known| *known < threshold)).unwrap_or(u8::MAX)
}
