//! CSV with a header line, RFC 4180: commas, quotes doubled within quotes, LF or CRLF. An empty field is missing.

use std::cell::RefCell;

use arrow_array::RecordBatch;
use csv_core::ReadRecordResult;

use super::columns::Columns;
use super::error::PayloadError;
use super::limits::{MAX_FIELDS, MAX_TEXT_BYTES};
use super::shapes::{Names, refuse_empty};
use crate::signature::Signature;

/// Reads the rows of a CSV text.
pub(super) fn decode(text: &str, signature: &Signature) -> Result<RecordBatch, PayloadError> {
    PARSER.with_borrow_mut(|parser| {
        let batch = read(text, signature, parser);
        parser.shrink();
        batch
    })
}

fn read(text: &str, signature: &Signature, parser: &mut Parser) -> Result<RecordBatch, PayloadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        return Err(PayloadError::Csv {
            problem: "a NUL stands in it",
            record: line_of(text, '\0'),
        });
    }
    // The reader takes the rest of the text for a field when a quote is not closed.
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err(PayloadError::Csv {
            problem: "a quote is not closed",
            record: 0,
        });
    }
    let mut records = Records::new(text, parser);
    let mut names = Names::new("the header", signature);
    if !records.read()? {
        return Err(PayloadError::Csv {
            problem: "there is no header",
            record: 0,
        });
    }
    for field in records.fields()? {
        names.push(field)?;
    }
    let layout = names.layout()?;
    let mut columns = Columns::new(signature);
    let mut rows = 0;
    while records.read()? {
        columns.check_room(rows)?;
        if records.width() != layout.width() {
            return Err(PayloadError::Ragged {
                row: rows,
                expected: layout.width(),
                found: records.width(),
            });
        }
        for (position, field) in records.fields()?.enumerate() {
            if field.len() > MAX_TEXT_BYTES {
                return Err(PayloadError::TooMany {
                    what: "bytes in one text",
                    limit: MAX_TEXT_BYTES,
                });
            }
            if let Some(column) = layout.column(position) {
                columns.push_field(column, field)?;
            }
        }
        layout.fill_absent(&mut columns)?;
        rows += 1;
    }
    refuse_empty("the body", rows)?;
    Ok(columns.finish(rows))
}

/// The records of a CSV text, one after the other.
struct Records<'a> {
    parser: &'a mut Parser,
    rest: &'a [u8],
    /// Bytes and fields of the present record.
    bytes: usize,
    width: usize,
}

/// A parser's table, which takes far longer to build than a short text to read, and room for one record.
struct Parser {
    core: csv_core::Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

thread_local! {
    /// One parser for all texts of a thread.
    static PARSER: RefCell<Parser> = RefCell::new(Parser::new());
}

impl Parser {
    /// Room that a record gets at first, and that is kept for the next text.
    const BYTES: usize = 1 << 12;
    const FIELDS: usize = 1 << 6;

    fn new() -> Self {
        Self {
            core: csv_core::Reader::new(),
            bytes: vec![0; Self::BYTES],
            ends: vec![0; Self::FIELDS],
        }
    }

    /// Gives back the room that a large record took.
    fn shrink(&mut self) {
        self.bytes.truncate(Self::BYTES);
        self.bytes.shrink_to_fit();
    }
}

impl<'a> Records<'a> {
    fn new(text: &'a str, parser: &'a mut Parser) -> Self {
        parser.core.reset();
        Self {
            parser,
            rest: text.as_bytes(),
            bytes: 0,
            width: 0,
        }
    }

    /// Reads the next record; false at the end. Lines without anything are no records.
    fn read(&mut self) -> Result<bool, PayloadError> {
        let Parser { core, bytes, ends } = &mut *self.parser;
        (self.bytes, self.width) = (0, 0);
        loop {
            let (result, read, written, ended) =
                core.read_record(self.rest, &mut bytes[self.bytes..], &mut ends[self.width..]);
            self.rest = &self.rest[read..];
            self.bytes += written;
            self.width += ended;
            match result {
                // An empty rest, which comes next, tells the parser that this was all.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => bytes.resize(2 * bytes.len(), 0),
                ReadRecordResult::OutputEndsFull if ends.len() > MAX_FIELDS => {
                    return Err(PayloadError::TooMany {
                        what: "columns",
                        limit: MAX_FIELDS,
                    });
                }
                ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// How many fields the record has.
    fn width(&self) -> usize {
        self.width
    }

    /// The fields of the record.
    fn fields(&self) -> Result<impl Iterator<Item = &str>, PayloadError> {
        let Parser { bytes, ends, .. } = &*self.parser;
        // The body is UTF-8, and the parser takes out ASCII alone.
        let text = std::str::from_utf8(&bytes[..self.bytes]).map_err(|_| PayloadError::Csv {
            problem: "it cannot be read",
            record: 0,
        })?;
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let ends = ends[..self.width].iter().copied();
        Ok(starts.zip(ends).map(|(start, end)| &text[start..end]))
    }
}

fn line_of(text: &str, what: char) -> usize {
    text.split(what).next().map_or(0, |before| before.matches('\n').count())
}
