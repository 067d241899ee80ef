//! A reader of the JSON that XGBoost writes: that of RFC 8259, and the numbers `NaN` and `Infinity` besides.

use std::borrow::Cow;

use super::error::XgboostError;
use super::value::{Builder, Inside, Value};

/// Reads a whole file.
pub(super) fn read(bytes: &[u8]) -> Result<Value<'_>, XgboostError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(XgboostError::Syntax {
            at: 0,
            what: "the file is not UTF-8 text",
        });
    };
    let mut reader = Reader {
        text,
        at: 0,
        builder: Builder::new(bytes.len()),
    };
    reader.read()?;
    let value = reader.builder.finish();
    value.ok_or(XgboostError::Syntax {
        at: bytes.len(),
        what: "the file ends too early",
    })
}

struct Reader<'f> {
    text: &'f str,
    at: usize,
    builder: Builder<'f>,
}

/// Whether a byte may stand in a number, or between numbers. What the numbers say is looked at by whoever needs them.
fn numeric(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E') || b"NaInfity".contains(&byte)
}

impl<'f> Reader<'f> {
    fn fail<T>(&self, what: &'static str) -> Result<T, XgboostError> {
        Err(XgboostError::Syntax { at: self.at, what })
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Result<u8, XgboostError> {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += blank.count();
        match self.text.as_bytes().get(self.at) {
            Some(byte) => Ok(*byte),
            None => self.fail("the file ends too early"),
        }
    }

    fn read(&mut self) -> Result<(), XgboostError> {
        self.value()?;
        while !self.builder.complete() {
            let (byte, inside) = (self.peek()?, self.builder.inside());
            self.at += 1;
            match (byte, inside) {
                (b',', Inside::List) => self.value()?,
                (b',', Inside::Object) => self.entry()?,
                (b']', Inside::List) | (b'}', Inside::Object) => self.builder.close()?,
                _ => return self.fail("a comma or a closing bracket was expected"),
            }
        }
        if self.text.as_bytes()[self.at..].iter().all(u8::is_ascii_whitespace) {
            Ok(())
        } else {
            self.fail("more text follows the end")
        }
    }

    /// One value; of an object or a list that is not empty, its beginning up to and with its first plain value.
    fn value(&mut self) -> Result<(), XgboostError> {
        loop {
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    self.builder.open_object()?;
                    if self.peek()? == b'}' {
                        self.at += 1;
                        return self.builder.close();
                    }
                    self.key()?;
                }
                b'[' => {
                    self.at += 1;
                    match self.peek()? {
                        b']' => {
                            self.at += 1;
                            return self.builder.value(Value::Texts(""));
                        }
                        b'0'..=b'9' | b'-' | b'N' | b'I' => return self.numbers(),
                        _ => self.builder.open_list()?,
                    }
                }
                b'"' => {
                    let text = self.string()?;
                    return self.builder.value(Value::Str(text));
                }
                b't' => return self.word("true", Value::Bool(true)),
                b'f' => return self.word("false", Value::Bool(false)),
                b'n' => return self.word("null", Value::Null),
                b'0'..=b'9' | b'-' | b'N' | b'I' => {
                    let text = self.take_while(numeric);
                    return self.builder.value(Value::Text(text));
                }
                _ => return self.fail("a value was expected"),
            }
        }
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'f str {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        self.at += rest.iter().take_while(|byte| wanted(**byte)).count();
        // Only ASCII was taken, so that both ends are borders of characters.
        &self.text[start..self.at]
    }

    /// The numbers of an array, up to its end.
    fn numbers(&mut self) -> Result<(), XgboostError> {
        let text = self.take_while(|byte| numeric(byte) || matches!(byte, b',' | b' ' | b'\t' | b'\n' | b'\r'));
        if self.peek()? != b']' {
            return self.fail("an array of numbers has something else in it");
        }
        self.at += 1;
        self.builder.value(Value::Texts(text))
    }

    fn word(&mut self, word: &str, value: Value<'f>) -> Result<(), XgboostError> {
        if !self.text[self.at..].starts_with(word) {
            return self.fail("a value was expected");
        }
        self.at += word.len();
        self.builder.value(value)
    }

    fn entry(&mut self) -> Result<(), XgboostError> {
        self.key()?;
        self.value()
    }

    fn key(&mut self) -> Result<(), XgboostError> {
        if self.peek()? != b'"' {
            return self.fail("a key was expected");
        }
        let key = self.string()?;
        if self.peek()? != b':' {
            return self.fail("a colon was expected");
        }
        self.at += 1;
        self.builder.key(key);
        Ok(())
    }

    /// A string, from its first quote.
    fn string(&mut self) -> Result<Cow<'f, str>, XgboostError> {
        self.at += 1;
        let plain = self.take_text();
        match self.text.as_bytes().get(self.at) {
            Some(b'"') => {
                self.at += 1;
                return Ok(Cow::Borrowed(plain));
            }
            Some(b'\\') => {}
            _ => return self.fail("a text has no end"),
        }
        let mut text = plain.to_owned();
        loop {
            text.push_str(self.take_text());
            let rest = &self.text.as_bytes()[self.at..];
            let (escaped, length) = match rest {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                [b'\\', b'u', ..] => {
                    text.push(self.unicode()?);
                    continue;
                }
                [b'\\', escaped, ..] => (*escaped, 2),
                _ => return self.fail("a text has no end"),
            };
            text.push(match escaped {
                b'"' | b'\\' | b'/' => char::from(escaped),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                _ => return self.fail("a text has an unknown escape"),
            });
            self.at += length;
        }
    }

    /// What is left of a string before its end or the next escape.
    fn take_text(&mut self) -> &'f str {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        self.at += rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\')).count();
        &self.text[start..self.at]
    }

    /// `\uXXXX`, or two of them for a character beyond the first plane.
    fn unicode(&mut self) -> Result<char, XgboostError> {
        let first = self.four_digits()?;
        let code = if (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let second = self.four_digits()?;
            if !(0xDC00..0xE000).contains(&second) {
                return self.fail("a text has half a surrogate pair");
            }
            0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        match char::from_u32(code) {
            Some(character) => Ok(character),
            None => self.fail("a text has half a surrogate pair"),
        }
    }

    fn four_digits(&mut self) -> Result<u32, XgboostError> {
        let digits = self.text.as_bytes().get(self.at + 2..self.at + 6);
        let code = digits.and_then(|digits| {
            let mut values = digits.iter().map(|digit| char::from(*digit).to_digit(16));
            values.try_fold(0, |code, digit| Some(code * 16 + digit?))
        });
        match code {
            Some(code) => {
                self.at += 6;
                Ok(code)
            }
            None => self.fail("a text has an unknown escape"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn objects_lists_and_numbers_are_read() {
        let text = br#" {"b": [1, -2 ,3E0], "a": {"x\n\u00e9\ud83d\ude00": null, "": [true, false]}, "c": [],
            "d": [[1.5], ["s"]], "e": NaN, "f": [NaN,-Infinity, 1E-45], "g": 7} "#;
        let value = read(text).unwrap();
        assert_eq!(value.get("b").unwrap().singles().unwrap(), [1.0, -2.0, 3.0]);
        assert_eq!(value.get("b").unwrap().ints(), None);
        assert_eq!(value.at(&["a", "x\né😀"]), Some(&Value::Null));
        assert_eq!(value.at(&["a", ""]).unwrap().ints().unwrap(), [1, 0]);
        let empty = value.get("c").unwrap();
        assert_eq!(
            (empty.ints(), empty.strs(), empty.list().map(<[_]>::len)),
            (Some(vec![]), Some(vec![]), Some(0))
        );
        let nested = value.get("d").unwrap().list().unwrap();
        assert_eq!(nested[0].singles().unwrap(), [1.5]);
        assert_eq!(nested[1].strs().unwrap(), ["s"]);
        assert!(value.get("e").unwrap().single().unwrap().is_nan());
        let odd = value.get("f").unwrap().singles().unwrap();
        assert!(odd[0].is_nan());
        assert_eq!((odd[1], odd[2].to_bits()), (f32::NEG_INFINITY, 1));
        assert_eq!(value.get("g").unwrap().int(), Some(7));
        assert_eq!(value.get("h"), None);
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (text, at) in [
            (&b"{\"a\": 1"[..], 7),
            (b"{\"a\" 1}", 5),
            (b"{\"a\": 1,}", 8),
            (b"{\"a\": 1} x", 8),
            (b"[1, \"a\"]", 4),
            (b"[\"a\", 1}", 8),
            (b"{\"a\": tru}", 6),
            (b"{\"a\": \"x", 8),
            (b"{\"a\": \"\\x\"}", 7),
            (b"{\"a\": \"\\ud800\"}", 13),
            (b"{\"a\": \"\\u12", 7),
            (b"", 0),
        ] {
            let error = read(text).unwrap_err();
            assert!(
                matches!(error, XgboostError::Syntax { at: found, .. } if found == at),
                "{}: {error:?}",
                String::from_utf8_lossy(text)
            );
        }
        assert!(read(b"{\"a\": 1, \"b\": 2, \"a\": 3}").is_err());
        assert!(read(b"\xff").is_err());
        assert_eq!(
            read(&b"[[".repeat(100_000)).unwrap_err(),
            XgboostError::TooLarge {
                what: "the nesting of the model file"
            }
        );
    }

    #[test]
    fn many_small_values_are_too_many() {
        let text = format!("[{}\"\"]", "{\"a\":{}},".repeat(2_000_000));
        assert!(matches!(
            read(text.as_bytes()).unwrap_err(),
            XgboostError::TooLarge { .. }
        ));
    }
}
