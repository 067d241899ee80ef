//! A [`Tree`] as bytes of our own, without what its model no longer needs: what a compiled form keeps of a pickle or a skops
//! file. `docs/design/compiled-form.md` has the layout.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::error::ObjectError;
use super::numpy::{Array, Dtype, Elements, Field, Scalar};
use super::survey::Origin;
use super::tree::{Builder, GlobalName, Node, NodeId, Object, Tree};

/// What stands in place of a value.
#[derive(Debug, Clone)]
pub(crate) enum Instead {
    /// `None`: nobody asks for it any more.
    Nothing,
    /// Other bytes, or another text.
    Bytes(Vec<u8>),
}

/// Scalars by their number.
const SCALARS: [Scalar; 8] = [
    Scalar::Bool,
    Scalar::Int,
    Scalar::UInt,
    Scalar::Float,
    Scalar::Str,
    Scalar::Object,
    Scalar::Record,
    Scalar::Other,
];

/// The bytes of what can be reached from the root when some values are replaced.
pub(crate) fn write(tree: &Tree<'_>, instead: &HashMap<NodeId, Instead>) -> Vec<u8> {
    let mut out = Out::default();
    out.place(tree.root().id());
    while let Some(id) = out.order.get(out.written).copied() {
        out.written += 1;
        match (instead.get(&id), tree.node(id)) {
            (None, node) => out.node(node),
            (Some(Instead::Bytes(bytes)), Node::Str(_)) => out.tagged(b's', bytes),
            (Some(Instead::Bytes(bytes)), _) => out.tagged(b'y', bytes),
            (Some(Instead::Nothing), _) => out.bytes.push(b'N'),
        }
    }
    out.bytes
}

#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    /// Values in the order in which they are written, which is that of the first references to them.
    order: Vec<NodeId>,
    places: HashMap<NodeId, u32>,
    written: usize,
}

impl Out {
    fn place(&mut self, id: NodeId) -> u32 {
        let next = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        let place = *self.places.entry(id).or_insert(next);
        if place == next {
            self.order.push(id);
        }
        place
    }

    fn count(&mut self, count: usize) {
        self.bytes.extend_from_slice(&(count as u64).to_le_bytes());
    }

    fn run(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.bytes.push(tag);
        self.run(bytes);
    }

    fn reference(&mut self, id: NodeId) {
        let place = self.place(id);
        self.bytes.extend_from_slice(&place.to_le_bytes());
    }

    fn references(&mut self, ids: &[NodeId]) {
        self.count(ids.len());
        ids.iter().for_each(|id| self.reference(*id));
    }

    fn pairs(&mut self, pairs: &[(NodeId, NodeId)]) {
        self.count(pairs.len());
        for (key, value) in pairs {
            self.reference(*key);
            self.reference(*value);
        }
    }

    fn optional(&mut self, id: Option<NodeId>) {
        self.bytes.push(u8::from(id.is_some()));
        if let Some(id) = id {
            self.reference(id);
        }
    }

    fn node(&mut self, node: &Node<'_>) {
        match node {
            Node::None => self.bytes.push(b'N'),
            Node::Bool(value) => self.bytes.push(if *value { b'T' } else { b'F' }),
            Node::Int(value) => {
                self.bytes.push(b'i');
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
            Node::BigInt(bytes) => self.tagged(b'I', bytes),
            Node::Float(value) => {
                self.bytes.push(b'f');
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
            Node::Str(text) => self.tagged(b's', text.as_bytes()),
            Node::Bytes(bytes) => self.tagged(b'y', bytes),
            Node::List(items) => {
                self.bytes.push(b'l');
                self.references(items);
            }
            Node::Tuple(items) => {
                self.bytes.push(b't');
                self.references(items);
            }
            Node::Set(items) => {
                self.bytes.push(b'e');
                self.references(items);
            }
            Node::Dict(pairs) => {
                self.bytes.push(b'd');
                self.pairs(pairs);
            }
            Node::Global(global) => {
                self.tagged(b'g', global.module.as_bytes());
                self.run(global.name.as_bytes());
            }
            Node::Object(object) => {
                self.bytes.push(b'o');
                self.reference(object.class);
                self.optional(object.args);
                self.optional(object.state);
                self.references(&object.items);
                self.pairs(&object.pairs);
            }
            Node::Array(array) => self.array(array),
            Node::Dtype(dtype) => {
                self.bytes.push(b'D');
                self.dtype(dtype);
            }
        }
    }

    fn array(&mut self, array: &Array<'_>) {
        self.bytes.push(b'a');
        self.dtype(&array.dtype);
        self.count(array.shape.len());
        array.shape.iter().for_each(|length| self.count(*length));
        self.bytes.push(u8::from(array.fortran));
        match &array.data {
            Elements::Raw(bytes) => self.run(bytes),
            Elements::Objects(ids) => self.references(ids),
        }
    }

    fn kind(&mut self, (scalar, itemsize, big_endian): (Scalar, usize, bool)) {
        let position = SCALARS.iter().position(|one| *one == scalar).unwrap_or(SCALARS.len());
        self.bytes.push(u8::try_from(position).unwrap_or(u8::MAX));
        self.count(itemsize);
        self.bytes.push(u8::from(big_endian));
    }

    fn dtype(&mut self, dtype: &Dtype) {
        self.kind((dtype.scalar, dtype.itemsize, dtype.big_endian));
        self.count(dtype.fields.len());
        for field in &dtype.fields {
            self.run(field.name.as_bytes());
            self.kind((field.scalar, field.itemsize, field.big_endian));
            self.count(field.offset);
        }
    }
}

/// Reads what [`write()`] gave.
///
/// # Errors
/// When it is anything else: [`ObjectError::Numpy`] for an array that contradicts itself, else [`ObjectError::Compact`].
pub(crate) fn read(bytes: &[u8]) -> Result<Tree<'_>, ObjectError> {
    let mut from = In { bytes, references: 1 };
    let mut nodes = Vec::new();
    while !from.bytes.is_empty() {
        nodes.push(from.node()?);
    }
    // Each value is referred to by an earlier one, but for the root.
    if nodes.is_empty() || nodes.len() != from.references as usize {
        return Err(ObjectError::Compact);
    }
    let origin = Origin {
        container: "compiled",
        protocol: 0,
        instructions: Vec::new(),
    };
    Builder::finished(nodes, origin, bytes.len())
}

struct In<'a> {
    bytes: &'a [u8],
    /// One more than the largest reference so far.
    references: u32,
}

impl<'a> In<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ObjectError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(ObjectError::Compact)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ObjectError> {
        self.take(N)?.first_chunk().copied().ok_or(ObjectError::Compact)
    }

    fn flag(&mut self) -> Result<bool, ObjectError> {
        match self.fixed()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(ObjectError::Compact),
        }
    }

    fn count(&mut self) -> Result<usize, ObjectError> {
        usize::try_from(u64::from_le_bytes(self.fixed()?)).map_err(|_| ObjectError::Compact)
    }

    /// The number of pieces of at least `least` bytes that follow.
    fn pieces(&mut self, least: usize) -> Result<usize, ObjectError> {
        let count = self.count()?;
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.bytes.len() => Ok(count),
            _ => Err(ObjectError::Compact),
        }
    }

    fn run(&mut self) -> Result<&'a [u8], ObjectError> {
        let length = self.count()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<Cow<'a, str>, ObjectError> {
        let text = std::str::from_utf8(self.run()?).map_err(|_| ObjectError::Compact)?;
        Ok(Cow::Borrowed(text))
    }

    fn reference(&mut self) -> Result<NodeId, ObjectError> {
        let place = u32::from_le_bytes(self.fixed()?);
        self.references = self.references.max(place.saturating_add(1));
        Ok(NodeId::at(place))
    }

    fn references(&mut self) -> Result<Vec<NodeId>, ObjectError> {
        let count = self.pieces(4)?;
        (0..count).map(|_| self.reference()).collect()
    }

    fn pairs(&mut self) -> Result<Vec<(NodeId, NodeId)>, ObjectError> {
        let count = self.pieces(8)?;
        (0..count).map(|_| Ok((self.reference()?, self.reference()?))).collect()
    }

    fn optional(&mut self) -> Result<Option<NodeId>, ObjectError> {
        if self.flag()? {
            self.reference().map(Some)
        } else {
            Ok(None)
        }
    }

    fn node(&mut self) -> Result<Node<'a>, ObjectError> {
        let [tag] = self.fixed()?;
        Ok(match tag {
            b'N' => Node::None,
            b'T' => Node::Bool(true),
            b'F' => Node::Bool(false),
            b'i' => Node::Int(i64::from_le_bytes(self.fixed()?)),
            b'I' => Node::BigInt(Cow::Borrowed(self.run()?)),
            b'f' => Node::Float(f64::from_le_bytes(self.fixed()?)),
            b's' => Node::Str(self.text()?),
            b'y' => Node::Bytes(Cow::Borrowed(self.run()?)),
            b'l' => Node::List(self.references()?),
            b't' => Node::Tuple(self.references()?),
            b'e' => Node::Set(self.references()?),
            b'd' => Node::Dict(self.pairs()?),
            b'g' => Node::Global(Box::new(GlobalName {
                module: self.text()?,
                name: self.text()?,
            })),
            b'o' => Node::Object(Box::new(Object {
                class: self.reference()?,
                args: self.optional()?,
                state: self.optional()?,
                items: self.references()?,
                pairs: self.pairs()?,
            })),
            b'a' => Node::Array(Box::new(self.array()?)),
            b'D' => Node::Dtype(Arc::new(self.dtype()?)),
            _ => return Err(ObjectError::Compact),
        })
    }

    fn array(&mut self) -> Result<Array<'a>, ObjectError> {
        let dtype = Arc::new(self.dtype()?);
        let rank = self.pieces(8)?;
        let shape = (0..rank).map(|_| self.count()).collect::<Result<Vec<usize>, _>>()?;
        let fortran = self.flag()?;
        if dtype.scalar == Scalar::Object {
            return Array::from_objects(dtype, shape, self.references()?);
        }
        Array::from_bytes(dtype, shape, fortran, Cow::Borrowed(self.run()?))
    }

    fn kind(&mut self) -> Result<(Scalar, usize, bool), ObjectError> {
        let [scalar] = self.fixed()?;
        let scalar = SCALARS.get(usize::from(scalar)).copied().ok_or(ObjectError::Compact)?;
        let (size, big_endian) = (self.count()?, self.flag()?);
        let known = match scalar {
            Scalar::Bool => size == 1,
            Scalar::Int | Scalar::UInt => matches!(size, 1 | 2 | 4 | 8),
            Scalar::Float => matches!(size, 4 | 8),
            Scalar::Str => size.is_multiple_of(4),
            Scalar::Object | Scalar::Record | Scalar::Other => true,
        };
        if known {
            Ok((scalar, size, big_endian))
        } else {
            Err(ObjectError::Compact)
        }
    }

    fn dtype(&mut self) -> Result<Dtype, ObjectError> {
        let (scalar, itemsize, big_endian) = self.kind()?;
        let fields = self.pieces(26)?;
        let fields = (0..fields).map(|_| {
            let name = self.text()?.into_owned();
            let (scalar, size, big_endian) = self.kind()?;
            let offset = self.count()?;
            let end = offset.checked_add(size).filter(|end| *end <= itemsize);
            end.ok_or(ObjectError::Compact)?;
            Ok(Field {
                name,
                scalar,
                itemsize: size,
                big_endian,
                offset,
            })
        });
        Ok(Dtype {
            scalar,
            itemsize,
            big_endian,
            fields: fields.collect::<Result<_, ObjectError>>()?,
        })
    }
}
