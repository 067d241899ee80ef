//! Ensembles as bytes, whose nodes and values are used where they lie: `docs/design/compiled-form.md` has the layout.
//!
//! Everything that a walk indexes is looked at when an ensemble is read, so bytes that were never written here can give
//! wrong sums, but no walk without an end and no position outside of an array.

use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use zerocopy::IntoBytes;

use super::buffer::Buffer;
use super::compiled::{Ensemble, Member, Set};
use super::number::Number;
use super::packed::{Forest, Index, Packed, Span, Special, Walks, either, number};
use super::tree::Rules;
use crate::wire::{Reader, Writer};

impl<X: Number, Y: Number> Ensemble<X, Y> {
    /// Its bytes; arrays in them are aligned when they themselves are.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(width_of::<X>());
        out.byte(width_of::<Y>());
        out.byte(match self.forest {
            Forest::Narrow(_) => 2,
            Forest::Wide(_) => 4,
        });
        out.byte(u8::from(self.rules.cut_before_sign));
        out.raw(self.rules.zero_within.as_bytes());
        out.count(self.columns);
        out.count(self.accumulators);
        out.count(self.members.len());
        for member in &self.members {
            out.count(member.first);
            out.count(member.width);
            out.count(member.values);
        }
        out.count(self.sets.len());
        for set in &self.sets {
            out.byte(u8::from(set.other_left));
            out.byte(u8::from(set.nan_left));
            out.bytes((*set.left).as_bytes());
        }
        out.aligned(size_of_val(&*self.values), |out| {
            out.extend_from_slice((*self.values).as_bytes());
        });
        either!(&self.forest, walks => write_walks(walks, &mut out));
        out.finish()
    }

    /// The ensemble of these bytes, which it keeps. `None` when they are not one of these types of numbers.
    pub(crate) fn from_bytes(bytes: Bytes) -> Option<Self> {
        let mut from = Reader::new(bytes);
        if from.byte()? != width_of::<X>() || from.byte()? != width_of::<Y>() {
            return None;
        }
        let index = from.byte()?;
        let rules = Rules {
            cut_before_sign: from.flag()?,
            zero_within: X::read_from_bytes(&from.raw(size_of::<X>())?).ok()?,
        };
        // Only finite bounds of zero fold thresholds into an order.
        if rules.zero_within.missing() || rules.zero_within >= X::INFINITY || rules.zero_within < X::default() {
            return None;
        }
        let (columns, accumulators) = (from.count()?, from.count()?);
        let members = from.pieces(24)?;
        let members = (0..members).map(|_| {
            Some(Member {
                first: from.count()?,
                width: from.count()?,
                values: from.count()?,
            })
        });
        let members = members.collect::<Option<Vec<Member>>>()?;
        let sets = from.pieces(10)?;
        let sets = (0..sets).map(|_| {
            let (other_left, nan_left) = (from.flag()?, from.flag()?);
            let words = Buffer::<u32>::over(from.bytes()?)?;
            Some(Set {
                left: words.to_vec().into(),
                other_left,
                nan_left,
            })
        });
        let sets = sets.collect::<Option<Vec<Set>>>()?;
        let values = Buffer::<Y>::over(from.aligned()?)?;
        let shape = Shape {
            columns,
            accumulators,
            members: &members,
            sets: sets.len(),
            values: values.len(),
        };
        let forest = match index {
            2 if size_of::<X>() == 4 => Forest::Narrow(read_walks(&mut from, &shape)?),
            4 => Forest::Wide(read_walks(&mut from, &shape)?),
            _ => return None,
        };
        (from.left() == 0).then_some(Self {
            columns,
            accumulators,
            rules,
            members,
            sets,
            values,
            forest,
            stages: OnceLock::new(),
            walked: AtomicUsize::new(0),
        })
    }

    /// Whether it is of so many columns and sums.
    pub(crate) fn has_shape(&self, columns: usize, accumulators: usize) -> bool {
        self.columns == columns && self.accumulators == accumulators
    }
}

/// What nodes refer to.
struct Shape<'a> {
    columns: usize,
    accumulators: usize,
    members: &'a [Member],
    sets: usize,
    values: usize,
}

impl Shape<'_> {
    /// How many leaves each tree may have.
    fn leaves(&self) -> Option<Vec<usize>> {
        let ends = self.members.iter().skip(1).map(|member| member.values);
        let each = self.members.iter().zip(ends.chain([self.values]));
        each.map(|(member, end)| {
            let values = end.checked_sub(member.values).filter(|_| end <= self.values)?;
            let end = member.first.checked_add(member.width)?;
            let leaves = values.checked_div(member.width).unwrap_or(usize::MAX);
            (end <= self.accumulators).then_some(leaves)
        })
        .collect()
    }
}

fn width_of<T>() -> u8 {
    u8::try_from(size_of::<T>()).unwrap_or(u8::MAX)
}

fn write_walks<X: Number, I: Index>(walks: &Walks<X, I>, out: &mut Writer) {
    out.count(walks.window);
    for tree in &walks.trees {
        out.number(tree.start);
        out.number(tree.depth);
    }
    out.count(walks.specials.len());
    for (at, special) in &walks.specials {
        out.number(*at);
        let (kind, value) = match special {
            Special::Zero(left) => (0, u32::from(*left)),
            Special::Set(set) => (1, *set),
        };
        out.byte(kind);
        out.number(value);
    }
    out.aligned(size_of_val(&*walks.leaf), |out| {
        out.extend_from_slice((*walks.leaf).as_bytes());
    });
    out.aligned(size_of_val(&*walks.nodes), |out| {
        for node in &*walks.nodes {
            out.extend_from_slice(node.threshold.as_bytes());
            out.extend_from_slice(node.feature.as_bytes());
            out.extend_from_slice(node.left.as_bytes());
        }
    });
}

fn read_walks<X: Number, I: Index>(from: &mut Reader, shape: &Shape<'_>) -> Option<Walks<X, I>> {
    let window = from.count()?;
    let trees = (0..shape.members.len()).map(|_| {
        Some(Span {
            start: from.number()?,
            depth: from.number()?,
        })
    });
    let trees = trees.collect::<Option<Vec<Span>>>()?;
    let specials = from.pieces(9)?;
    let specials = (0..specials).map(|_| {
        let at = from.number()?;
        let special = match (from.byte()?, from.number()?) {
            (0, left @ (0 | 1)) => Special::Zero(left == 1),
            (1, set) if (set as usize) < shape.sets => Special::Set(set),
            _ => return None,
        };
        Some((at, special))
    });
    let specials = specials.collect::<Option<Vec<_>>>()?;
    let leaf = Buffer::over(from.aligned()?)?;
    let nodes = Buffer::over(from.aligned()?)?;
    let walks = Walks {
        nodes,
        window,
        leaf,
        specials,
        trees,
    };
    is_sound(&walks, shape)?.then_some(walks)
}

/// Whether every walk ends at a leaf that has values.
fn is_sound<X: Number, I: Index>(walks: &Walks<X, I>, shape: &Shape<'_>) -> Option<bool> {
    let (nodes, leaf) = (&*walks.nodes, &*walks.leaf);
    let count = nodes.len().checked_sub(walks.window)?;
    let sorted = walks.specials.is_sorted_by(|a, b| a.0 < b.0);
    if !sorted || !(leaf.is_empty() || leaf.len() == count) || u32::try_from(nodes.len()).is_err() {
        return Some(false);
    }
    let ends = walks.trees.iter().skip(1).map(|tree| tree.start as usize);
    let (mut depths, mut largest, mut last) = (Vec::new(), 0, 0);
    for ((tree, end), leaves) in walks.trees.iter().zip(ends.chain([count])).zip(shape.leaves()?) {
        let start = tree.start as usize;
        if start != last || end <= start || end > count {
            return Some(false);
        }
        last = end;
        largest = largest.max(end - start);
        if depth_of(nodes, leaf, (start, end), (shape.columns, leaves), &mut depths) != Some(tree.depth) {
            return Some(false);
        }
    }
    Some(last == count && walks.window == Walks::<X, I>::fitting_window(&walks.specials, largest))
}

/// How deep a tree is; `None` when a node leads back or out of it, or tests a column or is a leaf that does not exist.
fn depth_of<X: Number, I: Index>(
    nodes: &[Packed<X, I>],
    leaf: &[u32],
    (start, end): (usize, usize),
    (columns, leaves): (usize, usize),
    depths: &mut Vec<u32>,
) -> Option<u32> {
    let tree = &nodes[start..end];
    depths.clear();
    depths.resize(tree.len(), 0);
    let mut deepest = 0;
    for (at, node) in tree.iter().enumerate() {
        let left = node.left.at();
        if left == at {
            if node.feature.at() != 0 || number(nodes, leaf, start + at) as usize >= leaves {
                return None;
            }
            continue;
        }
        let depth = depths[at] + 1;
        if left < at || node.feature.at() & (I::SPECIAL - 1) >= columns {
            return None;
        }
        depths.get_mut(left..left + 2)?.fill(depth);
        deepest = deepest.max(depth);
    }
    Some(deepest)
}

/// The ensembles of a model, in the order in which its loader makes them.
#[derive(Debug, Default)]
pub(crate) enum Ensembles {
    /// They are made, and that is all.
    #[default]
    Made,
    /// They are made, and kept as bytes.
    Kept(Vec<Vec<u8>>),
    /// They are taken, the last one first.
    Taken(Vec<Bytes>),
}

impl Ensembles {
    /// The next one, where they are taken. `Err` when it is not of that shape: then the form is not this model's.
    pub(crate) fn take<X: Number, Y: Number>(
        &mut self,
        columns: usize,
        accumulators: usize,
    ) -> Result<Option<Ensemble<X, Y>>, NotThisModel> {
        let Self::Taken(left) = self else { return Ok(None) };
        let ensemble = left.pop().and_then(Ensemble::from_bytes);
        let ensemble = ensemble.filter(|found| found.has_shape(columns, accumulators));
        ensemble.map(Some).ok_or(NotThisModel)
    }

    /// Whether they are made and kept.
    pub(crate) fn are_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }

    /// Keeps none of the model: an ensemble is not all that its trees became.
    pub(crate) fn give_up(&mut self) {
        *self = Self::Made;
    }

    /// Keeps one that was made, where they are kept.
    pub(crate) fn keep<X: Number, Y: Number>(&mut self, ensemble: &Ensemble<X, Y>) {
        if let Self::Kept(kept) = self {
            kept.push(ensemble.to_bytes());
        }
    }
}

/// A compiled form has other ensembles than the model asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the compiled form is not this model's")]
pub(crate) struct NotThisModel;
