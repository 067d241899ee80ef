//! Models of every flavor against what Python answered: the small set of the repository always, every recorded model of the
//! large set where it is at hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use atalaya_model::payload::{ContentType, decode, encode_predictions};
use atalaya_model::{LoadError, PredictError, load};

use crate::sklearn_case::{Case, Outcome};

/// Folders below `folder` that have a `case.json`.
pub(crate) fn cases(folder: &Path) -> Vec<PathBuf> {
    let files = atalaya_testkit::read_folder(folder);
    files
        .keys()
        .filter_map(|path| path.strip_suffix("/case.json"))
        .map(|case| folder.join(case))
        .filter(|case| atalaya_testkit::case_part().is_none_or(|part| case.to_string_lossy().contains(&part)))
        .collect()
}

#[test]
fn every_small_model_answers_as_python_did() {
    let folders = cases(&atalaya_testkit::fixture("models"));
    assert!(
        folders.len() >= 20 || atalaya_testkit::case_part().is_some(),
        "only {} small models",
        folders.len()
    );
    let mut differences = Vec::new();
    for folder in folders {
        let case = Case::read(&folder);
        for variant in case.variants() {
            match case.run(variant) {
                Outcome::Ran {
                    compared,
                    differences: found,
                } => {
                    assert!(compared > 0, "{} has nothing to compare", case.name);
                    differences.extend(found.into_iter().map(|what| format!("{} {variant}: {what}", case.name)));
                }
                Outcome::Refused(error) => differences.push(format!("{} {variant}: {error}", case.name)),
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_large_set_is_answered_or_refused_by_name() {
    let Some(folder) = atalaya_testkit::large_fixtures("the large set of models") else {
        return;
    };
    let mut differences = Vec::new();
    let (mut native, mut other) = (0, 0);
    let asked = atalaya_testkit::case_part().is_some();
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for profile in ["sk13", "sk15", "sk19"] {
        for folder in cases(&folder.join(profile)) {
            let case = Case::read(&folder);
            for variant in case.variants() {
                // Graphs have outputs of names of their own instead of methods; `onnx.rs` compares them.
                if case.flavor(variant).is_none_or(|flavor| flavor.name() == "onnx") {
                    other += 1;
                    continue;
                }
                match case.run(variant) {
                    Outcome::Ran {
                        compared,
                        differences: found,
                    } => {
                        native += 1;
                        if asked {
                            println!("{} {variant}: {compared} compared, {} differ", case.name, found.len());
                        }
                        differences.extend(found.into_iter().map(|what| format!("{} {variant}: {what}", case.name)));
                    }
                    Outcome::Refused(LoadError::Unsupported { reason }) => {
                        let named = reason.split('`').rev().nth(1).unwrap_or_default().to_owned();
                        assert!(!named.is_empty(), "{}: no class is named: {reason}", case.name);
                        if asked {
                            println!("{} {variant}: {reason}", case.name);
                        }
                        *refused
                            .entry(
                                reason
                                    .split_once(": ")
                                    .map_or(reason.clone(), |(_, what)| what.to_owned()),
                            )
                            .or_default() += 1;
                    }
                    Outcome::Refused(error) => differences.push(format!("{} {variant}: {error}", case.name)),
                }
            }
        }
    }
    println!(
        "native: {native}, of other flavors only: {other}, refused: {}",
        refused.values().sum::<usize>()
    );
    for (class, count) in &refused {
        println!("{count:>5}  {class}");
    }
    assert!(native > 0 || asked);
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// Answers the recorded request of every case below `folder` that the flavor runs.
pub(crate) fn serve(folder: &Path, flavor: &str) -> usize {
    let mut served = 0;
    for folder in cases(folder) {
        let case = Case::read(&folder);
        let Some((request, answer, variant)) = case.serving() else {
            continue;
        };
        if case.flavor(variant).is_none_or(|found| found.name() != flavor) {
            continue;
        }
        let model = load(&case.model(variant)).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let request = decode(ContentType::Json, request.as_bytes(), model.signature()).unwrap();
        let mut out = Vec::new();
        encode_predictions(&model.predictor.predict(&request.batch).unwrap(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), answer, "{}", case.name);
        served += 1;
    }
    served
}

/// A small model, loaded, with its recorded input fitted to its signature.
fn small(case: &str, variant: &str) -> (atalaya_model::LoadedModel, RecordBatch) {
    let case = Case::read(&atalaya_testkit::fixture(&format!("models/{case}")));
    let model = load(&case.model(variant)).unwrap();
    let batch = model.signature().enforce(&case.input).unwrap();
    (model, batch)
}

/// The batch with one value of a column of doubles replaced.
fn with_value(batch: &RecordBatch, column: usize, row: usize, value: Option<f64>) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    let values = (0..batch.num_rows()).map(|at| if at == row { value } else { Some(1.0) });
    columns[column] = Arc::new(values.collect::<Float64Array>()) as ArrayRef;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

#[test]
fn values_that_a_model_does_not_take_are_named_by_column_and_row() {
    for (case, variant) in [
        ("sk19_logreg_binary", "model_skops"),
        ("sk19_gb_clf_bin", "model_cloudpickle"),
    ] {
        let (model, batch) = small(case, variant);
        for missing in [None, Some(f64::NAN)] {
            let error = model
                .predictor
                .predict(&with_value(&batch, 3, 70, missing))
                .unwrap_err();
            assert!(
                matches!(&error, PredictError::Missing { column, row: 70 } if column == "f3"),
                "{case}: {error}"
            );
        }
        let error = model
            .predictor
            .predict(&with_value(&batch, 2, 1, Some(f64::INFINITY)))
            .unwrap_err();
        assert!(
            matches!(&error, PredictError::NotFinite { column, row: 1 } if column == "f2"),
            "{case}: {error}"
        );
    }
    // 1e39 is finite, but not as the float32 that trees compare.
    let (model, batch) = small("sk19_gb_clf_bin", "model_cloudpickle");
    let error = model
        .predictor
        .predict(&with_value(&batch, 0, 65, Some(1e39)))
        .unwrap_err();
    assert!(
        matches!(&error, PredictError::NotFinite { column, row: 65 } if column == "f0"),
        "{error}"
    );
}

#[test]
fn a_row_alone_is_answered_as_among_others() {
    for (case, variant) in [
        ("sk19_logreg_multi", "model_cloudpickle"),
        ("sk19_gb_clf_multi", "model_cloudpickle"),
        ("sk19_rf_clf_str", "model_cloudpickle"),
        ("sk19_rf_missing", "model_cloudpickle"),
        ("sk19_dt_reg_multioutput", "model_cloudpickle"),
        ("sk13_rf_clf_multioutput", "model_cloudpickle"),
        ("sk19_mixed_onehot", "model_cloudpickle"),
        ("sk13_svc_proba_bin", "model_cloudpickle"),
        ("sk19_kmeans", "model_cloudpickle"),
        ("sk19_knn_ties", "model_cloudpickle"),
        ("sk19_lda", "model_cloudpickle"),
        ("sk19_gaussian_process_clf", "model_cloudpickle"),
        ("sk19_mixed_target_multi", "model_cloudpickle"),
        ("sk19_mlp_clf_multi_tanh", "model_cloudpickle"),
        ("sk19_nb_categorical", "model_cloudpickle"),
        ("sk19_pca_whiten_logreg", "model_cloudpickle"),
        ("sk19_prep_impute_knn", "model_cloudpickle"),
        ("sk19_sgd_modified_huber", "model_cloudpickle"),
    ] {
        let (model, batch) = small(case, variant);
        let all = model.predictor.predict(&batch).unwrap();
        for row in 0..batch.num_rows() {
            let one = model.predictor.predict(&batch.slice(row, 1)).unwrap();
            assert_eq!(&one.values, &all.values.slice(row, 1), "{case}, row {row}");
            assert_eq!(
                one.probabilities,
                all.probabilities.as_ref().map(|all| all.slice(row, 1)),
                "{case}, row {row}"
            );
        }
        let none = model.predictor.predict(&batch.slice(0, 0)).unwrap();
        assert_eq!(
            (none.values.len(), none.values.data_type()),
            (0, all.values.data_type())
        );
    }
}
