//! Any bytes as a request body, the first byte choosing JSON or CSV: an error text is short; what is accepted is JSON
//! for `serde_json` too, has the signature's schema, and is decoded to the same batch from its own columns written
//! out again. Seeds: `fuzz/seed.sh payload`.
#![no_main]

use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use atalaya_model::payload::{ContentType, MAX_ERROR_BYTES, decode};
use atalaya_model::{ColumnSpec, ColumnType, Signature};
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
    ];
    Signature::new(columns, vec![], vec![]).expect("the names differ")
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
    match decode(content_type, body, &SIGNATURE) {
        Err(error) => assert!(error.to_string().len() <= MAX_ERROR_BYTES),
        Ok(request) => {
            if content_type == ContentType::Json {
                assert!(serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok());
            }
            assert!(request.batch.num_rows() > 0);
            assert_eq!(request.batch.schema(), SIGNATURE.arrow_schema());
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
    let row = |row: usize| {
        json!([
            floats.is_valid(row).then(|| floats.value(row)),
            integers.is_valid(row).then(|| integers.value(row)),
            texts.is_valid(row).then(|| texts.value(row)),
            booleans.is_valid(row).then(|| booleans.value(row)),
        ])
    };
    let data: Vec<Value> = (0..batch.num_rows()).map(row).collect();
    json!({"dataframe_split": {"columns": ["bmi", "age", "sex", "smoker"], "data": data}})
}
