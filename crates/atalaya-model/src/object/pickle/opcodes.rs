//! Names of pickle instructions, as Python's `pickletools` gives them, and their number in a file.

/// Counts instructions by their byte.
#[derive(Debug)]
pub(super) struct Tally(Box<[u64; 256]>);

impl Tally {
    pub(super) fn new() -> Self {
        Self(Box::new([0; 256]))
    }

    pub(super) fn count(&mut self, opcode: u8) {
        self.0[usize::from(opcode)] += 1;
    }

    /// Name and number of every instruction that occurred.
    pub(super) fn named(&self) -> Vec<(&'static str, u64)> {
        NAMES
            .iter()
            .map(|(opcode, name)| (*name, self.0[usize::from(*opcode)]))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

/// Every instruction of protocols 0 to 5.
static NAMES: &[(u8, &str)] = &[
    (b'I', "INT"),
    (b'J', "BININT"),
    (b'K', "BININT1"),
    (b'M', "BININT2"),
    (b'L', "LONG"),
    (0x8a, "LONG1"),
    (0x8b, "LONG4"),
    (b'S', "STRING"),
    (b'T', "BINSTRING"),
    (b'U', "SHORT_BINSTRING"),
    (b'B', "BINBYTES"),
    (b'C', "SHORT_BINBYTES"),
    (0x8e, "BINBYTES8"),
    (0x96, "BYTEARRAY8"),
    (0x97, "NEXT_BUFFER"),
    (0x98, "READONLY_BUFFER"),
    (b'N', "NONE"),
    (0x88, "NEWTRUE"),
    (0x89, "NEWFALSE"),
    (b'V', "UNICODE"),
    (0x8c, "SHORT_BINUNICODE"),
    (b'X', "BINUNICODE"),
    (0x8d, "BINUNICODE8"),
    (b'F', "FLOAT"),
    (b'G', "BINFLOAT"),
    (b']', "EMPTY_LIST"),
    (b'a', "APPEND"),
    (b'e', "APPENDS"),
    (b'l', "LIST"),
    (b')', "EMPTY_TUPLE"),
    (b't', "TUPLE"),
    (0x85, "TUPLE1"),
    (0x86, "TUPLE2"),
    (0x87, "TUPLE3"),
    (b'}', "EMPTY_DICT"),
    (b'd', "DICT"),
    (b's', "SETITEM"),
    (b'u', "SETITEMS"),
    (0x8f, "EMPTY_SET"),
    (0x90, "ADDITEMS"),
    (0x91, "FROZENSET"),
    (b'0', "POP"),
    (b'2', "DUP"),
    (b'(', "MARK"),
    (b'1', "POP_MARK"),
    (b'g', "GET"),
    (b'h', "BINGET"),
    (b'j', "LONG_BINGET"),
    (b'p', "PUT"),
    (b'q', "BINPUT"),
    (b'r', "LONG_BINPUT"),
    (0x94, "MEMOIZE"),
    (0x82, "EXT1"),
    (0x83, "EXT2"),
    (0x84, "EXT4"),
    (b'c', "GLOBAL"),
    (0x93, "STACK_GLOBAL"),
    (b'R', "REDUCE"),
    (b'b', "BUILD"),
    (b'i', "INST"),
    (b'o', "OBJ"),
    (0x81, "NEWOBJ"),
    (0x92, "NEWOBJ_EX"),
    (0x80, "PROTO"),
    (b'.', "STOP"),
    (0x95, "FRAME"),
    (b'P', "PERSID"),
    (b'Q', "BINPERSID"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_has_one_name() {
        let mut bytes: Vec<_> = NAMES.iter().map(|(opcode, _)| *opcode).collect();
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), NAMES.len());
        assert_eq!(bytes.len(), 68, "pickletools.opcodes of Python 3.11 has 68");
    }

    #[test]
    fn a_tally_names_what_occurred() {
        let mut tally = Tally::new();
        for opcode in *b"NN." {
            tally.count(opcode);
        }
        assert_eq!(tally.named(), [("NONE", 2), ("STOP", 1)]);
    }
}
