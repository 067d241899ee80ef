//! Reading a [`Tree`]: a value together with the tree it belongs to.

use super::numpy::{Array, Elements, Scalar};
use super::tree::{Node, NodeId, Object, Tree};

/// A value of a tree.
#[derive(Debug, Clone, Copy)]
pub struct View<'t> {
    tree: &'t Tree<'t>,
    id: NodeId,
}

/// Longest class name that an error text repeats.
const NAME_CHARS: usize = 120;

impl<'t> View<'t> {
    pub(super) fn new(tree: &'t Tree<'t>, id: NodeId) -> Self {
        Self { tree, id }
    }

    /// Its index; the same for every reference to one shared value.
    #[must_use]
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The value itself.
    #[must_use]
    pub fn node(self) -> &'t Node<'t> {
        self.tree.node(self.id)
    }

    /// Whether it is `None`.
    #[must_use]
    pub fn is_none(self) -> bool {
        matches!(self.node(), Node::None)
    }

    /// It as a boolean, also from a numpy scalar.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self.node() {
            Node::Bool(value) => Some(*value),
            Node::Array(array) if array.len() == 1 && array.dtype.scalar == Scalar::Bool => {
                array.ints()?.first().map(|value| *value != 0)
            }
            _ => None,
        }
    }

    /// It as an integer; booleans count as 0 and 1, as in Python.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        match self.node() {
            Node::Int(value) => Some(*value),
            Node::Bool(value) => Some(i64::from(*value)),
            Node::Array(array) if array.len() == 1 => array.ints()?.first().copied(),
            _ => None,
        }
    }

    /// It as a double.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "Python converts the same way")]
    pub fn as_f64(self) -> Option<f64> {
        match self.node() {
            Node::Float(value) => Some(*value),
            Node::Int(value) => Some(*value as f64),
            Node::Bool(value) => Some(f64::from(u8::from(*value))),
            Node::Array(array) if array.len() == 1 => array.floats()?.first().copied(),
            _ => None,
        }
    }

    /// It as text.
    #[must_use]
    pub fn as_str(self) -> Option<&'t str> {
        match self.node() {
            Node::Str(value) => Some(value),
            _ => None,
        }
    }

    /// It as an array.
    #[must_use]
    pub fn as_array(self) -> Option<&'t Array<'t>> {
        match self.node() {
            Node::Array(array) => Some(array),
            _ => None,
        }
    }

    /// It as an instance.
    #[must_use]
    pub fn as_object(self) -> Option<&'t Object> {
        match self.node() {
            Node::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The references of a list, tuple, set or object array.
    #[must_use]
    pub fn items(self) -> Option<&'t [NodeId]> {
        match self.node() {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) => Some(items),
            Node::Array(array) => match &array.data {
                Elements::Objects(objects) => Some(objects),
                Elements::Raw(_) => None,
            },
            _ => None,
        }
    }

    /// The elements of a list, tuple, set or object array.
    pub fn elements(self) -> Option<impl ExactSizeIterator<Item = View<'t>> + Clone> {
        let tree = self.tree;
        Some(self.items()?.iter().map(move |id| View::new(tree, *id)))
    }

    /// The value at `key` of a dict.
    #[must_use]
    pub fn get(self, key: &str) -> Option<View<'t>> {
        let Node::Dict(pairs) = self.node() else { return None };
        let found = self.tree.find(self.id, pairs, key)?;
        Some(View::new(self.tree, found))
    }

    /// Keys and values of a dict, in the order of insertion; a key may come twice.
    pub fn pairs(self) -> Option<impl ExactSizeIterator<Item = (View<'t>, View<'t>)>> {
        let Node::Dict(pairs) = self.node() else { return None };
        let tree = self.tree;
        Some(
            pairs
                .iter()
                .map(move |(key, value)| (View::new(tree, *key), View::new(tree, *value))),
        )
    }

    /// Whether it is a dict without entries.
    #[must_use]
    pub fn is_empty_dict(self) -> bool {
        matches!(self.node(), Node::Dict(pairs) if pairs.is_empty())
    }

    /// The attribute `name` of an instance whose state is its `__dict__`.
    #[must_use]
    pub fn attr(self, name: &str) -> Option<View<'t>> {
        View::new(self.tree, self.as_object()?.state?).get(name)
    }

    /// What an instance's `__setstate__` would get.
    #[must_use]
    pub fn state(self) -> Option<View<'t>> {
        Some(View::new(self.tree, self.as_object()?.state?))
    }

    /// Positional argument `position` that the instance's class would have got.
    #[must_use]
    pub fn arg(self, position: usize) -> Option<View<'t>> {
        let args = View::new(self.tree, self.as_object()?.args?);
        args.items()?.get(position).map(|id| View::new(self.tree, *id))
    }

    /// Module and name of an instance's class, or of a global itself.
    #[must_use]
    pub fn class(self) -> Option<(&'t str, &'t str)> {
        let global = match self.node() {
            Node::Object(object) => self.tree.node(object.class),
            node => node,
        };
        match global {
            Node::Global(global) => Some((&global.module, &global.name)),
            _ => None,
        }
    }

    /// What it is, for an error text: `module.Class` of an instance, the type of anything else. Never its value.
    #[must_use]
    pub fn describe(self) -> String {
        if let Some((module, name)) = self.class() {
            let full = module.chars().chain(std::iter::once('.')).chain(name.chars());
            return full
                .take(NAME_CHARS)
                .map(|c| if c.is_control() { '?' } else { c })
                .collect();
        }
        match self.node() {
            Node::None => "None",
            Node::Bool(_) => "bool",
            Node::Int(_) | Node::BigInt(_) => "int",
            Node::Float(_) => "float",
            Node::Str(_) => "str",
            Node::Bytes(_) => "bytes",
            Node::List(_) => "list",
            Node::Tuple(_) => "tuple",
            Node::Dict(_) => "dict",
            Node::Set(_) => "set",
            Node::Dtype(_) => "numpy.dtype",
            Node::Array(array) if array.dtype.scalar == Scalar::Other => "numpy array of a type that is not read",
            Node::Array(_) => "numpy array",
            Node::Global(_) | Node::Object(_) => "object of a class made by code",
        }
        .to_owned()
    }

    /// Doubles of an array, or of a list of numbers.
    #[must_use]
    pub fn floats(self) -> Option<Vec<f64>> {
        match self.node() {
            Node::Array(array) if matches!(array.data, Elements::Raw(_)) => array.floats(),
            _ => self.elements()?.map(View::as_f64).collect(),
        }
    }

    /// Integers of an array, or of a list of integers.
    #[must_use]
    pub fn ints(self) -> Option<Vec<i64>> {
        match self.node() {
            Node::Array(array) if matches!(array.data, Elements::Raw(_)) => array.ints(),
            _ => self.elements()?.map(View::as_i64).collect(),
        }
    }

    /// Texts of an array of either kind, or of a list.
    #[must_use]
    pub fn strings(self) -> Option<Vec<String>> {
        match self.node() {
            Node::Array(array) if matches!(array.data, Elements::Raw(_)) => array.strings(),
            _ => self.elements()?.map(|item| item.as_str().map(str::to_owned)).collect(),
        }
    }
}
