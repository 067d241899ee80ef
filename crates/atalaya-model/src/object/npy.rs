//! `.npy` files: the header is a Python literal that is parsed as one, never evaluated; object arrays are refused, because
//! they hold a pickle.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::ObjectError;
use super::numpy::{Array, Dtype, Scalar};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header: numpy's own limit when it reads a file that it does not trust.
const MAX_HEADER_BYTES: usize = 10_000;
/// Deepest nesting of the header's literal; real ones have three levels.
const MAX_DEPTH: usize = 8;

fn bad<T>(what: &'static str) -> Result<T, ObjectError> {
    Err(ObjectError::Numpy { what })
}

/// Reads a whole `.npy` file.
///
/// # Errors
/// [`ObjectError`] for a file that is damaged, beyond a limit, or holds Python objects.
pub fn read_npy(bytes: &[u8]) -> Result<Array<'static>, ObjectError> {
    let (header, data) = split(bytes)?;
    let Some(Literal::Dict(pairs)) = Parser {
        rest: header.trim_ascii(),
    }
    .whole() else {
        return bad("a header that is not a plain dict");
    };
    let value = |key: &str| pairs.iter().find(|(k, _)| *k == key).map(|(_, value)| value);
    let (Some(descr), Some(Literal::Bool(fortran)), Some(Literal::Sequence(dims)), 3) =
        (value("descr"), value("fortran_order"), value("shape"), pairs.len())
    else {
        return bad("a header without `descr`, `fortran_order` and `shape`");
    };
    let shape: Option<Vec<usize>> = dims
        .iter()
        .map(|dim| if let Literal::Int(n) = dim { Some(*n) } else { None })
        .collect();
    let Some(shape) = shape else {
        return bad("a dimension that is not a number");
    };
    let dtype = dtype(descr)?;
    if dtype.scalar == Scalar::Object {
        return bad("a file of Python objects");
    }
    Array::from_bytes(Arc::new(dtype), shape, *fortran, Cow::Owned(data.to_vec()))
}

fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), ObjectError> {
    let rest = bytes.strip_prefix(MAGIC);
    let (size, rest) = match rest {
        Some([1, _, a, b, rest @ ..]) => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        Some([2 | 3, _, a, b, c, d, rest @ ..]) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return bad("a file that is not `.npy`"),
    };
    if size > MAX_HEADER_BYTES {
        return Err(ObjectError::TooLarge {
            what: "an array's header",
        });
    }
    rest.split_at_checked(size)
        .map_or_else(|| bad("a header longer than its file"), Ok)
}

fn dtype(descr: &Literal<'_>) -> Result<Dtype, ObjectError> {
    match descr {
        Literal::Str(code) => Dtype::parse(code),
        Literal::Sequence(parts) => {
            let mut fields = Vec::new();
            let mut offset = 0usize;
            for part in parts {
                let Literal::Sequence(part) = part else {
                    return bad("a field that is not a tuple");
                };
                let [Literal::Str(name), Literal::Str(code)] = part.as_slice() else {
                    return bad("a field that is not a name and a type");
                };
                let field = Dtype::parse(code)?;
                // Padding has no name.
                if !name.is_empty() {
                    let field = field.as_field(name, offset);
                    fields.push(field.map_or_else(|| bad("a field that is a record or a reference"), Ok)?);
                }
                offset = offset
                    .checked_add(field.itemsize)
                    .ok_or(ObjectError::TooLarge { what: "a dtype's size" })?;
            }
            Dtype::record(fields, offset)
        }
        _ => bad("a type that is neither text nor a list of fields"),
    }
}

/// What a header may consist of; lists and tuples are alike.
#[derive(Debug)]
enum Literal<'a> {
    Str(&'a str),
    Int(usize),
    Bool(bool),
    Sequence(Vec<Literal<'a>>),
    Dict(Vec<(&'a str, Literal<'a>)>),
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn whole(mut self) -> Option<Literal<'a>> {
        let value = self.literal(0)?;
        self.skip_space();
        self.rest.is_empty().then_some(value)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn eat(&mut self, token: &[u8]) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn literal(&mut self, depth: usize) -> Option<Literal<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        match self.rest.first()? {
            b'\'' | b'"' => self.text().map(Literal::Str),
            b'T' => self.eat(b"True").then_some(Literal::Bool(true)),
            b'F' => self.eat(b"False").then_some(Literal::Bool(false)),
            b'(' => self.sequence(b")", depth),
            b'[' => self.sequence(b"]", depth),
            b'{' => self.dict(depth),
            byte if byte.is_ascii_digit() => {
                let end = self
                    .rest
                    .iter()
                    .position(|byte| !byte.is_ascii_digit())
                    .unwrap_or(self.rest.len());
                let (digits, rest) = self.rest.split_at(end);
                // Python 2 wrote `3L`.
                self.rest = rest.strip_prefix(b"L").unwrap_or(rest);
                std::str::from_utf8(digits).ok()?.parse().ok().map(Literal::Int)
            }
            _ => None,
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        let (quote, rest) = self.rest.split_first()?;
        let end = rest.iter().position(|byte| byte == quote)?;
        let (text, rest) = rest.split_at(end);
        self.rest = &rest[1..];
        (!text.contains(&b'\\')).then_some(())?;
        std::str::from_utf8(text).ok()
    }

    fn sequence(&mut self, end: &[u8], depth: usize) -> Option<Literal<'a>> {
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        loop {
            if self.eat(end) {
                return Some(Literal::Sequence(items));
            }
            items.push(self.literal(depth + 1)?);
            if !self.eat(b",") {
                return self.eat(end).then_some(Literal::Sequence(items));
            }
        }
    }

    fn dict(&mut self, depth: usize) -> Option<Literal<'a>> {
        self.rest = &self.rest[1..];
        let mut pairs = Vec::new();
        loop {
            if self.eat(b"}") {
                return Some(Literal::Dict(pairs));
            }
            self.skip_space();
            if !matches!(self.rest.first(), Some(b'\'' | b'"')) {
                return None;
            }
            let key = self.text()?;
            self.eat(b":").then_some(())?;
            pairs.push((key, self.literal(depth + 1)?));
            if !self.eat(b",") {
                return self.eat(b"}").then_some(Literal::Dict(pairs));
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[1, 0]].concat();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn reads_plain_and_record_arrays() {
        let plain = file(
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }  \n",
            &2.5f64.to_le_bytes(),
        );
        assert_eq!(read_npy(&plain).unwrap().floats().unwrap(), [2.5]);
        let header = "{'descr': [('a', '|u1'), ('', '|V1'), ('b', '<i2')], 'fortran_order': False, 'shape': (2,)}";
        let record = read_npy(&file(header, &[1, 0, 2, 0, 3, 0, 4, 0])).unwrap();
        assert_eq!(record.field_ints("a").unwrap(), [1, 3]);
        assert_eq!(record.field_ints("b").unwrap(), [2, 4]);
    }

    #[test]
    fn refuses_code_objects_and_lies() {
        for header in [
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (9**9,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}",
            "{'descr': '<f8', 'fortran_order': False}",
            "__import__('os')",
            "",
        ] {
            assert!(read_npy(&file(header, &[0; 8])).is_err(), "{header}");
        }
        let deep = format!("{}{}", "(".repeat(5000), ")".repeat(4000));
        assert!(read_npy(&file(&deep, &[])).is_err());
    }
}
