//! `MLmodel` files: what is read of them, and what is refused.

use atalaya_model::manifest::MAX_MANIFEST_BYTES;
use atalaya_model::{ColumnSpec, ColumnType, Manifest, ManifestError, Signature, SignatureError};

const SECRET: &str = "s3cr3t";

fn read(yaml: &str) -> Manifest {
    Manifest::parse(yaml.as_bytes()).unwrap()
}

fn error(yaml: &str) -> ManifestError {
    let error = Manifest::parse(yaml.as_bytes()).unwrap_err();
    assert!(!error.to_string().contains(SECRET), "{error}");
    error
}

fn signature(inputs: &str) -> Result<Signature, SignatureError> {
    Signature::parse(inputs, None, None)
}

#[test]
fn a_recorded_file_is_read() {
    let manifest = Manifest::parse(&atalaya_testkit::read("payloads/serving/text_columns/MLmodel")).unwrap();
    assert_eq!(
        manifest.flavor_names().collect::<Vec<_>>(),
        ["python_function", "sklearn"]
    );
    assert_eq!(manifest.mlflow_version.as_deref(), Some("3.17.2"));
    assert_eq!(manifest.sklearn_version(), Some("1.9.1"));
    assert_eq!(manifest.predict_fn(), "predict");
    assert_eq!(manifest.flavor("sklearn").unwrap().get("code"), None);
    assert!(manifest.flavor("sklearn").unwrap().get("pickled_model").is_some());
    assert_eq!(manifest.model_uuid.as_ref().map(String::len), Some(32));
    let signature = manifest.signature().unwrap().unwrap();
    assert!(
        signature
            .inputs()
            .iter()
            .any(|column| column.kind == ColumnType::String)
    );
    assert_eq!(
        (
            signature.outputs()[0].dtype.as_str(),
            signature.outputs()[0].shape.as_slice()
        ),
        ("int64", &[-1][..])
    );
}

#[test]
fn a_small_file_is_read() {
    let manifest = read(
        "flavors:\n  python_function:\n    predict_fn: predict_proba\n    env: {conda: conda.yaml}\n    python_version: '3.10'\n  sklearn:\n\
         run_id: null\nmodel_size_bytes: 12\nsaved_input_example_info:\n  artifact_path: input_example.json\n  type: dataframe\n",
    );
    assert_eq!(manifest.predict_fn(), "predict_proba");
    assert_eq!(
        manifest.flavor("python_function").unwrap().get("python_version"),
        Some("3.10")
    );
    assert_eq!(manifest.flavor("python_function").unwrap().get("env"), None);
    assert!(manifest.flavor("sklearn").is_some() && manifest.flavor("xgboost").is_none());
    assert_eq!(manifest.run_id, None);
    assert_eq!(manifest.input_example.as_deref(), Some("input_example.json"));
    assert_eq!(manifest.signature(), Ok(None));
    assert_eq!(read("run_id: a\n").flavor_names().count(), 0);
}

#[test]
fn bad_files_are_refused_with_their_line() {
    assert_eq!(Manifest::parse(b"\xff"), Err(ManifestError::NotText));
    assert_eq!(
        Manifest::parse(&vec![b'#'; MAX_MANIFEST_BYTES + 1]),
        Err(ManifestError::TooLarge)
    );
    for yaml in [
        "run_id: a\nflavors: [s3cr3t\n",
        "run_id: a\nrun_id: s3cr3t\n",
        "run_id: a\nflavors: s3cr3t\n",
        "run_id: a\nsignature: s3cr3t\n",
        "run_id: a\nflavors: {a: s3cr3t}\n",
        "run_id: a\n\tx: s3cr3t\n",
        "run_id: a\nx: *s3cr3t\n",
    ] {
        let error = error(yaml);
        assert!(
            matches!(error, ManifestError::Yaml { line: 1..=3, .. }),
            "{yaml}: {error:?}"
        );
    }
    assert!(matches!(error("- s3cr3t\n"), ManifestError::Yaml { .. }));
    assert!(matches!(
        error("run_id: a\n---\nrun_id: b\n"),
        ManifestError::Yaml { .. }
    ));
}

#[test]
fn alias_bombs_and_depth_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", ")));
    }
    bomb.push_str("flavors:\n  x: {y: *a11}\n");
    assert!(matches!(error(&bomb), ManifestError::Yaml { .. }));
    for deep in [
        format!("x: {}", "[".repeat(100_000)),
        "- ".repeat(100_000),
        format!("x: {}", "{a: ".repeat(100_000)),
    ] {
        assert!(matches!(error(&deep), ManifestError::Yaml { .. }));
    }
}

#[test]
fn paths_stay_inside() {
    for path in ["/etc/passwd", "../s3cr3t", "a/../../s3cr3t", "C:/x", "a\\b"] {
        for key in ["pickled_model", "data", "model_path", "python_model", "code"] {
            let error = error(&format!("flavors:\n  any:\n    {key}: '{path}'\n"));
            assert!(
                matches!(error, ManifestError::Path { field, .. } if field == key),
                "{path}"
            );
        }
        let example = format!("saved_input_example_info:\n  artifact_path: '{path}'\n");
        assert!(matches!(error(&example), ManifestError::Path { .. }));
    }
}

#[test]
fn signatures_of_every_kind_are_read() {
    let words = [
        "long", "integer", "double", "float", "boolean", "string", "datetime", "binary",
    ];
    let inputs: Vec<String> = words
        .iter()
        .map(|word| format!("{{\"type\": \"{word}\", \"name\": \"{word}\", \"required\": false}}"))
        .collect();
    let all = signature(&format!("[{}]", inputs.join(", "))).unwrap();
    assert_eq!(
        all.inputs()
            .iter()
            .map(|column| column.kind.as_str())
            .collect::<Vec<_>>(),
        words
    );
    assert!(all.inputs().iter().all(|column| !column.required) && !all.positional());
    assert_eq!(all.position("float"), Some(3));

    let old = signature(r#"[{"type": "long", "name": "a"}, {"type": "long", "name": "b", "optional": true}]"#).unwrap();
    assert_eq!(
        old.inputs().iter().map(|column| column.required).collect::<Vec<_>>(),
        [true, false]
    );

    let tensor = signature(r#"[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]"#).unwrap();
    assert!(tensor.positional());
    assert_eq!(tensor, Signature::of_array(ColumnType::Float, 3).unwrap());
    let named =
        signature(r#"[{"name": "x", "type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]"#).unwrap();
    assert_eq!(named.inputs(), [ColumnSpec::required("x", ColumnType::Long)]);
    assert!(
        signature(r#"[{"type": "double"}, {"type": "long"}]"#)
            .unwrap()
            .positional()
    );

    let params = r#"[{"name": "t", "type": "double", "default": [0.5, 1], "shape": [-1]}]"#;
    let with_params = Signature::parse("[]", None, Some(params)).unwrap();
    assert_eq!(with_params.params()[0].default, "[0.5, 1]");
}

#[test]
fn signatures_that_are_no_columns_leave_the_manifest_usable() {
    for inputs in [
        r#"[{"type": "object", "name": "a", "properties": {}}]"#,
        r#"[{"type": "array", "name": "a", "items": {"type": "long"}}]"#,
        r#"[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 28, 28]}}]"#,
        r#"[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, -1]}}]"#,
        r#"[{"type": "tensor", "tensor-spec": {"dtype": "complex64", "shape": [-1, 2]}}]"#,
        r#"[{"type": "long", "name": "a"}, {"type": "long"}]"#,
    ] {
        assert!(
            matches!(signature(inputs), Err(SignatureError::Unsupported { .. })),
            "{inputs}"
        );
        let manifest = read(&format!("run_id: a\nsignature:\n  inputs: '{inputs}'\n"));
        assert!(manifest.signature().is_err());
        assert_eq!(manifest.run_id.as_deref(), Some("a"));
    }
}

#[test]
fn bad_signature_text_is_refused_without_repeating_it() {
    for inputs in [
        "",
        "{",
        "[{\"type\": \"s3cr3t\"",
        "[1]",
        "{\"s3cr3t\": 1}",
        "[{\"name\": \"a\"}]",
    ] {
        let error = signature(inputs).unwrap_err();
        assert!(
            matches!(
                error,
                SignatureError::Json {
                    part: "inputs",
                    line: 1,
                    ..
                }
            ) || inputs.is_empty(),
            "{error:?}"
        );
        assert!(!error.to_string().contains(SECRET));
    }
    let twice = signature(r#"[{"type": "long", "name": "a"}, {"type": "long", "name": "a"}]"#);
    assert_eq!(twice, Err(SignatureError::Name { position: 1 }));
    assert_eq!(
        signature(r#"[{"type": "long", "name": ""}]"#),
        Err(SignatureError::Name { position: 0 })
    );
    assert_eq!(
        Signature::of_array(ColumnType::Double, 10_001),
        Err(SignatureError::TooWide)
    );
}
