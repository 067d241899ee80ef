//! What stands in for calling and filling objects: a few globals of the table make plain values, every other one makes an
//! [`Object`](super::super::tree::Object) that only records what the file asked for.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::error::ObjectError;
use super::super::globals::{Construct, construct};
use super::super::limits::MAX_RANK;
use super::super::numpy::{Array, Dtype, Field, Scalar};
use super::super::tree::{Node, NodeId};
use super::{Machine, Step};

/// Most fields of a record dtype; scikit-learn's widest has 15.
const MAX_FIELDS: usize = 64;

impl<'a> Machine<'a> {
    /// What `callable(*args)` would have been.
    pub(super) fn reduce(&mut self, callable: NodeId, args: NodeId) -> Result<NodeId, ObjectError> {
        let Node::Tuple(items) = self.builder.node(args) else {
            return self.error("the arguments of a call are not a tuple");
        };
        // No meaning takes more than four arguments; a huge shared tuple is not copied at each call.
        let items: Vec<NodeId> = items.iter().take(5).copied().collect();
        let meaning = match self.builder.node(callable) {
            Node::Global(global) => construct(&global.module, &global.name),
            _ => None,
        };
        match (meaning, items.as_slice()) {
            (Some(Construct::Dtype), [code, ..]) => self.dtype(*code),
            (Some(Construct::Scalar), [dtype, value]) => self.scalar(*dtype, *value),
            (Some(Construct::BufferArray), [bytes, dtype, shape, order]) => {
                self.buffer_array([*bytes, *dtype, *shape, *order])
            }
            (Some(Construct::Latin1Bytes), [text, encoding]) => self.latin1_bytes(*text, *encoding),
            (Some(Construct::Instance), [class, _, state]) if self.is_none(*state) => {
                self.builder.add_object(*class, None)
            }
            (Some(Construct::Bytes), []) => self.builder.add(Node::Bytes(Cow::Borrowed(&[]))),
            (Some(Construct::Bytes), [bytes]) => match self.builder.node(*bytes) {
                Node::Bytes(_) => Ok(*bytes),
                _ => self.builder.add_object(callable, Some(args)),
            },
            (Some(Construct::Bytes), [text, encoding]) => self.latin1_bytes(*text, *encoding),
            (Some(Construct::List | Construct::Tuple | Construct::Set), [] | [_]) => {
                self.collection(meaning, items.first().copied(), callable, args)
            }
            // `OrderedDict()` and `defaultdict(list)`; keys follow by SETITEMS.
            (Some(Construct::Dict), [] | [_])
                if items
                    .first()
                    .is_none_or(|id| matches!(self.builder.node(*id), Node::Global(_))) =>
            {
                self.builder.add(Node::Dict(Vec::new()))
            }
            _ => self.builder.add_object(callable, Some(args)),
        }
    }

    pub(super) fn new_object(&mut self, class: NodeId, args: NodeId) -> Step {
        if !matches!(self.builder.node(args), Node::Tuple(_)) {
            return self.error("the arguments of a class are not a tuple");
        }
        let object = self.builder.add_object(class, Some(args))?;
        self.push(object)
    }

    /// Gives `target` its state.
    pub(super) fn build(&mut self, target: NodeId, state: NodeId) -> Step {
        match self.builder.node(target) {
            Node::Dtype(_) => {
                let dtype = self.dtype_state(target, state)?;
                *self.builder.node_mut(target) = Node::Dtype(Arc::new(dtype));
                Ok(())
            }
            Node::Object(object) if object.state.is_some() => self.error("an object is given its state twice"),
            Node::Object(object) => {
                let class = object.class;
                let empty_array = matches!(self.builder.node(class), Node::Global(global)
                    if construct(&global.module, &global.name) == Some(Construct::EmptyArray));
                if empty_array {
                    let array = self.array_state(state)?;
                    *self.builder.node_mut(target) = Node::Array(Box::new(array));
                } else if let Node::Object(object) = self.builder.node_mut(target) {
                    object.state = Some(state);
                }
                Ok(())
            }
            _ => self.error("a plain value is given a state"),
        }
    }

    fn is_none(&self, id: NodeId) -> bool {
        matches!(self.builder.node(id), Node::None)
    }

    fn collection(
        &mut self,
        meaning: Option<Construct>,
        source: Option<NodeId>,
        callable: NodeId,
        args: NodeId,
    ) -> Result<NodeId, ObjectError> {
        let items = match source.map(|id| self.builder.node(id)) {
            None => Vec::new(),
            Some(Node::List(items) | Node::Tuple(items) | Node::Set(items)) => items.clone(),
            Some(_) => return self.builder.add_object(callable, Some(args)),
        };
        self.builder.budget.charge(size_of_val(items.as_slice()))?;
        self.builder.add(match meaning {
            Some(Construct::List) => Node::List(items),
            Some(Construct::Tuple) => Node::Tuple(items),
            _ => Node::Set(items),
        })
    }

    fn dtype(&mut self, code: NodeId) -> Result<NodeId, ObjectError> {
        let Node::Str(code) = self.builder.node(code) else {
            return self.error("a dtype whose code is not text");
        };
        let dtype = Dtype::parse(code)?;
        self.builder.budget.charge(size_of::<Dtype>())?;
        self.builder.add(Node::Dtype(Arc::new(dtype)))
    }

    /// `(version, byte order, subarray, names, fields, itemsize, alignment, flags)`.
    fn dtype_state(&mut self, target: NodeId, state: NodeId) -> Result<Dtype, ObjectError> {
        let (Node::Dtype(dtype), Node::Tuple(parts)) = (self.builder.node(target), self.builder.node(state)) else {
            return self.error("a dtype whose state is not a tuple");
        };
        let &[version, order, subarray, names, fields, itemsize, ..] = parts.as_slice() else {
            return self.error("a dtype whose state is too short");
        };
        let mut dtype = Dtype::clone(dtype);
        if !matches!(self.builder.node(version), Node::Int(3 | 4)) {
            return self.error("a dtype state of an unknown version");
        }
        match self.builder.node(order) {
            Node::Str(order) if matches!(&**order, "<" | "|" | "=") => {}
            Node::Str(order) if order == ">" => dtype.big_endian = true,
            _ => return self.error("a byte order that does not exist"),
        }
        if !self.is_none(subarray) {
            dtype.scalar = Scalar::Other;
            return Ok(dtype);
        }
        if self.is_none(names) {
            return Ok(dtype);
        }
        let (Node::Tuple(names), Node::Dict(pairs), Node::Int(itemsize)) = (
            self.builder.node(names),
            self.builder.node(fields),
            self.builder.node(itemsize),
        ) else {
            return self.error("a record dtype without fields");
        };
        if names.len() > MAX_FIELDS || pairs.len() > MAX_FIELDS {
            return Err(ObjectError::TooLarge {
                what: "the number of fields of a dtype",
            });
        }
        let Ok(itemsize) = usize::try_from(*itemsize) else {
            return self.error("a record of negative size");
        };
        let mut read = Vec::with_capacity(names.len());
        for name in names {
            read.push(self.field(*name, pairs)?);
        }
        let cost = read.iter().map(|field| size_of::<Field>() + field.name.len()).sum();
        self.builder.budget.charge(cost)?;
        Dtype::record(read, itemsize)
    }

    /// A field of a record dtype; fields that are records or references make the field unreadable, not the file.
    fn field(&self, name: NodeId, pairs: &[(NodeId, NodeId)]) -> Result<Field, ObjectError> {
        let Node::Str(name) = self.builder.node(name) else {
            return self.error("a field whose name is not text");
        };
        let value = pairs
            .iter()
            .find(|(key, _)| matches!(self.builder.node(*key), Node::Str(key) if key == name));
        let parts = value.map(|(_, value)| self.builder.node(*value));
        let Some(Node::Tuple(parts)) = parts else {
            return self.error("a field without a dtype");
        };
        let (Some(dtype), Some(offset)) = (parts.first(), parts.get(1)) else {
            return self.error("a field without a dtype");
        };
        match (self.builder.node(*dtype), self.builder.node(*offset)) {
            (Node::Dtype(dtype), Node::Int(offset)) => {
                let offset = usize::try_from(*offset).ok();
                let field = offset.and_then(|offset| dtype.as_field(name, offset));
                field.map_or_else(|| self.error("a field that is a record or a reference"), Ok)
            }
            _ => self.error("a field without a dtype"),
        }
    }

    fn shape(&self, shape: NodeId) -> Result<Vec<usize>, ObjectError> {
        let Node::Tuple(dims) = self.builder.node(shape) else {
            return self.error("a shape that is not a tuple");
        };
        if dims.len() > MAX_RANK {
            return self.error("too many dimensions");
        }
        let dims = dims.iter().map(|dim| match self.builder.node(*dim) {
            Node::Int(dim) => usize::try_from(*dim).or_else(|_| self.error("a negative dimension")),
            _ => self.error("a dimension that is not a number"),
        });
        dims.collect()
    }

    /// `(version, shape, dtype, is_fortran, data)`.
    fn array_state(&mut self, state: NodeId) -> Result<Array<'a>, ObjectError> {
        let Node::Tuple(parts) = self.builder.node(state) else {
            return self.error("an array whose state is not a tuple");
        };
        let &[_, shape, dtype, fortran, data] = parts.as_slice() else {
            return self.error("an array whose state is not of five parts");
        };
        let shape = self.shape(shape)?;
        let Node::Dtype(dtype) = self.builder.node(dtype) else {
            return self.error("an array without a dtype");
        };
        let dtype = Arc::clone(dtype);
        let fortran = matches!(self.builder.node(fortran), Node::Bool(true) | Node::Int(1));
        match self.builder.node(data) {
            Node::Bytes(bytes) => {
                let bytes = bytes.clone();
                self.builder.budget.charge(size_of::<Array<'_>>() + bytes.len())?;
                Array::from_bytes(dtype, shape, fortran, bytes)
            }
            Node::List(items) => {
                let items = items.clone();
                self.builder
                    .budget
                    .charge(size_of::<Array<'_>>() + size_of_val(items.as_slice()))?;
                Array::from_objects(dtype, shape, items)
            }
            _ => self.error("an array without data"),
        }
    }

    fn buffer_array(&mut self, [bytes, dtype, shape, order]: [NodeId; 4]) -> Result<NodeId, ObjectError> {
        let (Node::Bytes(bytes), Node::Dtype(dtype)) = (self.builder.node(bytes), self.builder.node(dtype)) else {
            return self.error("an array without data or dtype");
        };
        let (bytes, dtype) = (bytes.clone(), Arc::clone(dtype));
        let fortran = matches!(self.builder.node(order), Node::Str(order) if order == "F");
        let shape = self.shape(shape)?;
        self.builder.budget.charge(size_of::<Array<'_>>() + bytes.len())?;
        let array = Array::from_bytes(dtype, shape, fortran, bytes)?;
        self.builder.add(Node::Array(Box::new(array)))
    }

    /// A numpy scalar, as the plain value that it equals where there is one.
    fn scalar(&mut self, dtype: NodeId, value: NodeId) -> Result<NodeId, ObjectError> {
        let Node::Dtype(dtype) = self.builder.node(dtype) else {
            return self.error("a scalar without a dtype");
        };
        let Node::Bytes(bytes) = self.builder.node(value) else {
            // A scalar of dtype object is the object itself.
            return if dtype.scalar == Scalar::Object {
                Ok(value)
            } else {
                self.error("a scalar without bytes")
            };
        };
        let (dtype, bytes) = (Arc::clone(dtype), bytes.clone());
        let kind = dtype.scalar;
        let array = Array::from_bytes(dtype, Vec::new(), false, bytes)?;
        let node = match kind {
            Scalar::Bool => {
                return Ok(self
                    .builder
                    .bool(array.ints().is_some_and(|values| values.first() == Some(&1))));
            }
            Scalar::Int | Scalar::UInt => array.ints().and_then(|values| values.first().copied()).map(Node::Int),
            Scalar::Float => array
                .floats()
                .and_then(|values| values.first().copied())
                .map(Node::Float),
            Scalar::Str => array
                .strings()
                .and_then(|mut values| values.pop())
                .map(|text| Node::Str(Cow::Owned(text))),
            Scalar::Object | Scalar::Record | Scalar::Other => None,
        };
        self.builder
            .budget
            .charge(size_of::<Array<'_>>() + array.dtype.itemsize)?;
        self.builder.add(node.unwrap_or_else(|| Node::Array(Box::new(array))))
    }

    fn latin1_bytes(&mut self, text: NodeId, encoding: NodeId) -> Result<NodeId, ObjectError> {
        let (Node::Str(text), Node::Str(encoding)) = (self.builder.node(text), self.builder.node(encoding)) else {
            return self.error("bytes that are not spelled as text");
        };
        if !matches!(&**encoding, "latin1" | "latin-1") {
            return self.error("bytes in an encoding that is not read");
        }
        let size = text.len();
        let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        let Some(bytes) = bytes else {
            return self.error("bytes that are not spelled in Latin-1");
        };
        self.builder.budget.charge(size)?;
        self.builder.add(Node::Bytes(Cow::Owned(bytes)))
    }
}
