//! The arena that a serialised object becomes: values by index, shared where the file shares them, cyclic where the file
//! is cyclic. Nothing here recurses, so neither building nor dropping can exhaust the stack.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
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
    attributes: Attributes,
}

/// Most attributes that are searched one by one; estimators have some twenty.
const FEW_ATTRIBUTES: usize = 64;

/// Where the keys of the large dicts stand that are the state of an object. Without it, a small file whose ensemble holds
/// one object of many attributes again and again would be read for hours.
#[derive(Debug, Default)]
struct Attributes {
    hasher: RandomState,
    /// Hash and position of each key that is text, in order.
    places: HashMap<NodeId, Vec<(u64, usize)>>,
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

    /// The value of the last of the `pairs` of the dict `id` whose key is `key`.
    pub(super) fn find(&self, id: NodeId, pairs: &[(NodeId, NodeId)], key: &str) -> Option<NodeId> {
        let same = |at: &(NodeId, NodeId)| matches!(self.node(at.0), Node::Str(text) if text == key);
        let found = match self.attributes.places.get(&id) {
            None => pairs.iter().rev().find(|pair| same(pair)),
            Some(places) => {
                let hash = self.attributes.hasher.hash_one(key);
                let end = places.partition_point(|(found, _)| *found <= hash);
                let equal = places[..end].iter().rev().take_while(|(found, _)| *found == hash);
                equal.map(|(_, position)| &pairs[*position]).find(|pair| same(pair))
            }
        };
        found.map(|(_, value)| *value)
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

    /// The tree of these values, of which the first is the root, from a file of `file_bytes`.
    pub(super) fn finished(nodes: Vec<Node<'a>>, origin: Origin, file_bytes: usize) -> Result<Tree<'a>, ObjectError> {
        let budget = Budget::for_file(file_bytes)?;
        Self { nodes, budget }.finish(NodeId(0), origin)
    }

    pub(super) fn finish(mut self, root: NodeId, origin: Origin) -> Result<Tree<'a>, ObjectError> {
        let attributes = self.attributes()?;
        Ok(Tree {
            nodes: self.nodes,
            root,
            origin,
            attributes,
        })
    }

    fn attributes(&mut self) -> Result<Attributes, ObjectError> {
        let Self { nodes, budget } = self;
        let at = |id: NodeId| &nodes[id.0 as usize];
        let mut attributes = Attributes::default();
        for node in nodes.iter() {
            let Node::Object(object) = node else { continue };
            let Some(state) = object.state else { continue };
            let Node::Dict(pairs) = at(state) else { continue };
            if pairs.len() <= FEW_ATTRIBUTES || attributes.places.contains_key(&state) {
                continue;
            }
            budget.charge(pairs.len() * size_of::<(u64, usize)>())?;
            let mut places = Vec::with_capacity(pairs.len());
            for (position, (key, _)) in pairs.iter().enumerate() {
                if let Node::Str(key) = at(*key) {
                    places.push((attributes.hasher.hash_one(&**key), position));
                }
            }
            places.sort_unstable();
            attributes.places.insert(state, places);
        }
        Ok(attributes)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn of_equal_attributes_the_last_counts_however_many_there_are() {
        for others in [0, 3, FEW_ATTRIBUTES, 1000] {
            let mut builder = Builder::new(0).unwrap();
            let mut pairs = Vec::new();
            let numbered = (0..others).map(|n| format!("x{n}"));
            for (value, key) in (0i64..).zip(["a".to_owned()].into_iter().chain(numbered).chain(["a".to_owned()])) {
                let key = builder.add(Node::Str(Cow::Owned(key))).unwrap();
                pairs.push((key, builder.add(Node::Int(value)).unwrap()));
            }
            let last = i64::try_from(pairs.len()).unwrap() - 1;
            let state = builder.add(Node::Dict(pairs)).unwrap();
            let object = builder.add_object(NONE, None).unwrap();
            if let Node::Object(object) = builder.node_mut(object) {
                object.state = Some(state);
            }
            let origin = Origin {
                container: "pickle",
                protocol: 4,
                instructions: Vec::new(),
            };
            let tree = builder.finish(object, origin).unwrap();
            assert_eq!(tree.root().attr("a").unwrap().as_i64(), Some(last));
            assert_eq!(
                tree.root().attr("x2").map(View::as_i64),
                (others > 2).then_some(Some(3))
            );
            assert!(tree.root().attr("b").is_none());
        }
    }

    #[test]
    fn a_value_takes_little_room() {
        assert!(size_of::<Node<'_>>() <= 32);
    }
}
