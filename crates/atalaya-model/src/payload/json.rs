//! A strict RFC 8259 reader that is pulled value by value, so that numbers arrive as they are spelled.
//!
//! `serde_json` hands a 30-digit integer over as a rounded float, keeps the last of two equal keys, and repeats input
//! in its errors; here nothing is rounded before the column's type is known, nothing recurses, and no text of the body
//! reaches an error. It accepts exactly what `serde_json` accepts (a fuzz target compares them), up to the limits.

use std::borrow::Cow;

use super::error::PayloadError;
use super::limits::{MAX_DEPTH, MAX_NUMBER_BYTES, MAX_TEXT_BYTES};
use super::number::{Digits, Number};

/// A position in a JSON text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    nan_literals: bool,
}

/// A value that has no parts, or the sign that one with parts begins here.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    /// As spelled, in JSON's grammar.
    Number(Number<'a>),
    Text(Cow<'a, str>),
    /// `NaN` or an infinity, where the caller allows them.
    Word(f64),
    /// `[` or `{`, not consumed.
    Nested,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            nan_literals: false,
        }
    }

    /// Takes `NaN`, `Infinity` and `-Infinity` for values, as Python's reader does.
    pub(super) fn allow_nan_literals(&mut self) {
        self.nan_literals = true;
    }

    /// The text from a mark up to here.
    pub(super) fn since(&self, mark: usize) -> &'a str {
        &self.text[mark..self.at]
    }

    /// Where the next value begins; for [`Scanner::back_to`].
    pub(super) fn mark(&mut self) -> usize {
        self.skip_space();
        self.at
    }

    /// Goes back to a value that was skipped at this nesting depth.
    pub(super) fn back_to(&mut self, mark: usize) {
        self.at = mark;
    }

    /// The first byte of the next token.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.byte()
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// The error `problem` at the present position.
    #[cold]
    pub(super) fn error(&self, problem: &'static str) -> PayloadError {
        let (line, column) = self.line_and_column();
        PayloadError::Json { problem, line, column }
    }

    fn line_and_column(&self) -> (usize, usize) {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        (line, before.len() - start + 1)
    }

    /// Steps over `[` or `{`; false when the list or object is empty, and then over its end as well.
    #[inline]
    fn open(&mut self, end: u8) -> Result<bool, PayloadError> {
        self.at += 1;
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(false);
        }
        self.deeper()?;
        Ok(true)
    }

    fn deeper(&mut self) -> Result<(), PayloadError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            Err(self.error("it is nested too deeply"))
        } else {
            Ok(())
        }
    }

    /// After a part: steps over `,` and gives true, or over the end and gives false.
    #[inline]
    fn next_part(&mut self, end: u8, problem: &'static str) -> Result<bool, PayloadError> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.error(problem)),
        }
    }

    /// Steps into a list, which must begin here; false when it is empty.
    pub(super) fn open_list(&mut self) -> Result<bool, PayloadError> {
        self.open(b']')
    }

    /// After an element of a list: whether another follows.
    pub(super) fn next_element(&mut self) -> Result<bool, PayloadError> {
        self.next_part(b']', "expected `,` or `]`")
    }

    /// Steps into an object, which must begin here; false when it is empty.
    pub(super) fn open_object(&mut self) -> Result<bool, PayloadError> {
        self.open(b'}')
    }

    /// After a value of an object: whether another key follows.
    pub(super) fn next_field(&mut self) -> Result<bool, PayloadError> {
        self.next_part(b'}', "expected `,` or `}`")
    }

    /// A key and the `:` behind it.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Cow<'a, str>, PayloadError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a key"));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.error("expected `:`"));
        }
        self.at += 1;
        Ok(key)
    }

    /// The next value, or [`Token::Nested`] when it has parts.
    #[inline]
    pub(super) fn token(&mut self) -> Result<Token<'a>, PayloadError> {
        match self.peek() {
            Some(b'"') => self.string().map(Token::Text),
            Some(b'N') if self.nan_literals => self.word("NaN", Token::Word(f64::NAN)),
            Some(b'I') if self.nan_literals => self.word("Infinity", Token::Word(f64::INFINITY)),
            Some(b'-') if self.nan_literals && self.text.as_bytes().get(self.at + 1) == Some(&b'I') => {
                self.word("-Infinity", Token::Word(f64::NEG_INFINITY))
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Number),
            Some(b'[' | b'{') => Ok(Token::Nested),
            Some(b'n') => self.word("null", Token::Null),
            Some(b't') => self.word("true", Token::Bool(true)),
            Some(b'f') => self.word("false", Token::Bool(false)),
            Some(b'N' | b'I') => Err(self.nan_or("expected a value")),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("it ends too early")),
        }
    }

    /// The body has nothing more.
    pub(super) fn end(&mut self) -> Result<(), PayloadError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("something follows the end")),
        }
    }

    /// Reads a value of any kind and forgets it; a loop, not a recursion.
    pub(super) fn skip_value(&mut self) -> Result<(), PayloadError> {
        let outside = self.depth;
        // One bit per open level above `outside`, 1 for an object; MAX_DEPTH levels fit.
        let mut objects = 0u128;
        loop {
            let opened = match self.peek() {
                Some(b'{') => self.open_object()?.then_some(1),
                Some(b'[') => self.open_list()?.then_some(0),
                _ => {
                    self.token()?;
                    None
                }
            };
            if let Some(bit) = opened {
                objects = (objects << 1) | bit;
            } else if !self.next_skipped(outside, &mut objects)? {
                return Ok(());
            }
            if objects & 1 == 1 {
                self.key()?;
            }
        }
    }

    /// After a skipped value: closes what ends here; false when that was the whole value.
    fn next_skipped(&mut self, outside: u32, objects: &mut u128) -> Result<bool, PayloadError> {
        while self.depth > outside {
            let another = if *objects & 1 == 1 {
                self.next_field()?
            } else {
                self.next_element()?
            };
            if another {
                return Ok(true);
            }
            *objects >>= 1;
        }
        Ok(false)
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, PayloadError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(token)
    }

    #[cold]
    fn nan_or(&self, problem: &'static str) -> PayloadError {
        let rest = &self.text.as_bytes()[self.at..];
        if [&b"NaN"[..], b"Infinity", b"-Infinity", b"-NaN"]
            .iter()
            .any(|word| rest.starts_with(word))
        {
            let (line, column) = self.line_and_column();
            return PayloadError::NanLiteral { line, column };
        }
        self.error(problem)
    }

    /// A number, from its `-` or first digit.
    fn number(&mut self) -> Result<Number<'a>, PayloadError> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if self.byte() == Some(b'-') {
            if !matches!(bytes.get(start + 1), Some(b'0'..=b'9')) {
                return Err(self.nan_or("a number is incomplete"));
            }
            self.at += 1;
        }
        let mut digits = Digits::default();
        self.at = match self.byte() {
            Some(b'0') => self.at + 1,
            _ => digits.read(bytes, self.at),
        };
        let mut fraction = None;
        if self.byte() == Some(b'.') {
            let point = self.at + 1;
            self.at = digits.read(bytes, point);
            if self.at == point {
                return Err(self.error("a number is incomplete"));
            }
            fraction = Some(self.at - point);
        }
        let mut exponent = None;
        if matches!(self.byte(), Some(b'e' | b'E')) {
            let behind = self.at + 1;
            self.at = behind + usize::from(matches!(bytes.get(behind), Some(b'+' | b'-')));
            let end = Digits::default().read(bytes, self.at);
            if end == self.at {
                return Err(self.error("a number is incomplete"));
            }
            self.at = end;
            exponent = Some(&self.text[behind..end]);
        }
        if self.at - start > MAX_NUMBER_BYTES {
            return Err(PayloadError::TooMany {
                what: "characters in one number",
                limit: MAX_NUMBER_BYTES,
            });
        }
        Ok(Number::new(&self.text[start..self.at], digits, fraction, exponent))
    }

    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>, PayloadError> {
        self.at += 1;
        let plain = self.plain_run()?;
        if self.byte() == Some(b'"') {
            self.at += 1;
            return check_length(plain.len()).map(|()| Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            // `plain_run` stops at `"` and `\` only.
            self.at += 1;
            if self.text.as_bytes()[self.at - 1] == b'"' {
                return Ok(Cow::Owned(text));
            }
            text.push(self.escape()?);
            text.push_str(self.plain_run()?);
            check_length(text.len())?;
        }
    }

    /// The characters up to the next `"` or `\`, which must come.
    fn plain_run(&mut self) -> Result<&'a str, PayloadError> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let Some(length) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) else {
            self.at = self.text.len();
            return Err(self.error("a string does not end"));
        };
        self.at += length;
        if rest[length] < 0x20 {
            return Err(self.error("a control character stands in a string"));
        }
        Ok(&self.text[start..self.at])
    }

    /// What follows a `\`.
    fn escape(&mut self) -> Result<char, PayloadError> {
        let escaped = self.byte().ok_or_else(|| self.error("a string does not end"))?;
        let plain = match escaped {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.error("an escape is unknown")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, PayloadError> {
        const LONE: &str = "a lone surrogate stands in a string";
        let first = self.hex4()?;
        if (0xd800..0xdc00).contains(&first) {
            if !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                return Err(self.error(LONE));
            }
            self.at += 2;
            let second = self.hex4()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.error(LONE));
            }
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return char::from_u32(code).ok_or_else(|| self.error(LONE));
        }
        char::from_u32(first).ok_or_else(|| self.error(LONE))
    }

    fn hex4(&mut self) -> Result<u32, PayloadError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.error("an escape is incomplete"))?;
            self.at += 1;
        }
        Ok(code)
    }
}

fn check_length(bytes: usize) -> Result<(), PayloadError> {
    if bytes > MAX_TEXT_BYTES {
        return Err(PayloadError::TooMany {
            what: "bytes in one text",
            limit: MAX_TEXT_BYTES,
        });
    }
    Ok(())
}
