//! Every kind of bad body: which error, which code, what its text names, and that it repeats nothing of the body.

use atalaya_model::payload::{ContentType, MAX_ERROR_BYTES, PayloadError, ValueProblem, decode, limits};
use atalaya_model::{ColumnSpec, ColumnType, Signature};

use crate::payload_shapes::patient;

/// Text that must never come back.
const SECRET: &str = "s3cr3t-patient";

fn json_error(body: &str) -> PayloadError {
    error(ContentType::Json, body, &patient())
}

fn error(content_type: ContentType, body: &str, signature: &Signature) -> PayloadError {
    let error = decode(content_type, body.as_bytes(), signature).expect_err(body);
    let text = error.to_string();
    assert!(text.len() <= MAX_ERROR_BYTES, "{text}");
    assert!(!text.contains(SECRET), "{text}");
    error
}

/// A record with `value` as the value of `column`.
fn record(column: &str, value: &str) -> String {
    let values = [("age", "45"), ("bmi", "27.3"), ("sex", "\"f\""), ("smoker", "true")];
    let fields = values.map(|(name, usual)| format!("\"{name}\": {}", if name == column { value } else { usual }));
    format!("{{{}}}", fields.join(", "))
}

fn with(column: &str, value: &str) -> String {
    format!(
        "{{\"dataframe_records\": [{}, {}]}}",
        record("", ""),
        record(column, value)
    )
}

#[test]
fn values_that_do_not_fit_name_column_and_row() {
    use ColumnType::{Boolean, Double, Long, String as Text};
    let text = format!("\"{SECRET}\"");
    let nested = format!("{{\"{SECRET}\": []}}");
    for (column, value, expected, problem) in [
        ("age", text.as_str(), Long, ValueProblem::Text),
        ("bmi", text.as_str(), Double, ValueProblem::Text),
        ("bmi", "\"NaN\"", Double, ValueProblem::Text),
        ("bmi", "\"\"", Double, ValueProblem::Text),
        ("age", "45.7", Long, ValueProblem::Fraction),
        ("age", "\"45.7\"", Long, ValueProblem::Fraction),
        ("age", "9223372036854775808", Long, ValueProblem::Range),
        ("age", "123456789012345678901234567890", Long, ValueProblem::Range),
        ("age", "1e30", Long, ValueProblem::Range),
        ("bmi", "123456789012345678901234567890", Double, ValueProblem::Inexact),
        ("bmi", "9007199254740993", Double, ValueProblem::Inexact),
        ("bmi", "1e400", Double, ValueProblem::Range),
        ("age", "true", Long, ValueProblem::Boolean),
        ("bmi", "false", Double, ValueProblem::Boolean),
        ("sex", "true", Text, ValueProblem::Boolean),
        ("sex", "7", Text, ValueProblem::Number),
        ("smoker", "2", Boolean, ValueProblem::Number),
        ("smoker", "\"true\"", Boolean, ValueProblem::Text),
        ("bmi", "[1]", Double, ValueProblem::Nested),
        ("bmi", nested.as_str(), Double, ValueProblem::Nested),
    ] {
        let error = json_error(&with(column, value));
        let wanted = PayloadError::Value {
            column: column.to_owned(),
            row: 1,
            expected,
            problem,
        };
        assert_eq!(error, wanted, "{column} {value}");
        assert!(!error.is_invalid_parameter());
        assert!(
            error.to_string().contains(&format!("`{column}`")) && error.to_string().contains("row 1"),
            "{error}"
        );
    }
    let missing = |column: &str, expected| PayloadError::MissingValue {
        column: column.to_owned(),
        row: 1,
        expected,
    };
    assert_eq!(json_error(&with("age", "null")), missing("age", Long));
    assert_eq!(json_error(&with("smoker", "null")), missing("smoker", Boolean));
    assert_eq!(
        json_error(&format!("{{\"instances\": [{}, {{\"bmi\": 1}}]}}", record("", ""))),
        missing("age", Long)
    );
}

#[test]
fn bad_json_is_told_with_its_place() {
    for (body, problem) in [
        ("", "it ends too early"),
        ("{", "expected a key"),
        ("{\"inputs\": [[1, 2", "expected `,` or `]`"),
        ("{\"inputs\": [[1 2", "expected `,` or `]`"),
        ("{\"inputs\": [[01", "expected `,` or `]`"),
        ("{\"inputs\": [[1,]]}", "expected a value"),
        ("{\"inputs\": [[-]]}", "a number is incomplete"),
        ("{\"inputs\": [[1.]]}", "a number is incomplete"),
        ("{\"inputs\": [[1e]]}", "a number is incomplete"),
        ("{\"inputs\": [[.5]]}", "expected a value"),
        ("{\"inputs\": [[nul]]}", "expected a value"),
        ("{\"inputs\": [['a']]}", "expected a value"),
        ("{\"x\": [[1]] /* no */}", "expected `,` or `}`"),
        ("{\"x\": 1} x", "something follows the end"),
        ("{\"x\": \"\\ud800\"}", "a lone surrogate stands in a string"),
        ("{\"x\": \"\\ud800\\u0041\"}", "a lone surrogate stands in a string"),
        ("{\"x\": \"\\udc00\"}", "a lone surrogate stands in a string"),
        ("{\"x\": \"\\q\"}", "an escape is unknown"),
        ("{\"x\": \"\\u12\"}", "an escape is incomplete"),
        ("{\"x\": \"a\u{1}\"}", "a control character stands in a string"),
        ("{\"x\": \"a", "a string does not end"),
        ("{x: 1}", "expected a key"),
        ("{\"x\" 1}", "expected `:`"),
        ("\u{feff}{}", "expected a value"),
        (SECRET, "expected a value"),
    ] {
        let error = json_error(body);
        assert!(
            matches!(error, PayloadError::Json { problem: found, .. } if found == problem),
            "{body}: {error}"
        );
    }
    let error = json_error("{\"x\":\n  [[1],\n   y]}");
    assert_eq!(
        error.to_string(),
        "the body is not valid JSON: expected a value at line 3 column 4"
    );
}

#[test]
fn nan_and_infinity_have_a_message_of_their_own() {
    for word in ["NaN", "Infinity", "-Infinity"] {
        let error = json_error(&with("bmi", word));
        assert!(
            matches!(error, PayloadError::NanLiteral { line: 1, .. }),
            "{word}: {error}"
        );
    }
}

#[test]
fn keys_that_stand_twice_are_refused() {
    let twice = |column: Option<&str>, row| PayloadError::DuplicateColumn {
        column: column.map(str::to_owned),
        row,
    };
    let records = |record: &str| json_error(&format!("{{\"dataframe_records\": [{record}]}}"));
    assert_eq!(
        records("{\"age\": 1, \"bmi\": 2, \"age\": 1}"),
        twice(Some("age"), Some(0))
    );
    assert_eq!(
        records(&format!("{{\"{SECRET}\": 1, \"{SECRET}\": 1}}")),
        twice(None, Some(0))
    );
    // In a later record: after the first one's order, against it, and with a key that the first one ends before.
    let first = "{\"age\": 1, \"u\": 0, \"bmi\": 2, \"sex\": null, \"smoker\": true}";
    assert_eq!(
        records(&format!("{first}, {{\"age\": 1, \"age\": 1}}")),
        twice(Some("age"), Some(1))
    );
    assert_eq!(
        records(&format!("{first}, {{\"bmi\": 1, \"u\": 0, \"u\": 0}}")),
        twice(None, Some(1))
    );
    assert_eq!(
        records(&format!("{first}, {{\"age\": 1, \"u\": 0, \"u\": 0}}")),
        twice(None, Some(1))
    );
    let longer = first.replace('}', ", \"u\": 1}");
    assert_eq!(records(&format!("{first}, {longer}")), twice(None, Some(1)));
    let split = "{\"dataframe_split\": {\"columns\": [\"age\", \"age\"], \"data\": [[1, 2]]}}";
    assert_eq!(json_error(split), twice(Some("age"), None));
    assert_eq!(
        json_error("{\"inputs\": {\"age\": [1], \"age\": [1]}}"),
        twice(Some("age"), None)
    );
    assert_eq!(
        error(ContentType::Csv, "age,age\n1,2\n", &patient()),
        twice(Some("age"), None)
    );
    for (body, field) in [
        ("{\"stream\": true, \"stream\": true}", "stream"),
        ("{\"params\": {}, \"params\": {}}", "params"),
        ("{\"x\": {}, \"x\": {}}", "a field that is not part of the API"),
        ("{\"dataframe_split\": {\"columns\": [], \"columns\": []}}", "columns"),
        ("{\"dataframe_split\": {\"data\": [], \"data\": []}}", "data"),
    ] {
        assert_eq!(json_error(body), PayloadError::DuplicateField { field }, "{body}");
    }
    let instances = format!("{{\"instances\": [{}], \"instances\": []}}", record("", ""));
    assert_eq!(
        json_error(&instances),
        PayloadError::DuplicateField { field: "instances" }
    );
}

#[test]
fn exactly_one_shape() {
    let accepted = "`dataframe_records`, `dataframe_split`, `instances` or `inputs`";
    let two = format!("{{\"instances\": [{}], \"inputs\": [[1]]}}", record("", ""));
    assert_eq!(json_error(&two), PayloadError::SeveralShapes);
    for (body, wanted) in [
        ("{}", PayloadError::NoShape),
        ("{\"dataframe_record\": []}", PayloadError::NoShape),
        ("[[1, 2]]", PayloadError::NotAnObject),
        ("null", PayloadError::NotAnObject),
        ("\"s3cr3t-patient\"", PayloadError::NotAnObject),
    ] {
        let error = json_error(body);
        assert_eq!(error, wanted, "{body}");
        assert!(error.to_string().contains(accepted), "{error}");
    }
}

#[test]
fn missing_columns_and_empty_lists_are_invalid_parameters() {
    let missing = |columns: &[&str]| PayloadError::MissingColumns {
        columns: columns.iter().map(ToString::to_string).collect(),
        expected: columns
            .iter()
            .filter_map(|name| Some(patient().inputs()[patient().position(name)?].kind))
            .collect(),
        close: None,
    };
    for (body, wanted) in [
        (
            "{\"dataframe_records\": [{\"age\": 1, \"sex\": \"f\"}, {\"age\": 2}]}",
            missing(&["bmi", "smoker"]),
        ),
        (
            "{\"dataframe_split\": {\"columns\": [\"bmi\", \"sex\", \"smoker\"], \"data\": [[1, \"f\", true]]}}",
            missing(&["age"]),
        ),
        (
            "{\"dataframe_split\": {\"data\": [[45, 1, \"f\", true]]}}",
            missing(&["age", "bmi", "sex", "smoker"]),
        ),
        (
            "{\"inputs\": {\"age\": [1], \"s3cr3t-patient\": 2}}",
            missing(&["bmi", "sex", "smoker"]),
        ),
        (
            "{\"dataframe_records\": []}",
            PayloadError::NoRows {
                field: "dataframe_records",
            },
        ),
        ("{\"instances\": []}", PayloadError::NoRows { field: "instances" }),
        ("{\"inputs\": []}", PayloadError::NoRows { field: "inputs" }),
        ("{\"inputs\": {}}", PayloadError::NoRows { field: "inputs" }),
        (
            "{\"inputs\": {\"age\": [], \"bmi\": [], \"sex\": [], \"smoker\": []}}",
            PayloadError::NoRows { field: "inputs" },
        ),
    ] {
        let error = json_error(body);
        assert_eq!(error, wanted, "{body}");
        assert!(error.is_invalid_parameter());
    }
    let header_only = error(ContentType::Csv, "age,bmi,sex,smoker\n", &patient());
    assert_eq!(header_only, PayloadError::NoRows { field: "the body" });
}

#[test]
fn rows_have_one_width_and_columns_one_length() {
    let ragged = |row, found| PayloadError::Ragged {
        row,
        expected: 4,
        found,
    };
    assert_eq!(
        json_error("{\"inputs\": [[1, 2, \"f\", true], [1, 2, \"f\"]]}"),
        ragged(1, 3)
    );
    assert_eq!(json_error("{\"inputs\": [[1, 2, \"f\", true, 5]]}"), ragged(0, 5));
    assert_eq!(
        error(ContentType::Csv, "age,bmi,sex,smoker\n1,2,f,true\n1,2\n", &patient()),
        ragged(1, 2)
    );
    let uneven = json_error("{\"inputs\": {\"age\": [1, 2], \"bmi\": [1]}}");
    assert_eq!(
        uneven,
        PayloadError::Uneven {
            column: "bmi".to_owned(),
            expected: 2,
            found: 1
        }
    );
    let two = Signature::of_array(ColumnType::Double, 2).unwrap();
    let width = error(ContentType::Csv, "a\n1\n", &two);
    assert_eq!(
        width,
        PayloadError::Width {
            field: "the header",
            expected: 2,
            found: 1
        }
    );
}

#[test]
fn fields_of_the_api_have_their_types() {
    for (body, field) in [
        ("{\"dataframe_records\": {\"age\": 1}}", "dataframe_records"),
        ("{\"dataframe_records\": [[1]]}", "dataframe_records"),
        ("{\"dataframe_records\": [{}, 1]}", "dataframe_records"),
        ("{\"dataframe_split\": []}", "dataframe_split"),
        ("{\"dataframe_split\": {}}", "dataframe_split"),
        ("{\"dataframe_split\": {\"s3cr3t-patient\": 1}}", "dataframe_split"),
        ("{\"dataframe_split\": {\"columns\": 1}}", "columns"),
        ("{\"dataframe_split\": {\"columns\": [null]}}", "columns"),
        ("{\"dataframe_split\": {\"columns\": [\"age\"], \"data\": {}}}", "data"),
        ("{\"instances\": {\"age\": [1]}}", "instances"),
        ("{\"instances\": [1, 2, \"f\", true]}", "instances"),
        ("{\"instances\": \"s3cr3t-patient\"}", "instances"),
        ("{\"inputs\": [[1, 2, \"f\", true], 5]}", "inputs"),
        ("{\"params\": [1]}", "params"),
        ("{\"usage_context\": 1}", "usage_context"),
        ("{\"stream\": 1}", "stream"),
        ("{\"client_request_id\": 1}", "client_request_id"),
    ] {
        assert!(
            matches!(json_error(body), PayloadError::Field { field: found, .. } if found == field),
            "{body}"
        );
    }
    let long_id = format!(
        "{{\"client_request_id\": \"{}\"}}",
        "x".repeat(limits::MAX_CLIENT_REQUEST_ID_BYTES + 1)
    );
    assert!(matches!(json_error(&long_id), PayloadError::Field { .. }));
}

#[test]
fn a_name_that_is_almost_right_is_recognised() {
    for (body, wanted) in [
        (
            r#"{"dataframe_records": [{"age": 1, " BMI": 1, "sex": "f", "smoker": true}]}"#,
            "required columns are missing: `bmi` (double); one is there that is almost so: did you mean `bmi`?",
        ),
        (
            r#"{"dataframe_split": {"columns": ["age", "bmi", "sex", "smokr"], "data": [[1, 2, "f", true]]}}"#,
            "required columns are missing: `smoker` (boolean); one is there that is almost so: did you mean `smoker`?",
        ),
        (
            r#"{"inputs": {"Age": [1], "weight": [2]}}"#,
            "required columns are missing: `age` (long), `bmi` (double), `sex` (string), `smoker` (boolean); one is there that is almost so: did you mean `age`?",
        ),
        (
            r#"{"inputs": {"age": [1], "bmi": [2], "sex": ["f"], "s3cr3t-patient": [2]}}"#,
            "required columns are missing: `smoker` (boolean)",
        ),
    ] {
        assert_eq!(json_error(body).to_string(), wanted);
    }
}

#[test]
fn bad_csv_is_told() {
    let csv = |body: &str| error(ContentType::Csv, body, &patient());
    assert!(matches!(csv(""), PayloadError::Csv { .. }));
    assert!(matches!(
        csv("age,bmi,sex,smoker\n1,2,\"f,true\n"),
        PayloadError::Csv { .. }
    ));
    assert!(matches!(
        csv("age,bmi,sex,smoker\n1,2,\0,true\n"),
        PayloadError::Csv { record: 1, .. }
    ));
    for (line, column, problem) in [
        ("45.7,2,f,true", "age", ValueProblem::Fraction),
        ("1,s3cr3t-patient,f,true", "bmi", ValueProblem::Text),
        ("1,nan,f,true", "bmi", ValueProblem::Text),
        ("1,2,f,yes", "smoker", ValueProblem::Text),
        ("1,123456789012345678901234567890,f,true", "bmi", ValueProblem::Inexact),
    ] {
        let error = csv(&format!("age,bmi,sex,smoker\n{line}\n"));
        assert!(
            matches!(&error, PayloadError::Value { column: found, row: 0, problem: why, .. } if found == column && *why == problem),
            "{line}: {error}"
        );
    }
    assert!(matches!(
        csv("age,bmi,sex,smoker\n,2,f,true\n"),
        PayloadError::MissingValue { row: 0, .. }
    ));
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    for content_type in [ContentType::Json, ContentType::Csv] {
        let error = decode(content_type, b"{\"inputs\": \"\xff\"}", &patient()).unwrap_err();
        assert_eq!(error, PayloadError::NotText { offset: 12 });
    }
}

#[test]
fn what_is_too_deep_wide_long_or_many_is_refused() {
    let too_many = |what: &'static str, limit| PayloadError::TooMany { what, limit };
    for depth in [129, 1_000_000] {
        for open in ["[", "{\"a\":"] {
            let body = format!("{{\"params\": {{\"a\": {}", open.repeat(depth));
            let error = json_error(&body);
            assert!(
                matches!(
                    error,
                    PayloadError::Json {
                        problem: "it is nested too deeply",
                        ..
                    }
                ),
                "{depth} {open}"
            );
        }
    }
    let deep = format!(
        "{{\"x\": {}{}, \"inputs\": [[1, 2, \"f\", true]]}}",
        "[".repeat(126),
        "]".repeat(126)
    );
    assert!(decode(ContentType::Json, deep.as_bytes(), &patient()).is_ok());

    let keys: Vec<String> = (0..=limits::MAX_FIELDS).map(|i| format!("\"k{i}\": 0")).collect();
    let wide = format!("{{\"dataframe_records\": [{{{}}}]}}", keys.join(", "));
    assert_eq!(json_error(&wide), too_many("fields in one object", limits::MAX_FIELDS));

    let long = format!("{{\"x\": \"{}\"}}", "y".repeat(limits::MAX_TEXT_BYTES + 1));
    assert_eq!(json_error(&long), too_many("bytes in one text", limits::MAX_TEXT_BYTES));
    let digits = format!("{{\"x\": {}}}", "1".repeat(limits::MAX_NUMBER_BYTES + 1));
    assert_eq!(
        json_error(&digits),
        too_many("characters in one number", limits::MAX_NUMBER_BYTES)
    );

    let one = Signature::of_array(ColumnType::Double, 1).unwrap();
    let rows = format!("{{\"instances\": [0{}]}}", ", 0".repeat(limits::MAX_ROWS));
    assert_eq!(
        error(ContentType::Json, &rows, &one),
        too_many("rows", limits::MAX_ROWS)
    );

    let optional = |i: usize| ColumnSpec {
        name: format!("c{i}"),
        kind: ColumnType::Double,
        required: false,
    };
    let sparse = Signature::new((0..5_000).map(optional).collect(), vec![], vec![]).unwrap();
    let body = format!("{{\"instances\": [{{}}{}]}}", ", {}".repeat(2_500));
    assert_eq!(
        error(ContentType::Json, &body, &sparse),
        too_many("values", limits::MAX_CELLS)
    );
}

#[test]
fn hostile_column_names_make_short_clean_texts() {
    let names = (0..100).map(|i| ColumnSpec::required(format!("{i}\n`\u{1b}{}", "ü".repeat(400)), ColumnType::Double));
    let signature = Signature::new(names.collect(), vec![], vec![]).unwrap();
    let text = error(ContentType::Json, "{\"instances\": [{}]}", &signature).to_string();
    assert!(
        text.contains("and 96 more") && !text.contains(char::is_control),
        "{text}"
    );
}
