//! Nanoseconds per row of native scikit-learn models, one row and a thousand at a time, with the time that Arrow takes for
//! the output alone. Run it with `cargo run --example predict_bench` (`--release` for the machine's own speed).
#![expect(clippy::disallowed_methods, reason = "a measurement reads a clock and fixtures")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};
use atalaya_model::{ModelFiles, Signature, load};
use atalaya_testkit::{fixture, read_folder};

/// The best of some repetitions is the one that the machine's other work disturbed least.
const REPETITIONS: u32 = 1_000;

fn main() {
    for folder in [
        "diabetes/version_1",
        "models/sk19_logreg_binary/model_pickle",
        "models/sk19_gb_clf_bin/model_cloudpickle",
        "models/sk19_rf_clf_str/model_cloudpickle",
        "models/sk19_mixed_onehot/model_cloudpickle",
    ] {
        let files = read_folder(&fixture(folder))
            .into_iter()
            .map(|(path, bytes)| (path, Arc::from(bytes)));
        let files = ModelFiles::from_pairs::<String, Arc<[u8]>>(files).expect("a model folder");
        let model = load(&files).expect("a model that runs natively");
        for rows in [1, 1000] {
            let batch = batch(model.signature(), rows);
            let best = best(rows, || model.predictor.predict(black_box(&batch)).is_ok());
            println!("{folder}, {rows} rows: {best:.0} ns/row");
        }
    }
    let output = best(1, || {
        let labels: ArrayRef = Arc::new(Int64Array::from_iter_values(black_box([1])));
        let pair: ArrayRef = Arc::new(Float64Array::from(black_box(vec![0.5, 0.5])));
        labels.len() + pair.len() == 3
    });
    println!("two arrays alone: {output:.0} ns");
}

/// Any rows that fit the signature; numbers only become text where it wants text.
fn batch(signature: &Signature, rows: usize) -> RecordBatch {
    let numbers: Vec<f64> = (0..rows)
        .map(|row| f64::from(u32::try_from(row % 97).unwrap_or(0)))
        .collect();
    let schema = signature.arrow_schema();
    let columns = schema.fields().iter().map(|field| {
        let column: ArrayRef = Arc::new(Float64Array::from(numbers.clone()));
        arrow_cast::cast(&column, field.data_type()).expect("numbers become every type of these signatures")
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).expect("columns of one length")
}

fn best(rows: usize, mut run: impl FnMut() -> bool) -> f64 {
    // Few enough for a repetition to end before the scheduler takes the processor away.
    let rounds = (1_000 / u32::try_from(rows).unwrap_or(1)).max(1);
    let mut best = f64::INFINITY;
    for _ in 0..REPETITIONS {
        let started = Instant::now();
        let done = (0..rounds).filter(|_| run()).count();
        assert_eq!(done, rounds as usize, "every prediction succeeds");
        best = best.min(started.elapsed().as_secs_f64() * 1e9 / f64::from(rounds) / rows as f64);
    }
    best
}
