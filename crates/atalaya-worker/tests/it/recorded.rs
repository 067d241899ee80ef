//! Models with code of their user, against what Python answered when they were made.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;
use atalaya_model::Method;
use atalaya_model::payload::{ContentType, decode, encode_predictions};
use atalaya_testkit::npy::{self, Values};
use serde_json::Value;

use crate::support::{Stage, fail};

#[test]
fn a_transformer_of_the_user() {
    run("sk19_custom_transformer", "model_cloudpickle", 2);
}

#[test]
fn a_lambda_in_a_pipeline() {
    run("sk19_prep_func_lambda", "model_cloudpickle", 3);
}

#[test]
fn a_tokenizer_of_the_user() {
    run("sk19_text_custom_tokenizer", "model_cloudpickle", 3);
}

#[test]
fn a_python_model() {
    run("sk19_pyfunc_python_model", "model_pyfunc", 1);
}

fn run(case: &str, variant: &str, methods: usize) {
    let Some(stage) = Stage::set(case) else {
        return;
    };
    let folder = atalaya_testkit::fixture(&format!("python_models/{case}"));
    let loaded = stage
        .try_load(&folder.join(variant), stage.options())
        .unwrap_or_else(|error| fail(&error));
    let model = loaded.loaded_model();
    assert_eq!((model.executor, model.flavor), ("python", "python_function"));
    assert!(model.reason.contains("runs in Python 3."), "{}", model.reason);
    let spec = atalaya_testkit::json(&format!("python_models/{case}/case.json"));
    let batch = model.signature().enforce(&input(&folder)).unwrap();
    let mut compared = 0;
    for (name, spec) in spec["methods"].as_object().unwrap() {
        let method = Method::parse(name).unwrap();
        let found = model
            .predictor
            .call(method, &batch)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let recorded = std::fs::read(folder.join(spec["file"].as_str().unwrap())).unwrap();
        compare(name, spec, &npy::parse(&recorded).values, &found);
        compared += 1;
    }
    assert_eq!(compared, methods);
    if spec["serving"].is_object() {
        let serving = atalaya_testkit::text(&format!("python_models/{case}/serving.json"));
        let serving: Value = serde_json::from_str(&serving).unwrap();
        let request = serving["request"].to_string();
        let request = decode(ContentType::Json, request.as_bytes(), model.signature()).unwrap();
        let mut out = Vec::new();
        encode_predictions(&model.predictor.predict(&request.batch).unwrap(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            serving["response_text"].as_str().unwrap()
        );
    }
}

fn input(folder: &Path) -> RecordBatch {
    let file = File::open(folder.join("input.arrow")).unwrap();
    arrow_ipc::reader::FileReader::try_new(file, None)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
}

fn compare(name: &str, spec: &Value, expected: &Values, found: &ArrayRef) {
    match (expected, flat(found)) {
        (Values::I64(expected), found) if found.data_type() == &DataType::Int64 => {
            assert_eq!(found.as_primitive::<Int64Type>().values(), &expected[..], "{name}");
        }
        (Values::F64(expected), found) => {
            let found = found.as_primitive::<Float64Type>().values();
            assert_eq!(found.len(), expected.len(), "{name}");
            let tolerance = |key: &str| spec[key].as_f64().unwrap_or(0.0);
            for (found, expected) in found.iter().zip(expected) {
                let most = tolerance("atol") + tolerance("rtol") * expected.abs();
                assert!((found - expected).abs() <= most, "{name}: {expected} became {found}");
            }
        }
        (_, found) => panic!("{name} came as {}", found.data_type()),
    }
}

fn flat(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::FixedSizeList(..) => flat(values.as_fixed_size_list().values()),
        _ => ArrayRef::clone(values),
    }
}
