//! One value of every type and spelling, as MLflow's scoring server takes it and as we do; every difference is decided.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use atalaya_model::payload::{ContentType, Options, PayloadError, ValueProblem, decode_with};
use atalaya_model::{ColumnSpec, ColumnType, Signature};
use serde::Deserialize;

/// The value that a model is given, as text of type and bits, or that the request is refused.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Outcome {
    Taken([Option<String>; 1]),
    Refused(String),
}

/// Type, whether the column is required, spelling, outcome in a frame, outcome in a tensor.
type Row = (String, bool, String, Outcome, Outcome);

fn plain(array: &ArrayRef, kind: ColumnType) -> Option<String> {
    if array.is_null(0) {
        return None;
    }
    let float = |value: f64| format!("float {:016x}", value.to_bits());
    Some(match kind {
        ColumnType::Long => format!("integer {}", array.as_primitive::<Int64Type>().value(0)),
        ColumnType::Integer => format!("integer {}", array.as_primitive::<Int32Type>().value(0)),
        ColumnType::Double => float(array.as_primitive::<Float64Type>().value(0)),
        ColumnType::Float => float(f64::from(array.as_primitive::<Float32Type>().value(0))),
        ColumnType::Boolean => format!("boolean {}", array.as_boolean().value(0)),
        ColumnType::String => format!("string {}", array.as_string::<i32>().value(0)),
        ColumnType::Datetime => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(0);
            format!("datetime {}", micros * 1000)
        }
        ColumnType::Binary => {
            let bytes = array.as_binary::<i32>().value(0);
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("binary {digits}")
        }
    })
}

/// What we make of the value, in every shape the same.
fn ours(kind: ColumnType, required: bool, spelling: &str) -> Result<Option<String>, PayloadError> {
    let x = ColumnSpec {
        name: "x".to_owned(),
        kind,
        required,
    };
    let columns = vec![x, ColumnSpec::required("y", ColumnType::Double)];
    let signature = Signature::new(columns, vec![], vec![]).unwrap();
    let bodies = [
        format!(r#"{{"dataframe_split": {{"columns": ["x", "y"], "data": [[{spelling}, 1.5]]}}}}"#),
        format!(r#"{{"dataframe_records": [{{"x": {spelling}, "y": 1.5}}]}}"#),
        format!(r#"{{"instances": [{{"y": 1.5, "x": {spelling}}}]}}"#),
        // A list here is the column's values.
        format!(r#"{{"inputs": {{"x": [{spelling}], "y": [1.5]}}}}"#),
    ];
    let options = Options {
        allow_nan_literals: true,
    };
    let [first, others @ ..] = bodies.map(|body| {
        decode_with(ContentType::Json, body.as_bytes(), &signature, options)
            .map(|request| plain(request.batch.column(0), kind))
    });
    for other in others {
        assert_eq!(other, first, "{spelling} as {kind:?}");
    }
    first
}

/// Whether it is decided that we refuse, with this error, what MLflow takes.
fn stricter_on_purpose(kind: ColumnType, error: &PayloadError) -> bool {
    use ColumnType::{Binary, Boolean, Datetime, Double, Float, Integer, Long, String};
    let problem = match error {
        // It becomes `false`, the text `None`, and the bytes of it.
        PayloadError::MissingValue { .. } => return matches!(kind, Boolean | Binary),
        PayloadError::Value { problem, .. } => *problem,
        _ => return false,
    };
    match problem {
        // 45.7 becomes 45, and numbers beyond the range wrap around.
        ValueProblem::Fraction => matches!(kind, Long | Integer | Datetime),
        ValueProblem::Range => matches!(kind, Long | Integer | Datetime),
        // 2^53 + 1 becomes 2^53.
        ValueProblem::Inexact => matches!(kind, Double | Float),
        // `true` becomes 1, the text `True`, the time 1 ns after 1970.
        ValueProblem::Boolean => matches!(kind, Long | Integer | Double | Float | String | Binary | Datetime),
        // 2 becomes `true`; a number stays one in a column of text.
        ValueProblem::Number => matches!(kind, Boolean | String | Binary | Datetime),
        // Every text but the empty one becomes `true`; "NaN" a missing value.
        ValueProblem::Text => matches!(kind, Boolean | Double | Float),
        ValueProblem::Nested => matches!(kind, Boolean | String | Binary),
        // Characters outside of the alphabet are skipped; in a tensor nothing is decoded.
        ValueProblem::Base64 => kind == Binary,
        // Nanoseconds, which a column of ours does not have; "01/02/2026", which is two days; years beyond 2262 wrap around.
        ValueProblem::Datetime => kind == Datetime,
    }
}

/// Whether it is decided that we take what MLflow refuses.
fn wider_on_purpose(kind: ColumnType, spelling: &str) -> bool {
    match kind {
        // A decimal number is one in quotes too, and an integer of any spelling.
        ColumnType::Long | ColumnType::Integer => spelling == "\"1e3\"",
        // A zone is reckoned in.
        ColumnType::Datetime => spelling.ends_with("Z\"") || spelling.contains('+') || spelling == "1e3",
        _ => false,
    }
}

#[test]
fn every_difference_to_mlflow_is_decided() {
    let rows: Vec<Row> = serde_json::from_slice(&atalaya_testkit::read("payloads/types.json")).unwrap();
    let (mut equal, mut stricter, mut wider) = (0, 0, 0);
    for (kind, required, spelling, frame, tensor) in rows {
        let kind = ColumnType::parse(&kind).unwrap();
        match (ours(kind, required, &spelling), frame) {
            (Ok(value), Outcome::Taken([wanted])) => {
                assert_eq!(value, wanted, "{spelling} as {kind:?}");
                equal += 1;
            }
            (Err(_), Outcome::Refused(_)) => equal += 1,
            (Err(error), Outcome::Taken(_)) => {
                assert!(stricter_on_purpose(kind, &error), "{spelling} as {kind:?}: {error:?}");
                stricter += 1;
            }
            (Ok(value), Outcome::Refused(_)) => {
                // Where MLflow is of two minds, its other answer is ours.
                let as_tensor = tensor == Outcome::Taken([value]);
                assert!(as_tensor || wider_on_purpose(kind, &spelling), "{spelling} as {kind:?}");
                wider += 1;
            }
        }
    }
    println!("{equal} equal, {stricter} stricter, {wider} wider");
    assert!(equal > 200 && stricter > 100 && wider > 3);
}
