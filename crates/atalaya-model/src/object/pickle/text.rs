//! The instructions of protocol 0 whose argument is a line of text.

use std::borrow::Cow;

use super::super::error::ObjectError;
use super::super::limits::MAX_INT_DIGITS;
use super::super::tree::Node;
use super::Machine;

impl<'a> Machine<'a> {
    pub(super) fn text_opcode(&mut self, opcode: u8) -> Result<bool, ObjectError> {
        match opcode {
            b'I' => match self.input.line()? {
                b"00" => self.push(self.builder.bool(false))?,
                b"01" => self.push(self.builder.bool(true))?,
                digits => self.integer(digits)?,
            },
            b'L' => {
                let line = self.input.line()?;
                self.integer(line.strip_suffix(b"L").unwrap_or(line))?;
            }
            b'F' => {
                let line = self.ascii_line()?;
                match line.parse::<f64>() {
                    Ok(value) => self.push_node(Node::Float(value))?,
                    Err(_) => return self.error("a float that is none"),
                }
            }
            b'S' => {
                let line = self.ascii_line()?;
                let quoted = ['\'', '"'].iter().find_map(|q| line.strip_prefix(*q)?.strip_suffix(*q));
                match quoted {
                    Some(text) if !text.contains('\\') => self.push_node(Node::Str(Cow::Borrowed(text)))?,
                    _ => return self.error("a quoted text that is not plain"),
                }
            }
            b'V' => {
                let line = self.input.line()?;
                let text = self.unescape(line)?;
                self.push_node(Node::Str(text))?;
            }
            b'c' => {
                let module = self.utf8_line()?;
                let name = self.utf8_line()?;
                self.global(Cow::Borrowed(module), Cow::Borrowed(name))?;
            }
            b'p' => {
                let slot = self.slot()?;
                self.put(slot)?;
            }
            b'g' => {
                let slot = self.slot()?;
                self.fetch(slot)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn utf8_line(&mut self) -> Result<&'a str, ObjectError> {
        let line = self.input.line()?;
        std::str::from_utf8(line).map_err(|_| self.input.error("text that is not UTF-8"))
    }

    fn ascii_line(&mut self) -> Result<&'a str, ObjectError> {
        let line = self.utf8_line()?;
        if line.is_ascii() {
            Ok(line)
        } else {
            self.error("text that is not ASCII")
        }
    }

    fn slot(&mut self) -> Result<u32, ObjectError> {
        let line = self.ascii_line()?;
        line.parse()
            .map_err(|_| self.input.error("a memo slot that is not a number"))
    }

    fn integer(&mut self, digits: &'a [u8]) -> Result<(), ObjectError> {
        if digits.len() > MAX_INT_DIGITS {
            return Err(ObjectError::TooLarge {
                what: "the number of digits of an integer",
            });
        }
        let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.iter().all(u8::is_ascii_digit) {
            return self.error("an integer that is none");
        }
        let small = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        self.push_node(small.map_or(Node::BigInt(Cow::Borrowed(digits)), Node::Int))
    }

    /// Python's `raw-unicode-escape`: Latin-1, and `\uXXXX` or `\UXXXXXXXX` for everything else.
    fn unescape(&mut self, line: &'a [u8]) -> Result<Cow<'a, str>, ObjectError> {
        if let (true, false, Ok(text)) = (line.is_ascii(), line.contains(&b'\\'), std::str::from_utf8(line)) {
            return Ok(Cow::Borrowed(text));
        }
        self.builder.budget.charge(2 * line.len())?;
        let mut text = String::with_capacity(line.len());
        let mut rest = line;
        while let Some((first, after)) = rest.split_first() {
            let width = match after.first() {
                Some(b'u') if *first == b'\\' => 4,
                Some(b'U') if *first == b'\\' => 8,
                _ => 0,
            };
            if width == 0 {
                text.push(char::from(*first));
                rest = after;
                continue;
            }
            let hex = after.get(1..=width).and_then(|hex| std::str::from_utf8(hex).ok());
            let hex = hex.filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let unit = hex
                .and_then(|hex| u32::from_str_radix(hex, 16).ok())
                .and_then(char::from_u32);
            match unit {
                Some(unit) => text.push(unit),
                None => return self.error("an escape that is no character"),
            }
            rest = &after[width + 1..];
        }
        Ok(Cow::Owned(text))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::read_pickle;
    use super::*;

    #[test]
    fn reads_protocol_0() {
        let tree = read_pickle(b"(lp0\nI7\naI01\naL-12L\naF1.5\naVa\\u000a\xe9\na.").unwrap();
        let items: Vec<_> = tree.root().elements().unwrap().collect();
        assert_eq!(items[0].as_i64(), Some(7));
        assert_eq!(items[1].as_bool(), Some(true));
        assert_eq!(items[2].as_i64(), Some(-12));
        assert_eq!(items[3].as_f64(), Some(1.5));
        assert_eq!(items[4].as_str(), Some("a\né"));
    }

    #[test]
    fn refuses_integers_that_take_quadratic_time() {
        let mut file = vec![b'L'];
        file.extend(std::iter::repeat_n(b'9', 60_000));
        file.extend(b"L\n.");
        assert!(matches!(read_pickle(&file), Err(ObjectError::TooLarge { .. })));
    }
}
