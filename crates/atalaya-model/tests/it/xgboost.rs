//! XGBoost models: what each Python face gives, requests answered as MLflow's server did, and files that lie.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use atalaya_model::{LoadError, LoadedModel, Method, ModelFiles, PredictError, load};
use proptest::prelude::*;

use crate::pickled::{self, Pickled};
use crate::sklearn::serve;
use crate::sklearn_case::Case;

fn small(case: &str) -> Case {
    Case::read(&atalaya_testkit::fixture(&format!("models/{case}")))
}

/// The files of a model folder, each replaced by what `change` makes of it.
fn changed(case: &Case, variant: &str, change: impl Fn(&str, &[u8]) -> Vec<u8>) -> ModelFiles {
    let files = case.model(variant);
    let pairs: BTreeMap<String, Arc<[u8]>> = files
        .paths()
        .map(|path| (path.to_owned(), Arc::from(change(path, files.read(path).unwrap()))))
        .collect();
    ModelFiles::from_pairs(pairs).unwrap()
}

/// The files with a text of one of them replaced, wherever it is.
fn with_text(case: &Case, variant: &str, file: &str, from: &str, to: &str) -> ModelFiles {
    changed(case, variant, |path, bytes| {
        if path != file {
            return bytes.to_vec();
        }
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        text.replace(from, to).into_bytes()
    })
}

fn floats(values: &ArrayRef) -> Vec<f64> {
    match values.data_type() {
        DataType::FixedSizeList(..) => floats(values.as_fixed_size_list().values()),
        _ => values.as_primitive::<Float64Type>().values().to_vec(),
    }
}

fn loaded(case: &Case, files: &ModelFiles) -> (LoadedModel, RecordBatch) {
    let model = load(files).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let batch = case.batch(&*model.predictor);
    (model, batch)
}

#[test]
fn recorded_requests_are_answered_as_mlflow_did() {
    assert!(serve(&atalaya_testkit::fixture("models"), "xgboost") >= 7 || atalaya_testkit::case_part().is_some());
}

#[test]
fn all_recorded_requests_are_answered_as_mlflow_did() {
    let Some(folder) = atalaya_testkit::large_fixtures("all recorded requests to XGBoost models") else {
        return;
    };
    for profile in ["sk13", "sk15", "sk19"] {
        println!("{profile}: {} requests", serve(&folder.join(profile), "xgboost"));
    }
}

#[test]
fn a_row_alone_is_answered_as_among_others() {
    for (case, variant) in [
        ("sk19_xgb_vector_leaf", "model_ubj"),
        ("sk19_xgb_gblinear", "model_json"),
        ("sk19_xgb_booster_softmax", "model_ubj"),
        ("sk19_xgb_clf_imbalanced", "model_ubj"),
        ("sk13_xgb_categorical_onehot", "model_ubj"),
    ] {
        let case = small(case);
        let (model, batch) = loaded(&case, &case.model(variant));
        let all = model.predictor.predict(&batch).unwrap();
        for row in 0..batch.num_rows() {
            let one = model.predictor.predict(&batch.slice(row, 1)).unwrap();
            assert_eq!(&one.values, &all.values.slice(row, 1), "{}, row {row}", case.name);
        }
        let none = model.predictor.predict(&batch.slice(0, 0)).unwrap();
        assert_eq!(
            (none.values.len(), none.values.data_type()),
            (0, all.values.data_type())
        );
        assert_eq!(none.probabilities.is_some(), all.probabilities.is_some());
    }
}

#[test]
fn only_the_wrapper_stops_at_the_best_round() {
    let case = small("sk13_xgb_reg_early");
    let (wrapper, batch) = loaded(&case, &case.model("model_ubj"));
    let as_booster = with_text(
        &case,
        "model_ubj",
        "MLmodel",
        "xgboost.sklearn.XGBRegressor",
        "xgboost.core.Booster",
    );
    let (booster, _) = loaded(&case, &as_booster);
    let of = |model: &LoadedModel| floats(&model.predictor.predict(&batch).unwrap().values);
    assert_ne!(of(&wrapper), of(&booster));
    // Without a class MLflow takes a Booster.
    let unnamed = with_text(
        &case,
        "model_ubj",
        "MLmodel",
        "    model_class: xgboost.sklearn.XGBRegressor\n",
        "",
    );
    assert_eq!(of(&loaded(&case, &unnamed).0), of(&booster));
}

#[test]
fn a_classifier_is_served_by_the_method_that_its_manifest_names() {
    let case = small("sk19_xgb_clf_imbalanced");
    let (model, batch) = loaded(&case, &case.model("model_ubj"));
    assert_eq!(
        model.predictor.methods(),
        [Method::Predict, Method::PredictProba, Method::Margin]
    );
    let answer = model.predictor.predict(&batch).unwrap();
    let probabilities = model.predictor.call(Method::PredictProba, &batch).unwrap();
    assert_eq!(answer.probabilities.as_ref(), Some(&probabilities));
    let labels = answer.values.as_primitive::<Int64Type>().values().to_vec();
    let likely = floats(&probabilities);
    assert!(
        labels
            .iter()
            .zip(likely.chunks(2))
            .all(|(label, p)| (*label == 1) == (p[1] > 0.5))
    );
    let wanted = "loader_module: mlflow.xgboost\n    predict_fn: predict_proba\n";
    let files = with_text(&case, "model_ubj", "MLmodel", "loader_module: mlflow.xgboost\n", wanted);
    assert_eq!(
        &loaded(&case, &files).0.predictor.predict(&batch).unwrap().values,
        &probabilities
    );
    let wanted = wanted.replace("predict_proba", "transform");
    let files = with_text(
        &case,
        "model_ubj",
        "MLmodel",
        "loader_module: mlflow.xgboost\n",
        &wanted,
    );
    assert!(
        load(&files)
            .unwrap_err()
            .to_string()
            .contains("`transform`, which it does not have")
    );
    let error = model.predictor.call(Method::Transform, &batch).unwrap_err();
    assert_eq!(error.to_string(), "the model has no method `transform`");
}

/// The batch with one column replaced.
fn with_column(batch: &RecordBatch, position: usize, column: ArrayRef) -> RecordBatch {
    let schema = batch.schema();
    let fields = schema.fields().iter().enumerate().map(|(at, field)| {
        let kind = if at == position {
            column.data_type()
        } else {
            field.data_type()
        };
        field.as_ref().clone().with_data_type(kind.clone()).with_nullable(true)
    });
    let schema = Arc::new(arrow_schema::Schema::new(fields.collect::<Vec<_>>()));
    let mut columns = batch.columns().to_vec();
    columns[position] = column;
    RecordBatch::try_new(schema, columns).unwrap()
}

#[test]
fn infinity_is_refused_where_a_dmatrix_refuses_it() {
    let with_infinity = |batch: &RecordBatch| {
        let values = (0..batch.num_rows()).map(|row| if row == 5 { 1e39 } else { 1.0 });
        with_column(batch, 2, Arc::new(Float64Array::from_iter_values(values)))
    };
    for (case, refused) in [
        ("sk19_xgb_booster_softmax", true),
        ("sk19_xgb_gblinear", true),
        ("sk19_xgb_poisson", false),
    ] {
        let case = small(case);
        let (model, batch) = loaded(&case, &case.model("model_ubj"));
        match model.predictor.predict(&with_infinity(&batch)) {
            Ok(_) => assert!(!refused, "{}", case.name),
            Err(PredictError::NotFinite { column, row }) => {
                assert_eq!(
                    (refused, row, &*column),
                    (true, 5, batch.schema().field(2).name().as_str())
                );
            }
            Err(error) => panic!("{}: {error}", case.name),
        }
    }
}

#[test]
fn categories_are_known_by_their_text_or_by_their_codes() {
    let case = small("sk19_xgb_categorical_onehot");
    let (model, batch) = loaded(&case, &case.model("model_ubj"));
    let city = batch.schema().index_of("city").unwrap();
    let texts = batch.column(city).as_string::<i32>();
    let all = floats(&model.predictor.call(Method::Margin, &batch).unwrap());
    // In whatever order a dictionary has them.
    let dictionary: DictionaryArray<arrow_array::types::Int8Type> = texts.iter().collect();
    let same = with_column(&batch, city, Arc::new(dictionary));
    assert_eq!(floats(&model.predictor.call(Method::Margin, &same).unwrap()), all);
    let unknown = texts
        .iter()
        .enumerate()
        .map(|(row, text)| if row == 3 { Some("Atlantis") } else { text });
    let error = model
        .predictor
        .predict(&with_column(&batch, city, Arc::new(unknown.collect::<StringArray>())))
        .unwrap_err();
    assert!(
        matches!(&error, PredictError::UnknownCategory { column, row: 3 } if column == "city"),
        "{error}"
    );
    let missing = with_column(
        &batch,
        city,
        Arc::new(texts.iter().map(|_| None::<&str>).collect::<StringArray>()),
    );
    assert_eq!(
        model.predictor.predict(&missing).unwrap().values.len(),
        batch.num_rows()
    );

    // Before XGBoost 3.1 the file does not say which text has which code.
    let case = small("sk13_xgb_categorical_onehot");
    let model = load(&case.model("model_ubj")).unwrap();
    let batch = model.signature().enforce(&case.input).unwrap();
    let error = model.predictor.predict(&batch).unwrap_err();
    assert!(
        matches!(&error, PredictError::Column { column, .. } if column == "city"),
        "{error}"
    );
    let coded = case.with_categories(&batch);
    let keys = coded.column(city).as_any_dictionary().keys();
    let codes = arrow_cast::cast(keys, &DataType::Int64).unwrap();
    let by_codes = with_column(&coded, city, Arc::new(codes.as_primitive::<Int64Type>().clone()));
    assert_eq!(
        &model.predictor.call(Method::Margin, &coded).unwrap(),
        &model.predictor.call(Method::Margin, &by_codes).unwrap()
    );
}

#[test]
fn columns_are_found_by_their_names() {
    let case = small("sk19_xgb_poisson");
    let (model, batch) = loaded(&case, &case.model("model_ubj"));
    let expected = model.predictor.predict(&batch).unwrap().values;
    let backwards: Vec<usize> = (0..batch.num_columns()).rev().collect();
    let turned = batch.project(&backwards).unwrap();
    assert_eq!(&model.predictor.predict(&turned).unwrap().values, &expected);
    let error = model.predictor.predict(&batch.project(&[0]).unwrap()).unwrap_err();
    assert!(
        matches!(&error, PredictError::Column { column, .. } if column == "f1"),
        "{error}"
    );
    let text = with_column(&batch, 1, Arc::new(StringArray::from(vec!["1"; batch.num_rows()])));
    assert!(matches!(
        model.predictor.predict(&text),
        Err(PredictError::Column { .. })
    ));
    // Without a signature the model's own names are asked for.
    let files = changed(&case, "model_ubj", |path, bytes| match path {
        "MLmodel" => {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.split("signature:").next().unwrap().as_bytes().to_vec()
        }
        _ => bytes.to_vec(),
    });
    let own = load(&files).unwrap();
    assert_eq!(own.signature().inputs()[7].name, "f7");
    assert_eq!(&own.predictor.predict(&batch).unwrap().values, &expected);
    let ints = with_column(
        &batch,
        3,
        Arc::new(Int64Array::from_iter_values(0..batch.num_rows().try_into().unwrap())),
    );
    assert!(own.predictor.predict(&ints).is_ok());
}

#[test]
fn what_is_not_known_is_named_and_left_to_others() {
    let case = small("sk19_xgb_gblinear");
    let reason = |files: &ModelFiles| {
        let Err(error) = load(files) else {
            panic!("it was loaded")
        };
        assert!(!error.is_refusal(), "{error}");
        error.to_string()
    };
    let json = |from: &str, to: &str| reason(&with_text(&case, "model_json", "model.json", from, to));
    assert!(json("\"reg:squarederror\"", "\"reg:new\"").contains("the objective `reg:new`"));
    assert!(json("\"gblinear\"", "\"gbforest\"").contains("the booster `gbforest`"));
    let manifest = |from: &str, to: &str| reason(&with_text(&case, "model_json", "MLmodel", from, to));
    assert!(manifest("xgboost.sklearn.XGBRegressor", "xgboost.dask.DaskXGBRegressor").contains("DaskXGBRegressor"));
    assert!(manifest("\"name\": \"f0\"", "\"name\": \"g0\"").contains("lacks the model's column `f0`"));
    assert!(
        manifest(
            "{\"type\": \"double\", \"name\": \"f0\"",
            "{\"type\": \"string\", \"name\": \"f0\""
        )
        .contains("as string")
    );
    let binary = changed(&case, "model_json", |path, bytes| match path {
        "model.json" => b"binf\0\0\0\x3f".to_vec(),
        _ => bytes.to_vec(),
    });
    assert!(reason(&binary).contains("binary format"));
}

#[test]
fn content_that_contradicts_itself_is_refused() {
    let refused = |case: &Case, from: &str, to: &str| {
        let files = with_text(case, "model_json", "model.json", from, to);
        let Err(error) = load(&files) else {
            panic!("{from} → {to} was loaded")
        };
        assert!(
            matches!(error, LoadError::NoFlavor { .. }) && error.is_refusal(),
            "{error}"
        );
        error.to_string()
    };
    let linear = small("sk19_xgb_gblinear");
    assert!(refused(&linear, "\"num_feature\":\"8\"", "\"num_feature\":\"7\"").contains("`feature_names`"));
    assert!(refused(&linear, "\"base_score\":\"[", "\"base_score\":\"[0,").contains("`base_score`"));
    assert!(refused(&linear, "\"weights\":[", "\"weights\":[0,").contains("`weights`"));
    assert!(refused(&linear, "\"weights\":[", "\"weights\":[{},").contains("`weights`"));
    assert!(refused(&linear, "\"num_class\":\"0\"", "\"num_class\":\"x\"").contains("`num_class`"));
    let vectors = small("sk19_xgb_vector_leaf");
    assert!(
        refused(&vectors, "\"size_leaf_vector\":\"2\"", "\"size_leaf_vector\":\"3\"").contains("`size_leaf_vector`")
    );
    assert!(refused(&vectors, "\"leaf_weights\":[", "\"leaf_weights\":[0,0,0,").contains("`leaf_weights`"));
    let dart = small("sk15_xgb_dart");
    assert!(refused(&dart, "\"weight_drop\":[", "\"weight_dropped\":[").contains("`weight_drop`"));
    assert!(refused(&dart, "\"tree_info\":[0", "\"tree_info\":[1").contains("`tree_info`"));
    assert!(
        refused(&dart, "\"attributes\":{", "\"attributes\":{\"best_iteration\":\"99\",").contains("`best_iteration`")
    );
}

/// A pickled `XGBRegressor` with this `handle` in its Booster.
fn pickled_regressor(handle: Pickled, missing: f64) -> ModelFiles {
    let booster = pickled::object("xgboost.core", "Booster", vec![("handle", handle)]);
    let attributes = vec![("missing", pickled::number(missing)), ("_Booster", booster)];
    let estimator = pickled::object("xgboost.sklearn", "XGBRegressor", attributes);
    let columns = (0..8).map(|i| format!("{{\"type\": \"double\", \"name\": \"f{i}\", \"required\": true}}"));
    let inputs = columns.collect::<Vec<_>>().join(", ");
    // The helper's manifest ends with its flavors, so that other keys may follow.
    pickled::model(estimator, &format!("signature:\n  inputs: '[{inputs}]'\n"))
}

#[test]
fn a_pickled_wrapper_answers_as_its_file_does() {
    let case = small("sk19_xgb_poisson");
    let files = case.model("model_ubj");
    let (by_file, batch) = loaded(&case, &files);
    let handle = || pickled::bytes(files.read("model.ubj").unwrap());
    let margin =
        |model: &LoadedModel, batch: &RecordBatch| floats(&model.predictor.call(Method::Margin, batch).unwrap());
    let pickle = load(&pickled_regressor(handle(), f64::NAN)).unwrap();
    assert_eq!(margin(&pickle, &batch), margin(&by_file, &batch));
    // Another number may stand for what is missing.
    let rows = batch.num_rows();
    let filled = |value: f64| with_column(&batch, 2, Arc::new(Float64Array::from(vec![value; rows])));
    let with_zero = load(&pickled_regressor(handle(), 0.0)).unwrap();
    assert_eq!(margin(&with_zero, &filled(0.0)), margin(&with_zero, &filled(f64::NAN)));
    assert_ne!(margin(&pickle, &filled(0.0)), margin(&pickle, &filled(f64::NAN)));

    for (handle, said) in [
        (pickled::text("x"), "no bytes as its `handle`"),
        (pickled::bytes(b"{}"), "`learner`"),
        (pickled::bytes(b"CONFIG-offset:1"), "binary format"),
    ] {
        let error = load(&pickled_regressor(handle, f64::NAN)).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// Models to change, small ones of every kind.
static MODELS: LazyLock<Vec<(Case, &str)>> = LazyLock::new(|| {
    let wanted = [
        ("sk19_xgb_gblinear", "model_json"),
        ("sk19_xgb_gblinear", "model_ubj"),
        ("sk19_xgb_vector_leaf", "model_json"),
        ("sk19_xgb_categorical_onehot", "model_ubj"),
        ("sk15_xgb_dart", "model_json"),
        ("sk15_xgb_dart", "model_ubj"),
        ("sk13_xgb_reg_early", "model_ubj"),
        ("sk19_xgb_booster_softmax", "model_ubj"),
    ];
    wanted
        .into_iter()
        .map(|(case, variant)| (small(case), variant))
        .collect()
});

/// Loads files around these bytes, and asks the model, if it is one, for everything.
fn attempt(case: &Case, files: &ModelFiles) {
    let Ok(model) = load(files) else { return };
    let batch = case.batch(&*model.predictor);
    for method in model.predictor.methods() {
        if let Ok(values) = model.predictor.call(method, &batch) {
            assert_eq!(values.len(), batch.num_rows());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_are_no_model(bytes in prop::collection::vec(any::<u8>(), 0..512), start in "(\\{\"|\\{L|\\[|\\{)") {
        let bytes = [start.as_bytes(), &bytes].concat();
        let files = changed(&MODELS[0].0, "model_json", |path, old| {
            if path == "model.json" { bytes.clone() } else { old.to_vec() }
        });
        prop_assert!(load(&files).is_err());
    }

    #[test]
    fn random_tokens_do_no_harm(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"learner\"", "1", "-2E3", "NaN", "null", "true", "\\", "\"",
            "[$d#U\u{2}", "[#i\u{3}", "{#i\u{1}", "i\u{1}a", "U\u{5}", "SU\u{1}x", "Z", "T",
        ]), 0..64),
    ) {
        let bytes = tokens.concat().into_bytes();
        let files = changed(&MODELS[0].0, "model_json", |path, old| {
            if path == "model.json" { bytes.clone() } else { old.to_vec() }
        });
        prop_assert!(load(&files).is_err());
    }

    #[test]
    fn changed_models_are_refused_or_answer(
        model in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (case, variant) = model.get(&MODELS);
        let files = changed(case, variant, |path, bytes| {
            let mut bytes = bytes.to_vec();
            if path.starts_with("model.") {
                for (at, byte) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                if let Some(cut) = cut {
                    bytes.truncate(cut.index(bytes.len()));
                }
            }
            bytes
        });
        attempt(case, &files);
    }
}
