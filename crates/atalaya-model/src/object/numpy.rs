//! numpy arrays and dtypes as data: assembled from what pickles and `.npy` files say, with every size checked first.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::ObjectError;
use super::limits::MAX_RANK;
use super::tree::NodeId;

/// What one element of an array is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// One byte, 0 or 1.
    Bool,
    /// Signed integer of 1, 2, 4 or 8 bytes.
    Int,
    /// Unsigned integer of 1, 2, 4 or 8 bytes.
    UInt,
    /// Float of 4 or 8 bytes.
    Float,
    /// Text, four bytes per character, padded with zeros.
    Str,
    /// A reference to another value.
    Object,
    /// A record of fields.
    Record,
    /// Anything else: known to numpy, never read by us.
    Other,
}

/// Type, size and byte order of elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dtype {
    /// What an element is.
    pub scalar: Scalar,
    /// Bytes per element.
    pub itemsize: usize,
    /// Whether elements are stored most significant byte first.
    pub big_endian: bool,
    /// The fields of a record, in order.
    pub fields: Vec<Field>,
}

/// A field of a record dtype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it is; records do not nest.
    pub scalar: Scalar,
    /// Bytes.
    pub itemsize: usize,
    /// Whether it is stored most significant byte first.
    pub big_endian: bool,
    /// Bytes from the start of the record.
    pub offset: usize,
}

/// An array.
#[derive(Debug, Clone)]
pub struct Array<'a> {
    /// What its elements are.
    pub dtype: Arc<Dtype>,
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Whether the first index varies fastest in memory.
    pub fortran: bool,
    /// The elements.
    pub data: Elements<'a>,
}

/// The elements of an array.
#[derive(Debug, Clone)]
pub enum Elements<'a> {
    /// As in memory.
    Raw(Cow<'a, [u8]>),
    /// References to other values, the last index varying fastest.
    Objects(Vec<NodeId>),
}

fn bad<T>(what: &'static str) -> Result<T, ObjectError> {
    Err(ObjectError::Numpy { what })
}

impl Dtype {
    /// Reads a type string: `<f8`, `|b1`, `O8`, `<U5`, `V64`.
    pub(super) fn parse(text: &str) -> Result<Self, ObjectError> {
        let (big_endian, rest) = match text.as_bytes() {
            [b'>', ..] => (true, &text[1..]),
            [b'<' | b'|' | b'=', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        let mut chars = rest.chars();
        let kind = chars.next();
        let digits = chars.as_str();
        let size = if digits.is_empty() {
            None
        } else {
            digits.parse::<usize>().ok()
        };
        if size.is_none() && !digits.is_empty() && !matches!(kind, Some('M' | 'm')) {
            return bad("a dtype that numpy does not know");
        }
        let (scalar, itemsize) = match (kind, size) {
            (Some('b'), Some(1)) | (Some('?'), None) => (Scalar::Bool, 1),
            (Some('i'), Some(n @ (1 | 2 | 4 | 8))) => (Scalar::Int, n),
            (Some('u'), Some(n @ (1 | 2 | 4 | 8))) => (Scalar::UInt, n),
            (Some('f'), Some(n @ (4 | 8))) => (Scalar::Float, n),
            (Some('f'), Some(n @ (2 | 16))) | (Some('c'), Some(n @ (8 | 16 | 32))) => (Scalar::Other, n),
            (Some('U'), Some(n)) => (
                Scalar::Str,
                n.checked_mul(4)
                    .ok_or(ObjectError::TooLarge { what: "a dtype's size" })?,
            ),
            (Some('S' | 'V' | 'a'), Some(n)) => (Scalar::Other, n),
            (Some('M' | 'm'), _) => (Scalar::Other, 8),
            (Some('O'), None | Some(_)) => (Scalar::Object, 8),
            _ => return bad("a dtype that numpy does not know"),
        };
        Ok(Self {
            scalar,
            itemsize,
            big_endian,
            fields: Vec::new(),
        })
    }

    /// A record of `fields`, `itemsize` bytes each.
    pub(super) fn record(fields: Vec<Field>, itemsize: usize) -> Result<Self, ObjectError> {
        for field in &fields {
            if field
                .offset
                .checked_add(field.itemsize)
                .is_none_or(|end| end > itemsize)
            {
                return bad("a field outside its record");
            }
        }
        Ok(Self {
            scalar: Scalar::Record,
            itemsize,
            big_endian: false,
            fields,
        })
    }

    /// This dtype as a field; `None` for a record or a reference.
    pub(super) fn as_field(&self, name: &str, offset: usize) -> Option<Field> {
        let Self {
            scalar,
            itemsize,
            big_endian,
            ..
        } = *self;
        if matches!(scalar, Scalar::Record | Scalar::Object) {
            return None;
        }
        Some(Field {
            name: name.to_owned(),
            scalar,
            itemsize,
            big_endian,
            offset,
        })
    }
}

/// The number of elements, with overflow and rank checked.
pub(super) fn element_count(shape: &[usize]) -> Result<usize, ObjectError> {
    if shape.len() > MAX_RANK {
        return bad("too many dimensions");
    }
    shape
        .iter()
        .try_fold(1usize, |n, dim| n.checked_mul(*dim))
        .ok_or(ObjectError::TooLarge {
            what: "an array's shape",
        })
}

impl<'a> Array<'a> {
    /// An array over `bytes`, which must be as many as the shape and dtype say.
    pub(super) fn from_bytes(
        dtype: Arc<Dtype>,
        shape: Vec<usize>,
        fortran: bool,
        bytes: Cow<'a, [u8]>,
    ) -> Result<Self, ObjectError> {
        if dtype.scalar == Scalar::Object {
            return bad("an array of references that has bytes");
        }
        let count = element_count(&shape)?;
        let size = count.checked_mul(dtype.itemsize).ok_or(ObjectError::TooLarge {
            what: "an array's shape",
        })?;
        if size != bytes.len() {
            return bad("shape and dtype do not match the number of bytes");
        }
        if dtype.itemsize == 0 && count > 0 {
            return bad("elements of no size");
        }
        Ok(Self {
            dtype,
            shape,
            fortran,
            data: Elements::Raw(bytes),
        })
    }

    /// An array of references.
    pub(super) fn from_objects(
        dtype: Arc<Dtype>,
        shape: Vec<usize>,
        objects: Vec<NodeId>,
    ) -> Result<Self, ObjectError> {
        if dtype.scalar != Scalar::Object {
            return bad("an array of numbers that has references");
        }
        if element_count(&shape)? != objects.len() {
            return bad("shape does not match the number of references");
        }
        Ok(Self {
            dtype,
            shape,
            fortran: false,
            data: Elements::Objects(objects),
        })
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.data {
            Elements::Raw(bytes) => bytes.len().checked_div(self.dtype.itemsize).unwrap_or(0),
            Elements::Objects(objects) => objects.len(),
        }
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether elements are 32-bit floats.
    #[must_use]
    pub fn is_f32(&self) -> bool {
        self.dtype.scalar == Scalar::Float && self.dtype.itemsize == 4
    }

    /// Every element as a double, the last index varying fastest; `None` when they are not numbers or booleans.
    /// Integers beyond 2^53 round, as in numpy.
    #[must_use]
    pub fn floats(&self) -> Option<Vec<f64>> {
        let Dtype {
            scalar,
            itemsize,
            big_endian,
            ..
        } = *self.dtype;
        self.decode(0, itemsize, |bytes| float(scalar, big_endian, bytes))
    }

    /// Every element as an integer; `None` when they are not integers or booleans that fit.
    #[must_use]
    pub fn ints(&self) -> Option<Vec<i64>> {
        let Dtype {
            scalar,
            itemsize,
            big_endian,
            ..
        } = *self.dtype;
        self.decode(0, itemsize, |bytes| int(scalar, big_endian, bytes))
    }

    /// Every element as text; `None` when they are not text.
    #[must_use]
    pub fn strings(&self) -> Option<Vec<String>> {
        let Dtype {
            scalar,
            itemsize,
            big_endian,
            ..
        } = *self.dtype;
        if scalar != Scalar::Str {
            return None;
        }
        self.decode(0, itemsize, |bytes| text(big_endian, bytes))
    }

    /// One field of every record, as doubles.
    #[must_use]
    pub fn field_floats(&self, name: &str) -> Option<Vec<f64>> {
        let field = self.dtype.fields.iter().find(|field| field.name == name)?;
        self.decode(field.offset, field.itemsize, |bytes| {
            float(field.scalar, field.big_endian, bytes)
        })
    }

    /// One field of every record, as integers.
    #[must_use]
    pub fn field_ints(&self, name: &str) -> Option<Vec<i64>> {
        let field = self.dtype.fields.iter().find(|field| field.name == name)?;
        self.decode(field.offset, field.itemsize, |bytes| {
            int(field.scalar, field.big_endian, bytes)
        })
    }

    fn decode<T>(&self, offset: usize, size: usize, read: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
        let Elements::Raw(bytes) = &self.data else { return None };
        let stride = self.dtype.itemsize;
        if stride == 0 {
            return Some(Vec::new());
        }
        let count = bytes.len() / stride;
        let mut values = Vec::with_capacity(count);
        for position in 0..count {
            let at = if self.fortran {
                self.fortran_position(position)
            } else {
                position
            } * stride
                + offset;
            values.push(read(bytes.get(at..at + size)?)?);
        }
        Some(values)
    }

    /// Where in memory the element is that comes `position`-th when the last index varies fastest.
    fn fortran_position(&self, position: usize) -> usize {
        let mut rest = position;
        let mut at = 0;
        let mut stride = self.shape.iter().product::<usize>();
        for dim in self.shape.iter().rev() {
            stride /= dim;
            at += rest % dim * stride;
            rest /= dim;
        }
        at
    }
}

/// The bytes of one number, least significant first, extended to eight.
fn little(big_endian: bool, bytes: &[u8], fill: u8) -> [u8; 8] {
    let mut wide = [fill; 8];
    for (i, byte) in bytes.iter().enumerate().take(8) {
        let at = if big_endian { bytes.len() - 1 - i } else { i };
        wide[at] = *byte;
    }
    wide
}

fn int(scalar: Scalar, big_endian: bool, bytes: &[u8]) -> Option<i64> {
    match scalar {
        Scalar::Bool => Some(i64::from(*bytes.first()? != 0)),
        Scalar::UInt => i64::try_from(u64::from_le_bytes(little(big_endian, bytes, 0))).ok(),
        Scalar::Int => {
            let top = if big_endian { bytes.first()? } else { bytes.last()? };
            Some(i64::from_le_bytes(little(
                big_endian,
                bytes,
                if top & 0x80 == 0 { 0 } else { 0xff },
            )))
        }
        _ => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "integers beyond 2^53 round to the nearest double, as numpy's cast does"
)]
fn float(scalar: Scalar, big_endian: bool, bytes: &[u8]) -> Option<f64> {
    match (scalar, bytes.len()) {
        (Scalar::Float, 8) => Some(f64::from_le_bytes(little(big_endian, bytes, 0))),
        (Scalar::Float, 4) => {
            let [a, b, c, d, ..] = little(big_endian, bytes, 0);
            Some(f64::from(f32::from_le_bytes([a, b, c, d])))
        }
        (Scalar::UInt, _) => Some(u64::from_le_bytes(little(big_endian, bytes, 0)) as f64),
        _ => int(scalar, big_endian, bytes).map(|value| value as f64),
    }
}

fn text(big_endian: bool, bytes: &[u8]) -> Option<String> {
    let units = bytes.chunks_exact(4).map(|unit| {
        let [a, b, c, d, ..] = little(big_endian, unit, 0);
        u32::from_le_bytes([a, b, c, d])
    });
    let units: Vec<u32> = units.collect();
    let end = units.iter().rposition(|unit| *unit != 0).map_or(0, |last| last + 1);
    units[..end].iter().map(|unit| char::from_u32(*unit)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn array(dtype: &str, shape: &[usize], fortran: bool, bytes: &[u8]) -> Result<Array<'static>, ObjectError> {
        Array::from_bytes(
            Arc::new(Dtype::parse(dtype)?),
            shape.to_vec(),
            fortran,
            Cow::Owned(bytes.to_vec()),
        )
    }

    #[test]
    fn reads_both_byte_orders_and_memory_orders() {
        assert_eq!(
            array("<i2", &[2], false, &[1, 0, 0xff, 0xff]).unwrap().ints().unwrap(),
            [1, -1]
        );
        assert_eq!(
            array(">i2", &[2], false, &[0, 1, 0xff, 0xfe]).unwrap().ints().unwrap(),
            [1, -2]
        );
        let columns = array("|u1", &[2, 3], true, &[1, 4, 2, 5, 3, 6]).unwrap();
        assert_eq!(columns.ints().unwrap(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(
            array(">f8", &[1], false, &1.5f64.to_be_bytes())
                .unwrap()
                .floats()
                .unwrap(),
            [1.5]
        );
        assert_eq!(
            array("<U2", &[1], false, &[b'h', 0, 0, 0, 0, 0, 0, 0])
                .unwrap()
                .strings()
                .unwrap(),
            ["h"]
        );
    }

    #[test]
    fn refuses_sizes_that_lie() {
        assert!(array("<f8", &[2], false, &[0; 8]).is_err());
        assert!(array("<f8", &[usize::MAX, 3], false, &[0; 8]).is_err());
        assert!(array("<U0", &[1 << 40], false, &[]).is_err());
        assert!(array("<f8", &[1; 33], false, &[0; 8]).is_err());
        assert!(array("O8", &[1], false, &[0; 8]).is_err());
        for dtype in ["", "<", "x8", "f7", "i99999999999999999999", "<f8x", "é4"] {
            assert!(Dtype::parse(dtype).is_err(), "{dtype}");
        }
    }
}
