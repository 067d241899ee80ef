//! What a scikit-learn model answers besides `predict`, and what serves it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};
use atalaya_model::flavors::sklearn;
use atalaya_model::{LoadedModel, Method, ModelFiles, PredictError, load};

use crate::pickled::{Pickled, flag, list, model, number, numbers, object, pipeline};
use crate::sklearn_case::Case;

/// The files with one text of the manifest replaced.
fn with_manifest(files: &ModelFiles, from: &str, to: &str) -> ModelFiles {
    let changed = |path: &str, bytes: &[u8]| match path {
        "MLmodel" => {
            let text = String::from_utf8_lossy(bytes);
            assert!(text.contains(from), "{text}");
            Arc::from(text.replace(from, to).into_bytes())
        }
        _ => Arc::from(bytes),
    };
    let pairs = files
        .paths()
        .map(|path| (path, changed(path, files.read(path).unwrap())));
    ModelFiles::from_pairs::<&str, Arc<[u8]>>(pairs).unwrap()
}

#[test]
fn a_model_is_served_by_the_method_that_it_was_logged_with() {
    let case = Case::read(&atalaya_testkit::fixture("models/sk19_logreg_multi"));
    let files = case.model("model_cloudpickle");
    for method in [
        Method::Predict,
        Method::PredictProba,
        Method::PredictLogProba,
        Method::DecisionFunction,
    ] {
        let served = with_manifest(&files, "predict_fn: predict\n", &format!("predict_fn: {method}\n"));
        let model = load(&served).unwrap().predictor;
        let batch = model.signature().enforce(&case.input).unwrap();
        let answer = model.predict(&batch).unwrap();
        assert_eq!(&answer.values, &model.call(method, &batch).unwrap(), "{method}");
        let probabilities = model.call(Method::PredictProba, &batch).unwrap();
        assert_eq!(answer.probabilities, Some(probabilities), "{method}");
    }
    let served = with_manifest(&files, "predict_fn: predict\n", "predict_fn: transform\n");
    let error = load(&served).unwrap_err().to_string();
    assert!(error.contains("`transform`, which it does not have"), "{error}");
}

#[test]
fn a_method_that_a_model_does_not_have_is_refused() {
    let case = Case::read(&atalaya_testkit::fixture("models/sk19_rf_reg"));
    let model = load(&case.model("model_cloudpickle")).unwrap().predictor;
    let batch = model.signature().enforce(&case.input).unwrap();
    assert_eq!(model.methods(), [Method::Predict]);
    for method in Method::ALL.into_iter().skip(1) {
        let error = model.call(method, &batch).unwrap_err();
        assert!(matches!(error, PredictError::Method { method: named } if named == method));
    }
}

fn scaler(mean: &[f64], scale: &[f64]) -> Pickled {
    let attributes = vec![
        ("with_mean", flag(true)),
        ("with_std", flag(true)),
        ("mean_", numbers(mean)),
        ("scale_", numbers(scale)),
        ("feature_names_in_", list(["x", "y"].map(crate::pickled::text))),
    ];
    object("sklearn.preprocessing._data", "StandardScaler", attributes)
}

fn rows() -> RecordBatch {
    let column = |values: [f64; 2]| Arc::new(Float64Array::from_iter_values(values)) as ArrayRef;
    RecordBatch::try_from_iter([("x", column([1.0, 3.0])), ("y", column([10.0, 20.0]))]).unwrap()
}

fn listed(values: &ArrayRef) -> Vec<f64> {
    let lists = values.as_fixed_size_list();
    lists.values().as_primitive::<Float64Type>().values().to_vec()
}

fn loaded(root: Pickled, more: &str) -> LoadedModel {
    load(&model(root, more)).unwrap()
}

#[test]
fn a_transformer_alone_transforms_and_is_not_served() {
    let model = loaded(scaler(&[1.0, 10.0], &[2.0, 5.0]), "").predictor;
    assert_eq!(model.methods(), [Method::Transform]);
    let values = model.call(Method::Transform, &rows()).unwrap();
    assert_eq!((values.len(), listed(&values)), (2, vec![0.0, 0.0, 1.0, 2.0]));
    let error = model.predict(&rows()).unwrap_err();
    assert_eq!(error.to_string(), "the model has no method `predict`");
}

#[test]
fn a_transformer_logged_with_transform_is_served_by_it() {
    let served = "  python_function:\n    loader_module: mlflow.sklearn\n    predict_fn: transform\n";
    let model = loaded(scaler(&[1.0, 10.0], &[2.0, 5.0]), served).predictor;
    let answer = model.predict(&rows()).unwrap();
    assert_eq!(listed(&answer.values), [0.0, 0.0, 1.0, 2.0]);
    assert!(answer.probabilities.is_none());
    // Declared to be served by a method that it does not have, it is not loaded.
    let predict = served.replace("transform", "predict");
    let error = load(&crate::pickled::model(scaler(&[1.0, 10.0], &[2.0, 5.0]), &predict))
        .unwrap_err()
        .to_string();
    assert!(error.contains("`predict`, which it does not have"), "{error}");
}

#[test]
fn steps_are_transformers_in_any_nesting() {
    let inner = pipeline(vec![
        scaler(&[1.0, 0.0], &[1.0, 1.0]),
        scaler(&[0.0, 0.0], &[2.0, 10.0]),
    ]);
    let outer = loaded(pipeline(vec![inner, scaler(&[0.0, 1.0], &[1.0, 1.0])]), "").predictor;
    let values = outer.call(Method::Transform, &rows()).unwrap();
    assert_eq!(listed(&values), [0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn a_predictor_is_no_step_before_the_last() {
    let line = object(
        "sklearn.linear_model._base",
        "LinearRegression",
        vec![
            ("coef_", numbers(&[1.0, 1.0])),
            ("intercept_", number(0.0)),
            ("feature_names_in_", list(["x", "y"].map(crate::pickled::text))),
        ],
    );
    let error = load(&model(pipeline(vec![line, scaler(&[0.0, 0.0], &[1.0, 1.0])]), ""))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("step 1 `a`: `LinearRegression` is not a transformer"),
        "{error}"
    );
}

#[test]
fn the_documentation_lists_every_class() {
    let support = sklearn::support();
    let find = |class| support.iter().find(|one| one.class == class).unwrap();
    let regression = find("LogisticRegression");
    assert_eq!(
        (regression.module, regression.native),
        ("sklearn.linear_model._logistic", "predicts")
    );
    assert_eq!(find("StandardScaler").parity, "exact");
}

#[test]
fn the_page_of_native_models_is_the_one_that_the_code_makes() {
    let path = atalaya_testkit::fixtures().join("../docs/guide/native-models.md");
    let kept = atalaya_testkit::read_folder(path.parent().unwrap());
    let kept = String::from_utf8(kept["native-models.md"].clone()).unwrap();
    let made = atalaya_model::flavors::support_page();
    assert!(
        kept == made,
        "docs/guide/native-models.md is not up to date: cargo run -p atalaya-model --example native_models > \
         docs/guide/native-models.md"
    );
}
