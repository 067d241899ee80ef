//! The compiled form: every tree to be walked, and small trees as masks for many rows.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bins::Codes;
use super::buffer::Buffer;
use super::masks::{self, Grouping, Lanes, MIN_TREES, Masks};
use super::number::Number;
use super::packed::{Block, Context, Forest, either};
use super::table::{BLOCK_ROWS, Layout, Table, WALK_ROWS};
use super::tree::Rules;
use super::words::{MAX_TREES, Word};
use crate::simd::{Kernel, Level};

/// Fewer rows than this are walked: masks cost the same for one row as for 64.
const MIN_ROWS: usize = 8;
/// Rows, one by one, that an ensemble from a compiled form walks before it makes its stages: the first answers do not wait.
const FIRST_ROWS: usize = 256;
/// Trees whose leaves are found before they are added, when there is one row.
const PIECE: usize = 64;

/// Trees, checked: every walk ends at a leaf that has values.
#[derive(Debug)]
pub struct Ensemble<X, Y> {
    pub(super) columns: usize,
    pub(super) accumulators: usize,
    pub(super) rules: Rules<X>,
    pub(super) members: Vec<Member>,
    pub(super) sets: Vec<Set>,
    pub(super) values: Buffer<Y>,
    pub(super) forest: Forest<X>,
    /// All trees, in order. An ensemble from a compiled form makes them when they are worth it.
    pub(super) stages: OnceLock<Vec<Stage<X, Y>>>,
    /// Rows that were walked for want of stages.
    pub(super) walked: AtomicUsize,
}

/// A tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// The accumulator of a leaf's first value.
    pub(super) first: usize,
    /// Values per leaf.
    pub(super) width: usize,
    /// Where its leaves' values start.
    pub(super) values: usize,
}

/// A node, checked; the left child is at `children`, the right one after it.
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

/// How consecutive trees are evaluated on a block of rows.
#[derive(Debug)]
pub(super) enum Stage<X, Y> {
    Walk { from: usize, to: usize },
    Masks(Box<Masks<X, Y>>),
}

/// What a builder has collected.
#[derive(Debug)]
pub(super) struct Parts<X, Y> {
    pub(super) columns: usize,
    pub(super) accumulators: usize,
    pub(super) rules: Rules<X>,
    pub(super) members: Vec<Member>,
    /// Where each tree starts in `steps`.
    pub(super) roots: Vec<usize>,
    pub(super) steps: Vec<Step<X>>,
    pub(super) sets: Vec<Set>,
    pub(super) values: Vec<Y>,
}

/// What stages are made of.
struct Piece<'a, X, Y> {
    rules: Rules<X>,
    members: &'a [Member],
    roots: &'a [usize],
    steps: &'a [Step<X>],
    sets: &'a [Set],
    values: &'a [Y],
}

impl<X: Copy, Y> Parts<X, Y> {
    fn piece(&self) -> Piece<'_, X, Y> {
        Piece {
            rules: self.rules,
            members: &self.members,
            roots: &self.roots,
            steps: &self.steps,
            sets: &self.sets,
            values: &self.values,
        }
    }
}

impl<X: Number, Y: Number> Ensemble<X, Y> {
    pub(super) fn new(parts: Parts<X, Y>) -> Self {
        Self {
            stages: OnceLock::from(stages(&parts.piece())),
            walked: AtomicUsize::new(0),
            forest: Forest::new(&parts.steps, &parts.roots, parts.columns, &parts.rules),
            columns: parts.columns,
            accumulators: parts.accumulators,
            rules: parts.rules,
            members: parts.members,
            sets: parts.sets,
            values: Buffer::Owned(parts.values),
        }
    }

    /// The stages, if they are there or worth making for `rows` more rows.
    fn stages(&self, rows: usize) -> Option<&[Stage<X, Y>]> {
        if let Some(stages) = self.stages.get() {
            return Some(stages);
        }
        if rows < MIN_ROWS && self.walked.fetch_add(rows, Ordering::Relaxed) < FIRST_ROWS {
            return None;
        }
        Some(self.stages.get_or_init(|| {
            let (roots, steps) = either!(&self.forest, walks => walks.steps());
            stages(&Piece {
                rules: self.rules,
                members: &self.members,
                roots: &roots,
                steps: &steps,
                sets: &self.sets,
                values: &self.values,
            })
        }))
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
        let sets: usize = self.sets.iter().map(Set::size_bytes).sum();
        let stages = self.stages.get().map_or(&[][..], Vec::as_slice).iter();
        let stages = stages.map(|stage| match stage {
            Stage::Walk { .. } => size_of::<Stage<X, Y>>(),
            Stage::Masks(masks) => masks.size_bytes(),
        });
        self.members.len() * size_of::<Member>()
            + self.values.len() * size_of::<Y>()
            + self.forest.size_bytes()
            + sets
            + stages.sum::<usize>()
    }

    /// Adds every tree's leaf to `out`, `accumulators` numbers per row, tree by tree.
    ///
    /// # Panics
    /// When `table` has fewer columns than the ensemble, or `out` another length than rows × accumulators.
    pub fn add_to(&self, table: Table<'_, X>, out: &mut [Y]) {
        self.add_on(Level::best(), table, out);
    }

    /// [`Ensemble::add_to`] with the instructions of `level`, to compare and to measure them.
    ///
    /// # Panics
    /// As [`Ensemble::add_to`].
    pub fn add_on(&self, level: Level, table: Table<'_, X>, out: &mut [Y]) {
        assert!(table.columns >= self.columns, "all columns");
        assert_eq!(out.len(), table.rows * self.accumulators, "a place for every sum");
        if self.accumulators == 0 {
            return;
        }
        let in_blocks = table.rows - table.rows % BLOCK_ROWS;
        let in_blocks = if table.rows - in_blocks < MIN_ROWS {
            in_blocks
        } else {
            table.rows
        };
        let (many, few) = out.split_at_mut(in_blocks * self.accumulators);
        let all = [Stage::Walk {
            from: 0,
            to: self.members.len(),
        }];
        let stages = self.stages(table.rows).unwrap_or(&all);
        if in_blocks > 0 {
            let ensemble = self;
            level.run(ManyRows {
                ensemble,
                stages,
                table,
                out: many,
            });
        }
        let mut copy = Vec::new();
        for (row, out) in few.chunks_exact_mut(self.accumulators).enumerate() {
            let row = self.block(&table, (in_blocks + row, 1), table.columns, &mut copy);
            level.run(OneRow {
                ensemble: self,
                stages,
                row: row.values,
                out,
            });
        }
    }

    /// One row through so many trees, tree by tree.
    #[inline(always)]
    fn walk_row(&self, from: usize, to: usize, row: &[X], out: &mut [Y]) {
        let mut leaves = [0u32; PIECE];
        let all = &*self.values;
        for (piece, members) in self.members[from..to].chunks(PIECE).enumerate() {
            let leaves = &mut leaves[..members.len()];
            either!(&self.forest, walks => walks.row(self.context(), from + piece * PIECE, row, leaves));
            for (member, leaf) in members.iter().zip(leaves) {
                let from = member.values + *leaf as usize * member.width;
                let values = &all[from..from + member.width];
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
        let trees = self.members.len();
        let mut leaves = vec![0; table.rows * trees];
        let mut copy = Vec::new();
        for (row, out) in leaves.chunks_exact_mut(trees.max(1)).enumerate() {
            let row = self.block(&table, (row, 1), table.columns, &mut copy);
            either!(&self.forest, walks => walks.row(self.context(), 0, row.values, out));
        }
        leaves
    }

    /// Whether some trees are evaluated by words when there is one row.
    #[cfg(test)]
    pub(super) fn has_words(&self) -> bool {
        let words =
            |stage: &Stage<X, Y>| matches!(stage, Stage::Masks(masks) if !matches!(masks.one_row, masks::OneRow::Walk));
        self.stages.get().is_some_and(|stages| stages.iter().any(words))
    }

    fn context(&self) -> Context<'_, X> {
        Context {
            sets: &self.sets,
            rules: self.rules,
        }
    }

    /// Rows of a table, one after the other; `copy` holds them when they are not so in the table, or `length` apart.
    fn block<'a>(
        &self,
        table: &Table<'a, X>,
        (first, rows): (usize, usize),
        length: usize,
        copy: &'a mut Vec<X>,
    ) -> Block<'a, X> {
        let columns = table.columns.max(1);
        if let (Layout::Rows(values), true) = (table.layout, length == columns) {
            let values = &values[first * columns..(first + rows) * columns];
            return Block { values, columns };
        }
        let length = length.max(1);
        copy.clear();
        copy.resize(rows * length, X::default());
        match table.layout {
            Layout::Rows(values) => {
                let values = values[first * columns..].chunks_exact(columns);
                for (place, row) in copy.chunks_exact_mut(length).zip(values) {
                    place[..self.columns].copy_from_slice(&row[..self.columns]);
                }
            }
            Layout::Columns(all) => {
                for (at, column) in all.iter().take(self.columns).enumerate() {
                    let places = copy[at..].iter_mut().step_by(length);
                    for (place, value) in places.zip(&column[first..first + rows]) {
                        *place = *value;
                    }
                }
            }
        }
        Block {
            values: copy,
            columns: length,
        }
    }

    /// How many values apart rows lie best for walks.
    fn row_length(&self) -> usize {
        either!(&self.forest, walks => walks.row_length(self.columns))
    }
}

/// The plan for blocks of rows: runs of small trees as masks, everything else walked.
fn stages<X: Number, Y: Number>(parts: &Piece<'_, X, Y>) -> Vec<Stage<X, Y>> {
    let mut stages = Vec::new();
    let new = || Grouping::new(parts.steps, parts.sets, parts.rules);
    let mut group = new();
    let mut walked = 0;
    let mut close = |group: Grouping<'_, X>, end: usize, stages: &mut Vec<Stage<X, Y>>| {
        let first = end - group.trees();
        if group.trees() < MIN_TREES {
            return;
        }
        if walked < first {
            stages.push(Stage::Walk {
                from: walked,
                to: first,
            });
        }
        let masks = group.finish(first, parts.members, parts.values);
        stages.push(Stage::Masks(Box::new(masks)));
        walked = end;
    };
    for (tree, root) in parts.roots.iter().copied().enumerate() {
        let end = parts.roots.get(tree + 1).copied().unwrap_or(parts.steps.len());
        let steps = &parts.steps[root..end];
        if group.takes(steps) && group.add(root, steps) {
            continue;
        }
        close(std::mem::replace(&mut group, new()), tree, &mut stages);
        if group.takes(steps) {
            group.add(root, steps);
        }
    }
    close(group, parts.roots.len(), &mut stages);
    if walked < parts.roots.len() {
        stages.push(Stage::Walk {
            from: walked,
            to: parts.roots.len(),
        });
    }
    stages
}

/// One row through all trees.
struct OneRow<'a, X, Y> {
    ensemble: &'a Ensemble<X, Y>,
    stages: &'a [Stage<X, Y>],
    row: &'a [X],
    out: &'a mut [Y],
}

impl<X: Number, Y: Number> Kernel for OneRow<'_, X, Y> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self {
            ensemble,
            stages,
            row,
            out,
        } = self;
        for stage in stages {
            match stage {
                Stage::Walk { from, to } => ensemble.walk_row(*from, *to, row, out),
                Stage::Masks(masks) => match &masks.one_row {
                    masks::OneRow::Walk => {
                        ensemble.walk_row(masks.first, masks.first + masks.trees.len(), row, out);
                    }
                    masks::OneRow::Short(words) => {
                        masks.add_words(&ensemble.members, &words.of(ensemble.context(), row), out);
                    }
                    masks::OneRow::Long(words) => {
                        masks.add_words(&ensemble.members, &words.of(ensemble.context(), row), out);
                    }
                },
            }
        }
    }
}

/// Blocks of rows, all trees on each before the next.
struct ManyRows<'a, X, Y> {
    ensemble: &'a Ensemble<X, Y>,
    stages: &'a [Stage<X, Y>],
    table: Table<'a, X>,
    out: &'a mut [Y],
}

/// What is needed while blocks pass, made once.
struct Scratch<Y> {
    /// 64 sums for each accumulator.
    sums: Vec<[Y; BLOCK_ROWS]>,
    codes: Codes,
    masks: Box<[Lanes; 128]>,
}

impl<X: Number, Y: Number> Kernel for ManyRows<'_, X, Y> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self {
            ensemble,
            stages,
            table,
            out,
        } = self;
        let accumulators = ensemble.accumulators;
        let mut scratch = Scratch {
            sums: vec![[Y::default(); BLOCK_ROWS]; accumulators],
            codes: Codes::default(),
            masks: Box::new([[0; 64]; 128]),
        };
        let mut copy = Vec::new();
        for (number, out) in out.chunks_mut(WALK_ROWS * accumulators).enumerate() {
            let first = number * WALK_ROWS;
            for stage in stages {
                match stage {
                    Stage::Walk { from, to } => {
                        let rows = out.len() / accumulators;
                        let block = ensemble.block(&table, (first, rows), ensemble.row_length(), &mut copy);
                        ensemble.walk(*from, *to, &block, out);
                    }
                    Stage::Masks(masks) => {
                        for (number, out) in out.chunks_mut(BLOCK_ROWS * accumulators).enumerate() {
                            let first = first + number * BLOCK_ROWS;
                            scratch.codes.fill(&masks.bins, &ensemble.rules, &table, first);
                            scratch.load(out);
                            masks.add(&ensemble.members, &mut scratch);
                            scratch.store(out);
                        }
                    }
                }
            }
        }
    }
}

impl<Y: Number> Scratch<Y> {
    /// Takes the sums of up to 64 rows, row after row.
    #[inline(always)]
    fn load(&mut self, out: &[Y]) {
        for (row, out) in out.chunks_exact(self.sums.len()).enumerate() {
            for (sums, sum) in self.sums.iter_mut().zip(out) {
                sums[row] = *sum;
            }
        }
    }

    /// Gives them back.
    #[inline(always)]
    fn store(&self, out: &mut [Y]) {
        for (row, out) in out.chunks_exact_mut(self.sums.len()).enumerate() {
            for (sum, sums) in out.iter_mut().zip(&self.sums) {
                *sum = sums[row];
            }
        }
    }
}

impl<X: Number, Y: Number> Ensemble<X, Y> {
    #[inline(always)]
    fn walk(&self, from: usize, to: usize, block: &Block<'_, X>, out: &mut [Y]) {
        let mut leaves = [0u32; WALK_ROWS];
        let leaves = &mut leaves[..block.values.len() / block.columns];
        let missing = block.values.iter().any(|x| x.missing());
        let all = &*self.values;
        for tree in from..to {
            either!(&self.forest, walks => walks.rows(self.context(), tree, block, missing, leaves));
            let member = self.members[tree];
            let values = &all[member.values..];
            let rows = out.chunks_exact_mut(self.accumulators).zip(&*leaves);
            if member.width == 1 {
                for (sums, leaf) in rows {
                    sums[member.first] += values[*leaf as usize];
                }
            } else {
                for (sums, leaf) in rows {
                    let values = &values[*leaf as usize * member.width..][..member.width];
                    for (sum, value) in sums[member.first..].iter_mut().zip(values) {
                        *sum += *value;
                    }
                }
            }
        }
    }
}

impl<X: Number, Y: Number> Masks<X, Y> {
    /// Adds the leaves of one row.
    #[inline(always)]
    fn add_words<W: Word>(&self, members: &[Member], words: &[W; MAX_TREES], out: &mut [Y]) {
        let members = &members[self.first..];
        if self.alike {
            let out = &mut out[members[0].first];
            let mut sum = *out;
            for (values, word) in self.values.chunks_exact(1 << self.bits).zip(words) {
                sum += values[word.first()];
            }
            *out = sum;
            return;
        }
        for ((tree, member), word) in self.trees.iter().zip(members).zip(words) {
            let values = &self.values[tree.values as usize + word.first() * member.width..][..member.width];
            for (sum, value) in out[member.first..].iter_mut().zip(values) {
                *sum += *value;
            }
        }
    }

    #[inline(always)]
    fn add(&self, members: &[Member], scratch: &mut Scratch<Y>) {
        match self.bits {
            3 => self.add_sized::<8>(members, scratch),
            4 => self.add_sized::<16>(members, scratch),
            5 => self.add_sized::<32>(members, scratch),
            _ => self.add_sized::<64>(members, scratch),
        }
    }

    /// Adds trees with tables of `SIZE` leaves.
    #[inline(always)]
    fn add_sized<const SIZE: usize>(&self, members: &[Member], scratch: &mut Scratch<Y>) {
        /// Trees whose leaves are added together, so that a sum is loaded once for all of them.
        const TOGETHER: usize = 4;
        let mut leaves = [[0u8; 64]; TOGETHER];
        let members = &members[self.first..];
        for (trees, members) in self.trees.chunks(TOGETHER).zip(members.chunks(TOGETHER)) {
            for (tree, leaves) in trees.iter().zip(&mut leaves) {
                self.leaves(tree, &scratch.codes, &mut scratch.masks, leaves);
            }
            let alike = |member: &Member| member.first == members[0].first && member.width == 1;
            let tables = |tree: usize| self.values[trees[tree].values as usize..].first_chunk::<SIZE>();
            if trees.len() == TOGETHER
                && members[..TOGETHER].iter().all(alike)
                && let (Some(a), Some(b), Some(c), Some(d)) = (tables(0), tables(1), tables(2), tables(3))
            {
                let sums = &mut scratch.sums[members[0].first];
                for row in 0..BLOCK_ROWS {
                    let mut sum = sums[row];
                    sum += a[usize::from(leaves[0][row]) & (SIZE - 1)];
                    sum += b[usize::from(leaves[1][row]) & (SIZE - 1)];
                    sum += c[usize::from(leaves[2][row]) & (SIZE - 1)];
                    sum += d[usize::from(leaves[3][row]) & (SIZE - 1)];
                    sums[row] = sum;
                }
                continue;
            }
            for ((tree, member), leaves) in trees.iter().zip(members).zip(&leaves) {
                for at in 0..member.width {
                    let values = &self.values[tree.values as usize + at..];
                    for (sum, leaf) in scratch.sums[member.first + at].iter_mut().zip(leaves) {
                        *sum += values[usize::from(*leaf) * member.width];
                    }
                }
            }
        }
    }
}

impl Set {
    /// How many categories matter.
    pub(super) fn len(&self) -> usize {
        self.left.len() * 32
    }

    /// Whether a category goes left.
    pub(super) fn has(&self, category: usize) -> bool {
        let word = self.left.get(category / 32);
        word.map_or(self.other_left, |word| word >> (category % 32) & 1 == 1)
    }

    /// Whether a value goes left.
    pub(super) fn has_left<X: Number>(&self, x: X, rules: &Rules<X>) -> bool {
        if x.missing() {
            return self.nan_left;
        }
        rules.category(x).map_or(self.other_left, |category| self.has(category))
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.left)
    }
}
