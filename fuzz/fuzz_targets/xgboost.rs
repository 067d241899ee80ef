//! Any bytes as an XGBoost file: read, compile for both faces, and answer some rows. Seeds: `fuzz/seed.sh xgboost`.
#![no_main]

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use atalaya_model::{ColumnType, LoadedModel, ModelFiles, load};
use libfuzzer_sys::fuzz_target;

const CLASSES: [&str; 2] = ["xgboost.core.Booster", "xgboost.sklearn.XGBClassifier"];

fn ask(model: &LoadedModel) {
    let column = |kind| -> ArrayRef {
        match kind {
            ColumnType::String => Arc::new(StringArray::from(vec![None, Some("a"), None])),
            _ => Arc::new(Float64Array::from(vec![Some(-0.5), None, Some(3.0)])),
        }
    };
    let columns = model.signature().inputs().iter().map(|input| column(input.kind));
    if let Ok(batch) = RecordBatch::try_new(model.signature().arrow_schema(), columns.collect()) {
        for method in model.predictor.methods() {
            if let Ok(values) = model.predictor.call(method, &batch) {
                assert_eq!(values.len(), 3);
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    for class in CLASSES {
        let manifest = format!("flavors:\n  xgboost:\n    data: model.ubj\n    model_class: {class}\n");
        let files: [(&str, Arc<[u8]>); 2] =
            [("MLmodel", Arc::from(manifest.into_bytes())), ("model.ubj", Arc::from(bytes))];
        let Ok(files) = ModelFiles::from_pairs(files) else { return };
        if let Ok(model) = load(&files) {
            ask(&model);
        }
    }
});
