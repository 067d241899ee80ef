//! Answers, byte for byte as MLflow's scoring server writes them: Python's `json.dumps` with its default separators,
//! ASCII only, floats as Python's `repr`.
//!
//! One difference: NaN and the infinities, which Python writes as words that are no JSON, become `null`.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::DataType;

use crate::predictor::{COLUMNS_LAYOUT, NamedOutput, NamedOutputs, Predictions};

/// Appends `{"predictions": [...]}` to `out`: one element per row, a list for a row with several outputs.
///
/// # Panics
/// When `values` has a type that [`Predictions`] does not name.
pub fn encode_predictions(predictions: &Predictions, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"predictions\": ");
    match predictions.values.data_type() {
        DataType::Struct(fields) if fields.iter().any(|f| f.metadata().contains_key(COLUMNS_LAYOUT)) => {
            let columns = predictions.values.as_struct();
            entries(columns, out, list);
        }
        _ => list(&predictions.values, out),
    }
    out.push(b'}');
}

/// Appends `{"predictions": {"label": [...], ...}}` to `out`, or for records `{"predictions": [{"label": ..., ...}, ...]}`.
///
/// # Panics
/// As [`encode_predictions`].
pub fn encode_named(named: &NamedOutputs, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"predictions\": ");
    if named.records {
        let rows = named.outputs.first().map_or(0, |output| output.values.len());
        separated(b"[]", 0..rows, out, |row, out| {
            separated(b"{}", &named.outputs, out, |output, out| {
                string(&output.name, out);
                out.extend_from_slice(b": ");
                row_of(output, row, false, out);
            });
        });
    } else {
        separated(b"{}", &named.outputs, out, |output, out| {
            string(&output.name, out);
            out.extend_from_slice(b": ");
            separated(b"[]", 0..output.values.len(), out, |row, out| {
                row_of(output, row, output.nested, out);
            });
        });
    }
    out.push(b'}');
}

/// The items between two brackets, with commas.
fn separated<T>(
    brackets: &[u8; 2],
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    mut item: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(brackets[0]);
    for (position, one) in items.into_iter().enumerate() {
        if position > 0 {
            out.extend_from_slice(b", ");
        }
        item(one, out);
    }
    out.push(brackets[1]);
}

/// One row of an output: a value, a list, or an object by the output's keys.
fn row_of(output: &NamedOutput, row: usize, nested: bool, out: &mut Vec<u8>) {
    let mut written = Vec::new();
    list(&output.values.slice(row, 1), &mut written);
    // A list of one element, whose brackets go.
    let value = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
    let Some(keys) = &output.keys else {
        if nested {
            out.extend_from_slice(&written);
        } else {
            out.extend_from_slice(value);
        }
        return;
    };
    let values = match output.values.data_type() {
        DataType::FixedSizeList(_, _) => output.values.as_fixed_size_list().value(row),
        _ => output.values.slice(row, 1),
    };
    separated(b"{}", keys.iter().enumerate(), out, |(place, key), out| {
        string(key, out);
        out.extend_from_slice(b": ");
        let mut one = Vec::new();
        list(&values.slice(place, 1), &mut one);
        out.extend_from_slice(one.get(1..one.len().saturating_sub(1)).unwrap_or_default());
    });
}

/// An array as a JSON list.
fn list(values: &ArrayRef, out: &mut Vec<u8>) {
    match values.data_type() {
        DataType::Int64 => integers(values.as_primitive::<Int64Type>().values(), values, out),
        DataType::Int32 => integers(values.as_primitive::<Int32Type>().values(), values, out),
        DataType::Float64 => {
            let floats = values.as_primitive::<Float64Type>().values();
            elements(values, out, |row, out| float(floats[row], out));
        }
        DataType::Float32 => {
            let floats = values.as_primitive::<Float32Type>().values();
            // As `ndarray.tolist()` does.
            elements(values, out, |row, out| float(f64::from(floats[row]), out));
        }
        DataType::Boolean => {
            let booleans = values.as_boolean();
            elements(values, out, |row, out| {
                out.extend_from_slice(if booleans.value(row) { b"true" } else { b"false" })
            });
        }
        DataType::Utf8 => {
            let texts = values.as_string::<i32>();
            elements(values, out, |row, out| string(texts.value(row), out));
        }
        DataType::FixedSizeList(_, _) => {
            let lists = values.as_fixed_size_list();
            elements(values, out, |row, out| list(&lists.value(row), out));
        }
        DataType::List(_) => {
            let lists = values.as_list::<i32>();
            elements(values, out, |row, out| list(&lists.value(row), out));
        }
        DataType::Struct(_) => {
            let records = values.as_struct();
            elements(values, out, |row, out| {
                entries(records, out, |column, out| single(&column.slice(row, 1), out));
            });
        }
        // A column in which every value is missing.
        DataType::Null => elements(values, out, |_, out| out.extend_from_slice(b"null")),
        other => unreachable!("predictions are never of type {other}; see `Predictions::values`"),
    }
}

/// `{`, each field with what `value` writes of its column, `}`.
fn entries(columns: &StructArray, out: &mut Vec<u8>, mut value: impl FnMut(&ArrayRef, &mut Vec<u8>)) {
    out.push(b'{');
    for (position, (field, column)) in columns.fields().iter().zip(columns.columns()).enumerate() {
        if position > 0 {
            out.extend_from_slice(b", ");
        }
        string(field.name(), out);
        out.extend_from_slice(b": ");
        value(column, out);
    }
    out.push(b'}');
}

/// The only element of an array, without the brackets.
fn single(values: &ArrayRef, out: &mut Vec<u8>) {
    let start = out.len();
    list(values, out);
    out.pop();
    out.remove(start);
}

/// `[`, each element or `null`, `]`.
fn elements(values: &ArrayRef, out: &mut Vec<u8>, mut element: impl FnMut(usize, &mut Vec<u8>)) {
    out.push(b'[');
    for row in 0..values.len() {
        if row > 0 {
            out.extend_from_slice(b", ");
        }
        if values.is_null(row) {
            out.extend_from_slice(b"null");
        } else {
            element(row, out);
        }
    }
    out.push(b']');
}

fn integers<I: itoa::Integer + Copy>(integers: &[I], values: &ArrayRef, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    elements(values, out, |row, out| {
        out.extend_from_slice(buffer.format(integers[row]).as_bytes())
    });
}

/// Python's `repr` of a float, `null` when it is not finite: the shortest digits that read back as the same double, in
/// scientific form below 1e-4 and from 1e16 on, with at least two exponent digits.
pub(crate) fn float(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(value);
    let magnitude = value.abs();
    if (1e-4..1e16).contains(&magnitude) && !shortest.contains('e') && shortest.contains('.') || value == 0.0 {
        out.extend_from_slice(shortest.as_bytes());
    } else {
        rearrange(shortest, out);
    }
}

/// Writes the digits of `shortest` (any mix of sign, digits, point and exponent) in Python's form.
fn rearrange(shortest: &str, out: &mut Vec<u8>) {
    let (negative, unsigned) = match shortest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, shortest),
    };
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading_zeros = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_matches('0');
    // value = 0.d1d2d3… × 10^point; a double's exponent has three digits at most.
    let point = whole.len() as i32 - leading_zeros as i32 + exponent.parse::<i32>().unwrap_or(0);
    if negative {
        out.push(b'-');
    }
    let count = digits.len() as i32;
    // Python's rule, with its exponent = point - 1: scientific below -4 and from 16 on.
    if point - 1 < -4 || point > 16 {
        out.extend_from_slice(&digits.as_bytes()[..1]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits.as_bytes()[1..]);
        }
        let exponent = point - 1;
        let sign = if exponent < 0 { '-' } else { '+' };
        // Writing to a Vec cannot fail.
        let _infallible = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
    } else if point <= 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + point.unsigned_abs() as usize, b'0');
        out.extend_from_slice(digits.as_bytes());
    } else {
        let whole = &digits.as_bytes()[..count.min(point) as usize];
        out.extend_from_slice(whole);
        out.resize(out.len() + (point - count).max(0) as usize, b'0');
        out.push(b'.');
        let fraction = &digits.as_bytes()[whole.len()..];
        out.extend_from_slice(if fraction.is_empty() { b"0" } else { fraction });
    }
}

/// A JSON string as Python writes it: everything outside of printable ASCII escaped.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            ' '..='~' => out.push(c as u8),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a Vec cannot fail.
                    let _infallible = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push(b'"');
}
