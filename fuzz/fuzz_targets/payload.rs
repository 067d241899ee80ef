//! Any bytes as a request body, the first byte choosing JSON or CSV, and whether Python's words are allowed: an error
//! text is short; what is accepted is JSON for `serde_json` too (without such words), has the signature's schema and
//! all params, and is decoded to the same batch from its own columns written out again. Seeds: `fuzz/seed.sh payload`.
#![no_main]

use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use atalaya_model::payload::{ContentType, MAX_ERROR_BYTES, Options, decode, decode_with};
use atalaya_model::signature::ParamSpec;
use atalaya_model::{ColumnSpec, ColumnType, Signature};
use base64::Engine;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static SIGNATURE: LazyLock<Signature> = LazyLock::new(|| {
    let optional = |name: &str, kind| ColumnSpec {
        name: name.to_owned(),
        kind,
        required: false,
    };
    let columns = vec![
        ColumnSpec::required("bmi", ColumnType::Double),
        optional("age", ColumnType::Long),
        optional("sex", ColumnType::String),
        optional("smoker", ColumnType::Boolean),
        optional("at", ColumnType::Datetime),
        optional("raw", ColumnType::Binary),
        optional("n", ColumnType::Integer),
        optional("f", ColumnType::Float),
    ];
    let param = |name: &str, dtype: &str, default: &str, list| ParamSpec {
        name: name.to_owned(),
        dtype: dtype.to_owned(),
        default: default.to_owned(),
        list,
    };
    let params = vec![
        param("t", "double", "0.5", false),
        param("stop", "string", "[]", true),
        param("more", "object", "{}", false),
    ];
    Signature::new(columns, vec![], params).expect("the names differ")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else {
        return;
    };
    let content_type = if first & 1 == 0 {
        ContentType::Json
    } else {
        ContentType::Csv
    };
    let options = Options {
        allow_nan_literals: first & 2 != 0,
    };
    match decode_with(content_type, body, &SIGNATURE, options) {
        Err(error) => assert!(error.to_string().len() <= MAX_ERROR_BYTES),
        Ok(request) => {
            if content_type == ContentType::Json && !options.allow_nan_literals {
                assert!(serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok());
            }
            assert!(request.batch.num_rows() > 0);
            assert_eq!(request.batch.schema(), SIGNATURE.arrow_schema());
            assert_eq!(request.params.iter().count(), 3);
            if options.allow_nan_literals {
                // JSON has no infinity to write them with.
                return;
            }
            let again = write(&request.batch).to_string();
            let again = decode(ContentType::Json, again.as_bytes(), &SIGNATURE).expect("what was decoded is valid");
            assert_eq!(again.batch, request.batch);
        }
    }
});

/// The batch as `dataframe_split`.
fn write(batch: &RecordBatch) -> Value {
    let floats = batch.column(0).as_primitive::<Float64Type>();
    let integers = batch.column(1).as_primitive::<Int64Type>();
    let (texts, booleans) = (batch.column(2).as_string::<i32>(), batch.column(3).as_boolean());
    let times = batch.column(4).as_primitive::<TimestampMicrosecondType>();
    let bytes = batch.column(5).as_binary::<i32>();
    let (small, singles) = (
        batch.column(6).as_primitive::<Int32Type>(),
        batch.column(7).as_primitive::<Float32Type>(),
    );
    let base64 = &base64::engine::general_purpose::STANDARD;
    let row = |row: usize| {
        json!([
            floats.is_valid(row).then(|| floats.value(row)),
            integers.is_valid(row).then(|| integers.value(row)),
            texts.is_valid(row).then(|| texts.value(row)),
            booleans.is_valid(row).then(|| booleans.value(row)),
            times.is_valid(row).then(|| times.value(row) * 1000),
            bytes.is_valid(row).then(|| base64.encode(bytes.value(row))),
            small.is_valid(row).then(|| small.value(row)),
            singles.is_valid(row).then(|| f64::from(singles.value(row))),
        ])
    };
    let data: Vec<Value> = (0..batch.num_rows()).map(row).collect();
    json!({"dataframe_split": {"columns": ["bmi", "age", "sex", "smoker", "at", "raw", "n", "f"], "data": data}})
}
