//! What user code answers, as MLflow's scoring server would write it; and what it gets.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_array::{BooleanArray, Float32Array, TimestampMicrosecondArray};
use atalaya_model::{ExecutorFailure, Method, PredictError, Predictor as _};
use atalaya_worker::WorkerError;

use crate::support::{Stage, ask, text};

#[test]
fn answers_of_every_kind_are_written_as_mlflow_writes_them() {
    let Some(stage) = Stage::of_outputs("answers of every kind") else {
        return;
    };
    let model = stage.load(stage.options());
    for (kind, expected) in [
        ("int32", "[0, 1]"),
        ("float32", "[0.10000000149011612, 0.10000000149011612]"),
        ("bool", "[false, true]"),
        ("text", r#"["a", "\u00e9"]"#),
        ("matrix", "[[0.0, 1.0], [2.0, 3.0]]"),
        ("cube", "[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]"),
        ("series", r#"[{"0": 0.0}, {"0": 0.5}]"#),
        ("named_series", r#"[{"label": "a"}, {"label": "\u00e9"}]"#),
        (
            "frame",
            r#"[{"a": 0, "b": "a", "t": "2026-01-02T00:00:00"}, {"a": 1, "b": "\u00e9", "t": "2026-01-02T00:00:00"}]"#,
        ),
        ("nullable", r#"[{"i": 1, "c": "a"}, {"i": null, "c": "\u00e9"}]"#),
        ("list", "[1, null]"),
        ("list_of_lists", "[[1.5], []]"),
        (
            "list_of_dicts",
            r#"[{"label": "a", "scores": [1.0]}, {"label": "a", "scores": [1.0]}]"#,
        ),
        ("dict", r#"{"y": [0, 1], "z": ["a", "\u00e9"]}"#),
        ("sparse", "[[1.0, 0.0], [0.0, 1.0]]"),
        ("bytes", r#"["AP8=\n", "AP8=\n"]"#),
        ("nan", "[null, null]"),
        ("none", "[null, null]"),
    ] {
        match ask(&model, kind, &[1.0, 2.0]) {
            Ok(values) => assert_eq!(text(values), expected, "{kind}"),
            Err(error) => panic!("{kind}: {error}: {:?}", error.python_message()),
        }
    }
    for (kind, reason) in [
        ("generator", "it is a builtins.generator"),
        ("scalar", "it is a builtins.float"),
        ("mixed", "not all of one type"),
        ("short", "it has 1 elements for 2 rows"),
        ("complex", "array of complex128"),
        ("object", "it has a builtins.object"),
    ] {
        let error = ask(&model, kind, &[1.0, 2.0]).unwrap_err();
        assert!(
            matches!(&error, WorkerError::Answer { reason: found } if found.contains(reason)),
            "{kind}: {error}"
        );
    }
    assert_eq!(model.health().deaths_in_a_row, 0, "none of that ends a worker");
}

#[test]
fn the_model_gets_what_its_signature_says() {
    let Some(stage) = Stage::of_outputs("what the model gets") else {
        return;
    };
    let kinds = [
        "string", "double", "float", "long", "integer", "boolean", "datetime", "binary",
    ];
    let column = |kind: &&str| {
        let name = if *kind == "string" { "act" } else { kind };
        format!(r#"{{"type": "{kind}", "name": "{name}", "required": true}}"#)
    };
    let optional = r#"{"type": "long", "name": "absent", "required": false}, {"type": "string", "name": "text", "required": false}"#;
    let columns = kinds.iter().map(column).collect::<Vec<_>>().join(", ");
    stage.manifest(&format!("[{columns}, {optional}]"), "");
    let model = stage.load(stage.options());
    let batch = |act: &str| {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("act", Arc::new(StringArray::from(vec![act, act]))),
            ("double", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
            ("float", Arc::new(Float32Array::from(vec![0.5, 0.25]))),
            ("long", Arc::new(Int64Array::from(vec![i64::MAX, 0]))),
            ("integer", Arc::new(Int32Array::from(vec![7, 8]))),
            ("boolean", Arc::new(BooleanArray::from(vec![true, false]))),
            (
                "datetime",
                Arc::new(TimestampMicrosecondArray::from(vec![0, 1_500_000])),
            ),
            ("binary", Arc::new(BinaryArray::from(vec![&b"\x00"[..], b"ab"]))),
            ("absent", Arc::new(Int64Array::from(vec![None, None]))),
            ("text", Arc::new(StringArray::from(vec![Some("x"), None]))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| {
            let nullable = !matches!(name, "long" | "integer" | "boolean" | "binary");
            (name, column, nullable)
        }))
        .unwrap()
    };
    let dtypes = text(model.predict(&batch("dtypes")).unwrap().values);
    assert!(
        dtypes.contains(
            "act=str, double=float64, float=float32, long=int64, integer=int32, boolean=bool, \
             datetime=datetime64[ns], binary=object, text=str"
        ),
        "{dtypes}"
    );
    let values = text(model.predict(&batch("values")).unwrap().values);
    for part in [
        "9223372036854775807",
        "b'ab'",
        "1970-01-01 00:00:01.500000",
        "'text': 'x'",
    ] {
        assert!(values.contains(part), "{part} in {values}");
    }
    assert!(
        !values.contains("absent"),
        "MLflow leaves an absent optional column out"
    );
    let error = model.predict(&batch("dtypes").project(&[0, 1]).unwrap()).unwrap_err();
    assert!(matches!(error, PredictError::Column { column, .. } if column == "float"));
}

#[test]
fn tensors_arrive_as_arrays_and_parameters_as_declared() {
    let Some(stage) = Stage::set("tensors and parameters") else {
        return;
    };
    let loader = "import numpy\nclass Shapes:\n    def predict(self, data, params=None):\n        if params: return [params[\"p\"]] * len(data)\n        parts = data.items() if isinstance(data, dict) else [(\"\", data)]\n        text = \"; \".join(f\"{k}{v.dtype}{v.shape}\" for k, v in parts)\n        return [text] * len(next(iter(data.values())) if isinstance(data, dict) else data)\ndef _load_pyfunc(path):\n    return Shapes()\n";
    stage.write("model/code/acts.py", loader);
    let tensor = |shape: &str, dtype: &str, name: &str| {
        format!(r#"{{"type": "tensor", {name}"tensor-spec": {{"dtype": "{dtype}", "shape": {shape}}}}}"#)
    };
    let parameters = "  params: '[{\"name\": \"p\", \"type\": \"double\", \"default\": 0.5, \"shape\": null}]'\n";
    stage.manifest(&format!("[{}]", tensor("[-1, 2]", "float32", "")), parameters);
    let model = stage.load(stage.options());
    let column = || -> ArrayRef { Arc::new(Float32Array::from(vec![1.0, 2.0])) };
    let batch = RecordBatch::try_from_iter([("0", column()), ("1", column())]).unwrap();
    assert_eq!(
        text(model.predict(&batch).unwrap().values),
        "[0.5, 0.5]",
        "the declared default"
    );
    let params = serde_json::json!({"p": 2});
    let given = model.score(Method::Predict, &batch, params.as_object(), None).unwrap();
    assert_eq!(text(given), "[2.0, 2.0]");
    for (inputs, expected) in [
        (tensor("[-1, 2]", "float32", ""), "float32(2, 2)"),
        (
            format!(
                "{}, {}",
                tensor("[-1]", "float32", r#""name": "0", "#),
                tensor("[-1, 1]", "float32", r#""name": "1", "#)
            ),
            "0float32(2,); 1float32(2, 1)",
        ),
    ] {
        stage.manifest(&format!("[{inputs}]"), "");
        let model = stage.load(stage.options());
        assert_eq!(
            text(model.predict(&batch).unwrap().values),
            format!("[\"{expected}\", \"{expected}\"]")
        );
    }
}

#[test]
fn a_python_error_is_a_class_and_a_text_for_the_caller_only() {
    let Some(stage) = Stage::set("a Python error") else {
        return;
    };
    let model = stage.load(stage.options());
    let error = ask(&model, "raise", &[42.5]).unwrap_err();
    assert_eq!(error.to_string(), "the model raised `ValueError`");
    assert_eq!(error.python_message(), Some("secret 42.5"));
    assert!(matches!(
        PredictError::from(error),
        PredictError::Executor { failure: ExecutorFailure::Raised, message } if !message.contains("42.5")
    ));
    assert_eq!(
        ask(&model, "raise_odd", &[1.0]).unwrap_err().to_string(),
        "the model raised `Odd`"
    );
    assert_eq!(
        ask(&model, "leave", &[1.0]).unwrap_err().to_string(),
        "the model raised `SystemExit`"
    );
    assert_eq!(
        text(ask(&model, "echo", &[1.5]).unwrap()),
        "[1.5]",
        "the worker goes on"
    );
    let none = model.call(Method::PredictProba, &crate::support::acts("echo", &[1.0]));
    assert!(matches!(
        none,
        Err(PredictError::Method {
            method: Method::PredictProba
        })
    ));
}

#[test]
fn a_model_that_does_not_load_says_why() {
    let Some(stage) = Stage::set("a model that does not load") else {
        return;
    };
    let load = |code: &str| {
        stage.write("model/code/acts.py", code);
        let outcome = stage.try_load(&stage.model(), stage.options());
        outcome.err().expect("an error")
    };
    let missing = load("import a_library_that_nobody_has\n");
    let expected = "a_library_that_nobody_has";
    assert!(
        matches!(&missing, WorkerError::Load { missing_module: Some(name), .. } if name == expected),
        "{missing:?}"
    );
    let raised = load("def _load_pyfunc(path):\n    raise OSError('no licence')\n");
    assert_eq!(raised.python_message(), Some("no licence"), "{raised:?}");
    let died = load("import os\nprint('last words', flush=True)\nos._exit(9)\n").to_string();
    assert!(died.contains("exit code 9") && died.contains("last words"), "{died}");
    std::fs::remove_file(stage.model().join("MLmodel")).unwrap();
    assert!(matches!(load(""), WorkerError::Model { .. }));
    stage.write("model/MLmodel", "flavors:\n  sklearn:\n    pickled_model: model.pkl\n");
    assert!(matches!(load(""), WorkerError::NoPyfunc));
    let mut options = stage.options();
    options.python = "/nowhere/python".into();
    stage.manifest(crate::support::COLUMNS, "");
    let none = stage
        .try_load(&stage.model(), options)
        .err()
        .expect("an error")
        .to_string();
    assert!(none.contains("/nowhere/python cannot be used"), "{none}");
}
