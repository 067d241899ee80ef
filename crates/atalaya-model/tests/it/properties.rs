//! Decoding gives back what any encoder wrote, the JSON reader agrees with `serde_json`, and no input makes it panic.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use atalaya_model::payload::{ContentType, MAX_ERROR_BYTES, Options, decode, decode_with, encode_predictions};
use atalaya_model::{ColumnSpec, ColumnType, Predictions, Signature};
use proptest::prelude::*;
use serde_json::{Value, json};

type Row = (Option<i64>, Option<f64>, Option<bool>, Option<String>);

fn signature() -> Signature {
    let kinds = [
        ColumnType::Long,
        ColumnType::Double,
        ColumnType::Boolean,
        ColumnType::String,
    ];
    let column = |(i, kind)| ColumnSpec {
        name: format!("c{i} é"),
        kind,
        required: false,
    };
    Signature::new(kinds.into_iter().enumerate().map(column).collect(), vec![], vec![]).unwrap()
}

fn row() -> impl Strategy<Value = Row> {
    let double = any::<f64>().prop_filter("finite", |value| value.is_finite());
    (
        any::<Option<i64>>(),
        prop::option::of(double),
        any::<Option<bool>>(),
        prop::option::of(".{0,12}"),
    )
}

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0))),
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.1))),
        Arc::new(BooleanArray::from_iter(rows.iter().map(|row| row.2))),
        Arc::new(StringArray::from_iter(rows.iter().map(|row| row.3.as_deref()))),
    ];
    RecordBatch::try_new(signature().arrow_schema(), columns).unwrap()
}

fn cells(row: &Row) -> [Value; 4] {
    [json!(row.0), json!(row.1), json!(row.2), json!(row.3)]
}

fn bodies(rows: &[Row]) -> Vec<Value> {
    let names: Vec<String> = signature().inputs().iter().map(|column| column.name.clone()).collect();
    let lists: Vec<_> = rows.iter().map(cells).collect();
    let record = |row: &Row| Value::Object(names.iter().cloned().zip(cells(row)).collect());
    let records: Vec<Value> = rows.iter().map(record).collect();
    let column = |i: usize| {
        (
            names[i].clone(),
            lists.iter().map(|cells| cells[i].clone()).collect::<Value>(),
        )
    };
    vec![
        json!({ "dataframe_records": records }),
        json!({ "dataframe_split": {"columns": names, "data": lists, "index": [1]} }),
        json!({ "instances": lists }),
        json!({ "inputs": (0..4).map(column).collect::<serde_json::Map<_, _>>() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_was_encoded_is_decoded(rows in prop::collection::vec(row(), 1..6)) {
        let wanted = batch(&rows);
        for body in bodies(&rows) {
            for text in [body.to_string(), serde_json::to_string_pretty(&body).unwrap()] {
                let request = decode(ContentType::Json, text.as_bytes(), &signature()).unwrap();
                prop_assert_eq!(&request.batch, &wanted, "{}", text);
            }
        }
    }

    #[test]
    fn csv_that_was_written_is_read(rows in prop::collection::vec(row(), 1..6)) {
        // CSV cannot tell empty text from missing text.
        let rows: Vec<Row> = rows.into_iter().map(|(long, double, boolean, text)| {
            (long, double, boolean, text.map(|text| text.replace('\0', "0")).filter(|text| !text.is_empty()))
        }).collect();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(signature().inputs().iter().map(|column| &column.name)).unwrap();
        for row in &rows {
            let fields = cells(row).map(|cell| match cell {
                Value::Null => String::new(),
                Value::String(text) => text,
                other => other.to_string(),
            });
            writer.write_record(&fields).unwrap();
        }
        let request = decode(ContentType::Csv, &writer.into_inner().unwrap(), &signature()).unwrap();
        prop_assert_eq!(request.batch, batch(&rows));
    }

    #[test]
    fn the_reader_accepts_what_serde_json_accepts(text in r#"([\[\]{},:" \n]|true|null|"[ab\\"nu0]{0,3}"|-?[01][0-9.]{0,2}|"k":|\\u[d0][8c0]00|"){0,12}"#) {
        // The value is read over, so that only the grammar counts.
        let body = format!("{{\"ignored\": {text}, \"inputs\": [[1, 2, true, null]]}}");
        let ours = decode(ContentType::Json, body.as_bytes(), &signature());
        prop_assume!(!body.contains("\"ignored\": ,") || ours.is_err());
        match serde_json::from_str::<Value>(&body) {
            // Text that closes the object early can bring a shape or a key of its own.
            Ok(value) => prop_assert!(ours.is_ok() || value.as_object().unwrap().len() != 2, "{}", body),
            Err(error) => prop_assert!(ours.is_err(), "{}: {}", body, error),
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_talk(body in prop::collection::vec(any::<u8>(), 0..200), csv in any::<bool>()) {
        let content_type = if csv { ContentType::Csv } else { ContentType::Json };
        if let Err(error) = decode(content_type, &body, &signature()) {
            prop_assert!(error.to_string().len() <= MAX_ERROR_BYTES);
        }
    }

    #[test]
    fn bodies_with_a_few_changed_bytes_do_not_make_it_panic(
        rows in prop::collection::vec(row(), 1..4),
        shape in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"[]{}\",:.-+eE019 ntf\\\x00\xffNI"[..]), 0..3u8), 1..4),
        nan in any::<bool>(),
    ) {
        let mut body = bodies(&rows)[shape].to_string().into_bytes();
        for (index, byte, change) in changes {
            let at = index.index(body.len());
            match change {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        let options = Options { allow_nan_literals: nan };
        match decode_with(ContentType::Json, &body, &signature(), options) {
            Ok(request) => prop_assert_eq!(request.batch.schema(), signature().arrow_schema()),
            Err(error) => prop_assert!(error.to_string().len() <= MAX_ERROR_BYTES),
        }
        // What the failed request left in the thread does not show in the next one.
        let wanted = batch(&rows);
        let again = decode(ContentType::Json, bodies(&rows)[shape].to_string().as_bytes(), &signature()).unwrap();
        prop_assert_eq!(again.batch, wanted);
    }

    #[test]
    fn decimal_spellings_mean_the_nearest_double(
        whole in "(0|[1-9][0-9]{0,18})", fraction in "[0-9]{1,18}", exponent in prop::option::of(-40..40i32), negative in any::<bool>(),
    ) {
        let sign = if negative { "-" } else { "" };
        let exponent = exponent.map_or_else(String::new, |exponent| format!("e{exponent}"));
        let text = format!("{sign}{whole}.{fraction}{exponent}");
        let signature = Signature::of_array(ColumnType::Double, 1).unwrap();
        let body = format!("{{\"inputs\": [{text}, \"{text}\"]}}");
        let batch = decode(ContentType::Json, body.as_bytes(), &signature).unwrap().batch;
        let nearest = text.parse::<f64>().unwrap().to_bits();
        for value in batch.column(0).as_primitive::<Float64Type>().values() {
            prop_assert_eq!(value.to_bits(), nearest, "{}", text);
        }
    }

    #[test]
    fn floats_read_back_as_they_were(value in any::<f64>()) {
        let mut out = Vec::new();
        let values = Arc::new(Float64Array::from(vec![value]));
        encode_predictions(&Predictions { values, probabilities: None }, &mut out);
        let text = std::str::from_utf8(&out).unwrap();
        let text = text.strip_prefix("{\"predictions\": [").unwrap().strip_suffix("]}").unwrap();
        if value.is_finite() {
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            // And our own decoder takes it.
            let signature = Signature::of_array(ColumnType::Double, 1).unwrap();
            let body = format!("{{\"inputs\": [[{text}]]}}");
            let batch = decode(ContentType::Json, body.as_bytes(), &signature).unwrap().batch;
            prop_assert_eq!(batch.column(0).as_primitive::<Float64Type>().value(0).to_bits(), value.to_bits());
        } else {
            prop_assert_eq!(text, "null");
        }
    }

    #[test]
    fn text_is_written_as_ascii_json(text in any::<String>()) {
        let mut out = Vec::new();
        let values = Arc::new(StringArray::from(vec![text.as_str()]));
        encode_predictions(&Predictions { values, probabilities: None }, &mut out);
        prop_assert!(out.iter().all(|byte| (0x20..0x7f).contains(byte)));
        let value: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(value, json!({"predictions": [text]}));
    }
}
