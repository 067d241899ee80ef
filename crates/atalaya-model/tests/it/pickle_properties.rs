//! No bytes make a reader or a loaded model panic: random ones, and real models with some bytes changed.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use atalaya_model::flavors::sklearn;
use atalaya_model::object::{read_pickle, read_skops};
use atalaya_model::{Manifest, ModelFiles, Predictor};
use proptest::prelude::*;

use crate::sklearn_case::Case;

/// Small models of every kind: cases, and the model folder to change.
static MODELS: LazyLock<Vec<(Case, &str)>> = LazyLock::new(|| {
    let wanted = [
        ("sk19_logreg_binary", "model_pickle"),
        ("sk19_logreg_binary", "model_skops"),
        ("sk19_dt_clf", "model_cloudpickle"),
        ("sk13_gb_clf_bin", "model_cloudpickle"),
        ("sk13_hgb_reg_categorical", "model_cloudpickle"),
        ("sk19_hgb_clf_from_dtype", "model_cloudpickle"),
        ("sk13_ada_clf_sammer", "model_cloudpickle"),
        ("sk13_calib_isotonic", "model_cloudpickle"),
        ("sk13_ovr_tree", "model_cloudpickle"),
        ("sk19_voting_drop", "model_cloudpickle"),
        ("sk19_stacking_clf_bin_pass", "model_cloudpickle"),
        ("sk19_iforest_subfeatures", "model_cloudpickle"),
        ("sk19_ttr_power", "model_cloudpickle"),
        ("sk19_tuned_threshold", "model_cloudpickle"),
        ("sk19_isotonic", "model_skops"),
        ("sk19_mixed_impute_object", "model_cloudpickle"),
        ("sk19_mixed_onehot_infrequent", "model_cloudpickle"),
        ("sk19_prep_impute_median_ind", "model_cloudpickle"),
        ("sk13_svc_proba_bin", "model_cloudpickle"),
        ("sk19_kmeans", "model_cloudpickle"),
        ("sk19_knn_ties", "model_cloudpickle"),
        ("sk19_mlp_clf_multi_tanh", "model_cloudpickle"),
        ("sk19_nb_categorical", "model_cloudpickle"),
        ("sk19_nb_gaussian", "model_skops"),
        ("sk19_svc_sparse", "model_skops"),
        ("sk19_pca_whiten_logreg", "model_cloudpickle"),
        ("sk19_qda", "model_cloudpickle"),
    ];
    let read = |(case, variant): (&str, _)| {
        (
            Case::read(&atalaya_testkit::fixture(&format!("models/{case}"))),
            variant,
        )
    };
    wanted.into_iter().map(read).collect()
});

/// The model of a case with its model file changed, loaded and asked.
fn run_changed(case: &Case, variant: &str, changes: &[(prop::sample::Index, u8)]) {
    let files = case.model(variant);
    let mut changed: BTreeMap<String, Arc<[u8]>> = BTreeMap::new();
    for path in files.paths() {
        let mut bytes = files.read(path).unwrap().to_vec();
        if path.starts_with("model.") {
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
        }
        changed.insert(path.to_owned(), Arc::from(bytes));
    }
    let files = ModelFiles::from_pairs(changed).unwrap();
    let manifest = Manifest::parse(files.read("MLmodel").unwrap()).unwrap();
    if let Ok(model) = sklearn::load(&manifest, &files) {
        let batch = model.signature().enforce(&case.input).unwrap();
        if let Ok(predictions) = model.predict(&batch) {
            assert_eq!(predictions.values.len(), batch.num_rows());
        }
        for method in model.methods() {
            if let Ok(values) = model.call(method, &batch) {
                assert_eq!(values.len(), batch.num_rows());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_are_no_object(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = read_pickle(&bytes);
        let _ = read_skops(&bytes);
    }

    #[test]
    fn random_instructions_do_no_harm(
        opcodes in prop::collection::vec(prop::sample::select(b"(]}).0125NRbaeust\x85\x86\x87\x88\x8f\x90\x91\x93\x94\x81h\x00q\x01K\x02".to_vec()), 0..256)
    ) {
        let _ = read_pickle(&[b"\x80\x04", &opcodes[..], b"."].concat());
    }

    #[test]
    fn changed_models_are_refused_or_answer(
        model in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (case, variant) = model.get(&MODELS);
        run_changed(case, variant, &changes);
    }
}
