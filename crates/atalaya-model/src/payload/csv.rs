//! CSV with a header line, RFC 4180: commas, quotes doubled within quotes, LF or CRLF. An empty field is missing.

use arrow_array::RecordBatch;
use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::columns::Columns;
use super::error::PayloadError;
use super::limits::MAX_TEXT_BYTES;
use super::shapes::{Layout, refuse_empty};
use crate::signature::Signature;

/// Reads the rows of a CSV text.
pub(super) fn decode(text: &str, signature: &Signature) -> Result<RecordBatch, PayloadError> {
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
    let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| csv_error(&error))?;
    if header.is_empty() {
        return Err(PayloadError::Csv {
            problem: "there is no header",
            record: 0,
        });
    }
    let mut columns = Columns::new(signature);
    let layout = Layout::of_names("the header", &header.iter().collect::<Vec<_>>(), signature)?;
    let mut record = StringRecord::new();
    let mut rows = 0;
    while reader.read_record(&mut record).map_err(|error| csv_error(&error))? {
        columns.check_room(rows)?;
        for (position, field) in record.iter().enumerate() {
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

fn line_of(text: &str, what: char) -> usize {
    text.split(what).next().map_or(0, |before| before.matches('\n').count())
}

fn csv_error(error: &csv::Error) -> PayloadError {
    match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => PayloadError::Ragged {
            // The header is record 0.
            row: pos.as_ref().map_or(0, |pos| {
                usize::try_from(pos.record()).unwrap_or(usize::MAX).saturating_sub(1)
            }),
            expected: usize::try_from(*expected_len).unwrap_or(usize::MAX),
            found: usize::try_from(*len).unwrap_or(usize::MAX),
        },
        _ => PayloadError::Csv {
            problem: "it cannot be read",
            record: 0,
        },
    }
}
