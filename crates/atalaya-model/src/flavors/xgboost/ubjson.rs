//! A reader of the UBJSON that XGBoost writes: UBJSON draft 12 (<https://ubjson.org>), big-endian, without no-op markers.

use std::borrow::Cow;

use super::error::XgboostError;
use super::value::{Builder, Inside, Packed, Value};

/// Reads a whole file.
pub(super) fn read(bytes: &[u8]) -> Result<Value<'_>, XgboostError> {
    let mut reader = Reader {
        bytes,
        at: 0,
        builder: Builder::new(bytes.len()),
        counts: Vec::new(),
    };
    reader.read()?;
    let value = reader.builder.finish();
    value.ok_or(XgboostError::Syntax {
        at: bytes.len(),
        what: "the file ends too early",
    })
}

struct Reader<'f> {
    bytes: &'f [u8],
    at: usize,
    builder: Builder<'f>,
    /// For each open list and object, how many values are to come, when it says so.
    counts: Vec<Option<usize>>,
}

/// The type that a marker stands for, when it is one of numbers.
fn packed(marker: u8) -> Option<Packed> {
    Some(match marker {
        b'i' => Packed::I8,
        b'U' => Packed::U8,
        b'I' => Packed::I16,
        b'u' => Packed::U16,
        b'l' => Packed::I32,
        b'm' => Packed::U32,
        b'L' => Packed::I64,
        b'M' => Packed::U64,
        b'd' => Packed::F32,
        b'D' => Packed::F64,
        _ => return None,
    })
}

impl<'f> Reader<'f> {
    fn fail<T>(&self, what: &'static str) -> Result<T, XgboostError> {
        Err(XgboostError::Syntax { at: self.at, what })
    }

    fn peek(&self) -> Result<u8, XgboostError> {
        match self.bytes.get(self.at) {
            Some(byte) => Ok(*byte),
            None => self.fail("the file ends too early"),
        }
    }

    fn marker(&mut self) -> Result<u8, XgboostError> {
        let marker = self.peek()?;
        self.at += 1;
        Ok(marker)
    }

    /// The next `length` bytes.
    fn take(&mut self, length: usize) -> Result<&'f [u8], XgboostError> {
        let taken = self.bytes[self.at..].get(..length);
        match taken {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => self.fail("a length goes beyond the end of the file"),
        }
    }

    fn number(&mut self, kind: Packed) -> Result<Value<'f>, XgboostError> {
        match kind.read(self.take(kind.width())?) {
            Some(value) => Ok(value),
            None => self.fail("an integer is beyond int64"),
        }
    }

    /// A length or count: an integer with its marker.
    fn length(&mut self) -> Result<usize, XgboostError> {
        let Some(kind) = packed(self.marker()?).filter(|kind| !matches!(kind, Packed::F32 | Packed::F64)) else {
            return self.fail("a length is no integer");
        };
        match self.number(kind)?.int().and_then(|length| usize::try_from(length).ok()) {
            Some(length) => Ok(length),
            None => self.fail("a length is negative"),
        }
    }

    /// A string without its marker: length and bytes.
    fn text(&mut self) -> Result<Cow<'f, str>, XgboostError> {
        let length = self.length()?;
        match std::str::from_utf8(self.take(length)?) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(_) => self.fail("a text is not UTF-8"),
        }
    }

    fn read(&mut self) -> Result<(), XgboostError> {
        self.value()?;
        while !self.builder.complete() {
            let inside = self.builder.inside();
            let closed = match self.counts.last_mut() {
                Some(Some(0)) => true,
                Some(Some(left)) => {
                    *left -= 1;
                    false
                }
                _ => match (self.peek()?, inside) {
                    (b']', Inside::List) | (b'}', Inside::Object) => {
                        self.at += 1;
                        true
                    }
                    _ => false,
                },
            };
            if closed {
                self.counts.pop();
                self.builder.close()?;
                continue;
            }
            if inside == Inside::Object {
                let key = self.text()?;
                self.builder.key(key);
            }
            self.value()?;
        }
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            self.fail("more bytes follow the end")
        }
    }

    /// One value, or the beginning of an object or a list.
    fn value(&mut self) -> Result<(), XgboostError> {
        let marker = self.marker()?;
        let value = match marker {
            b'{' => {
                let count = self.count()?;
                self.counts.push(count);
                return self.builder.open_object();
            }
            b'[' => return self.list(),
            b'S' => Value::Str(self.text()?),
            b'Z' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'C' => match std::str::from_utf8(self.take(1)?) {
                Ok(character) => Value::Str(Cow::Borrowed(character)),
                Err(_) => return self.fail("a character is not ASCII"),
            },
            _ => match packed(marker) {
                Some(kind) => self.number(kind)?,
                None => return self.fail("an unknown marker"),
            },
        };
        self.builder.value(value)
    }

    fn count(&mut self) -> Result<Option<usize>, XgboostError> {
        if self.peek()? != b'#' {
            return Ok(None);
        }
        self.at += 1;
        self.length().map(Some)
    }

    fn list(&mut self) -> Result<(), XgboostError> {
        if self.peek()? != b'$' {
            let count = self.count()?;
            self.counts.push(count);
            return self.builder.open_list();
        }
        self.at += 1;
        let Some(kind) = packed(self.marker()?) else {
            return self.fail("an array of one type that is not one of numbers");
        };
        let Some(count) = self.count()? else {
            return self.fail("an array of one type without a count");
        };
        let bytes = count.checked_mul(kind.width());
        let bytes = self.take(bytes.unwrap_or(usize::MAX))?;
        self.builder.value(Value::Packed(kind, bytes))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [b"L", &(text.len() as u64).to_be_bytes()[..], text.as_bytes()].concat()
    }

    #[test]
    fn objects_lists_and_numbers_are_read() {
        let entries = [
            [&text("a")[..], b"S", &text("é")].concat(),
            [&text("b")[..], b"[$d#L\0\0\0\0\0\0\0\x02\x3f\x80\0\0\x7f\x80\0\0"].concat(),
            [&text("c")[..], b"[#i\x02[]{}"].concat(),
            [&text("d")[..], b"[$l#i\x01\xff\xff\xff\xfe"].concat(),
            [&text("e")[..], b"[TFi\x05]"].concat(),
            [&text("f")[..], b"D\x3f\xe0\0\0\0\0\0\0"].concat(),
            [&text("g")[..], b"I\xff\xfd"].concat(),
            [&text("h")[..], b"Z"].concat(),
        ];
        let bytes = [b"{", &entries.concat()[..], b"}"].concat();
        let value = read(&bytes).unwrap();
        assert_eq!(value.get("a").unwrap().str(), Some("é"));
        assert_eq!(value.get("b").unwrap().singles().unwrap(), [1.0, f32::INFINITY]);
        assert_eq!(value.get("b").unwrap().ints(), None);
        assert_eq!(
            value.get("c"),
            Some(&Value::List(vec![Value::List(vec![]), Value::Object(vec![])]))
        );
        assert_eq!(value.get("d").unwrap().ints().unwrap(), [-2]);
        assert_eq!(value.get("e").unwrap().ints().unwrap(), [1, 0, 5]);
        assert_eq!(value.get("f").unwrap().single(), Some(0.5));
        assert_eq!(value.get("g").unwrap().int(), Some(-3));
        assert_eq!(value.get("h"), Some(&Value::Null));
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
        assert!(read(&[&bytes[..], b"Z"].concat()).is_err());
    }

    #[test]
    fn lengths_that_lie_are_refused_before_anything_is_allocated() {
        for bytes in [
            &b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff"[..],
            b"[$d#L\xff\xff\xff\xff\xff\xff\xff\xff",
            b"[$d#M\xff\xff\xff\xff\xff\xff\xff\xff",
            b"[$D#i\x02\0\0\0\0\0\0\0\0",
            b"[#L\x7f\xff\xff\xff\xff\xff\xff\xffZ",
            b"{#L\x7f\xff\xff\xff\xff\xff\xff\xffL",
            b"S L\x7f\xff\xff\xff",
            b"[$S#i\x01",
            b"[$di\x01",
            b"[$d#d\0\0\0\0",
            b"Q",
            b"",
        ] {
            assert!(matches!(read(bytes), Err(XgboostError::Syntax { .. })), "{bytes:?}");
        }
        assert_eq!(
            read(&b"[".repeat(60_000)).unwrap_err(),
            XgboostError::TooLarge {
                what: "the nesting of the model file"
            }
        );
    }

    #[test]
    fn many_small_values_are_too_many() {
        assert!(matches!(
            read(&[b"[", &b"Z".repeat(2_000_000)[..], b"]"].concat()),
            Err(XgboostError::TooLarge { .. })
        ));
    }
}
