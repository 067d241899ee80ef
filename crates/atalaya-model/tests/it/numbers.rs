//! 2,000 number spellings against Python's `fractions` and `float`, and 1,000 floats against Python's `repr`.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{ArrayRef, Float64Array};
use atalaya_model::payload::{ContentType, decode, encode_predictions};
use atalaya_model::{ColumnSpec, ColumnType, Predictions, Signature};

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&atalaya_testkit::read(&format!("payloads/{name}"))).unwrap()
}

type Row = (String, Option<i64>, Option<i32>, Option<String>, Option<String>);

/// The column's single value when `spelling` is accepted, in every format that may carry it.
fn value(kind: ColumnType, spelling: &str) -> Option<ArrayRef> {
    let signature = Signature::new(vec![ColumnSpec::required("x", kind)], vec![], vec![]).unwrap();
    let bodies = [
        (
            ContentType::Json,
            format!("{{\"dataframe_records\": [{{\"x\": {spelling}}}]}}"),
        ),
        (
            ContentType::Json,
            format!("{{\"dataframe_split\": {{\"columns\": [\"x\"], \"data\": [[\"{spelling}\"]]}}}}"),
        ),
        (ContentType::Csv, format!("x\n{spelling}\n")),
    ];
    let values = bodies.map(|(content_type, body)| {
        let request = decode(content_type, body.as_bytes(), &signature);
        request.ok().map(|request| Arc::clone(request.batch.column(0)))
    });
    assert!(
        values[0] == values[1] && values[1] == values[2],
        "{spelling}: not the same in JSON, text and CSV"
    );
    let [value, ..] = values;
    value
}

#[test]
fn every_spelling_is_kept_exactly_or_refused_as_python_judges_it() {
    let rows: Vec<Row> = read("numbers.json");
    assert_eq!(rows.len(), 2000);
    for (spelling, long, integer, double, float) in rows {
        let found = value(ColumnType::Long, &spelling).map(|array| array.as_primitive::<Int64Type>().value(0));
        assert_eq!(found, long, "{spelling} as long");
        let found = value(ColumnType::Integer, &spelling).map(|array| array.as_primitive::<Int32Type>().value(0));
        assert_eq!(found, integer, "{spelling} as integer");
        let found = value(ColumnType::Double, &spelling).map(|array| array.as_primitive::<Float64Type>().value(0));
        assert_eq!(
            found.map(|value| format!("{:016x}", value.to_bits())),
            double,
            "{spelling} as double"
        );
        let found = value(ColumnType::Float, &spelling).map(|array| array.as_primitive::<Float32Type>().value(0));
        assert_eq!(
            found.map(|value| format!("{:08x}", value.to_bits())),
            float,
            "{spelling} as float"
        );
    }
}

#[test]
fn floats_are_written_as_python_writes_them() {
    let rows: Vec<(String, String)> = read("reprs.json");
    assert_eq!(rows.len(), 1000);
    for (bits, repr) in rows {
        let value = f64::from_bits(u64::from_str_radix(&bits, 16).unwrap());
        let mut out = Vec::new();
        let values = Arc::new(Float64Array::from(vec![value]));
        encode_predictions(
            &Predictions {
                values,
                probabilities: None,
            },
            &mut out,
        );
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("{{\"predictions\": [{repr}]}}")
        );
    }
}
