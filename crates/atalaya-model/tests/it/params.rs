//! Inference parameters beside the rows, and the words that Python writes for what is no number.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use atalaya_model::payload::{ContentType, MAX_ERROR_BYTES, Options, PayloadError, Request, decode, decode_with};
use atalaya_model::{ColumnSpec, ColumnType, ParamValue, Params, Signature};

const PARAMS: &str = r#"[
    {"name": "temperature", "type": "double", "default": 0.5, "shape": null},
    {"name": "top_k", "type": "integer", "default": 40, "shape": null},
    {"name": "stop", "type": "string", "default": ["a"], "shape": [-1]},
    {"name": "greedy", "type": "boolean", "default": false, "shape": null},
    {"name": "since", "dtype": "datetime", "default": "2026-01-01T00:00:00", "shape": null},
    {"name": "more", "type": "object", "properties": {}, "default": {"a": 1}, "shape": null}
]"#;

fn signature() -> Signature {
    Signature::parse(
        r#"[{"type": "double", "name": "x", "required": true}]"#,
        None,
        Some(PARAMS),
    )
    .unwrap()
}

fn with(params: &str) -> Result<Params, PayloadError> {
    let body = format!("{{\"params\": {params}, \"inputs\": [[1]]}}");
    let request: Result<Request, _> = decode(ContentType::Json, body.as_bytes(), &signature());
    request.map(|request| request.params)
}

#[test]
fn params_that_are_not_sent_have_their_defaults() {
    let defaults = with("{}").unwrap();
    assert_eq!(defaults.get("temperature"), Some(&ParamValue::Double(0.5)));
    assert_eq!(defaults.get("top_k"), Some(&ParamValue::Long(40)));
    assert_eq!(
        defaults.get("stop"),
        Some(&ParamValue::List(vec![ParamValue::String("a".to_owned())]))
    );
    assert_eq!(defaults.get("greedy"), Some(&ParamValue::Boolean(false)));
    assert_eq!(
        defaults.get("since"),
        Some(&ParamValue::Datetime(1_767_225_600_000_000))
    );
    assert_eq!(defaults.get("more"), Some(&ParamValue::Object("{\"a\": 1}".to_owned())));
    assert_eq!(with("null").unwrap(), defaults);
    let absent = decode(ContentType::Json, b"{\"inputs\": [[1]]}", &signature()).unwrap();
    assert_eq!(absent.params, defaults);
    let csv = decode(ContentType::Csv, b"x\n1\n", &signature()).unwrap();
    assert_eq!(csv.params, defaults);
    let names: Vec<&str> = defaults.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["temperature", "top_k", "stop", "greedy", "since", "more"]);
}

#[test]
fn params_that_are_sent_are_taken_where_they_fit() {
    let sent = with(r#"{"stop": [], "temperature": 1, "top_k": 7.0, "greedy": null, "more": {"b": [{}]}}"#).unwrap();
    assert_eq!(sent.get("stop"), Some(&ParamValue::List(vec![])));
    assert_eq!(sent.get("temperature"), Some(&ParamValue::Double(1.0)));
    assert_eq!(sent.get("top_k"), Some(&ParamValue::Long(7)));
    assert_eq!(sent.get("greedy"), Some(&ParamValue::Null));
    assert_eq!(sent.get("more"), Some(&ParamValue::Object("{\"b\": [{}]}".to_owned())));
    assert_eq!(sent.get("s"), None);
}

#[test]
fn params_that_do_not_fit_are_named() {
    for (params, wanted) in [
        (
            r#"{"top_k": "s3cr3t"}"#,
            "param `top_k` is declared `integer`: a value stands that is not of this type",
        ),
        (
            r#"{"top_k": 2147483648}"#,
            "param `top_k` is declared `integer`: a value stands that is not of this type",
        ),
        (
            r#"{"temperature": true}"#,
            "param `temperature` is declared `double`: a value stands that is not of this type",
        ),
        (
            r#"{"stop": "s3cr3t"}"#,
            "param `stop` is declared `string`: it must be a list of such values",
        ),
        (
            r#"{"stop": ["s3cr3t", 1]}"#,
            "param `stop` is declared `string`: a value stands that is not of this type",
        ),
        (
            r#"{"more": ["s3cr3t"]}"#,
            "param `more` is declared `object`: it must be a JSON object",
        ),
        (
            r#"{"greedy": true, "greedy": true}"#,
            "param `greedy` is declared `boolean`: it stands twice",
        ),
        (
            r#"{"s3cr3t": 1}"#,
            "`params` has a name that the model does not declare; it takes `temperature`, `top_k`, `stop`, `greedy`, `since` and 1 more",
        ),
        (
            r#"{"top-K": 1}"#,
            "`params` has a name that the model does not declare; did you mean `top_k`?",
        ),
    ] {
        let error = with(params).unwrap_err();
        assert_eq!(error.to_string(), wanted);
        assert!(error.is_invalid_parameter() && wanted.len() <= MAX_ERROR_BYTES);
    }
    assert!(matches!(with("{\"stop\": [1"), Err(PayloadError::Param { .. })));
    assert!(matches!(with("{\"stop\": [\"a\""), Err(PayloadError::Json { .. })));
    assert!(matches!(with("[1]"), Err(PayloadError::Field { field: "params", .. })));
}

#[test]
fn a_model_without_params_ignores_them() {
    let signature = Signature::of_array(ColumnType::Double, 1).unwrap();
    let request = decode(
        ContentType::Json,
        b"{\"inputs\": [1], \"params\": {\"t\": [{}]}}",
        &signature,
    )
    .unwrap();
    assert!(request.params.is_empty());
}

#[test]
fn words_of_python_are_taken_where_they_are_allowed() {
    let optional = ColumnSpec {
        name: "n".to_owned(),
        kind: ColumnType::Long,
        required: false,
    };
    let columns = vec![ColumnSpec::required("x", ColumnType::Double), optional];
    let signature = Signature::new(columns, vec![], vec![]).unwrap();
    let options = Options {
        allow_nan_literals: true,
    };
    let read = |body: &str| decode_with(ContentType::Json, body.as_bytes(), &signature, options);
    let batch = read(r#"{"inputs": {"x": [NaN, Infinity, -Infinity, -1], "n": [1, NaN, 2, 3]}, "y": [-Infinity]}"#)
        .unwrap()
        .batch;
    let floats = batch.column(0).as_primitive::<Float64Type>();
    assert!(floats.is_null(0) && floats.value(0).is_nan());
    assert_eq!(&floats.values()[1..], &[f64::INFINITY, f64::NEG_INFINITY, -1.0]);
    let longs = batch.column(1).as_primitive::<Int64Type>();
    assert!(longs.is_null(1) && longs.null_count() == 1);
    assert!(matches!(
        read(r#"{"inputs": [[1, Infinity]]}"#),
        Err(PayloadError::Value { .. })
    ));
    assert!(matches!(
        read(r#"{"inputs": [[Nan, 1]]}"#),
        Err(PayloadError::Json { .. })
    ));
    assert!(matches!(
        read(r#"{"inputs": [[-NaN, 1]]}"#),
        Err(PayloadError::NanLiteral { .. })
    ));
    let strict = decode(ContentType::Json, b"{\"inputs\": [[NaN, 1]]}", &signature);
    assert!(matches!(strict, Err(PayloadError::NanLiteral { .. })));
}

#[test]
fn words_of_python_are_params_too_where_they_are_allowed() {
    let options = Options {
        allow_nan_literals: true,
    };
    let body = br#"{"params": {"temperature": -Infinity}, "inputs": [[1]]}"#;
    let request = decode_with(ContentType::Json, body, &signature(), options).unwrap();
    let infinity = ParamValue::Double(f64::NEG_INFINITY);
    assert_eq!(request.params.get("temperature"), Some(&infinity));
    let body = br#"{"params": {"top_k": NaN}, "inputs": [[1]]}"#;
    let error = decode_with(ContentType::Json, body, &signature(), options).unwrap_err();
    assert!(matches!(error, PayloadError::Param { .. }));
}

#[test]
fn nanoseconds_and_wrapped_base64_are_read_as_mlflow_reads_them() {
    let columns = vec![
        ColumnSpec::required("at", ColumnType::Datetime),
        ColumnSpec::required("raw", ColumnType::Binary),
    ];
    let signature = Signature::new(columns, vec![], vec![]).unwrap();
    let body = br#"{"inputs": [[1700000000000001000, "aG\nk=\n"], ["2026-01-02", ""]]}"#;
    let batch = decode(ContentType::Json, body, &signature).unwrap().batch;
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times.values(), &[1_700_000_000_000_001, 1_767_312_000_000_000]);
    assert_eq!(batch.column(1).as_binary::<i32>().value(0), b"hi");
    for value in ["1", "1.5", "1e30", "true"] {
        let body = format!("{{\"inputs\": [[{value}, \"\"]]}}");
        let error = decode(ContentType::Json, body.as_bytes(), &signature).unwrap_err();
        assert!(matches!(error, PayloadError::Value { .. }), "{value}: {error}");
    }
}
