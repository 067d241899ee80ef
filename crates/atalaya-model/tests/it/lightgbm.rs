//! LightGBM models: Boosters and wrappers, requests answered as MLflow's server did, categories, and texts that lie.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, StringArray};
use arrow_schema::DataType;
use atalaya_model::{LoadedModel, Method, ModelFiles, PredictError, load};
use proptest::prelude::*;

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

/// The files with the first place of a text of one of them replaced.
fn with_text(case: &Case, variant: &str, file: &str, from: &str, to: &str) -> ModelFiles {
    changed(case, variant, |path, bytes| {
        if path != file {
            return bytes.to_vec();
        }
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        text.replacen(from, to, 1).into_bytes()
    })
}

/// The files of a Booster whose text is changed, without the sizes of trees, which are optional.
fn with_changes(case: &Case, changes: &[(&str, &str)]) -> ModelFiles {
    changed(case, "model_lgb", |path, bytes| {
        if path != "model.lgb" {
            return bytes.to_vec();
        }
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (before, after) = text.split_once("tree_sizes=").unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        let mut text = format!("{before}{after}");
        for (from, to) in changes {
            assert!(text.contains(from), "the text has no {from}");
            text = text.replacen(from, to, 1);
        }
        text.into_bytes()
    })
}

/// As [`with_changes`], with one change.
fn with_model(case: &Case, from: &str, to: &str) -> ModelFiles {
    with_changes(case, &[(from, to)])
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

fn margins(model: &LoadedModel, batch: &RecordBatch) -> Vec<f64> {
    floats(&model.predictor.call(Method::Margin, batch).unwrap())
}

#[test]
fn recorded_requests_are_answered_as_mlflow_did() {
    assert!(serve(&atalaya_testkit::fixture("models"), "lightgbm") >= 7 || atalaya_testkit::case_part().is_some());
}

#[test]
fn all_recorded_requests_are_answered_as_mlflow_did() {
    let Some(folder) = atalaya_testkit::large_fixtures("all recorded requests to LightGBM models") else {
        return;
    };
    for profile in ["sk13", "sk15", "sk19"] {
        println!("{profile}: {} requests", serve(&folder.join(profile), "lightgbm"));
    }
}

#[test]
fn a_row_alone_is_answered_as_among_others() {
    for (case, variant) in [
        ("sk13_lgb_booster_rf", "model_lgb"),
        ("sk15_lgb_booster_linear", "model_lgb"),
        ("sk15_lgb_clf_multi", "model_cloudpickle"),
        ("sk19_lgb_booster_ova", "model_lgb"),
        ("sk19_lgb_booster_zero_missing", "model_lgb"),
        ("sk19_lgb_categorical", "model_cloudpickle"),
        ("sk19_sk_pipeline_lgb", "model_cloudpickle"),
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
fn a_classifier_gives_labels_probabilities_and_scores() {
    let case = small("sk19_lgb_clf_bin");
    let (model, batch) = loaded(&case, &case.model("model_cloudpickle"));
    assert_eq!(
        model.predictor.methods(),
        [Method::Predict, Method::PredictProba, Method::Margin]
    );
    let answer = model.predictor.predict(&batch).unwrap();
    let probabilities = model.predictor.call(Method::PredictProba, &batch).unwrap();
    assert_eq!(answer.probabilities.as_ref(), Some(&probabilities));
    let likely = floats(&probabilities);
    let labels = answer.values.as_string::<i32>().iter().flatten();
    assert!(
        labels
            .zip(likely.chunks(2))
            .all(|(label, p)| (label == "yes") == (p[1] > p[0]))
    );
    assert!(
        margins(&model, &batch)
            .iter()
            .zip(likely.chunks(2))
            .all(|(m, p)| (*m > 0.0) == (p[1] > 0.5))
    );
    let error = model.predictor.call(Method::Transform, &batch).unwrap_err();
    assert_eq!(error.to_string(), "the model has no method `transform`");
    let wrong = with_text(&case, "model_cloudpickle", "MLmodel", "LGBMClassifier", "LGBMRegressor");
    let error = load(&wrong).unwrap_err();
    assert!(
        error.is_refusal() && error.to_string().contains("not of the class"),
        "{error}"
    );
}

#[test]
fn a_wrapper_stops_at_the_best_iteration() {
    let case = small("sk19_lgb_clf_bin");
    // A pickle's key, and the small number after it.
    let with_best = |best: u8| {
        changed(&case, "model_cloudpickle", |path, bytes| {
            let mut bytes = bytes.to_vec();
            if path == "model.pkl" {
                let key = b"\x8c\x0ebest_iteration\x94K";
                let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
                bytes[at + key.len()] = best;
            }
            bytes
        })
    };
    let of = |best| {
        let (model, batch) = loaded(&case, &with_best(best));
        margins(&model, &batch)
    };
    let all = of(0);
    assert_eq!(of(20), all);
    assert_eq!(of(99), all);
    // Each further iteration adds to the one before.
    let three = of(3);
    assert_ne!(three, all);
    assert_ne!(three, of(4));
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
fn categories_are_known_by_their_text_and_unknown_ones_are_missing() {
    let case = small("sk19_lgb_categorical");
    let (model, batch) = loaded(&case, &case.model("model_cloudpickle"));
    let city = batch.schema().index_of("city").unwrap();
    let texts = batch.column(city).as_string::<i32>();
    let all = margins(&model, &batch);
    // In whatever order a dictionary has them.
    let dictionary: DictionaryArray<Int8Type> = texts.iter().collect();
    assert_eq!(margins(&model, &with_column(&batch, city, Arc::new(dictionary))), all);
    let column = |text: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![text; batch.num_rows()])) };
    let unknown = margins(&model, &with_column(&batch, city, column(Some("Atlantis"))));
    assert_eq!(unknown, margins(&model, &with_column(&batch, city, column(None))));
    let known = ["Madrid", "Bilbao", "Sevilla", "Gijón"]
        .map(|text| margins(&model, &with_column(&batch, city, column(Some(text)))));
    assert!(known.iter().any(|known| *known != unknown));
    let age = with_column(&batch, 0, column(Some("35")));
    assert!(matches!(model.predictor.predict(&age), Err(PredictError::Column { column, .. }) if column == "age"));
}

#[test]
fn columns_are_taken_by_their_position_in_the_signature() {
    let case = small("sk19_lgb_booster_sqrt");
    let (model, batch) = loaded(&case, &case.model("model_lgb"));
    let expected = model.predictor.predict(&batch).unwrap().values;
    let backwards: Vec<usize> = (0..batch.num_columns()).rev().collect();
    let turned = batch.project(&backwards).unwrap();
    assert_eq!(&model.predictor.predict(&turned).unwrap().values, &expected);
    let error = model.predictor.predict(&batch.project(&[0]).unwrap()).unwrap_err();
    assert!(
        matches!(&error, PredictError::Column { column, .. } if column == "f1"),
        "{error}"
    );
    // The model's own names do not matter, as in Python.
    let renamed = with_model(&case, "feature_names=f0 f1", "feature_names=g0 g1");
    assert_eq!(
        &load(&renamed).unwrap().predictor.predict(&batch).unwrap().values,
        &expected
    );
    // Without a signature the model's own names are asked for.
    let files = changed(&case, "model_lgb", |path, bytes| match path {
        "MLmodel" => {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.split("signature:").next().unwrap().as_bytes().to_vec()
        }
        _ => bytes.to_vec(),
    });
    let own = load(&files).unwrap();
    assert_eq!(own.signature().inputs()[7].name, "f7");
    assert_eq!(&own.predictor.predict(&batch).unwrap().values, &expected);
}

#[test]
fn objectives_differ_in_what_they_make_of_the_same_scores() {
    let case = small("sk19_lgb_booster_sqrt");
    let (plain, batch) = loaded(&case, &case.model("model_lgb"));
    let scores = margins(&plain, &batch);
    let of = |objective: &str| {
        let line = if objective.is_empty() {
            String::new()
        } else {
            format!("objective={objective}\n")
        };
        let model = load(&with_model(&case, "objective=regression sqrt\n", &line)).unwrap();
        assert_eq!(margins(&model, &batch), scores);
        floats(&model.predictor.predict(&batch).unwrap().values)
    };
    let each = |link: fn(f64) -> f64| scores.iter().copied().map(link).collect::<Vec<f64>>();
    for objective in [
        "",
        "custom",
        "regression",
        "regression_l1",
        "quantile",
        "huber sqrt",
        "fair",
        "mape",
        "lambdarank",
    ] {
        assert_eq!(of(objective), scores, "{objective}");
    }
    assert_eq!(of("regression_l1 sqrt"), each(|s| s.signum() * s * s));
    for objective in ["poisson", "gamma", "tweedie tweedie_variance_power:1.5"] {
        assert_eq!(of(objective), each(f64::exp), "{objective}");
    }
    assert_eq!(of("binary sigmoid:2"), each(|s| 1.0 / (1.0 + (-2.0 * s).exp())));
    assert_eq!(of("cross_entropy"), each(|s| 1.0 / (1.0 + (-s).exp())));
    assert_eq!(of("cross_entropy_lambda"), each(|s| s.exp().ln_1p()));
    let error = load(&with_model(&case, "objective=regression sqrt", "objective=new")).unwrap_err();
    assert!(
        !error.is_refusal() && error.to_string().contains("the objective `new`"),
        "{error}"
    );
}

#[test]
fn content_that_contradicts_itself_is_refused() {
    let refused = |case: &Case, from: &str, to: &str| {
        let Err(error) = load(&with_model(case, from, to)) else {
            panic!("{from} → {to} was loaded")
        };
        assert!(error.is_refusal(), "{error}");
        error.to_string()
    };
    let case = small("sk19_lgb_booster_ova");
    assert!(refused(&case, "max_feature_idx=7", "max_feature_idx=8").contains("`feature_names`"));
    assert!(refused(&case, "num_class=3", "num_class=2").contains("`num_class`"));
    assert!(refused(&case, "num_class:3", "num_class:4").contains("`num_class`"));
    assert!(refused(&case, "sigmoid:1", "sigmoid:-1").contains("`sigmoid`"));
    assert!(refused(&case, "Tree=1\n", "Tree=7\n").contains("the next tree was expected"));
    assert!(refused(&case, "num_leaves=", "num_leaves=0\nold_leaves=").contains("`num_leaves` is 0"));
    assert!(refused(&case, "num_cat=0", "num_cat=1").contains("`cat_boundaries` is missing"));
    assert!(refused(&case, "decision_type=2", "decision_type=15").contains("`threshold` that is not a set"));
    assert!(refused(&case, "decision_type=2", "decision_type=14").contains("unknown kind of missing values"));
    assert!(refused(&case, "threshold=", "threshold=nan\nthreshold=").contains("a key stands twice"));
    assert!(refused(&case, "label_index=0", "label_index=0=1").contains("more than one `=`"));
    let sizes = with_text(&case, "model_lgb", "model.lgb", "tree_sizes=", "tree_sizes=1");
    assert!(load(&sizes).unwrap_err().to_string().contains("`tree_sizes`"));
    let linear = small("sk15_lgb_booster_linear");
    assert!(refused(&linear, "leaf_const=", "leaf_const=0 ").contains("`leaf_const`"));
    assert!(refused(&linear, "num_features=", "num_features=9 ").contains("`num_features`"));
    assert!(refused(&linear, "leaf_features=2", "leaf_features=8").contains("`leaf_features`"));
    // A set of three words for two splits, which would be copied for each.
    let shared = with_changes(
        &case,
        &[
            ("num_cat=0", "num_cat=1\ncat_boundaries=0 3\ncat_threshold=1 2 4"),
            ("decision_type=2 2", "decision_type=1 1"),
            ("\nthreshold=2.9950000000000006 2.5000000000000004", "\nthreshold=0 0"),
        ],
    );
    let error = load(&shared).unwrap_err().to_string();
    assert!(error.contains("several splits have the same set"), "{error}");
    let error = load(&with_model(&case, "version=v4", "version=v5")).unwrap_err();
    assert!(!error.is_refusal(), "{error}");
}

/// Models to change, small ones of every kind.
static MODELS: LazyLock<Vec<(Case, &str)>> = LazyLock::new(|| {
    let wanted = [
        ("sk13_lgb_booster_rf", "model_lgb"),
        ("sk15_lgb_booster_linear", "model_lgb"),
        ("sk15_lgb_clf_multi", "model_cloudpickle"),
        ("sk19_lgb_booster_ova", "model_lgb"),
        ("sk19_lgb_booster_zero_missing", "model_lgb"),
        ("sk19_lgb_categorical", "model_cloudpickle"),
    ];
    wanted
        .into_iter()
        .map(|(case, variant)| (small(case), variant))
        .collect()
});

/// Loads files, and asks the model, if it is one, for everything.
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
    fn random_lines_do_no_harm(
        lines in prop::collection::vec(prop::sample::select(vec![
            "tree", "version=v4", "num_class=1", "num_class=2147483647", "num_tree_per_iteration=1", "max_feature_idx=0",
            "feature_names=a", "objective=binary sigmoid:1", "tree_sizes=9", "", "Tree=0", "num_leaves=1", "num_leaves=2",
            "num_cat=1", "leaf_value=1", "leaf_value=1 2", "left_child=-1", "right_child=-2", "split_feature=0",
            "threshold=0", "decision_type=1", "cat_boundaries=0 1", "cat_threshold=4", "is_linear=1", "leaf_const=1 2",
            "num_features=1 1", "end of trees", "pandas_categorical:[[\"a\"]]", "pandas_categorical:null", "=", "[",
        ]), 0..40),
    ) {
        let text = format!("tree\nversion=v4\n{}", lines.join("\n"));
        let (case, variant) = &MODELS[0];
        let files = changed(case, variant, |path, old| {
            if path == "model.lgb" { text.clone().into_bytes() } else { old.to_vec() }
        });
        attempt(case, &files);
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
