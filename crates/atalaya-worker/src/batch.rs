//! Batches on the wire: Arrow IPC streams, and the checks of what a worker answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StructArray};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field};
use atalaya_model::COLUMNS_LAYOUT;
use serde::Deserialize;

use crate::error::WorkerError;
use crate::frame::MAX_FRAME_BYTES;

/// How deeply lists and records of an answer may be nested.
const MOST_DEPTH: usize = 34;

/// The body of a call: the length of `meta`, `meta`, the batch.
pub(crate) fn encode(meta: &str, batch: &RecordBatch) -> Result<Vec<u8>, WorkerError> {
    let length = u32::try_from(meta.len()).map_err(|_| too_large())?;
    let mut body = length.to_le_bytes().to_vec();
    body.extend_from_slice(meta.as_bytes());
    let written = StreamWriter::try_new(&mut body, batch.schema_ref()).and_then(|mut writer| {
        writer.write(batch)?;
        writer.finish()
    });
    written.map_err(|_| WorkerError::Answer {
        reason: "the batch has a type that Arrow IPC does not carry".to_owned(),
    })?;
    if body.len() > MAX_FRAME_BYTES {
        return Err(too_large());
    }
    Ok(body)
}

fn too_large() -> WorkerError {
    WorkerError::TooLarge { limit: MAX_FRAME_BYTES }
}

#[derive(Deserialize)]
struct AnswerMeta {
    columns_layout: bool,
}

/// The answer to a call of `rows` rows: one element per row, of the types that `Predictions` names. What a hostile worker
/// may send is checked by the reader, by us, and for its panics by whoever catches them here.
pub(crate) fn decode(body: Vec<u8>, rows: usize) -> Result<ArrayRef, WorkerError> {
    catch_unwind(AssertUnwindSafe(|| checked(body, rows))).unwrap_or(Err(damaged()))
}

fn damaged() -> WorkerError {
    WorkerError::Protocol {
        what: "an answer that is no Arrow stream of one column",
    }
}

fn checked(body: Vec<u8>, rows: usize) -> Result<ArrayRef, WorkerError> {
    let (length, rest) = body.split_first_chunk::<4>().ok_or_else(damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    let meta = rest.get(..length).ok_or_else(damaged)?;
    let meta: AnswerMeta = serde_json::from_slice(meta).map_err(|_| damaged())?;
    let stream = Buffer::from_vec(body).slice(4 + length);
    let batch = only_batch(stream).map_err(|_| damaged())?.ok_or_else(damaged)?;
    let [column] = batch.columns() else {
        return Err(damaged());
    };
    if column.len() != rows {
        return Err(WorkerError::Answer {
            reason: format!("it has {} elements for {rows} rows", column.len()),
        });
    }
    if !known(column.data_type(), 0) {
        return Err(damaged());
    }
    Ok(match column.data_type() {
        // Nothing but missing values: the type that can say so everywhere.
        DataType::Null => Arc::new(Float64Array::from(vec![None; rows])),
        DataType::Struct(_) if meta.columns_layout => marked(column.as_struct())?,
        _ => Arc::clone(column),
    })
}

/// The batch of a stream that has one. The decoder takes bytes that are there and allocates nothing for those that a
/// header only promises.
fn only_batch(mut stream: Buffer) -> Result<Option<RecordBatch>, ArrowError> {
    let mut decoder = StreamDecoder::new();
    let mut only = None;
    while !stream.is_empty() {
        if let Some(batch) = decoder.decode(&mut stream)?
            && only.replace(batch).is_some()
        {
            return Ok(None);
        }
    }
    decoder.finish()?;
    Ok(only)
}

fn known(kind: &DataType, depth: usize) -> bool {
    match kind {
        DataType::Int64 | DataType::Float64 | DataType::Utf8 | DataType::Boolean | DataType::Null => true,
        DataType::List(element) => depth < MOST_DEPTH && known(element.data_type(), depth + 1),
        DataType::FixedSizeList(element, width) => {
            *width > 0 && depth < MOST_DEPTH && known(element.data_type(), depth + 1)
        }
        DataType::Struct(fields) => {
            let mut fields = fields.iter();
            depth < MOST_DEPTH && fields.all(|field| known(field.data_type(), depth + 1))
        }
        _ => false,
    }
}

/// The record array as a dict of columns.
fn marked(records: &StructArray) -> Result<ArrayRef, WorkerError> {
    let mark = |field: &Arc<Field>| {
        let metadata = [(COLUMNS_LAYOUT.to_owned(), String::new())].into();
        field.as_ref().clone().with_metadata(metadata)
    };
    let fields = records.fields().iter().map(mark).collect();
    let marked = StructArray::try_new(fields, records.columns().to_vec(), records.nulls().cloned());
    Ok(Arc::new(marked.map_err(|_| damaged())?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use arrow_array::{Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    fn answer(column: ArrayRef, meta: &str) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter([("predictions", column)]).unwrap();
        encode(meta, &batch).unwrap()
    }

    const PLAIN: &str = r#"{"columns_layout": false}"#;

    #[test]
    fn an_answer_comes_back_as_it_was_sent() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), None]));
        assert_eq!(
            decode(answer(Arc::clone(&column), PLAIN), 2).unwrap().as_ref(),
            column.as_ref()
        );
        let error = decode(answer(column, PLAIN), 3).unwrap_err();
        assert!(error.to_string().contains("2 elements for 3 rows"), "{error}");
    }

    #[test]
    fn types_that_no_prediction_has_are_refused() {
        let column: ArrayRef = Arc::new(arrow_array::Int8Array::from(vec![1]));
        assert!(matches!(
            decode(answer(column, PLAIN), 1),
            Err(WorkerError::Protocol { .. })
        ));
    }

    #[test]
    fn a_dict_of_columns_is_marked() {
        let column: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        let records = StructArray::try_from(vec![("a", column)]).unwrap();
        let marked = decode(answer(Arc::new(records), r#"{"columns_layout": true}"#), 1).unwrap();
        let DataType::Struct(fields) = marked.data_type() else {
            panic!("a record")
        };
        assert!(fields[0].metadata().contains_key(COLUMNS_LAYOUT));
    }

    proptest! {
        /// Cut, flipped and random answers are errors or arrays of the right length, never a panic or a huge allocation.
        #[test]
        fn damaged_answers_are_typed_errors(
            at in 0usize..400, byte in any::<u8>(), cut in 0usize..400, noise in proptest::collection::vec(any::<u8>(), 0..64)
        ) {
            let mut body = answer(Arc::new(StringArray::from(vec!["abc", "d"])), PLAIN);
            let place = at % body.len();
            body[place] = byte;
            if let Ok(column) = decode(body.clone(), 2) {
                prop_assert_eq!(column.len(), 2);
            }
            body.truncate(cut % body.len());
            let _either = decode(body, 2);
            prop_assert!(decode(noise, 2).is_err());
        }
    }
}
