//! Nanoseconds per request of decoding a one-row record and encoding its answer; run it with `cargo run --example decode_bench`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Float64Array, Int64Array};
use atalaya_model::payload::{ContentType, decode, encode_predictions};
use atalaya_model::{ColumnSpec, ColumnType, Predictions, Signature};

/// Few enough for a repetition to end before the scheduler takes the processor away.
const ROUNDS: u32 = 1_000;
/// The best of some repetitions is the one that the machine's other work disturbed least.
const REPETITIONS: u32 = 300;

fn main() {
    let names = ["age", "bmi", "glucose", "blood_pressure"];
    let columns = names
        .map(|name| ColumnSpec::required(name, ColumnType::Double))
        .to_vec();
    let signature = Signature::new(columns, vec![], vec![]).expect("the names differ");
    let records = r#"{"dataframe_records": [{"age": 45, "bmi": 27.3, "glucose": 141.25, "blood_pressure": 80.0}]}"#;
    let split = r#"{"dataframe_split": {"columns": ["age", "bmi", "glucose", "blood_pressure"], "data": [[45, 27.3, 141.25, 80.0]]}}"#;
    let csv = "age,bmi,glucose,blood_pressure\n45,27.3,141.25,80.0\n";
    let rows = r#"{"inputs": [[45, 27.3, 141.25, 80.0]]}"#;
    let lists = r#"{"inputs": {"age": [45], "bmi": [27.3], "glucose": [141.25], "blood_pressure": [80.0]}}"#;
    for (name, content_type, body) in [
        ("1 record", ContentType::Json, records),
        ("1 split row", ContentType::Json, split),
        ("1 row of inputs", ContentType::Json, rows),
        ("1 row in columns", ContentType::Json, lists),
        ("1 csv row", ContentType::Csv, csv),
    ] {
        measure(name, || {
            black_box(decode(content_type, black_box(body.as_bytes()), &signature))
                .is_ok_and(|request| request.batch.num_rows() == 1)
        });
    }
    let record = r#"{"age": 45, "bmi": 27.3, "glucose": 141.25, "blood_pressure": 80.0}"#;
    let many = format!("{{\"dataframe_records\": [{}]}}", vec![record; 1000].join(", "));
    measure("1000 records, /1000", || {
        decode(ContentType::Json, black_box(many.as_bytes()), &signature).is_ok()
    });
    wide();
    let labels = Predictions {
        values: Arc::new(Int64Array::from(vec![1])),
        probabilities: None,
    };
    let floats = Predictions {
        values: Arc::new(Float64Array::from(vec![117.413_2])),
        probabilities: None,
    };
    let mut out = Vec::new();
    for (name, predictions) in [("encode 1 integer", &labels), ("encode 1 float", &floats)] {
        measure(name, || {
            out.clear();
            encode_predictions(black_box(predictions), &mut out);
            !out.is_empty()
        });
    }
}

/// One row of 600 columns: as declared, and from the last to the first.
fn wide() {
    let names: Vec<String> = (0..600).map(|i| format!("feature_{i}")).collect();
    let signature = Signature::of_doubles(names.clone()).expect("the names differ");
    let field = |name: &String| format!("\"{name}\": 27.3");
    let straight: Vec<String> = names.iter().map(field).collect();
    let backward: Vec<String> = names.iter().rev().map(field).collect();
    for (name, fields) in [("600 columns", straight), ("600, backward", backward)] {
        let body = format!("{{\"dataframe_records\": [{{{}}}]}}", fields.join(", "));
        measure(name, || {
            decode(ContentType::Json, black_box(body.as_bytes()), &signature).is_ok()
        });
        let batch = decode(ContentType::Json, body.as_bytes(), &signature)
            .expect("it is valid")
            .batch;
        let order: Vec<usize> = (0..600).rev().collect();
        let given = if name == "600 columns" {
            batch
        } else {
            batch.project(&order).expect("they are there")
        };
        measure(&format!("enforce {name}"), || {
            signature.enforce(black_box(&given)).is_ok()
        });
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement needs a clock; this is no part of the crate"
)]
fn measure(name: &str, mut work: impl FnMut() -> bool) {
    let rounds = if name.contains("/1000") || name.contains("600") {
        1
    } else {
        ROUNDS
    };
    let best = (0..REPETITIONS).map(|_| {
        let start = Instant::now();
        for _ in 0..rounds {
            assert!(work());
        }
        start.elapsed().as_nanos() / u128::from(rounds)
    });
    let divisor = if name.contains("/1000") { 1000 } else { 1 };
    println!("{name:>22}: {:>6} ns", best.min().unwrap_or_default() / divisor);
}
