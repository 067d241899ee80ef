//! Predictions in the log: the values and probabilities of each row, as numbers rather than text.
//!
//! ```text
//! rows u32 | kind u8 (1 i64, 2 f64, 3 bool, 4 utf-8, 5 lists of f64) | width u16 | classes u16
//! values: 8 bytes each (1, 2), 1 byte (3), u32 length + bytes (4), width × 8 bytes (5); width is 1 but for lists
//! probabilities: rows × classes × f64, in class order
//! ```
//!
//! Answers of any other type (records, lists of text) are kept as text: the JSON of each row.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, FixedSizeListArray, Float64Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field};
use atalaya_model::{Predictions, payload};

const I64: u8 = 1;
const F64: u8 = 2;
const BOOL: u8 = 3;
const TEXT: u8 = 4;
const LISTS: u8 = 5;

/// Appends `predictions` in the log's form.
pub(crate) fn write(predictions: &Predictions, out: &mut Vec<u8>) {
    let json = needs_json(predictions.values.data_type()).then(|| json_rows(&predictions.values));
    let values = json.as_ref().unwrap_or(&predictions.values);
    let (kind, width) = match values.data_type() {
        DataType::Int64 => (I64, 1),
        DataType::Float64 => (F64, 1),
        DataType::Boolean => (BOOL, 1),
        DataType::FixedSizeList(_, width) => (LISTS, u16::try_from(*width).unwrap_or(0)),
        _ => (TEXT, 1),
    };
    let probabilities = predictions.probabilities.as_ref().map(|p| p.as_fixed_size_list());
    let classes = probabilities.map_or(0, |p| u16::try_from(p.value_length()).unwrap_or(0));
    out.extend_from_slice(&u32::try_from(values.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&width.to_le_bytes());
    out.extend_from_slice(&classes.to_le_bytes());
    match kind {
        I64 => values
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .for_each(|v| out.extend_from_slice(&v.to_le_bytes())),
        F64 => numbers(values.as_primitive::<Float64Type>(), out),
        BOOL => out.extend(values.as_boolean().values().iter().map(u8::from)),
        TEXT => {
            for text in values.as_string::<i32>().iter().map(Option::unwrap_or_default) {
                out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
        _ => numbers(values.as_fixed_size_list().values().as_primitive::<Float64Type>(), out),
    }
    if let Some(list) = probabilities {
        numbers(list.values().as_primitive::<Float64Type>(), out);
    }
}

fn needs_json(answer: &DataType) -> bool {
    match answer {
        DataType::Int64 | DataType::Float64 | DataType::Boolean | DataType::Utf8 => false,
        DataType::FixedSizeList(item, width) => {
            *item.data_type() != DataType::Float64 || u16::try_from(*width).is_err()
        }
        _ => true,
    }
}

/// Each row as the JSON that a client gets for it alone.
fn json_rows(values: &ArrayRef) -> ArrayRef {
    const BEFORE: &[u8] = b"{\"predictions\": ";
    let row = |row: usize| {
        let mut text = Vec::new();
        let one = Predictions {
            values: values.slice(row, 1),
            probabilities: None,
        };
        payload::encode_predictions(&one, &mut text);
        let inner = text.strip_prefix(BEFORE).and_then(|text| text.strip_suffix(b"}"));
        let inner = inner.unwrap_or_default();
        let item = inner.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]"));
        String::from_utf8_lossy(item.unwrap_or(inner)).into_owned()
    };
    Arc::new(StringArray::from_iter_values((0..values.len()).map(row)))
}

fn numbers(values: &Float64Array, out: &mut Vec<u8>) {
    values
        .values()
        .iter()
        .for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
}

/// Reads [`write`]'s form; `None` when the bytes are not of that form.
pub(crate) fn read(bytes: &[u8]) -> Option<Predictions> {
    let mut rest = bytes;
    let rows = u32::from_le_bytes(chunk(&mut rest)?) as usize;
    let [kind] = chunk(&mut rest)?;
    let width = usize::from(u16::from_le_bytes(chunk(&mut rest)?));
    let classes = usize::from(u16::from_le_bytes(chunk(&mut rest)?));
    // Every value takes at least one byte: a lying count is refused before memory is taken for it.
    if rows > rest.len() {
        return None;
    }
    let values: ArrayRef = match kind {
        I64 => {
            let (raw, tail) = rest.split_at_checked(rows.checked_mul(8)?)?;
            rest = tail;
            Arc::new(
                raw.as_chunks::<8>()
                    .0
                    .iter()
                    .map(|b| i64::from_le_bytes(*b))
                    .collect::<Int64Array>(),
            )
        }
        F64 => Arc::new(floats(&mut rest, rows)?),
        BOOL => {
            let (raw, tail) = rest.split_at_checked(rows)?;
            rest = tail;
            Arc::new(raw.iter().map(|b| Some(*b != 0)).collect::<BooleanArray>())
        }
        TEXT => Arc::new(texts(&mut rest, rows)?),
        LISTS => Arc::new(lists(&mut rest, rows, width)?),
        _ => return None,
    };
    let probabilities: Option<ArrayRef> = match classes {
        0 => None,
        _ => Some(Arc::new(lists(&mut rest, rows, classes)?)),
    };
    rest.is_empty().then_some(Predictions { values, probabilities })
}

fn chunk<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn floats(rest: &mut &[u8], n: usize) -> Option<Float64Array> {
    let (raw, tail) = rest.split_at_checked(n.checked_mul(8)?)?;
    *rest = tail;
    Some(raw.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

fn texts(rest: &mut &[u8], rows: usize) -> Option<StringArray> {
    let mut all = Vec::with_capacity(rows);
    for _ in 0..rows {
        let len = u32::from_le_bytes(chunk(rest)?) as usize;
        let (text, tail) = rest.split_at_checked(len)?;
        *rest = tail;
        all.push(std::str::from_utf8(text).ok()?);
    }
    Some(StringArray::from(all))
}

fn lists(rest: &mut &[u8], rows: usize, width: usize) -> Option<FixedSizeListArray> {
    let flat = floats(rest, rows.checked_mul(width)?)?;
    let field = Arc::new(Field::new_list_field(DataType::Float64, true));
    FixedSizeListArray::try_new(field, i32::try_from(width).ok()?, Arc::new(flat), None)
        .ok()
        .filter(|l| l.len() == rows)
}

#[cfg(test)]
mod tests {
    use arrow_array::StructArray;
    use proptest::prelude::*;

    use super::*;

    fn pairs(flat: Vec<f64>) -> ArrayRef {
        let field = Arc::new(Field::new_list_field(DataType::Float64, true));
        Arc::new(FixedSizeListArray::new(
            field,
            2,
            Arc::new(Float64Array::from(flat)),
            None,
        ))
    }

    fn assert_round(values: ArrayRef, probabilities: Option<ArrayRef>) {
        let mut bytes = Vec::new();
        write(
            &Predictions {
                values: Arc::clone(&values),
                probabilities: probabilities.clone(),
            },
            &mut bytes,
        );
        let back = read(&bytes).expect("own form");
        assert_eq!(&back.values, &values);
        assert_eq!(back.probabilities, probabilities);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_none(), "cut at {end} of {}", bytes.len());
        }
    }

    #[test]
    fn every_kind_of_answer_comes_back() {
        assert_round(
            Arc::new(Int64Array::from(vec![0, 1])),
            Some(pairs(vec![0.9, 0.1, 0.25, 0.75])),
        );
        assert_round(Arc::new(Float64Array::from(vec![1.5, -0.0])), None);
        assert_round(
            Arc::new(BooleanArray::from(vec![true, false])),
            Some(pairs(vec![0.0, 1.0, 1.0, 0.0])),
        );
        assert_round(Arc::new(StringArray::from(vec!["sí", "no", ""])), None);
        assert_round(pairs(vec![1.0, 2.0, 3.0, 4.0]), None);
    }

    #[test]
    fn answers_of_other_types_are_kept_as_the_json_of_each_row() {
        let classes: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
        let field = Arc::new(Field::new_list_field(DataType::Int64, true));
        let pairs: ArrayRef = Arc::new(FixedSizeListArray::new(field, 2, classes, None));
        let label: ArrayRef = Arc::new(StringArray::from(vec!["sí", "no"]));
        let field = Arc::new(Field::new("label", DataType::Utf8, true));
        let records: ArrayRef = Arc::new(StructArray::from(vec![(field, label)]));
        for (values, wanted) in [
            (pairs, ["[1, 2]", "[3, 4]"]),
            (records, ["{\"label\": \"s\\u00ed\"}", "{\"label\": \"no\"}"]),
        ] {
            let mut bytes = Vec::new();
            let predictions = Predictions {
                values,
                probabilities: None,
            };
            write(&predictions, &mut bytes);
            let back = read(&bytes).expect("own form").values;
            assert_eq!(back.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), wanted);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
