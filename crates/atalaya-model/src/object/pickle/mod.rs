//! Pickles, protocols 0 to 5, as data. The stack machine of Python's `pickle` module with one difference: an instruction
//! that would look up, call or fill a Python object makes a node that says so.

mod construct;
mod input;
mod opcodes;
mod text;

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::ObjectError;
use super::limits::MAX_NODES;
use super::survey::Origin;
use super::tree::{Builder, GlobalName, Node, NodeId, Tree};
use input::Input;
use opcodes::Tally;

/// Newest protocol that is read.
const MAX_PROTOCOL: u8 = 5;

/// Reads a pickle as data.
///
/// # Errors
/// [`ObjectError`] when it is not one whole pickle, refers outside itself (persistent ids, extension codes, out-of-band
/// buffers), or goes beyond a limit.
pub fn read_pickle(bytes: &[u8]) -> Result<Tree<'_>, ObjectError> {
    let mut machine = Machine {
        builder: Builder::new(bytes.len())?,
        input: Input::new(bytes),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        sparse_memo: HashMap::new(),
        tally: Tally::new(),
        protocol: 0,
    };
    let root = loop {
        let opcode = machine.input.opcode()?;
        machine.tally.count(opcode);
        if opcode == b'.' {
            break machine.pop()?;
        }
        machine.step(opcode)?;
    };
    if !machine.marks.is_empty() || !machine.stack.is_empty() {
        return Err(machine.input.error("values are left on the stack at the end"));
    }
    if !machine.input.at_end() {
        return Err(machine.input.error("bytes follow the end"));
    }
    let origin = Origin {
        container: "pickle",
        protocol: machine.protocol,
        instructions: machine.tally.named(),
    };
    machine.builder.finish(root, origin)
}

/// The state of a pickle being read. `stack[marks.last()..]` is what Python calls the current stack.
struct Machine<'a> {
    builder: Builder<'a>,
    input: Input<'a>,
    stack: Vec<NodeId>,
    marks: Vec<usize>,
    /// Slots 0, 1, 2, … as every Python since 3.4 numbers them.
    memo: Vec<NodeId>,
    /// Slots of files that number them otherwise.
    sparse_memo: HashMap<u32, NodeId>,
    tally: Tally,
    /// The one last declared.
    protocol: u8,
}

type Step = Result<(), ObjectError>;

impl<'a> Machine<'a> {
    fn error<T>(&self, what: &'static str) -> Result<T, ObjectError> {
        Err(self.input.error(what))
    }

    fn step(&mut self, opcode: u8) -> Step {
        if self.constant(opcode)? || self.text_opcode(opcode)? || self.container(opcode)? || self.memo_opcode(opcode)? {
            return Ok(());
        }
        match opcode {
            // PROTO, FRAME
            0x80 => {
                self.protocol = self.input.u8()?;
                if self.protocol > MAX_PROTOCOL {
                    return self.error("a protocol that does not exist yet");
                }
                Ok(())
            }
            0x95 => self.input.frame(),
            // STACK_GLOBAL, REDUCE, NEWOBJ, NEWOBJ_EX, BUILD
            0x93 => self.stack_global(),
            b'R' => {
                let args = self.pop()?;
                let callable = self.pop()?;
                let made = self.reduce(callable, args)?;
                self.push(made)
            }
            0x81 => {
                let args = self.pop()?;
                let class = self.pop()?;
                self.new_object(class, args)
            }
            0x92 => {
                let keywords = self.pop()?;
                if !matches!(self.builder.node(keywords), Node::Dict(pairs) if pairs.is_empty()) {
                    return self.error("an object is made with keyword arguments");
                }
                let args = self.pop()?;
                let class = self.pop()?;
                self.new_object(class, args)
            }
            b'b' => {
                let state = self.pop()?;
                let target = self.peek()?;
                self.build(target, state)
            }
            b'P' | b'Q' => self.error("a persistent id"),
            0x82..=0x84 => self.error("an extension code"),
            b'i' | b'o' => self.error("an instance of protocol 0 or 1 made by calling a class"),
            0x97 | 0x98 => self.error("a buffer outside the file"),
            _ => self.error("an unknown instruction"),
        }
    }

    /// Numbers, text, bytes.
    fn constant(&mut self, opcode: u8) -> Result<bool, ObjectError> {
        let node = match opcode {
            b'N' => return self.push(self.builder.none()).map(|()| true),
            0x88 | 0x89 => return self.push(self.builder.bool(opcode == 0x88)).map(|()| true),
            b'J' => Node::Int(i64::from(self.input.i32()?)),
            b'K' => Node::Int(i64::from(self.input.u8()?)),
            b'M' => Node::Int(i64::from(self.input.u16()?)),
            0x8a => {
                let size = usize::from(self.input.u8()?);
                long(self.input.take(size)?)
            }
            0x8b => {
                let size = self.input.i32()?;
                let Ok(size) = usize::try_from(size) else {
                    return self.error("an integer of negative length");
                };
                long(self.input.take(size)?)
            }
            b'G' => Node::Float(f64::from_be_bytes(self.input.array()?)),
            0x8c | b'X' | 0x8d => {
                let size = self.input.length(match opcode {
                    0x8c => 1,
                    b'X' => 4,
                    _ => 8,
                })?;
                Node::Str(Cow::Borrowed(self.input.utf8(size)?))
            }
            b'C' | b'B' | 0x8e | 0x96 => {
                let size = self.input.length(match opcode {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                })?;
                Node::Bytes(Cow::Borrowed(self.input.take(size)?))
            }
            // The `str` of Python 2, which only its own ASCII text survives.
            b'U' | b'T' => {
                let size = self.input.length(if opcode == b'U' { 1 } else { 4 })?;
                let bytes = self.input.take(size)?;
                match std::str::from_utf8(bytes) {
                    Ok(text) if bytes.is_ascii() => Node::Str(Cow::Borrowed(text)),
                    _ => Node::Bytes(Cow::Borrowed(bytes)),
                }
            }
            _ => return Ok(false),
        };
        self.push_node(node).map(|()| true)
    }

    /// Lists, tuples, dicts, sets, and the mark that delimits them.
    fn container(&mut self, opcode: u8) -> Result<bool, ObjectError> {
        match opcode {
            b'(' => {
                self.builder.budget.charge(size_of::<usize>())?;
                self.marks.push(self.stack.len());
            }
            b']' => self.push_node(Node::List(Vec::new()))?,
            b'}' => self.push_node(Node::Dict(Vec::new()))?,
            b')' => self.push_node(Node::Tuple(Vec::new()))?,
            0x8f => self.push_node(Node::Set(Vec::new()))?,
            0x85..=0x87 => {
                let size = usize::from(opcode - 0x84);
                let start = self.top_start(size)?;
                let items = self.stack.split_off(start);
                let tuple = self.builder.add_tuple(items)?;
                self.push(tuple)?;
            }
            b't' => {
                let items = self.pop_mark()?;
                let tuple = self.builder.add_tuple(items)?;
                self.push(tuple)?;
            }
            b'l' => {
                let items = self.pop_mark()?;
                let list = self.builder.add_list(items)?;
                self.push(list)?;
            }
            b'd' => {
                let items = self.pop_mark()?;
                self.push_node(Node::Dict(Vec::new()))?;
                self.set_items(&items)?;
            }
            0x91 => {
                let items = self.pop_mark()?;
                self.builder.budget.charge(size_of_val(items.as_slice()))?;
                self.push_node(Node::Set(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(&items)?;
            }
            b's' => {
                let start = self.top_start(2)?;
                let pair = self.stack.split_off(start);
                self.set_items(&pair)?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set_items(&items)?;
            }
            0x90 => {
                let items = self.pop_mark()?;
                self.builder.budget.charge(size_of_val(items.as_slice()))?;
                let target = self.peek()?;
                match self.builder.node_mut(target) {
                    Node::Set(set) => set.extend_from_slice(&items),
                    _ => return self.error("elements are added to something that is not a set"),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The stack itself and the memo.
    fn memo_opcode(&mut self, opcode: u8) -> Result<bool, ObjectError> {
        match opcode {
            b'0' if self.marks.last() == Some(&self.stack.len()) => {
                self.marks.pop();
            }
            b'0' => {
                self.pop()?;
            }
            b'1' => {
                self.pop_mark()?;
            }
            b'2' => {
                let top = self.peek()?;
                self.push(top)?;
            }
            0x94 => {
                let slot = self.memo.len() + self.sparse_memo.len();
                self.put(u32::try_from(slot).unwrap_or(u32::MAX))?;
            }
            b'q' => {
                let slot = u32::from(self.input.u8()?);
                self.put(slot)?;
            }
            b'r' => {
                let slot = self.input.u32()?;
                self.put(slot)?;
            }
            b'h' => {
                let slot = u32::from(self.input.u8()?);
                self.fetch(slot)?;
            }
            b'j' => {
                let slot = self.input.u32()?;
                self.fetch(slot)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn push(&mut self, id: NodeId) -> Step {
        // The stack never shrinks its memory, so each of its high-water marks is paid once.
        if self.stack.len() == self.stack.capacity() {
            self.builder
                .budget
                .charge(size_of::<NodeId>() * (self.stack.len() + 4))?;
        }
        self.stack.push(id);
        Ok(())
    }

    fn push_node(&mut self, node: Node<'a>) -> Step {
        let id = self.builder.add(node)?;
        self.push(id)
    }

    /// Where the topmost `count` values start; they must not reach below the last mark.
    fn top_start(&self, count: usize) -> Result<usize, ObjectError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(start),
            _ => self.error("the stack has too few values"),
        }
    }

    fn pop(&mut self) -> Result<NodeId, ObjectError> {
        self.top_start(1)?;
        match self.stack.pop() {
            Some(id) => Ok(id),
            None => self.error("the stack has too few values"),
        }
    }

    fn peek(&self) -> Result<NodeId, ObjectError> {
        let at = self.top_start(1)?;
        self.stack
            .get(at)
            .copied()
            .map_or_else(|| self.error("the stack has too few values"), Ok)
    }

    fn pop_mark(&mut self) -> Result<Vec<NodeId>, ObjectError> {
        match self.marks.pop() {
            Some(start) => Ok(self.stack.split_off(start)),
            None => self.error("there is no mark"),
        }
    }

    fn put(&mut self, slot: u32) -> Step {
        let id = self.peek()?;
        self.builder.budget.charge(size_of::<NodeId>())?;
        if slot as usize == self.memo.len() {
            self.memo.push(id);
        } else if let Some(known) = self.memo.get_mut(slot as usize) {
            *known = id;
        } else {
            self.builder.budget.charge(4 * size_of::<(u32, NodeId)>())?;
            self.sparse_memo.insert(slot, id);
        }
        if self.memo.len() + self.sparse_memo.len() > MAX_NODES {
            return Err(ObjectError::TooLarge { what: "the memo" });
        }
        Ok(())
    }

    fn fetch(&mut self, slot: u32) -> Step {
        let found = self
            .memo
            .get(slot as usize)
            .or_else(|| self.sparse_memo.get(&slot))
            .copied();
        match found {
            Some(id) => self.push(id),
            None => self.error("an empty memo slot"),
        }
    }

    fn append(&mut self, items: &[NodeId]) -> Step {
        self.builder.budget.charge(size_of_val(items))?;
        let target = self.peek()?;
        match self.builder.node_mut(target) {
            Node::List(list) => list.extend_from_slice(items),
            Node::Object(object) => object.items.extend_from_slice(items),
            _ => return self.error("elements are appended to something that is not a list"),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[NodeId]) -> Step {
        self.builder.budget.charge(size_of_val(items))?;
        if !items.len().is_multiple_of(2) {
            return self.error("a key without a value");
        }
        let pairs: Vec<_> = items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        for (key, _) in &pairs {
            if matches!(self.builder.node(*key), Node::List(_) | Node::Dict(_) | Node::Set(_)) {
                return self.error("a key that cannot be one");
            }
        }
        let target = self.peek()?;
        match self.builder.node_mut(target) {
            Node::Dict(dict) => dict.extend_from_slice(&pairs),
            Node::Object(object) => object.pairs.extend_from_slice(&pairs),
            _ => return self.error("keys are set on something that is not a dict"),
        }
        Ok(())
    }

    fn global(&mut self, module: Cow<'a, str>, name: Cow<'a, str>) -> Step {
        if module.is_empty() || name.is_empty() {
            return self.error("a global without a name");
        }
        self.builder.budget.charge(size_of::<GlobalName<'_>>())?;
        self.push_node(Node::Global(Box::new(GlobalName { module, name })))
    }

    fn stack_global(&mut self) -> Step {
        let name = self.pop()?;
        let module = self.pop()?;
        match (self.builder.node(module), self.builder.node(name)) {
            (Node::Str(module), Node::Str(name)) => {
                let (module, name) = (module.clone(), name.clone());
                self.builder.budget.charge(module.len() + name.len())?;
                self.global(module, name)
            }
            _ => self.error("a global whose name is not text"),
        }
    }
}

/// An integer in two's complement, least significant byte first.
fn long(bytes: &[u8]) -> Node<'_> {
    if bytes.len() > 8 {
        return Node::BigInt(Cow::Borrowed(bytes));
    }
    let negative = bytes.last().is_some_and(|top| top & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Node::Int(i64::from_le_bytes(wide))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn long_integers_keep_their_sign() {
        for (bytes, value) in [(&[][..], 0), (&[0xff], -1), (&[0xff, 0], 255), (&[0, 0x80], -32768)] {
            assert!(matches!(long(bytes), Node::Int(found) if found == value));
        }
        assert!(matches!(long(&[0; 9]), Node::BigInt(_)));
    }

    #[test]
    fn shared_values_stay_shared() {
        // [] memoised, appended twice to a list.
        let tree = read_pickle(b"\x80\x04](]\x94h\x00e.").unwrap();
        let items = tree.root().items().unwrap();
        assert_eq!(items[0], items[1]);
    }

    #[test]
    fn calls_become_names() {
        let tree = read_pickle(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.").unwrap();
        assert_eq!(tree.root().class(), Some(("posix", "system")));
        assert_eq!(tree.root().arg(0).unwrap().as_str(), Some("id"));
    }

    #[test]
    fn a_list_that_contains_itself_is_read_and_dropped() {
        let tree = read_pickle(b"\x80\x02]q\x00h\x00a.").unwrap();
        assert_eq!(tree.root().items().unwrap(), [tree.root().id()]);
    }
}
