//! Any bytes as a compiled form with a checksum that fits: wake, and answer rows of small numbers. Seeds: `fuzz/seed.sh
//! compiled`, which writes the forms of small fixtures.
#![no_main]

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};
use atalaya_model::compiled::sealed;
use atalaya_model::wake;
use libfuzzer_sys::fuzz_target;

/// The key of the seeds.
const KEY: &str = "key";
/// Columns up to which a batch is made.
const MOST_COLUMNS: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let _ = wake(bytes.to_vec().into(), KEY);
    let Ok(model) = wake(sealed(bytes.to_vec()).into(), KEY) else { return };
    let names: Vec<&str> = model.signature().inputs().iter().map(|input| input.name.as_str()).collect();
    if names.len() > MOST_COLUMNS {
        return;
    }
    for rows in [1, 9] {
        let column = [-1.0, 0.0, 1e-36, 2.5, f64::NAN, f64::INFINITY].into_iter().cycle().take(rows);
        let column: ArrayRef = Arc::new(Float64Array::from_iter_values(column));
        let columns = names.iter().map(|name| (name, Arc::clone(&column)));
        if let Ok(batch) = RecordBatch::try_from_iter(columns) {
            for method in model.predictor.methods() {
                if let Ok(values) = model.predictor.call(method, &batch) {
                    assert_eq!(values.len(), column.len());
                }
            }
        }
    }
});
