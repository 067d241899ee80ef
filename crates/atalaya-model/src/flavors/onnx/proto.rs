//! The messages of an ONNX file that evaluation needs, borrowed from its bytes. Field numbers: `onnx.proto` of ONNX 1.23
//! (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>). Bodies of nodes stay unread until a node asks for them,
//! so that no nesting of the file becomes a nesting of calls.

use super::error::OnnxError;
use super::wire::{Field, Message};

/// Most nodes, initializers, inputs or outputs of a graph. Exported networks have some thousands.
const MAX_PARTS: usize = 100_000;
/// Most attributes, inputs or outputs of a node. `Concat` and `Sum` of large voting ensembles have some thousands.
const MAX_NODE_PARTS: usize = 10_000;

/// `ModelProto`.
#[derive(Debug)]
pub(super) struct Model<'a> {
    pub(super) ir_version: i64,
    pub(super) graph: Message<'a>,
    /// Domain and version.
    pub(super) opsets: Vec<(&'a str, i64)>,
}

/// `GraphProto`.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) initializers: Vec<Stored<'a>>,
    pub(super) inputs: Vec<ValueType<'a>>,
    pub(super) outputs: Vec<ValueType<'a>>,
    pub(super) sparse_initializers: bool,
}

/// `NodeProto`.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) name: &'a str,
    pub(super) op: &'a str,
    pub(super) domain: &'a str,
    pub(super) attributes: Vec<Message<'a>>,
}

/// `AttributeProto`: whichever fields the file has.
#[derive(Debug, Default)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) float: Option<f32>,
    pub(super) int: Option<i64>,
    pub(super) text: Option<Message<'a>>,
    pub(super) tensor: Option<Message<'a>>,
    pub(super) graph: Option<Message<'a>>,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    pub(super) texts: Vec<&'a str>,
    /// The attribute is a parameter of a function of the file.
    pub(super) reference: bool,
}

/// `TensorProto`, its numbers not yet read.
#[derive(Debug, Default)]
pub(super) struct Stored<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<i64>,
    pub(super) kind: i64,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    pub(super) doubles: Vec<f64>,
    pub(super) texts: Vec<&'a str>,
    pub(super) raw: Option<&'a [u8]>,
    pub(super) external: bool,
    /// Keys and values of where the numbers are.
    pub(super) location: Vec<(&'a str, &'a str)>,
    pub(super) segmented: bool,
}

/// `ValueInfoProto` of a tensor.
#[derive(Debug, Default)]
pub(super) struct ValueType<'a> {
    pub(super) name: &'a str,
    /// Element type; `None` when it is no tensor, or nothing is said.
    pub(super) kind: Option<i64>,
    /// Sizes, `None` where they are open; `None` when the rank is open.
    pub(super) shape: Option<Vec<Option<i64>>>,
}

impl<'a> Model<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, OnnxError> {
        let (mut ir_version, mut graph, mut opsets) = (0, None, Vec::new());
        let mut fields = Message { bytes, offset: 0 }.fields();
        while let Some(field) = fields.next()? {
            match field.number {
                1 => ir_version = field.int()?,
                7 if graph.is_some() => return Err(at(&field, "a second graph")),
                7 => graph = Some(field.message()?),
                8 => push(&mut opsets, opset(field.message()?)?, &field, MAX_NODE_PARTS)?,
                _ => {}
            }
        }
        let graph = graph.ok_or(OnnxError::Wire {
            problem: "there is no graph",
            offset: bytes.len(),
        })?;
        Ok(Self {
            ir_version,
            graph,
            opsets,
        })
    }
}

fn at(field: &Field<'_>, problem: &'static str) -> OnnxError {
    OnnxError::Wire {
        problem,
        offset: field.offset,
    }
}

fn push<T>(all: &mut Vec<T>, one: T, field: &Field<'_>, most: usize) -> Result<(), OnnxError> {
    if all.len() >= most {
        return Err(at(field, "more repetitions of a field than a model may have"));
    }
    all.push(one);
    Ok(())
}

fn opset(message: Message<'_>) -> Result<(&str, i64), OnnxError> {
    let (mut domain, mut version) = ("", 0);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => domain = field.text()?,
            2 => version = field.int()?,
            _ => {}
        }
    }
    Ok((domain, version))
}

impl<'a> Graph<'a> {
    pub(super) fn read(message: Message<'a>) -> Result<Self, OnnxError> {
        let mut graph = Self::default();
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            match field.number {
                1 => push(&mut graph.nodes, Node::read(field.message()?)?, &field, MAX_PARTS)?,
                5 => push(
                    &mut graph.initializers,
                    Stored::read(field.message()?)?,
                    &field,
                    MAX_PARTS,
                )?,
                11 => push(&mut graph.inputs, ValueType::read(field.message()?)?, &field, MAX_PARTS)?,
                12 => push(
                    &mut graph.outputs,
                    ValueType::read(field.message()?)?,
                    &field,
                    MAX_PARTS,
                )?,
                15 => graph.sparse_initializers = true,
                _ => {}
            }
        }
        Ok(graph)
    }
}

impl<'a> Node<'a> {
    fn read(message: Message<'a>) -> Result<Self, OnnxError> {
        let mut node = Self::default();
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            match field.number {
                1 => push(&mut node.inputs, field.text()?, &field, MAX_NODE_PARTS)?,
                2 => push(&mut node.outputs, field.text()?, &field, MAX_NODE_PARTS)?,
                3 => node.name = field.text()?,
                4 => node.op = field.text()?,
                5 => push(&mut node.attributes, field.message()?, &field, MAX_NODE_PARTS)?,
                7 => node.domain = field.text()?,
                _ => {}
            }
        }
        Ok(node)
    }
}

impl<'a> Attribute<'a> {
    pub(super) fn read(message: Message<'a>) -> Result<Self, OnnxError> {
        let mut attribute = Self::default();
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            match field.number {
                1 => attribute.name = field.text()?,
                2 => attribute.float = Some(field.float()?),
                3 => attribute.int = Some(field.int()?),
                4 => attribute.text = Some(field.message()?),
                5 => attribute.tensor = Some(field.message()?),
                6 => attribute.graph = Some(field.message()?),
                7 => field.push_floats(&mut attribute.floats)?,
                8 => field.push_ints(&mut attribute.ints)?,
                9 => attribute.texts.push(field.text()?),
                21 => attribute.reference = !field.text()?.is_empty(),
                _ => {}
            }
        }
        Ok(attribute)
    }
}

impl<'a> Stored<'a> {
    pub(super) fn read(message: Message<'a>) -> Result<Self, OnnxError> {
        let mut stored = Self::default();
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            match field.number {
                1 => field.push_ints(&mut stored.dims)?,
                2 => stored.kind = field.int()?,
                3 => stored.segmented = true,
                4 => field.push_floats(&mut stored.floats)?,
                5 | 7 | 11 => field.push_ints(&mut stored.ints)?,
                6 => stored.texts.push(field.text()?),
                8 => stored.name = field.text()?,
                9 => stored.raw = Some(field.message()?.bytes),
                10 => field.push_doubles(&mut stored.doubles)?,
                13 => push(&mut stored.location, pair(field.message()?)?, &field, 100)?,
                14 => stored.external = field.int()? == 1,
                _ => {}
            }
        }
        Ok(stored)
    }
}

fn pair(message: Message<'_>) -> Result<(&str, &str), OnnxError> {
    let (mut key, mut value) = ("", "");
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field.number {
            1 => key = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

impl<'a> ValueType<'a> {
    fn read(message: Message<'a>) -> Result<Self, OnnxError> {
        let mut value = Self::default();
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            match field.number {
                1 => value.name = field.text()?,
                2 => value.read_type(field.message()?)?,
                _ => {}
            }
        }
        Ok(value)
    }

    fn read_type(&mut self, message: Message<'a>) -> Result<(), OnnxError> {
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            if field.number != 1 {
                continue;
            }
            let mut tensor = field.message()?.fields();
            while let Some(field) = tensor.next()? {
                match field.number {
                    1 => self.kind = Some(field.int()?),
                    2 => self.shape = Some(shape(field.message()?)?),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn shape(message: Message<'_>) -> Result<Vec<Option<i64>>, OnnxError> {
    let mut shape = Vec::new();
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        if field.number != 1 {
            continue;
        }
        let mut size = None;
        let mut dimension = field.message()?.fields();
        while let Some(field) = dimension.next()? {
            if field.number == 1 {
                size = Some(field.int()?);
            }
        }
        push(&mut shape, size, &field, 64)?;
    }
    Ok(shape)
}
