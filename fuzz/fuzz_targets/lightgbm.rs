//! Any bytes as `model.lgb`: read, compile, and answer rows of small numbers. Seeds: `fuzz/seed.sh lightgbm`.
#![no_main]

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};
use atalaya_model::{Method, ModelFiles, load};
use libfuzzer_sys::fuzz_target;

const MANIFEST: &str = "flavors:\n  lightgbm:\n    data: model.lgb\n    model_class: lightgbm.basic.Booster\n";
/// Columns up to which a batch is made.
const MOST_COLUMNS: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let files: [(&str, Arc<[u8]>); 2] = [("MLmodel", Arc::from(MANIFEST.as_bytes())), ("model.lgb", Arc::from(bytes))];
    let Ok(files) = ModelFiles::from_pairs(files) else { return };
    let Ok(model) = load(&files) else { return };
    let names: Vec<&str> = model.signature().inputs().iter().map(|input| input.name.as_str()).collect();
    if names.len() > MOST_COLUMNS {
        return;
    }
    let column: ArrayRef = Arc::new(Float64Array::from(vec![-1.0, 0.0, 1e-36, 2.5, f64::NAN, f64::INFINITY]));
    let columns = names.into_iter().map(|name| (name, Arc::clone(&column)));
    if let Ok(batch) = RecordBatch::try_from_iter(columns) {
        for method in [Method::Predict, Method::Margin] {
            if let Ok(values) = model.predictor.call(method, &batch) {
                assert_eq!(values.len(), column.len());
            }
        }
    }
});
