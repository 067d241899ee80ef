//! ONNX models against what onnxruntime answered: the small set of the repository always, the large one where it is at
//! hand; and files made to harm their reader.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use atalaya_model::flavors::onnx::{self, OnnxModel};
use atalaya_model::payload::{ContentType, decode, encode_named};
use atalaya_model::{LoadError, Manifest, Method, ModelFiles, PredictError, Predictor, load};
use atalaya_testkit::npy::{self, Values};
use atalaya_testkit::onnx_file::{bytes, file, floats, int, ints, node, stored, stored_ints, text, texts, value};
use proptest::prelude::*;
use serde_json::Value;

use crate::sklearn_case::{Flat, flat};

const MANIFEST: &str = "flavors:\n  onnx:\n    data: model.onnx\n";

/// A recorded model: its files, its input, and each output's elements with their tolerances.
struct Case {
    name: String,
    files: ModelFiles,
    input: RecordBatch,
    expected: Vec<(String, Flat, f64, f64)>,
}

fn model_files(model: &[u8], manifest: &str) -> ModelFiles {
    let files: [(&str, Arc<[u8]>); 2] = [
        ("MLmodel", Arc::from(manifest.as_bytes())),
        ("model.onnx", Arc::from(model)),
    ];
    ModelFiles::from_pairs(files).unwrap()
}

fn arrow(bytes: &[u8]) -> RecordBatch {
    let mut reader = arrow_ipc::reader::FileReader::try_new(Cursor::new(bytes), None).unwrap();
    reader.next().unwrap().unwrap()
}

impl Case {
    /// A folder with `case.json`, as the large set has it.
    fn read(folder: &Path) -> Self {
        let files = atalaya_testkit::read_folder(folder);
        let spec: Value = serde_json::from_slice(&files["case.json"]).unwrap();
        let manifest = String::from_utf8(files["model_onnx/MLmodel"].clone()).unwrap();
        let expected = spec["methods"].as_object().unwrap().iter().map(|(name, spec)| {
            let bytes = &files[spec["file"].as_str().unwrap()];
            #[expect(clippy::cast_precision_loss, reason = "recorded labels are small")]
            let values = if spec["dtype"] == "string" {
                Flat::Texts(serde_json::from_slice(bytes).unwrap())
            } else {
                match npy::parse(bytes).values {
                    Values::F64(values) => Flat::Numbers(values),
                    Values::F32(values) => Flat::Numbers(values.into_iter().map(f64::from).collect()),
                    Values::I64(values) => Flat::Numbers(values.into_iter().map(|value| value as f64).collect()),
                    other => panic!("{other:?}"),
                }
            };
            let bound = |key: &str| spec[key].as_f64().unwrap_or(0.0);
            (name.clone(), values, bound("rtol"), bound("atol"))
        });
        Self {
            name: spec["case"].as_str().unwrap().to_owned(),
            files: model_files(&files["model_onnx/model.onnx"], &manifest),
            input: arrow(&files["input.arrow"]),
            expected: expected.collect(),
        }
    }

    /// A folder with `expected.json`: outputs as lists of numbers in decimal.
    fn read_plain(folder: &Path) -> Self {
        let files = atalaya_testkit::read_folder(folder);
        let spec: Value = serde_json::from_slice(&files["expected.json"]).unwrap();
        let expected = spec["outputs"].as_array().unwrap().iter().map(|output| {
            let texts = output["values"]
                .as_array()
                .unwrap()
                .iter()
                .map(|value| value.as_str().unwrap());
            let values = if output["type"] == "string" {
                Flat::Texts(texts.map(str::to_owned).collect())
            } else {
                Flat::Numbers(texts.map(|text| text.parse().unwrap()).collect())
            };
            let close = output["type"] != "int64";
            let bound = |value: f64| if close { value } else { 0.0 };
            (
                output["name"].as_str().unwrap().to_owned(),
                values,
                bound(1e-5),
                bound(1e-5),
            )
        });
        Self {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            files: model_files(&files["model.onnx"], MANIFEST),
            input: arrow(&files["input.arrow"]),
            expected: expected.collect(),
        }
    }

    fn load(&self) -> Result<OnnxModel, LoadError> {
        let manifest = Manifest::parse(self.files.read("MLmodel").unwrap()).unwrap();
        onnx::load(&manifest, &self.files)
    }

    fn differences(&self, model: &OnnxModel) -> Vec<String> {
        let batch = model.signature().enforce(&self.input).unwrap();
        let outputs = match model.outputs(&batch) {
            Ok(outputs) => outputs,
            Err(error) => return vec![format!("{}: {error}", self.name)],
        };
        let mut differences = Vec::new();
        for (name, expected, rtol, atol) in &self.expected {
            let found = outputs.iter().find(|output| output.name == *name);
            let found = found.map(|output| flat(&output.values));
            let what = match (expected, &found) {
                (Flat::Texts(expected), Some(Flat::Texts(found))) if expected == found => continue,
                (Flat::Numbers(expected), Some(Flat::Numbers(found))) if expected.len() == found.len() => {
                    let agrees = |(e, f): &(&f64, &f64)| {
                        e == f || (e.is_nan() && f.is_nan()) || (*e - *f).abs() <= atol + rtol * e.abs()
                    };
                    let wrong: Vec<_> = expected
                        .iter()
                        .zip(found)
                        .enumerate()
                        .filter(|(_, pair)| !agrees(pair))
                        .collect();
                    let Some((at, (expected, found))) = wrong.first() else {
                        continue;
                    };
                    format!("{} differ, at {at} {expected} became {found}", wrong.len())
                }
                _ => "another type or number".to_owned(),
            };
            differences.push(format!("{} {name}: {what}", self.name));
        }
        differences
    }
}

fn folders(folder: &Path, file: &str) -> Vec<PathBuf> {
    let part = atalaya_testkit::case_part();
    let files = atalaya_testkit::read_folder(folder);
    let names = files
        .keys()
        .filter_map(|path| path.strip_suffix(file)?.strip_suffix('/'));
    names
        .map(|name| folder.join(name))
        .filter(|path| part.as_ref().is_none_or(|part| path.to_string_lossy().contains(part)))
        .collect()
}

static SMALL: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let folders = folders(&atalaya_testkit::fixture("onnx"), "case.json");
    folders.iter().map(|folder| Case::read(folder)).collect()
});

fn small(name: &str) -> (&'static Case, OnnxModel) {
    let case = SMALL.iter().find(|case| case.name == name).unwrap();
    (case, case.load().unwrap())
}

#[test]
fn every_small_model_answers_as_onnxruntime_did() {
    assert!(SMALL.len() >= 7 || atalaya_testkit::case_part().is_some());
    for case in SMALL.iter() {
        let differences = case.differences(&case.load().unwrap());
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

#[test]
fn the_large_onnx_set_answers_as_onnxruntime_did() {
    let Some(folder) = atalaya_testkit::large_fixtures("the large set of ONNX models") else {
        return;
    };
    let mut cases: Vec<Case> = Vec::new();
    if folder.join("sk19").is_dir() {
        let recorded = folders(&folder.join("sk19"), "case.json");
        let recorded = recorded.iter().filter(|path| path.to_string_lossy().contains("/onnx_"));
        cases.extend(recorded.map(|path| Case::read(path)));
    }
    if folder.join("onnx").is_dir() {
        cases.extend(
            folders(&folder.join("onnx"), "expected.json")
                .iter()
                .map(|path| Case::read_plain(path)),
        );
    }
    let (mut ran, mut refused, mut differences) = (0, BTreeMap::<String, usize>::new(), Vec::new());
    for case in &cases {
        match case.load() {
            Ok(model) => {
                ran += 1;
                differences.extend(case.differences(&model));
            }
            Err(LoadError::Unsupported { reason }) => {
                println!("{}: {reason}", case.name);
                *refused
                    .entry(reason.split(": ").last().unwrap_or_default().to_owned())
                    .or_default() += 1;
            }
            Err(error) => differences.push(format!("{}: {error}", case.name)),
        }
    }
    println!("{ran} of {} ran, refused: {refused:#?}", cases.len());
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn a_classifier_gives_labels_and_probabilities() {
    let (case, model) = small("onnx_logreg_str");
    let batch = model.signature().enforce(&case.input).unwrap();
    let answer = model.predict(&batch).unwrap();
    assert_eq!(*answer.values.data_type(), DataType::Utf8);
    assert_eq!(answer.values.len(), batch.num_rows());
    assert_eq!(model.methods(), [Method::Predict, Method::PredictProba]);
    assert_eq!(
        answer.probabilities,
        Some(model.call(Method::PredictProba, &batch).unwrap())
    );
    assert!(matches!(
        model.call(Method::Transform, &batch),
        Err(PredictError::Method { .. })
    ));
}

#[test]
fn maps_of_classes_keep_their_keys() {
    let (case, model) = small("onnx_logreg_zipmap");
    let batch = model.signature().enforce(&case.input).unwrap();
    let outputs = model.outputs(&batch).unwrap();
    assert_eq!(outputs[0].keys, None);
    assert_eq!(outputs[1].keys, Some(vec![Arc::from("0"), Arc::from("1")]));
}

/// Numbers of two JSON texts of one structure are near each other, and everything else is the same.
fn alike(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(e), Value::Number(f)) => {
            let (e, f) = (e.as_f64().unwrap(), f.as_f64().unwrap());
            (e - f).abs() <= 1e-6 + 1e-5 * e.abs()
        }
        (Value::Array(e), Value::Array(f)) => e.len() == f.len() && e.iter().zip(f).all(|(e, f)| alike(e, f)),
        (Value::Object(e), Value::Object(f)) => {
            e.len() == f.len() && e.iter().all(|(key, e)| f.get(key).is_some_and(|f| alike(e, f)))
        }
        (expected, found) => expected == found,
    }
}

#[test]
fn requests_are_answered_in_the_form_of_mlflow() {
    for case in SMALL.iter() {
        let folder = atalaya_testkit::fixture("onnx").join(&case.name);
        let serving: Value = serde_json::from_slice(&atalaya_testkit::read_folder(&folder)["serving.json"]).unwrap();
        let model = case.load().unwrap();
        let body = serving["request"].to_string();
        let request = decode(ContentType::Json, body.as_bytes(), model.signature()).unwrap();
        let (_, named) = model.predict_named(&request.batch).unwrap();
        let mut out = Vec::new();
        encode_named(&named, &mut out);
        let expected: Value = serde_json::from_str(serving["response_text"].as_str().unwrap()).unwrap();
        let found: Value = serde_json::from_slice(&out).unwrap();
        assert!(alike(&expected, &found), "{}: {expected} became {found}", case.name);
    }
}

#[test]
fn a_frame_is_answered_by_one_object_per_row() {
    let (case, _) = small("onnx_logreg_zipmap");
    let columns: Vec<String> = (0..8)
        .map(|at| format!("{{\"name\": \"f{at}\", \"type\": \"double\"}}"))
        .collect();
    let manifest = format!("{MANIFEST}signature:\n  inputs: '[{}]'\n", columns.join(", "));
    let files = model_files(case.files.read("model.onnx").unwrap(), &manifest);
    let model = load(&files).unwrap().predictor;
    let batch = model.signature().enforce(&case.input).unwrap().slice(0, 2);
    let (_, named) = model.predict_named(&batch).unwrap();
    let mut out = Vec::new();
    encode_named(&named, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.starts_with("{\"predictions\": [{\"output_label\": 1, \"output_probability\": {\"0\": "),
        "{text}"
    );
}

#[test]
fn one_number_per_row_is_a_plain_column_and_no_rows_are_none() {
    for name in ["onnx_ridge", "onnx_gb_reg"] {
        let (case, model) = small(name);
        let batch = model.signature().enforce(&case.input).unwrap();
        let values = model.predict(&batch).unwrap().values;
        assert_eq!((values.len(), values.data_type()), (72, &DataType::Float64), "{name}");
        let none = model.predict(&batch.slice(0, 0)).unwrap();
        assert_eq!(
            (none.values.len(), none.values.data_type()),
            (0, &DataType::Float64),
            "{name}"
        );
    }
    let (case, model) = small("onnx_mlp");
    let batch = model.signature().enforce(&case.input).unwrap();
    let none = model.predict(&batch.slice(0, 0)).unwrap();
    assert_eq!(none.probabilities.unwrap().len(), 0);
}

#[test]
fn rows_are_answered_alike_alone_and_together() {
    for case in SMALL.iter() {
        let model = case.load().unwrap();
        let batch = model.signature().enforce(&case.input).unwrap();
        let together = model.predict(&batch).unwrap().values;
        for row in [0, 1, 71] {
            let alone = model.predict(&batch.slice(row, 1)).unwrap().values;
            assert_eq!(&alone, &together.slice(row, 1), "{} row {row}", case.name);
        }
    }
}

#[test]
fn the_loader_takes_the_flavor() {
    let case = &SMALL[0];
    let loaded = load(&case.files).unwrap();
    assert_eq!((loaded.flavor, loaded.executor), ("onnx", "native"));
}

fn open(model: &[u8]) -> Result<OnnxModel, LoadError> {
    let files = model_files(model, MANIFEST);
    onnx::load(&Manifest::parse(MANIFEST.as_bytes()).unwrap(), &files)
}

/// The error of a model that must be refused as damaged.
fn malformed(model: &[u8]) -> String {
    match open(model) {
        Err(LoadError::Malformed { reason }) => reason,
        Err(other) => panic!("not refused as damaged: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

/// The error of a model that another executor may run.
fn unsupported(model: &[u8]) -> String {
    match open(model) {
        Err(LoadError::Unsupported { reason }) => reason,
        Err(other) => panic!("not left to another executor: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

fn x(width: i64) -> Vec<u8> {
    value(11, "x", 1, &[-1, width])
}

fn y() -> Vec<u8> {
    value(12, "y", 1, &[-1, 1])
}

fn numbers(columns: &[&[f64]]) -> RecordBatch {
    let column = |(at, values): (usize, &&[f64])| {
        (
            at.to_string(),
            Arc::new(Float64Array::from(values.to_vec())) as ArrayRef,
        )
    };
    RecordBatch::try_from_iter(columns.iter().enumerate().map(column)).unwrap()
}

fn answer(model: &OnnxModel, batch: &RecordBatch) -> Flat {
    flat(&model.predict(batch).unwrap().values)
}

#[test]
fn an_unknown_operator_is_left_to_another_executor_by_name() {
    let model = file(&[x(2), y(), node("evil", "RunPython", &["x"], &["y"], &[])]);
    assert_eq!(
        unsupported(&model),
        "node 0 `n` (`evil.RunPython`): the operator is not understood"
    );
    // Where no output needs it, it does not matter.
    let model = file(&[
        x(1),
        y(),
        node("evil", "RunPython", &["x"], &["z"], &[]),
        node("", "Neg", &["x"], &["y"], &[]),
    ]);
    assert_eq!(
        answer(&open(&model).unwrap(), &numbers(&[&[1.5]])),
        Flat::Numbers(vec![-1.5])
    );
}

#[test]
fn nodes_may_stand_in_any_order_but_not_in_a_circle() {
    let later = [
        x(1),
        y(),
        node("", "Neg", &["a"], &["y"], &[]),
        node("", "Abs", &["x"], &["a"], &[]),
    ];
    assert_eq!(
        answer(&open(&file(&later)).unwrap(), &numbers(&[&[-2.0]])),
        Flat::Numbers(vec![-2.0])
    );
    let circle = [
        x(1),
        y(),
        node("", "Add", &["x", "b"], &["y"], &[]),
        node("", "Neg", &["y"], &["b"], &[]),
    ];
    assert!(malformed(&file(&circle)).contains("cycle"));
    let unknown = [x(1), y(), node("", "Add", &["x", "nowhere"], &["y"], &[])];
    assert!(malformed(&file(&unknown)).contains("unknown name"));
    let twice = [
        x(1),
        y(),
        node("", "Neg", &["x"], &["y"], &[]),
        node("", "Abs", &["x"], &["y"], &[]),
    ];
    assert!(malformed(&file(&twice)).contains("two values have one name"));
}

#[test]
fn stored_tensors_have_as_many_elements_as_their_shape() {
    let with = |sizes: &[i64], values: &[f32]| {
        file(&[
            x(1),
            y(),
            stored("w", sizes, values),
            node("", "Mul", &["x", "w"], &["y"], &[]),
        ])
    };
    assert_eq!(
        answer(&open(&with(&[1], &[3.0])).unwrap(), &numbers(&[&[2.0]])),
        Flat::Numbers(vec![6.0])
    );
    for sizes in [
        &[2][..],
        &[1 << 40, 1 << 40],
        &[-1],
        &[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    ] {
        assert!(malformed(&with(sizes, &[3.0])).starts_with("tensor `w`"), "{sizes:?}");
    }
}

#[test]
fn elements_in_other_files_lie_within_the_model() {
    let external = |location: &str, offset: &str| {
        let entry = |key: &str, value: &str| bytes(13, &[text(1, key), text(2, value)].concat());
        let entries = [
            entry("location", location),
            entry("offset", offset),
            entry("length", "4"),
        ]
        .concat();
        let tensor = bytes(5, &[int(1, 1), int(2, 1), text(8, "w"), int(14, 1), entries].concat());
        file(&[x(1), y(), tensor, node("", "Mul", &["x", "w"], &["y"], &[])])
    };
    let open = |model: &[u8]| {
        let manifest = "flavors:\n  onnx:\n    data: data/model.onnx\n";
        let files: [(&str, Arc<[u8]>); 3] = [
            ("MLmodel", Arc::from(manifest.as_bytes())),
            ("data/model.onnx", Arc::from(model)),
            (
                "data/weights.bin",
                Arc::from([0u8; 4].into_iter().chain(2.5f32.to_le_bytes()).collect::<Vec<_>>()),
            ),
        ];
        onnx::load(
            &Manifest::parse(manifest.as_bytes()).unwrap(),
            &ModelFiles::from_pairs(files).unwrap(),
        )
    };
    let model = open(&external("weights.bin", "4")).unwrap();
    assert_eq!(answer(&model, &numbers(&[&[2.0]])), Flat::Numbers(vec![5.0]));
    for (location, offset, said) in [
        ("../../etc/hostname", "0", "outside of the model directory"),
        ("/etc/hostname", "0", "outside of the model directory"),
        ("absent.bin", "0", "not in the model directory"),
        ("weights.bin", "5", "beyond the end"),
        ("weights.bin", "18446744073709551615", "beyond the end"),
        ("weights.bin", "-1", "no number"),
    ] {
        match open(&external(location, offset)) {
            Err(LoadError::Malformed { reason }) => assert!(reason.contains(said), "{reason}"),
            _ => panic!("{location} was not refused"),
        }
    }
}

/// A classifier of one tree with these children, features and modes.
fn tree(children: &[(i64, i64)], features: &[i64], modes: &[&str]) -> Vec<u8> {
    let count = children.len();
    let zeros = vec![0i64; count];
    let ids: Vec<i64> = (0i64..).take(count).collect();
    let (yes, no): (Vec<i64>, Vec<i64>) = children.iter().copied().unzip();
    let attributes = [
        ints("n_targets", &[]),
        ints("nodes_treeids", &zeros),
        ints("nodes_nodeids", &ids),
        ints("nodes_featureids", features),
        ints("nodes_truenodeids", &yes),
        ints("nodes_falsenodeids", &no),
        texts("nodes_modes", modes),
        floats("nodes_values", &vec![0.5; count]),
        ints("target_ids", &[0, 0]),
        ints("target_treeids", &[0, 0]),
        ints("target_nodeids", &[1, 2]),
        floats("target_weights", &[10.0, 20.0]),
    ];
    file(&[
        x(2),
        y(),
        node("ai.onnx.ml", "TreeEnsembleRegressor", &["x"], &["y"], &attributes),
    ])
}

#[test]
fn trees_end_at_leaves() {
    let modes = ["BRANCH_LEQ", "LEAF", "LEAF"];
    let model = open(&tree(&[(1, 2), (0, 0), (0, 0)], &[1, 0, 0], &modes)).unwrap();
    let batch = numbers(&[&[9.0, 9.0, 9.0], &[0.5, 0.6, f64::NAN]]);
    assert_eq!(answer(&model, &batch), Flat::Numbers(vec![10.0, 20.0, 20.0]));
    for (children, features, modes, said) in [
        ([(0, 2), (0, 0), (0, 0)], [0, 0, 0], modes, "leads back to itself"),
        (
            [(1, 2), (0, 2), (0, 0)],
            [0, 0, 0],
            ["BRANCH_LT", "BRANCH_LT", "LEAF"],
            "leads back to itself",
        ),
        ([(1, 7), (0, 0), (0, 0)], [0, 0, 0], modes, "child that does not exist"),
        ([(1, -1), (0, 0), (0, 0)], [0, 0, 0], modes, "child that does not exist"),
        ([(1, 2), (0, 0), (0, 0)], [-3, 0, 0], modes, "out of range"),
        ([(1, 2), (0, 0), (0, 0)], [i64::MAX, 0, 0], modes, "out of range"),
    ] {
        let reason = malformed(&tree(&children, &features, &modes));
        assert!(reason.contains(said), "{reason}");
    }
    let reason = unsupported(&tree(&[(1, 2), (0, 0), (0, 0)], &[2, 0, 0], &modes));
    assert!(reason.contains("more columns than there are"), "{reason}");
}

#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    // Each step repeats what the one before made.
    let mut parts = vec![x(1), y(), stored_ints("r", &[1, 4096])];
    let names: Vec<String> = (0..8).map(|step| format!("t{step}")).collect();
    for step in 0..7 {
        let from = if step == 0 { "x" } else { &names[step - 1] };
        parts.push(node("", "Tile", &[from, "r"], &[&names[step]], &[]));
    }
    parts.push(node("", "ReduceMax", &[&names[6]], &["y"], &[ints("axes", &[1])]));
    assert!(unsupported(&file(&parts)).contains("more memory or time"));
    let fill = [
        x(1),
        y(),
        stored_ints("s", &[1 << 40, 1 << 40]),
        node("", "ConstantOfShape", &["s"], &["y"], &[]),
    ];
    assert!(unsupported(&file(&fill)).contains("more memory or time"));
}

#[test]
fn categories_and_texts_come_by_column() {
    let parts = [
        value(11, "size", 7, &[-1, 1]),
        value(11, "color", 8, &[-1, 1]),
        value(12, "y", 1, &[-1, 1, 2]),
        node(
            "ai.onnx.ml",
            "OneHotEncoder",
            &["color"],
            &["hot"],
            &[
                texts("cats_strings", &["red", "blue"]),
                [text(1, "zeros"), int(3, 0)].concat(),
            ],
        ),
        stored_ints("shape", &[-1, 2]),
        node("", "Reshape", &["hot", "shape"], &["flat"], &[]),
        node(
            "",
            "Cast",
            &["size"],
            &["number"],
            &[[text(1, "to"), int(3, 1)].concat()],
        ),
        node("", "Mul", &["flat", "number"], &["y"], &[]),
    ];
    let model = open(&file(&parts)).unwrap();
    let names: Vec<_> = model
        .signature()
        .inputs()
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(names, ["size", "color"]);
    let batch = |color: Option<&str>| {
        let size: ArrayRef = Arc::new(Int64Array::from(vec![3, 4]));
        let color: ArrayRef = Arc::new(StringArray::from(vec![Some("blue"), color]));
        RecordBatch::try_from_iter_with_nullable([("size", size, false), ("color", color, true)]).unwrap()
    };
    assert_eq!(
        answer(&model, &batch(Some("red"))),
        Flat::Numbers(vec![0.0, 3.0, 4.0, 0.0])
    );
    let error = model.predict(&batch(Some("green"))).unwrap_err().to_string();
    assert_eq!(
        error,
        "node 0 `n` (`ai.onnx.ml.OneHotEncoder`): a category that the model was not fitted on"
    );
    let error = model.predict(&batch(None)).unwrap_err();
    assert!(matches!(error, PredictError::Missing { row: 1, .. }), "{error}");
}

#[test]
fn the_operators_are_listed() {
    let all: Vec<_> = onnx::operators().collect();
    assert!(all.contains(&("", "MatMul")) && all.contains(&("ai.onnx.ml", "TreeEnsembleClassifier")));
    let mut sorted = all.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), all.len());
}

/// The model of a case with some bytes changed, loaded and asked.
fn run_changed(case: &Case, changes: &[(prop::sample::Index, u8)]) {
    let mut model = case.files.read("model.onnx").unwrap().to_vec();
    for (at, byte) in changes {
        let at = at.index(model.len());
        model[at] = *byte;
    }
    if let Ok(model) = open(&model)
        && let Ok(batch) = model.signature().enforce(&case.input)
        && let Ok(outputs) = model.outputs(&batch)
    {
        assert!(outputs.iter().all(|output| output.values.len() == batch.num_rows()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_are_no_model(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = open(&bytes);
    }

    #[test]
    fn changed_models_are_refused_or_answer(
        model in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        run_changed(model.get(&SMALL), &changes);
    }

    #[test]
    fn slices_are_those_of_a_vector(start in -9i64..9, end in -9i64..9, step in prop::sample::select(vec![-3i64, -2, -1, 1, 2, 3])) {
        let model = file(&[
            x(7), value(12, "y", 1, &[-1, -1]),
            stored_ints("a", &[start]), stored_ints("b", &[end]), stored_ints("c", &[1]), stored_ints("d", &[step]),
            node("", "Slice", &["x", "a", "b", "c", "d"], &["y"], &[]),
        ]);
        let row: Vec<[f64; 1]> = (0..7u8).map(|value| [f64::from(value)]).collect();
        let columns: Vec<&[f64]> = row.iter().map(<[f64; 1]>::as_slice).collect();
        let found = answer(&open(&model).unwrap(), &numbers(&columns));
        // Python's rule, one place at a time.
        let bound = |at: i64| (if at < 0 { at + 7 } else { at }).clamp(if step > 0 { 0 } else { -1 }, if step > 0 { 7 } else { 6 });
        let (mut at, end) = (bound(start), bound(end));
        let mut expected = Vec::new();
        while if step > 0 { at < end } else { at > end } {
            expected.push(f64::from(u8::try_from(at).unwrap()));
            at += step;
        }
        prop_assert_eq!(found, Flat::Numbers(expected));
    }
}
