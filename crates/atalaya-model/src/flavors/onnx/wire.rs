//! Protobuf's wire format, as borrowed fields of one message. Lengths are checked against the bytes that are left, so that
//! nothing is allocated for a length that lies. Format: <https://protobuf.dev/programming-guides/encoding/>.

use super::error::OnnxError;

/// The bytes of one message and where they start in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) offset: usize,
}

/// One field's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    Bytes(Message<'a>),
}

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) value: Value<'a>,
    pub(super) offset: usize,
}

/// Reads the fields of a message in their order.
pub(super) struct Fields<'a> {
    message: Message<'a>,
    at: usize,
}

impl<'a> Message<'a> {
    pub(super) fn fields(self) -> Fields<'a> {
        Fields { message: self, at: 0 }
    }
}

impl<'a> Fields<'a> {
    /// The next field; `None` at the end of the message.
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, OnnxError> {
        if self.at == self.message.bytes.len() {
            return Ok(None);
        }
        let offset = self.message.offset + self.at;
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| self.wrong("a field number out of range"))?;
        if number == 0 {
            return Err(self.wrong("a field number out of range"));
        }
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.chunk()?),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.bytes(len)?)
            }
            5 => Value::Fixed32(self.chunk()?),
            _ => return Err(self.wrong("a field of a type that no model has")),
        };
        Ok(Some(Field { number, value, offset }))
    }

    fn wrong(&self, problem: &'static str) -> OnnxError {
        OnnxError::Wire {
            problem,
            offset: self.message.offset + self.at,
        }
    }

    fn varint(&mut self) -> Result<u64, OnnxError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let Some(byte) = self.message.bytes.get(self.at) else {
                return Err(self.wrong("the file ends inside a number"));
            };
            self.at += 1;
            if shift == 63 && byte & 0x7e != 0 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.wrong("a number of more than 64 bits"))
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], OnnxError> {
        let rest = self.message.bytes.get(self.at..).unwrap_or_default();
        let Some(chunk) = rest.first_chunk::<N>() else {
            return Err(self.wrong("the file ends inside a number"));
        };
        self.at += N;
        Ok(*chunk)
    }

    fn bytes(&mut self, len: u64) -> Result<Message<'a>, OnnxError> {
        let rest = self.message.bytes.get(self.at..).unwrap_or_default();
        let found = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let Some(bytes) = found else {
            return Err(self.wrong("a field is longer than what holds it"));
        };
        let offset = self.message.offset + self.at;
        self.at += bytes.len();
        Ok(Message { bytes, offset })
    }
}

impl<'a> Field<'a> {
    fn wrong(&self) -> OnnxError {
        OnnxError::Wire {
            problem: "a field of another type than ONNX gives it",
            offset: self.offset,
        }
    }

    pub(super) fn message(&self) -> Result<Message<'a>, OnnxError> {
        match self.value {
            Value::Bytes(message) => Ok(message),
            _ => Err(self.wrong()),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, OnnxError> {
        std::str::from_utf8(self.message()?.bytes).map_err(|_| OnnxError::Wire {
            problem: "a text that is not UTF-8",
            offset: self.offset,
        })
    }

    pub(super) fn int(&self) -> Result<i64, OnnxError> {
        match self.value {
            Value::Varint(value) => Ok(value.cast_signed()),
            _ => Err(self.wrong()),
        }
    }

    pub(super) fn float(&self) -> Result<f32, OnnxError> {
        match self.value {
            Value::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(self.wrong()),
        }
    }

    /// One integer, or a packed list of them, appended to `all`.
    pub(super) fn push_ints(&self, all: &mut Vec<i64>) -> Result<(), OnnxError> {
        match self.value {
            Value::Varint(value) => all.push(value.cast_signed()),
            Value::Bytes(message) => {
                let mut packed = Fields { message, at: 0 };
                while packed.at < message.bytes.len() {
                    all.push(packed.varint()?.cast_signed());
                }
            }
            _ => return Err(self.wrong()),
        }
        Ok(())
    }

    /// One float, or a packed list of them, appended to `all`.
    pub(super) fn push_floats(&self, all: &mut Vec<f32>) -> Result<(), OnnxError> {
        match self.value {
            Value::Fixed32(bytes) => all.push(f32::from_le_bytes(bytes)),
            Value::Bytes(message) => {
                let (chunks, []) = message.bytes.as_chunks::<4>() else {
                    return Err(self.wrong());
                };
                all.extend(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)));
            }
            _ => return Err(self.wrong()),
        }
        Ok(())
    }

    /// One double, or a packed list of them, appended to `all`.
    pub(super) fn push_doubles(&self, all: &mut Vec<f64>) -> Result<(), OnnxError> {
        match self.value {
            Value::Fixed64(bytes) => all.push(f64::from_le_bytes(bytes)),
            Value::Bytes(message) => {
                let (chunks, []) = message.bytes.as_chunks::<8>() else {
                    return Err(self.wrong());
                };
                all.extend(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)));
            }
            _ => return Err(self.wrong()),
        }
        Ok(())
    }
}
