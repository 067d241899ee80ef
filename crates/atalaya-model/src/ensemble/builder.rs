//! Checks trees and puts them together.

use std::collections::VecDeque;

use super::compiled::{Ensemble, Member, Parts, Set, Step};
use super::number::Number;
use super::tree::{Categories, Missing, Node, Rules, Side, Tree};

/// Why a tree cannot be evaluated. Trees and nodes are counted from 0, as in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tree {tree}, node {node}: {what}")]
pub struct EnsembleError {
    /// The number of the tree.
    pub tree: usize,
    /// The position of the node in it.
    pub node: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// Takes trees in the order in which their leaves are added.
#[derive(Debug)]
pub struct Builder<X, Y> {
    parts: Parts<X, Y>,
}

impl<X: Number, Y: Number> Builder<X, Y> {
    /// For trees over `columns` columns that add to `accumulators` sums.
    #[must_use]
    pub fn new(columns: usize, accumulators: usize, rules: Rules<X>) -> Self {
        Self {
            parts: Parts {
                columns,
                accumulators,
                rules,
                members: Vec::new(),
                roots: Vec::new(),
                steps: Vec::new(),
                sets: Vec::new(),
                values: Vec::new(),
            },
        }
    }

    /// Checks a tree and adds it.
    ///
    /// # Errors
    /// When a child, column, leaf or accumulator does not exist, a node is reached twice, a threshold is NaN, or there are
    /// more nodes than 32 bits count. The builder then must not be used further.
    pub fn add(&mut self, tree: Tree<X, Y>) -> Result<(), EnsembleError> {
        let number = self.parts.members.len();
        let fail = |node, what| EnsembleError {
            tree: number,
            node,
            what,
        };
        if tree.first.saturating_add(tree.width) > self.parts.accumulators {
            return Err(fail(0, "its leaves have more values than there are outputs"));
        }
        let leaves = match tree.width {
            0 => usize::MAX,
            width => tree.values.len() / width,
        };
        if u32::try_from(self.parts.steps.len() + tree.nodes.len()).is_err()
            || u32::try_from(self.parts.values.len() + tree.values.len()).is_err()
        {
            return Err(fail(0, "there are too many nodes"));
        }
        self.parts.roots.push(self.parts.steps.len());
        self.parts.members.push(Member {
            first: tree.first,
            width: tree.width,
            values: self.parts.values.len(),
        });
        // Breadth first, so that siblings lie side by side. A node is taken out when it is reached.
        let mut nodes: Vec<Option<Node<X>>> = tree.nodes.into_iter().map(Some).collect();
        let mut queue = VecDeque::from([0u32]);
        let mut next = self.parts.steps.len() + 1;
        while let Some(position) = queue.pop_front() {
            let at = position as usize;
            let slot = nodes.get_mut(at).ok_or(fail(at, "it does not exist"))?;
            let node = slot.take().ok_or(fail(at, "it is the child of two nodes"))?;
            let children = u32::try_from(next).map_err(|_| fail(at, "there are too many nodes"))?;
            if let Node::Number { left, right, .. } | Node::Category { left, right, .. } = &node {
                queue.extend([*left, *right]);
                next += 2;
            }
            let step = self.step(&node, children, leaves).map_err(|what| fail(at, what))?;
            self.parts.steps.push(step);
        }
        self.parts.values.extend(tree.values);
        Ok(())
    }

    /// The compiled form of a node whose tree has `leaves` leaves.
    fn step(&mut self, node: &Node<X>, children: u32, leaves: usize) -> Result<Step<X>, &'static str> {
        match node {
            Node::Leaf { leaf } if (*leaf as usize) < leaves => Ok(Step::Leaf(*leaf)),
            Node::Leaf { .. } => Err("its leaf has no values"),
            Node::Number { feature, .. } | Node::Category { feature, .. }
                if *feature as usize >= self.parts.columns =>
            {
                Err("it tests a column that does not exist")
            }
            Node::Number { threshold, .. } if threshold.missing() => Err("it compares with NaN"),
            Node::Number {
                feature,
                threshold,
                missing,
                ..
            } => {
                let (nan_left, zero_left) = match missing {
                    Missing::Nan(side) => (*side == Side::Left, None),
                    Missing::AsZero => (X::default() <= *threshold, None),
                    Missing::Zero(side) => (*side == Side::Left, Some(*side == Side::Left)),
                };
                Ok(Step::Number {
                    feature: *feature,
                    threshold: *threshold,
                    nan_left,
                    zero_left,
                    children,
                })
            }
            Node::Category {
                feature, categories, ..
            } => {
                let set = u32::try_from(self.parts.sets.len()).map_err(|_| "there are too many nodes")?;
                self.parts.sets.push(set_of(categories));
                Ok(Step::Category {
                    feature: *feature,
                    set,
                    children,
                })
            }
        }
    }

    /// The bytes that the trees so far take.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let sets: usize = self.parts.sets.iter().map(Set::size_bytes).sum();
        self.parts.members.len() * size_of::<Member>()
            + self.parts.steps.len() * size_of::<Step<X>>()
            + self.parts.values.len() * size_of::<Y>()
            + sets
    }

    /// The ensemble of all trees that were added.
    #[must_use]
    pub fn build(self) -> Ensemble<X, Y> {
        Ensemble::new(self.parts)
    }
}

/// One set, of those that go left, as far as any differs from the rest.
fn set_of(categories: &Categories) -> Set {
    let words = categories.left.len().max(categories.right.len());
    let rest = if categories.other == Side::Left { u32::MAX } else { 0 };
    let word = |words: &[u32], at: usize| words.get(at).copied().unwrap_or(0);
    let left = (0..words).map(|at| {
        let (left, right) = (word(&categories.left, at), word(&categories.right, at));
        match categories.other {
            Side::Right => left,
            Side::Left => left | !right,
        }
    });
    let mut left: Vec<u32> = left.collect();
    while left.last() == Some(&rest) {
        left.pop();
    }
    Set {
        left: left.into(),
        other_left: categories.other == Side::Left,
        nan_left: categories.missing == Side::Left,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn add(nodes: Vec<Node<f32>>) -> Result<(), EnsembleError> {
        let mut builder = Builder::<f32, f32>::new(2, 1, Rules::default());
        builder.add(Tree {
            first: 0,
            width: 1,
            nodes,
            values: vec![1.0, 2.0],
        })
    }

    fn split(left: u32, right: u32) -> Node<f32> {
        Node::at_most(0, 0.0, Missing::Nan(Side::Left), left, right)
    }

    #[test]
    fn names_the_node_that_is_wrong() {
        let leaf = |leaf| Node::Leaf { leaf };
        let wrong = |nodes| add(nodes).unwrap_err().to_string();
        assert_eq!(wrong(vec![]), "tree 0, node 0: it does not exist");
        assert_eq!(wrong(vec![split(1, 9), leaf(0)]), "tree 0, node 9: it does not exist");
        assert_eq!(
            wrong(vec![split(1, 1), leaf(0)]),
            "tree 0, node 1: it is the child of two nodes"
        );
        assert_eq!(
            wrong(vec![split(0, 1), leaf(0)]),
            "tree 0, node 0: it is the child of two nodes"
        );
        assert_eq!(
            wrong(vec![split(1, 2), leaf(0), leaf(2)]),
            "tree 0, node 2: its leaf has no values"
        );
        let column = Node::at_most(2, 0.0, Missing::AsZero, 1, 2);
        assert_eq!(
            wrong(vec![column, leaf(0), leaf(1)]),
            "tree 0, node 0: it tests a column that does not exist"
        );
        let nan = Node::less_than(1, f32::NAN, Missing::AsZero, 1, 2);
        assert_eq!(
            wrong(vec![nan, leaf(0), leaf(1)]),
            "tree 0, node 0: it compares with NaN"
        );
        assert_eq!(add(vec![split(3, 2), split(0, 0), leaf(1), leaf(0)]), Ok(()));
    }

    #[test]
    fn refuses_more_values_than_outputs() {
        let mut builder = Builder::<f64, f64>::new(1, 2, Rules::default());
        let tree = Tree {
            first: 1,
            width: 2,
            nodes: vec![Node::Leaf { leaf: 0 }],
            values: vec![1.0, 2.0],
        };
        assert!(builder.add(tree).unwrap_err().to_string().contains("outputs"));
    }
}
