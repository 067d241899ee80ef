//! skops archives: a ZIP with `schema.json` and one member per array. Members are read by exact name into memory and never
//! extracted; loaders that would call something become opaque objects.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::sync::Arc;

use zip::ZipArchive;

use super::error::ObjectError;
use super::json::Json;
use super::limits::MAX_FILE_BYTES;
use super::npy::read_npy;
use super::numpy::{Array, Dtype};
use super::survey::Origin;
use super::tree::{Builder, GlobalName, Node, NodeId, Tree};

/// Newest protocol of skops that is read (skops 0.10 to 0.16 write 2).
const MAX_PROTOCOL: i64 = 2;
/// Most members of an archive; a forest of 1000 trees has 4000.
const MAX_MEMBERS: usize = 1_000_000;
/// How many times its packed size a member may have. skops stores without packing; a schema deflates to about a thirtieth.
const MAX_INFLATION: u64 = 64;
/// What a member may have however small it is packed.
const FREE_MEMBER_BYTES: u64 = 1 << 20;

/// Most members of the archive that a sparse matrix is; it has five.
const MAX_SPARSE_MEMBERS: usize = 16;
/// What of it becomes which attribute.
const SPARSE_MEMBERS: [(&str, &str); 4] = [
    ("shape.npy", "_shape"),
    ("indptr.npy", "indptr"),
    ("indices.npy", "indices"),
    ("data.npy", "data"),
];

/// Every loader that skops has.
static LOADERS: &[&str] = &[
    "ObjectNode",
    "TreeNode",
    "LossNode",
    "DictNode",
    "ListNode",
    "TupleNode",
    "SetNode",
    "JsonNode",
    "NdArrayNode",
    "DTypeNode",
    "TypeNode",
    "FunctionNode",
    "DefaultDictNode",
    "BytesNode",
    "BytearrayNode",
    "CachedNode",
    "MethodNode",
    "PartialNode",
    "OperatorFuncNode",
    "ConstructorFromReduceNode",
    "SliceNode",
    "SparseMatrixNode",
    "MaskedArrayNode",
    "RandomStateNode",
    "RandomGeneratorNode",
];

/// Reads a skops archive as data.
///
/// # Errors
/// [`ObjectError`] when the archive or its schema is damaged, contradicts itself, or goes beyond a limit.
pub fn read_skops(bytes: &[u8]) -> Result<Tree<'_>, ObjectError> {
    let builder = Builder::new(bytes.len())?;
    let unreadable = |_| ObjectError::Skops {
        node: 0,
        what: "the archive cannot be read",
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    if archive.len() > MAX_MEMBERS {
        return Err(ObjectError::TooLarge {
            what: "the number of members of the archive",
        });
    }
    if archive.has_duplicate_names() {
        return Err(ObjectError::Skops {
            node: 0,
            what: "the archive has two members of one name",
        });
    }
    if archive.has_overlapping_entries().map_err(unreadable)? {
        return Err(ObjectError::Skops {
            node: 0,
            what: "members of the archive overlap",
        });
    }
    archive.validate_header_consistency().map_err(unreadable)?;
    let mut reader = Reader {
        archive,
        builder,
        known: HashMap::new(),
        nodes_read: 0,
        loaders: Vec::new(),
    };
    let text = reader.member("schema.json")?;
    let schema = Json::parse(&text, &mut reader.builder.budget);
    let Some(schema) = schema else {
        return reader.error("`schema.json` is not JSON within the limits");
    };
    let protocol = match schema.get("protocol") {
        Some(Json::Int(protocol @ 0..=MAX_PROTOCOL)) => u8::try_from(*protocol).unwrap_or(u8::MAX),
        _ => return reader.error("a protocol that is not known"),
    };
    let root = reader.read(&schema)?;
    let origin = Origin {
        container: "skops",
        protocol,
        instructions: reader.loaders,
    };
    reader.builder.finish(root, origin)
}

/// The bytes of a member, with its real size checked against the limits while it inflates.
fn inflate<R: Read>(
    file: zip::read::ZipFile<'_, R>,
    builder: &mut Builder<'_>,
    node: usize,
) -> Result<Vec<u8>, ObjectError> {
    let limit = file
        .compressed_size()
        .saturating_mul(MAX_INFLATION)
        .saturating_add(FREE_MEMBER_BYTES);
    let limit = limit.min(MAX_FILE_BYTES as u64);
    let size = file.size();
    if size > limit {
        return Err(ObjectError::TooLarge {
            what: "a member of the archive",
        });
    }
    let capacity = usize::try_from(size).map_err(|_| ObjectError::TooLarge {
        what: "a member of the archive",
    })?;
    builder.budget.charge(capacity)?;
    let mut bytes = Vec::with_capacity(capacity);
    let read = file.take(size + 1).read_to_end(&mut bytes);
    match read {
        Ok(read) if read == capacity => Ok(bytes),
        _ => Err(ObjectError::Skops {
            node,
            what: "a member of the archive is damaged",
        }),
    }
}

struct Reader<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    builder: Builder<'a>,
    /// Python addresses of the objects read so far: equal ones are the same object.
    known: HashMap<i64, NodeId>,
    nodes_read: usize,
    /// How often each loader was met.
    loaders: Vec<(&'static str, u64)>,
}

impl Reader<'_> {
    fn error<T>(&self, what: &'static str) -> Result<T, ObjectError> {
        Err(ObjectError::Skops {
            node: self.nodes_read,
            what,
        })
    }

    /// The bytes of a member.
    fn member(&mut self, name: &str) -> Result<Vec<u8>, ObjectError> {
        let node = self.nodes_read;
        let Ok(file) = self.archive.by_name(name) else {
            return self.error("a member of the archive is missing");
        };
        inflate(file, &mut self.builder, node)
    }

    /// One node of the schema. Recursion is as deep as the JSON, which is at most 128.
    fn read(&mut self, node: &Json) -> Result<NodeId, ObjectError> {
        self.nodes_read += 1;
        let id = match node.get("__id__") {
            Some(Json::Int(id)) => Some(*id),
            _ => None,
        };
        if let Some(known) = id.and_then(|id| self.known.get(&id)) {
            return Ok(*known);
        }
        let Some(loader) = node.get("__loader__").and_then(Json::as_str) else {
            return self.error("a node without a loader");
        };
        self.count(loader);
        let made = self.load(loader, node)?;
        if let Some(id) = id {
            self.builder.budget.charge(4 * size_of::<(i64, NodeId)>())?;
            self.known.insert(id, made);
        }
        Ok(made)
    }

    fn count(&mut self, loader: &str) {
        if let Some((_, count)) = self.loaders.iter_mut().find(|(known, _)| *known == loader) {
            *count += 1;
        } else if let Some(known) = LOADERS.iter().find(|known| **known == loader) {
            self.loaders.push((known, 1));
        }
    }

    fn load(&mut self, loader: &str, node: &Json) -> Result<NodeId, ObjectError> {
        match loader {
            "ObjectNode" => self.object(node, None),
            "TreeNode" | "LossNode" => self.object(node, node.get("__reduce__").and_then(|reduce| reduce.get("args"))),
            "DictNode" => self.dict(node),
            "ListNode" | "TupleNode" | "SetNode" => {
                let items = self.items(node)?;
                match loader {
                    "ListNode" => self.builder.add_list(items),
                    "TupleNode" => self.builder.add_tuple(items),
                    _ => {
                        self.builder.budget.charge(size_of_val(items.as_slice()))?;
                        self.builder.add(Node::Set(items))
                    }
                }
            }
            "JsonNode" => self.json(node),
            "NdArrayNode" => self.array(node),
            "DTypeNode" => {
                let content = node.get("content");
                let array = content.map(|content| self.read(content)).transpose()?;
                match array.map(|id| self.builder.node(id)) {
                    Some(Node::Array(array)) => {
                        let dtype = Arc::clone(&array.dtype);
                        self.builder.add(Node::Dtype(dtype))
                    }
                    _ => self.error("a dtype without an array"),
                }
            }
            "TypeNode" => self.class(node),
            "FunctionNode" if node.get("content").is_none() => self.class(node),
            "DefaultDictNode" => match node.get("content").and_then(|content| content.get("main")) {
                Some(main) => self.read(main),
                None => self.opaque(node),
            },
            "BytesNode" | "BytearrayNode" => {
                let Some(name) = node.get("file").and_then(Json::as_str) else {
                    return self.error("bytes without a member");
                };
                let bytes = self.member(name)?;
                self.builder.add(Node::Bytes(Cow::Owned(bytes)))
            }
            "SparseMatrixNode" => self.sparse(node),
            "CachedNode" => self.error("a reference to an object that was not read before"),
            "FunctionNode"
            | "MethodNode"
            | "PartialNode"
            | "OperatorFuncNode"
            | "ConstructorFromReduceNode"
            | "SliceNode"
            | "MaskedArrayNode"
            | "RandomStateNode"
            | "RandomGeneratorNode" => self.opaque(node),
            _ => self.error("a loader that does not exist"),
        }
    }

    fn class(&mut self, node: &Json) -> Result<NodeId, ObjectError> {
        let name = node.get("__class__").and_then(Json::as_str);
        let module = node.get("__module__").and_then(Json::as_str);
        let (Some(module), Some(name)) = (module, name) else {
            return self.error("a node without a class");
        };
        self.builder
            .budget
            .charge(size_of::<GlobalName<'_>>() + module.len() + name.len())?;
        let global = GlobalName {
            module: Cow::Owned(module.to_owned()),
            name: Cow::Owned(name.to_owned()),
        };
        self.builder.add(Node::Global(Box::new(global)))
    }

    /// An object of which only the class is kept.
    fn opaque(&mut self, node: &Json) -> Result<NodeId, ObjectError> {
        let class = self.class(node)?;
        self.builder.add_object(class, None)
    }

    fn object(&mut self, node: &Json, args: Option<&Json>) -> Result<NodeId, ObjectError> {
        let class = self.class(node)?;
        let args = args.map(|args| self.read(args)).transpose()?;
        let state = node.get("content").map(|content| self.read(content)).transpose()?;
        let object = self.builder.add_object(class, args)?;
        if let Node::Object(object) = self.builder.node_mut(object) {
            object.state = state;
        }
        Ok(object)
    }

    /// A scipy sparse matrix: an archive of arrays, which becomes the state that a pickle has.
    fn sparse(&mut self, node: &Json) -> Result<NodeId, ObjectError> {
        let (Some("scipy"), Some(name)) = (
            node.get("type").and_then(Json::as_str),
            node.get("file").and_then(Json::as_str),
        ) else {
            return self.opaque(node);
        };
        let bytes = self.member(name)?;
        let Some(mut inner) = ZipArchive::new(Cursor::new(&bytes[..]))
            .ok()
            .filter(|inner| inner.len() <= MAX_SPARSE_MEMBERS)
        else {
            return self.error("a sparse matrix that is no archive");
        };
        let mut pairs = Vec::new();
        for (member, attribute) in SPARSE_MEMBERS {
            // Other layouts of sparse matrices have other arrays; whoever needs one says what is missing.
            let Ok(file) = inner.by_name(member) else { continue };
            let bytes = inflate(file, &mut self.builder, self.nodes_read)?;
            self.builder
                .budget
                .charge(bytes.len() + attribute.len() + size_of::<Array<'_>>() + size_of::<Dtype>())?;
            let array = read_npy(&bytes)?;
            let key = self.builder.add(Node::Str(Cow::Borrowed(attribute)))?;
            pairs.push((key, self.builder.add(Node::Array(Box::new(array)))?));
        }
        self.builder.budget.charge(size_of_val(pairs.as_slice()))?;
        let state = self.builder.add(Node::Dict(pairs))?;
        let class = self.class(node)?;
        let object = self.builder.add_object(class, None)?;
        if let Node::Object(object) = self.builder.node_mut(object) {
            object.state = Some(state);
        }
        Ok(object)
    }

    fn items(&mut self, node: &Json) -> Result<Vec<NodeId>, ObjectError> {
        match node.get("content").and_then(Json::as_array) {
            Some(content) => content.iter().map(|item| self.read(item)).collect(),
            None => self.error("a collection without content"),
        }
    }

    fn dict(&mut self, node: &Json) -> Result<NodeId, ObjectError> {
        let Some(Json::Object(content)) = node.get("content") else {
            return self.error("a dict without content");
        };
        let types = node
            .get("key_types")
            .and_then(|types| types.get("content"))
            .and_then(Json::as_array);
        let Some(types) = types.filter(|types| types.len() == content.len()) else {
            return self.error("a dict whose keys have no types");
        };
        let mut pairs = Vec::with_capacity(content.len());
        for ((key, value), key_type) in content.iter().zip(types) {
            let key = match key_type.get("__class__").and_then(Json::as_str) {
                Some("str") => {
                    self.builder.budget.charge(key.len())?;
                    Node::Str(Cow::Owned(key.clone()))
                }
                Some("int" | "int64") => match key.parse() {
                    Ok(key) => Node::Int(key),
                    Err(_) => return self.error("a key that is not of its type"),
                },
                // No model that runs here has other keys on its predict path.
                _ => return self.opaque(node),
            };
            let key = self.builder.add(key)?;
            pairs.push((key, self.read(value)?));
        }
        self.builder.budget.charge(size_of_val(pairs.as_slice()))?;
        self.builder.add(Node::Dict(pairs))
    }

    /// A plain value, as JSON text inside the JSON.
    fn json(&mut self, node: &Json) -> Result<NodeId, ObjectError> {
        let Some(text) = node.get("content").and_then(Json::as_str) else {
            return self.error("a plain value without content");
        };
        let value = match text {
            "NaN" => Some(Json::Float(f64::NAN)),
            "Infinity" => Some(Json::Float(f64::INFINITY)),
            "-Infinity" => Some(Json::Float(f64::NEG_INFINITY)),
            _ => Json::parse(text.as_bytes(), &mut self.builder.budget),
        };
        match value {
            Some(Json::Null) => Ok(self.builder.none()),
            Some(Json::Bool(value)) => Ok(self.builder.bool(value)),
            Some(Json::Int(value)) => self.builder.add(Node::Int(value)),
            Some(Json::Float(value)) => self.builder.add(Node::Float(value)),
            Some(Json::Str(value)) => self.builder.add(Node::Str(Cow::Owned(value))),
            Some(Json::Array(_) | Json::Object(_)) | None => self.error("a plain value that is none"),
        }
    }

    fn array(&mut self, node: &Json) -> Result<NodeId, ObjectError> {
        match node.get("type").and_then(Json::as_str) {
            Some("numpy") => {
                let Some(name) = node.get("file").and_then(Json::as_str) else {
                    return self.error("an array without a member");
                };
                let bytes = self.member(name)?;
                self.builder
                    .budget
                    .charge(bytes.len() + size_of::<Array<'_>>() + size_of::<Dtype>())?;
                let array = read_npy(&bytes)?;
                self.builder.add(Node::Array(Box::new(array)))
            }
            Some("json") => {
                let items = self.items(node)?;
                let Some(shape) = node.get("shape") else {
                    return self.error("an array without a shape");
                };
                let shape = self.items(shape)?;
                let shape = shape.iter().map(|dim| match self.builder.node(*dim) {
                    Node::Int(dim) => usize::try_from(*dim).or_else(|_| self.error("a negative dimension")),
                    _ => self.error("a dimension that is not a number"),
                });
                let shape = shape.collect::<Result<_, _>>()?;
                self.builder
                    .budget
                    .charge(size_of_val(items.as_slice()) + size_of::<Array<'_>>())?;
                let array = Array::from_objects(Arc::new(Dtype::parse("O")?), shape, items)?;
                self.builder.add(Node::Array(Box::new(array)))
            }
            _ => self.error("an array of an unknown type"),
        }
    }
}
