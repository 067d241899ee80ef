//! Every model of the repository's fixtures, loaded and asked inside the cage: what is good needs nothing outside either.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use atalaya_model::{ColumnType, LoadedModel, ModelFiles, load};

use super::cage;

/// Fewest models of the fixtures that must load; there are some more.
const FEWEST: usize = 120;

/// Every folder of the fixtures that has an `MLmodel` file or a lone ONNX model.
fn folders() -> Vec<(String, ModelFiles)> {
    let mut files = atalaya_testkit::read_folder(&atalaya_testkit::fixtures());
    let folder = |path: &str| {
        path.rsplit_once('/')
            .map_or(String::new(), |(folder, _)| folder.to_owned())
    };
    let graphs: Vec<String> = files
        .keys()
        .filter(|path| path.ends_with("/model.onnx"))
        .map(|path| folder(path))
        .collect();
    for graph in graphs {
        let manifest = b"flavors:\n  onnx:\n    data: model.onnx\n".to_vec();
        files.entry(format!("{graph}/MLmodel")).or_insert(manifest);
    }
    let manifests: Vec<String> = files
        .keys()
        .filter(|path| path.ends_with("/MLmodel"))
        .map(|path| folder(path))
        .collect();
    let mut models: BTreeMap<String, BTreeMap<String, Arc<[u8]>>> = BTreeMap::new();
    for (path, bytes) in files {
        let owner = manifests
            .iter()
            .find(|folder| path.strip_prefix(*folder).is_some_and(|rest| rest.starts_with('/')));
        if let Some(owner) = owner {
            models
                .entry(owner.clone())
                .or_default()
                .insert(path[owner.len() + 1..].to_owned(), Arc::from(bytes));
        }
    }
    models
        .into_iter()
        .map(|(folder, files)| (folder, ModelFiles::from_pairs(files).unwrap()))
        .collect()
}

/// Some rows for a model.
pub(crate) fn ask(model: &LoadedModel) {
    let column = |kind| -> ArrayRef {
        match kind {
            ColumnType::String => Arc::new(StringArray::from(vec!["a", "", "b c"])),
            ColumnType::Long | ColumnType::Integer => Arc::new(Int64Array::from(vec![-1, 0, 3])),
            ColumnType::Boolean => Arc::new(BooleanArray::from(vec![true, false, true])),
            _ => Arc::new(Float64Array::from(vec![-0.5, 0.0, 3.0])),
        }
    };
    let columns = model
        .signature()
        .inputs()
        .iter()
        .map(|input| (input.name.as_str(), column(input.kind)));
    let Ok(batch) = RecordBatch::try_from_iter(columns) else {
        return;
    };
    let Ok(batch) = model.signature().enforce(&batch) else {
        return;
    };
    for method in model.predictor.methods() {
        if let Ok(values) = model.predictor.call(method, &batch) {
            assert_eq!(values.len(), 3);
        }
    }
}

/// Reads and asks all of them in the cage.
pub(crate) fn read_all() {
    let folders = folders();
    let loaded = cage::caged(move || {
        let mut loaded = 0;
        for (name, files) in folders {
            eprintln!("reading {name}");
            if let Ok(model) = load(&files) {
                ask(&model);
                loaded += 1;
            }
        }
        loaded
    });
    eprintln!("{loaded} models load and answer");
    assert!(loaded >= FEWEST, "only {loaded} models load");
}
