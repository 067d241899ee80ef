//! The arena that a serialised object becomes: values by index, shared where the file shares them, cyclic where the file
//! is cyclic. Nothing here recurses, so neither building nor dropping can exhaust the stack.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::ObjectError;
use super::limits::{Budget, MAX_NODES};
use super::numpy::{Array, Dtype};
use super::survey::Origin;
use super::view::View;

/// A serialised object as data. Borrows text and array bytes from the file where it can.
#[derive(Debug)]
pub struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    root: NodeId,
    origin: Origin,
}

/// A value of one [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// A value.
#[derive(Debug, Clone)]
pub enum Node<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer beyond 64 bits: its bytes as they stand in the file. No model needs its value.
    BigInt(Cow<'a, [u8]>),
    /// A float.
    Float(f64),
    /// Text.
    Str(Cow<'a, str>),
    /// `bytes` or `bytearray`.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<NodeId>),
    /// A tuple.
    Tuple(Vec<NodeId>),
    /// A dict in the order of insertion; of equal keys the last counts.
    Dict(Vec<(NodeId, NodeId)>),
    /// A set or frozenset.
    Set(Vec<NodeId>),
    /// A class or function, by name only.
    Global(Box<GlobalName<'a>>),
    /// What a class or function would have made of `args` and `state`.
    Object(Box<Object>),
    /// A numpy array or scalar that is not a plain number.
    Array(Box<Array<'a>>),
    /// A numpy dtype.
    Dtype(Arc<Dtype>),
}

/// `module.name`; never resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalName<'a> {
    /// The module's dotted name.
    pub module: Cow<'a, str>,
    /// The (possibly dotted) name in the module.
    pub name: Cow<'a, str>,
}

/// An instance that was not made: class, and everything the file would have given it.
#[derive(Debug, Clone)]
pub struct Object {
    /// The class, or the function that would have been called: a [`Node::Global`], or anything else in a file that only
    /// pretends to be a model.
    pub class: NodeId,
    /// Positional arguments, a tuple.
    pub args: Option<NodeId>,
    /// What `__setstate__` would get; for most classes the `__dict__`.
    pub state: Option<NodeId>,
    /// Appended elements, when the class is a list.
    pub items: Vec<NodeId>,
    /// Key and value pairs, when the class is a dict.
    pub pairs: Vec<(NodeId, NodeId)>,
}

impl NodeId {
    pub(super) fn at(position: u32) -> Self {
        Self(position)
    }
}

impl<'a> Tree<'a> {
    /// The value that the file is.
    #[must_use]
    pub fn root(&self) -> View<'_> {
        self.view(self.root)
    }

    /// A value by its index. Indices come from this tree's own nodes.
    #[must_use]
    pub fn view(&self, id: NodeId) -> View<'_> {
        View::new(self, id)
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a tree has a root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Every value, in the order in which the reader made them.
    pub(super) fn views(&self) -> impl Iterator<Item = View<'_>> {
        (0..).take(self.nodes.len()).map(|id| self.view(NodeId(id)))
    }
}

/// A tree that is being read.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    nodes: Vec<Node<'a>>,
    pub(super) budget: Budget,
}

/// `None`, `False` and `True` are shared by all who refer to them, as in Python.
const NONE: NodeId = NodeId(0);
const FALSE: NodeId = NodeId(1);
const TRUE: NodeId = NodeId(2);

impl<'a> Builder<'a> {
    pub(super) fn new(file_bytes: usize) -> Result<Self, ObjectError> {
        let nodes = vec![Node::None, Node::Bool(false), Node::Bool(true)];
        Ok(Self {
            nodes,
            budget: Budget::for_file(file_bytes)?,
        })
    }

    pub(super) fn none(&self) -> NodeId {
        NONE
    }

    pub(super) fn bool(&self, value: bool) -> NodeId {
        if value { TRUE } else { FALSE }
    }

    /// Adds a value. The caller has charged what the value owns on the heap; the node itself is charged here.
    pub(super) fn add(&mut self, node: Node<'a>) -> Result<NodeId, ObjectError> {
        if self.nodes.len() >= MAX_NODES {
            return Err(ObjectError::TooLarge {
                what: "the number of values",
            });
        }
        self.budget.charge(size_of::<Node<'_>>())?;
        let id = u32::try_from(self.nodes.len()).map_err(|_| ObjectError::TooLarge {
            what: "the number of values",
        })?;
        self.nodes.push(node);
        Ok(NodeId(id))
    }

    pub(super) fn add_list(&mut self, items: Vec<NodeId>) -> Result<NodeId, ObjectError> {
        self.budget.charge(size_of_val(items.as_slice()))?;
        self.add(Node::List(items))
    }

    pub(super) fn add_tuple(&mut self, items: Vec<NodeId>) -> Result<NodeId, ObjectError> {
        self.budget.charge(size_of_val(items.as_slice()))?;
        self.add(Node::Tuple(items))
    }

    pub(super) fn add_object(&mut self, class: NodeId, args: Option<NodeId>) -> Result<NodeId, ObjectError> {
        self.budget.charge(size_of::<Object>())?;
        self.add(Node::Object(Box::new(Object {
            class,
            args,
            state: None,
            items: Vec::new(),
            pairs: Vec::new(),
        })))
    }

    pub(super) fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node<'a> {
        &mut self.nodes[id.0 as usize]
    }

    /// The tree of these values, of which the first is the root; `None` without any.
    pub(super) fn finished(nodes: Vec<Node<'a>>, origin: Origin) -> Option<Tree<'a>> {
        let root = NodeId(0);
        (!nodes.is_empty()).then_some(Tree { nodes, root, origin })
    }

    pub(super) fn finish(self, root: NodeId, origin: Origin) -> Tree<'a> {
        Tree {
            nodes: self.nodes,
            root,
            origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_takes_little_room() {
        assert!(size_of::<Node<'_>>() <= 32);
    }
}
