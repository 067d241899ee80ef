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
const REPETITIONS: u32 = 1_000;

fn main() {
    let names = ["age", "bmi", "glucose", "blood_pressure"];
    let columns = names
        .map(|name| ColumnSpec::required(name, ColumnType::Double))
        .to_vec();
    let signature = Signature::new(columns, vec![], vec![]).expect("the names differ");
    let records = r#"{"dataframe_records": [{"age": 45, "bmi": 27.3, "glucose": 141.25, "blood_pressure": 80.0}]}"#;
    let split = r#"{"dataframe_split": {"columns": ["age", "bmi", "glucose", "blood_pressure"], "data": [[45, 27.3, 141.25, 80.0]]}}"#;
    let csv = "age,bmi,glucose,blood_pressure\n45,27.3,141.25,80.0\n";
    for (name, content_type, body) in [
        ("1 record", ContentType::Json, records),
        ("1 split row", ContentType::Json, split),
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

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement needs a clock; this is no part of the crate"
)]
fn measure(name: &str, mut work: impl FnMut() -> bool) {
    let rounds = if name.contains("/1000") { ROUNDS / 1000 } else { ROUNDS };
    let best = (0..REPETITIONS).map(|_| {
        let start = Instant::now();
        for _ in 0..rounds {
            assert!(work());
        }
        start.elapsed().as_nanos() / u128::from(ROUNDS)
    });
    println!("{name:>20}: {:>6} ns", best.min().unwrap_or_default());
}
