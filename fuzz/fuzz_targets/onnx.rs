//! Any bytes as `model.onnx`: read, compile, try, and answer two rows. Seeds: `fuzz/seed.sh onnx`.
#![no_main]

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use atalaya_model::{ColumnType, ModelFiles, load};
use libfuzzer_sys::fuzz_target;

const MANIFEST: &str = "flavors:\n  onnx:\n    data: model.onnx\n";

fuzz_target!(|bytes: &[u8]| {
    let files: [(&str, Arc<[u8]>); 2] = [("MLmodel", Arc::from(MANIFEST.as_bytes())), ("model.onnx", Arc::from(bytes))];
    let Ok(files) = ModelFiles::from_pairs(files) else { return };
    let Ok(model) = load(&files) else { return };
    let columns = model.signature().inputs().iter().map(|input| {
        let values: ArrayRef = match input.kind {
            ColumnType::String => Arc::new(StringArray::from(vec!["a", ""])),
            ColumnType::Long => Arc::new(Int64Array::from(vec![-1, 3])),
            _ => Arc::new(Float64Array::from(vec![1e30, f64::NAN])),
        };
        (input.name.clone(), values)
    });
    let Ok(batch) = RecordBatch::try_from_iter(columns) else { return };
    if let Ok(batch) = model.signature().enforce(&batch)
        && let Ok(answer) = model.predictor.predict(&batch)
    {
        assert_eq!(answer.values.len(), 2);
    }
});
