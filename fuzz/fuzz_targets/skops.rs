//! Any bytes as `model.skops`: read, compile, and answer an empty batch. Seeds: `fuzz/seed.sh skops`.
#![no_main]

use std::sync::Arc;

use atalaya_model::{ModelFiles, load};
use libfuzzer_sys::fuzz_target;

const MANIFEST: &str =
    "flavors:\n  sklearn:\n    pickled_model: model.skops\n    serialization_format: skops\n    sklearn_version: 1.9.1\n";

fuzz_target!(|bytes: &[u8]| {
    let files: [(&str, Arc<[u8]>); 2] = [("MLmodel", Arc::from(MANIFEST.as_bytes())), ("model.skops", Arc::from(bytes))];
    let Ok(files) = ModelFiles::from_pairs(files) else { return };
    if let Ok(model) = load(&files) {
        let batch = arrow_array::RecordBatch::new_empty(model.signature().arrow_schema());
        let _ = model.predictor.predict(&batch);
    }
});
