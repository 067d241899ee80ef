//! Requests that MLflow's scoring server answered: they decode, and its answers are what we write.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
};
use arrow_schema::{DataType, Field};
use atalaya_model::payload::{ContentType, decode, encode_predictions};
use atalaya_model::{COLUMNS_LAYOUT, Manifest, ModelFiles, Predictions};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Serving {
    request: Box<RawValue>,
    status: Value,
    response_text: Option<String>,
}

/// An array of a JSON list's values, as a predictor would give them; `None` for answers that are no plain lists.
///
/// The values stay text until here: serde_json's own float reading can be off in the last bit.
fn array(values: &[Box<RawValue>]) -> Option<ArrayRef> {
    let texts = values.iter().map(|value| value.get());
    Some(match values.first()?.get().as_bytes()[0] {
        b'"' => Arc::new(
            texts
                .map(|text| serde_json::from_str::<String>(text).ok())
                .collect::<StringArray>(),
        ),
        b't' | b'f' => Arc::new(texts.map(|text| text.parse().ok()).collect::<BooleanArray>()),
        b'[' => {
            let lists: Vec<Vec<Box<RawValue>>> = texts.map(|text| serde_json::from_str(text).unwrap()).collect();
            let width = i32::try_from(lists[0].len()).unwrap();
            let child = array(&lists.into_iter().flatten().collect::<Vec<_>>())?;
            let field = Arc::new(Field::new("item", child.data_type().clone(), true));
            Arc::new(FixedSizeListArray::new(field, width, child, None))
        }
        b'{' | b'n' => return None,
        _ if values[0].get().contains(['.', 'e']) => {
            Arc::new(texts.map(|text| text.parse().ok()).collect::<Float64Array>())
        }
        _ => Arc::new(texts.map(|text| text.parse().ok()).collect::<Int64Array>()),
    })
}

/// MLflow's answer.
#[derive(Deserialize)]
struct Answer {
    predictions: Box<RawValue>,
}

/// Decodes the request of one recorded case and writes its answer again; false when the case is none of ours.
fn replay(case: &str, serving: &[u8], mlmodel: &[u8]) -> bool {
    let serving: Serving = serde_json::from_slice(serving).unwrap();
    let Some(text) = serving.response_text.filter(|_| serving.status == 200) else {
        return false;
    };
    let manifest = Manifest::parse(mlmodel).unwrap();
    let Some(signature) = manifest.signature().unwrap() else {
        return false;
    };
    let request = decode(ContentType::Json, serving.request.get().as_bytes(), signature)
        .unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(request.batch.schema(), signature.arrow_schema());
    let answer: Answer = serde_json::from_str(&text).unwrap();
    let Ok(list) = serde_json::from_str::<Vec<Box<RawValue>>>(answer.predictions.get()) else {
        return false;
    };
    let Some(values) = array(&list).filter(|_| !text.contains("null")) else {
        return false;
    };
    assert_eq!(request.batch.num_rows(), list.len(), "{case}");
    let mut out = Vec::new();
    encode_predictions(
        &Predictions {
            values,
            probabilities: None,
        },
        &mut out,
    );
    assert_eq!(String::from_utf8(out).unwrap(), text, "{case}");
    true
}

/// Replays every case below `folder`: a `serving.json`, and `MLmodel` files beside or below it.
fn replay_all(folder: &Path) -> usize {
    let files = atalaya_testkit::read_folder(folder);
    let cases = files
        .iter()
        .filter_map(|(path, serving)| Some((path.strip_suffix("serving.json")?, serving)));
    let mut replayed = 0;
    for (case, serving) in cases {
        let models = files
            .iter()
            .filter(|(path, _)| path.starts_with(case) && path.ends_with("MLmodel"));
        replayed += models.filter(|(_, mlmodel)| replay(case, serving, mlmodel)).count();
    }
    replayed
}

#[test]
fn recorded_requests_decode_and_answers_are_rewritten() {
    assert_eq!(replay_all(&atalaya_testkit::fixture("payloads/serving")), 9);
}

/// All recorded cases, where the large fixture folder is at hand.
#[test]
fn all_recorded_requests_decode() {
    let Some(root) = atalaya_testkit::large_fixtures("all_recorded_requests_decode") else {
        return;
    };
    let replayed = replay_all(&root);
    println!("replayed {replayed}");
    assert!(replayed > 400);
}

/// All models of the large set that can be read: they answer the recorded request with the recorded bytes, wherever
/// their answer is the same number and not only a close one.
#[test]
fn native_models_answer_with_the_recorded_bytes() {
    let Some(root) = atalaya_testkit::large_fixtures("native_models_answer_with_the_recorded_bytes") else {
        return;
    };
    let part = atalaya_testkit::case_part().unwrap_or_default();
    let files = atalaya_testkit::read_folder(&root);
    let cases = files
        .iter()
        .filter_map(|(path, serving)| Some((path.strip_suffix("serving.json")?, serving)));
    let (mut equal, mut differences) = (0, Vec::new());
    for (case, serving) in cases.filter(|(case, _)| case.contains(&part)) {
        let serving: Serving = serde_json::from_slice(serving).unwrap();
        let recorded: Value = serde_json::from_slice(&files[&format!("{case}case.json")]).unwrap();
        let exact = recorded["methods"]["predict"]["parity"] == "exact";
        let Some(wanted) = serving.response_text.filter(|_| exact && serving.status == 200) else {
            continue;
        };
        for (name, _) in recorded["variants"].as_object().into_iter().flatten() {
            let folder = format!("{case}{}/", recorded["variants"][name]["dir"].as_str().unwrap());
            let pairs = files
                .iter()
                .filter_map(|(path, bytes)| Some((path.strip_prefix(&folder)?.to_owned(), Arc::from(&**bytes))));
            let model_files = ModelFiles::from_pairs::<String, Arc<[u8]>>(pairs).unwrap();
            let Ok(model) = atalaya_model::load(&model_files) else {
                continue;
            };
            let body = serving.request.get().as_bytes();
            let answer = decode(ContentType::Json, body, model.predictor.signature())
                .map_err(|error| error.to_string())
                .and_then(|request| {
                    let predictions = model.predictor.predict_with(&request.batch, &request.params);
                    predictions.map_err(|error| error.to_string())
                })
                .map(|predictions| {
                    let mut out = Vec::new();
                    encode_predictions(&predictions, &mut out);
                    String::from_utf8(out).unwrap()
                });
            if answer.as_ref() == Ok(&wanted) {
                equal += 1;
            } else {
                differences.push(format!("{folder}: {answer:?} instead of {wanted}"));
            }
        }
    }
    println!("{equal} answers have the recorded bytes");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(equal > 20 || !part.is_empty());
}

#[test]
fn answers_without_a_number_are_null() {
    let values = Arc::new(Float64Array::from(vec![
        Some(f64::NAN),
        Some(f64::INFINITY),
        None,
        Some(1e16),
    ]));
    let mut out = b"x".to_vec();
    encode_predictions(
        &Predictions {
            values,
            probabilities: None,
        },
        &mut out,
    );
    assert_eq!(out, b"x{\"predictions\": [null, null, null, 1e+16]}");
}

#[test]
fn records_dicts_of_columns_and_lists_of_user_code() {
    let columns = |layout: Option<&str>| {
        let metadata = layout.map(|key| (key.to_owned(), String::new())).into_iter().collect();
        let a = Field::new("a", DataType::Int64, true).with_metadata(metadata);
        let b = Field::new("b \"x\"", DataType::Utf8, true);
        let fields = vec![Arc::new(a), Arc::new(b)].into();
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["p", "é"]));
        StructArray::new(fields, vec![numbers, texts], None)
    };
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), Some(vec![])]);
    let cases: [(ArrayRef, &str); 3] = [
        (
            Arc::new(columns(None)),
            r#"[{"a": 1, "b \"x\"": "p"}, {"a": null, "b \"x\"": "\u00e9"}]"#,
        ),
        (
            Arc::new(columns(Some(COLUMNS_LAYOUT))),
            r#"{"a": [1, null], "b \"x\"": ["p", "\u00e9"]}"#,
        ),
        (Arc::new(lists), "[[1, null], []]"),
    ];
    for (values, text) in cases {
        let mut out = Vec::new();
        let predictions = Predictions {
            values,
            probabilities: None,
        };
        encode_predictions(&predictions, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{{\"predictions\": {text}}}"));
    }
}
