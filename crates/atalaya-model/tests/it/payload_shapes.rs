//! Every accepted shape gives the same batch.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use atalaya_model::payload::{ContentType, Request, decode};
use atalaya_model::{ColumnSpec, ColumnType, Signature};

pub(crate) fn patient() -> Signature {
    let inputs = vec![
        ColumnSpec::required("age", ColumnType::Long),
        ColumnSpec::required("bmi", ColumnType::Double),
        ColumnSpec::required("sex", ColumnType::String),
        ColumnSpec::required("smoker", ColumnType::Boolean),
    ];
    Signature::new(inputs, vec![], vec![]).unwrap()
}

fn json(body: &str, signature: &Signature) -> Request {
    decode(ContentType::Json, body.as_bytes(), signature).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn csv(body: &str, signature: &Signature) -> RecordBatch {
    decode(ContentType::Csv, body.as_bytes(), signature)
        .unwrap_or_else(|error| panic!("{body}: {error}"))
        .batch
}

#[test]
fn every_shape_gives_the_same_batch() {
    let signature = patient();
    let wanted = json(
        r#"{"dataframe_records": [{"age": 45, "bmi": 27.3, "sex": "f", "smoker": true}, {"age": 50, "bmi": 30, "sex": "m", "smoker": false}]}"#,
        &signature,
    );
    assert_eq!(wanted.batch.num_rows(), 2);
    assert_eq!(wanted.batch.schema(), signature.arrow_schema());
    assert_eq!(wanted.batch.column(0).as_primitive::<Int64Type>().values(), &[45, 50]);
    assert_eq!(
        wanted.batch.column(1).as_primitive::<Float64Type>().values(),
        &[27.3, 30.0]
    );
    for body in [
        // Another order in each record, extra columns with nested values, escaped key.
        r#"{"dataframe_records": [{"sex": "f", "smoker": true, "x": {"a": [1, {}]}, "bmi": 27.3, "age": 45}, {"ag\u0065": 50, "smoker": false, "y": [], "bmi": 30, "sex": "m"}]}"#,
        r#"{"dataframe_split": {"columns": ["age", "bmi", "sex", "smoker"], "data": [[45, 27.3, "f", true], [50, 30, "m", false]]}}"#,
        r#"{"dataframe_split": {"index": [0, 1], "data": [[true, null, 27.3, 45, "f"], [false, {}, 30, 50, "m"]], "columns": ["smoker", "x", "bmi", "age", "sex"]}}"#,
        r#"{"instances": [{"age": 45, "bmi": 27.3, "sex": "f", "smoker": true}, {"age": 50, "bmi": 30, "sex": "m", "smoker": false}]}"#,
        r#"{"instances": [[45, 27.3, "f", true], [50, 30, "m", false]]}"#,
        r#"{"inputs": [[45, 27.3, "f", true], [50, 30, "m", false]]}"#,
        r#"{"inputs": [{"age": "45", "bmi": "27.3", "sex": "f", "smoker": 1}, {"age": 50.0, "bmi": 3e1, "sex": "m", "smoker": 0}]}"#,
        r#"{"inputs": {"age": [45, 50], "bmi": [27.3, 30], "y": 1, "sex": ["f", "m"], "smoker": [true, false]}}"#,
    ] {
        assert_eq!(json(body, &signature).batch, wanted.batch, "{body}");
    }
    for body in [
        "age,bmi,sex,smoker\n45,27.3,f,true\n50,30,m,False\n",
        "\u{feff}x,smoker,sex,bmi,age\r\n\"a,\"\"b\",true,f, 27.3,45\r\n,0,\"m\",3e1,50.0",
    ] {
        assert_eq!(csv(body, &signature), wanted.batch, "{body}");
    }
}

#[test]
fn what_stands_beside_the_rows_is_read() {
    let signature = patient();
    let body = r#" {"client_request_id": "r-1", "usage_context": {"a": 1}, "params": {"t": 0.5}, "stream": true, "later": [1],
        "inputs": {"age": 45, "bmi": null, "sex": null, "smoker": false}} "#;
    let request = json(body, &signature);
    assert_eq!(request.client_request_id.as_deref(), Some("r-1"));
    assert!(request.stream);
    assert_eq!(request.batch.num_rows(), 1);
    let plain = json(
        r#"{"client_request_id": null, "params": null, "instances": [[1, 2, "", true]]}"#,
        &signature,
    );
    assert_eq!((plain.client_request_id, plain.stream), (None, false));
}

#[test]
fn missing_values_are_null_with_nan_beneath() {
    let inputs = vec![
        ColumnSpec::required("a", ColumnType::Double),
        ColumnSpec {
            name: "b".to_owned(),
            kind: ColumnType::Long,
            required: false,
        },
    ];
    let signature = Signature::new(inputs, vec![], vec![]).unwrap();
    let wanted = json(
        r#"{"dataframe_records": [{"a": null, "b": null}, {"a": 1, "b": 2}]}"#,
        &signature,
    )
    .batch;
    let floats = wanted.column(0).as_primitive::<Float64Type>();
    assert!(floats.is_null(0) && floats.value(0).is_nan() && floats.is_valid(1));
    // As pandas does: a key that some record lacks is missing there.
    assert_eq!(
        json(r#"{"dataframe_records": [{}, {"b": 2, "a": 1}]}"#, &signature).batch,
        wanted
    );
    assert_eq!(csv("b,a\n,\n2,1\n", &signature), wanted);
    // An optional column may be absent everywhere.
    for body in [
        r#"{"dataframe_records": [{"a": 1}]}"#,
        r#"{"dataframe_split": {"columns": ["a"], "data": [[1]]}}"#,
        r#"{"inputs": {"a": [1]}}"#,
    ] {
        let batch = json(body, &signature).batch;
        assert_eq!((batch.num_rows(), batch.column(1).null_count()), (1, 1), "{body}");
    }
    assert_eq!(csv("a\n1\n", &signature).column(1).null_count(), 1);
}

#[test]
fn a_positional_signature_takes_positions() {
    let signature = Signature::of_array(ColumnType::Double, 2).unwrap();
    let wanted = json(r#"{"inputs": [[1, 2], [3, 4]]}"#, &signature).batch;
    for body in [
        r#"{"instances": [[1, 2], [3, 4]]}"#,
        r#"{"dataframe_split": {"columns": ["u", "v"], "data": [[1, 2], [3, 4]]}}"#,
        r#"{"dataframe_split": {"columns": [0, 1], "data": [[1, 2], [3, 4]]}}"#,
        r#"{"dataframe_split": {"data": [[1, 2], [3, 4]]}}"#,
        r#"{"dataframe_records": [{"1": 2, "0": 1}, {"0": 3, "1": 4}]}"#,
    ] {
        assert_eq!(json(body, &signature).batch, wanted, "{body}");
    }
    assert_eq!(csv("u,v\n1,2\n3,4\n", &signature), wanted);
    let one = Signature::of_array(ColumnType::Double, 1).unwrap();
    assert_eq!(
        json(r#"{"instances": [1, 2]}"#, &one).batch,
        json(r#"{"inputs": [[1], [2]]}"#, &one).batch
    );
}

#[test]
fn dates_and_bytes_are_read() {
    let inputs = vec![
        ColumnSpec::required("at", ColumnType::Datetime),
        ColumnSpec::required("raw", ColumnType::Binary),
    ];
    let signature = Signature::new(inputs, vec![], vec![]).unwrap();
    let body =
        r#"{"instances": [["1970-01-01 00:00:01.000002", "aGk="], ["1970-01-01T01:00:00+01:00", ""], [null, "AA=="]]}"#;
    let batch = json(body, &signature).batch;
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!((times.value(0), times.value(1)), (1_000_002, 0));
    assert!(times.is_null(2));
    let bytes = batch.column(1).as_binary::<i32>();
    assert_eq!(
        (bytes.value(0), bytes.value(1), bytes.value(2)),
        (&b"hi"[..], &b""[..], &b"\0"[..])
    );
}

#[test]
fn text_is_kept_as_it_is() {
    let signature = Signature::new(vec![ColumnSpec::required("t", ColumnType::String)], vec![], vec![]).unwrap();
    let batch = json(
        r#"{"instances": ["a\u0000\n\"\\\/", "\ud83d\ude00é", " 007 "]}"#,
        &signature,
    )
    .batch;
    let texts = batch.column(0).as_string::<i32>();
    assert_eq!(
        texts.iter().flatten().collect::<Vec<_>>(),
        ["a\0\n\"\\/", "😀é", " 007 "]
    );
    // Typed by the signature, not by how it looks.
    assert_eq!(csv("t\n007\n", &signature).column(0).as_string::<i32>().value(0), "007");
}
