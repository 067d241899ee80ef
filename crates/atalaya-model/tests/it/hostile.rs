//! Files made to harm their reader: each ends in a typed error (or in a model, where its content is only odd), at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use atalaya_model::object::{read_pickle, read_skops};
use atalaya_model::{ModelFiles, load};

/// Longest time that one file may take.
const MOST: Duration = Duration::from_secs(1);

/// A model folder around one model file.
fn folder(file: &str, bytes: &[u8]) -> ModelFiles {
    let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
    let (path, flavor) = match extension {
        Some("skops") => ("model.skops", sklearn("skops")),
        Some("ubj") => ("model.ubj", "  xgboost:\n    data: model.ubj\n".to_owned()),
        Some("txt") => ("model.lgb", "  lightgbm:\n    data: model.lgb\n".to_owned()),
        Some("onnx") => ("model.onnx", "  onnx:\n    data: model.onnx\n".to_owned()),
        Some("json") => ("model.json", "  xgboost:\n    data: model.json\n".to_owned()),
        _ => ("model.pkl", sklearn("pickle")),
    };
    let manifest = format!("flavors:\n{flavor}");
    let files: [(&str, Arc<[u8]>); 2] = [("MLmodel", Arc::from(manifest.into_bytes())), (path, Arc::from(bytes))];
    ModelFiles::from_pairs(files).expect("two files")
}

/// The manifest's entry for an estimator.
fn sklearn(format: &str) -> String {
    let path = if format == "skops" { "model.skops" } else { "model.pkl" };
    format!("  sklearn:\n    pickled_model: {path}\n    serialization_format: {format}\n    sklearn_version: 1.9.1\n")
}

/// Loads a file in every way it could be taken; the outcome of the way that its name says.
fn attempt(file: &str, bytes: &[u8]) -> Result<(), String> {
    // A file of another format, under a wrong name: neither reader may misread it.
    let _ = read_pickle(bytes);
    let _ = read_skops(bytes);
    let files = if file.starts_with("MLmodel") {
        ModelFiles::from_pairs([("MLmodel", Arc::<[u8]>::from(bytes))]).expect("one file")
    } else {
        folder(file, bytes)
    };
    match load(&files) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn check(files: &BTreeMap<String, Vec<u8>>) -> Vec<(String, Result<(), String>)> {
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).expect("manifest.json is JSON");
    let mut outcomes = Vec::new();
    for entry in manifest["files"].as_array().expect("a list of files") {
        let file = entry["file"].as_str().expect("a name");
        #[expect(clippy::disallowed_methods, reason = "the bound on the time is what is tested")]
        let started = std::time::Instant::now();
        let outcome = attempt(file, &files[file]);
        assert!(started.elapsed() < MOST, "{file} took {:?}", started.elapsed());
        if entry["expect"] == "refuse" {
            assert!(outcome.is_err(), "{file} was accepted: {}", entry["why"]);
        }
        outcomes.push((file.to_owned(), outcome));
    }
    outcomes
}

#[test]
fn hostile_files_end_in_a_typed_error() {
    let outcomes: BTreeMap<_, _> = check(&atalaya_testkit::read_folder(&atalaya_testkit::fixture("hostile")))
        .into_iter()
        .collect();
    assert!(outcomes.len() >= 15);
    for (file, said) in [
        ("reduce_posix_system.pkl", "`posix.system`"),
        ("binbytes8_huge.pkl", "the file ends inside an instruction"),
        ("ext1.pkl", "byte 2: an extension code"),
        ("persid.pkl", "a persistent id"),
        ("tree_cycle.pkl", "child"),
        ("tree_feature_1000000.pkl", "column that does not exist"),
        ("duplicate_schema.skops", "two members of one name"),
        ("npy_huge_shape.skops", "numpy array"),
        ("zip_bomb.skops", "beyond the limit"),
        ("ubj_count_huge.ubj", "a length goes beyond the end"),
        ("ubj_nested.ubj", "nesting"),
        ("lgb_self_loop.txt", "tree 0, node 0: it is the child of two nodes"),
        (
            "lgb_child_range.txt",
            "line 12 of the model text: `left_child` has a node that does not exist",
        ),
        (
            "lgb_feature_range.txt",
            "tree 0, node 0: it tests a column that does not exist",
        ),
        ("lgb_num_leaves_lies.txt", "`leaf_value` has not as many numbers"),
        ("lgb_leaf_text.txt", "line 21 of the model text: `leaf_value`"),
        ("lgb_short_array.txt", "`threshold` has not as many numbers"),
        ("xgb_self_loop.json", "tree 0, node 0: it is the child of two nodes"),
        (
            "xgb_feature_range.json",
            "tree 0, node 0: it tests a column that does not exist",
        ),
        ("xgb_short_array.json", "`right_children`"),
        ("xgb_num_class_huge.json", "`num_class`"),
        ("onnx_cycle.onnx", "cycle"),
        ("onnx_custom_op.onnx", "`evil.RunPython`"),
        ("onnx_dims_lie.onnx", "the number of bytes is not that of its shape"),
        ("onnx_external_data.onnx", "outside of the model directory"),
        ("onnx_len_lies.onnx", "longer than what holds it"),
        ("onnx_varint.onnx", "more than 64 bits"),
    ] {
        let error = outcomes[file].as_ref().expect_err(file);
        assert!(error.contains(said), "{file}: {error}");
    }
}

#[test]
fn the_large_hostile_set_ends_in_typed_errors() {
    let Some(folder) = atalaya_testkit::large_fixtures("the large hostile set") else {
        return;
    };
    let outcomes = check(&atalaya_testkit::read_folder(&folder.join("malicious")));
    let accepted: Vec<_> = outcomes
        .iter()
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(file, _)| file)
        .collect();
    for (file, outcome) in &outcomes {
        println!("{file}: {}", outcome.as_ref().err().map_or("accepted", String::as_str));
    }
    println!("{} hostile files, accepted: {accepted:?}", outcomes.len());
}
