//! The compiled form: a model that is woken from it answers with the bits of the one that was loaded, and no damage to it is
//! taken for a model.

use std::sync::LazyLock;

use arrow_array::{Array, ArrayRef, RecordBatch};
use atalaya_model::compiled::sealed;
use atalaya_model::{
    LoadError, LoadedModel, ModelFiles, NotCompiled, Predictor, load, load_compiling, load_through, wake,
};
use bytes::Bytes;
use proptest::prelude::*;

use crate::sklearn::cases;
use crate::sklearn_case::Case;

/// Every method on all rows, on rows one by one, and again on all rows.
fn answers(model: &dyn Predictor, batch: &RecordBatch) -> Vec<Result<ArrayRef, String>> {
    let rows = (0..batch.num_rows().min(20)).map(|row| batch.slice(row, 1));
    let batches: Vec<RecordBatch> = rows
        .chain([batch.clone(), batch.slice(0, batch.num_rows().min(1))])
        .collect();
    let methods = model.methods();
    let all = methods
        .iter()
        .flat_map(|method| batches.iter().map(|batch| (*method, batch)));
    all.map(|(method, batch)| model.call(method, batch).map_err(|error| error.to_string()))
        .collect()
}

/// Whether two answers are the same bits: Arrow compares the buffers of numbers.
fn same(a: &Result<ArrayRef, String>, b: &Result<ArrayRef, String>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => a.to_data() == b.to_data(),
        (a, b) => a.as_ref().err() == b.as_ref().err(),
    }
}

/// How many variants of the cases below a folder have a form, after each was compared.
fn compare_all(folder: &std::path::Path) -> Vec<String> {
    let mut with_form = Vec::new();
    for folder in cases(folder) {
        let case = Case::read(&folder);
        for variant in case.variants() {
            let files = case.model(variant);
            let Ok(loaded) = load(&files) else { continue };
            let (compiling, form) = load_compiling(&files, "key").unwrap();
            let Some(form) = form else { continue };
            let woken = wake(Bytes::from(form), "key").unwrap();
            assert_eq!(woken.signature(), loaded.signature(), "{} {variant}", case.name);
            assert_eq!((woken.flavor, &woken.reason), (loaded.flavor, &loaded.reason));
            let batch = case.batch(&*loaded.predictor);
            let expected = answers(&*loaded.predictor, &batch);
            for model in [&compiling, &woken] {
                let found = answers(&*model.predictor, &batch);
                assert_eq!(found.len(), expected.len());
                let all = found
                    .iter()
                    .zip(&expected)
                    .all(|(found, expected)| same(found, expected));
                assert!(all, "{} {variant} differs", case.name);
            }
            with_form.push(format!("{} {variant}", case.name));
        }
    }
    with_form
}

#[test]
fn a_woken_model_answers_with_the_same_bits() {
    let with_form = compare_all(&atalaya_testkit::fixture("models"));
    let asked = atalaya_testkit::case_part().is_some();
    for kind in [
        "ada_clf",
        "dt_clf",
        "dt_missing",
        "dt_single_leaf",
        "et_clf",
        "gb_clf_multi",
        "gb_reg",
        "grid_rf",
        "hgb_clf_multi",
        "hgb_reg_categorical",
        "iforest",
        "lgb_booster_rf",
        "lgb_categorical",
        "lgb_clf_bin",
        "lgb_booster_zero_missing",
        "ovr_tree",
        "rf_clf_multioutput",
        "rf_missing",
        "rf_reg",
        "sk_pipeline_lgb",
        "sk_pipeline_xgb",
        "stacking_clf",
        "xgb_booster_softmax",
        "xgb_dart",
        "xgb_multi_target",
        "xgb_poisson",
        "xgb_vector_leaf",
    ] {
        assert!(
            asked || with_form.iter().any(|name| name.contains(kind)),
            "{kind} has no compiled form"
        );
    }
    for kind in ["logreg_binary", "knn_ties", "lgb_booster_linear", "xgb_gblinear"] {
        assert!(
            !with_form.iter().any(|name| name.contains(kind)),
            "{kind} has a compiled form"
        );
    }
}

#[test]
fn the_large_set_is_woken_with_the_same_bits() {
    let Some(folder) = atalaya_testkit::large_fixtures("the large set of models") else {
        return;
    };
    for profile in ["sk13", "sk15", "sk19"] {
        println!(
            "{profile}: {} compiled forms compared",
            compare_all(&folder.join(profile)).len()
        );
    }
}

/// Forms of small models, and rows to ask them for.
static FORMS: LazyLock<Vec<(Vec<u8>, RecordBatch)>> = LazyLock::new(|| {
    let wanted = [
        ("sk19_rf_clf_str", "model_cloudpickle"),
        ("sk13_hgb_reg_categorical", "model_cloudpickle"),
        ("sk19_iforest_subfeatures", "model_cloudpickle"),
        ("sk19_lgb_categorical", "model_cloudpickle"),
        ("sk13_sk_pipeline_xgb", "model_cloudpickle"),
        ("sk19_xgb_booster_softmax", "model"),
    ];
    let form = |(name, variant): (&str, &str)| {
        let case = Case::read(&atalaya_testkit::fixture(&format!("models/{name}")));
        let variant = case
            .variants()
            .into_iter()
            .find(|one| *one == variant)
            .or(case.variants().first().copied());
        let (model, form) = load_compiling(&case.model(variant.unwrap()), "key").unwrap();
        (form.unwrap(), case.batch(&*model.predictor).slice(0, 9))
    };
    wanted.into_iter().map(form).collect()
});

fn refused(bytes: Vec<u8>) -> bool {
    wake(Bytes::from(bytes), "key").is_err()
}

#[test]
fn a_form_that_was_cut_off_anywhere_is_refused() {
    let (form, _) = &FORMS[0];
    for length in 0..form.len() {
        assert!(refused(form[..length].to_vec()), "{length} of {} bytes", form.len());
    }
    let mut longer = form.clone();
    longer.push(0);
    assert!(refused(longer));
}

#[test]
fn every_changed_bit_of_the_header_is_seen() {
    let (form, _) = &FORMS[0];
    for bit in 0..64 * 8 {
        let mut changed = form.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(refused(changed), "bit {bit}");
    }
}

#[test]
fn a_form_is_for_one_model() {
    let (form, _) = &FORMS[0];
    let other = wake(Bytes::from(form.clone()), "another key");
    assert_eq!(other.unwrap_err(), NotCompiled::Foreign);
}

#[test]
fn a_refused_form_is_replaced_and_a_good_one_spares_the_files() {
    let case = Case::read(&atalaya_testkit::fixture("models/sk19_rf_reg"));
    let files = || case.model(case.variants()[0]);
    let mut kept: Option<Bytes> = None;
    let through = |kept: &mut Option<Bytes>, asked: &mut bool| {
        let read = kept.clone();
        let load: Result<LoadedModel, LoadError> = load_through(
            "key",
            || read,
            || {
                *asked = true;
                Ok(files())
            },
            |form| *kept = Some(Bytes::copy_from_slice(form)),
        );
        load.unwrap();
    };
    for damage in [None, Some(0), Some(40), Some(1_000)] {
        if let (Some(at), Some(form)) = (damage, &kept) {
            let mut changed = form.to_vec();
            changed[at] ^= 4;
            kept = Some(Bytes::from(changed));
        }
        let (mut first, mut second) = (false, false);
        through(&mut kept, &mut first);
        through(&mut kept, &mut second);
        assert_eq!((first, second), (true, false), "{damage:?}");
    }
    let nothing = ModelFiles::from_pairs([("a", &b""[..])]).unwrap();
    assert!(load_compiling(&nothing, "key").is_err());
}

proptest! {
    #[test]
    fn changed_bits_are_seen(
        which in any::<prop::sample::Index>(),
        bits in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let (form, _) = which.get(&FORMS);
        let mut changed = form.clone();
        let places: std::collections::BTreeSet<usize> = bits.iter().map(|bit| bit.index(form.len() * 8)).collect();
        for place in places {
            changed[place / 8] ^= 1 << (place % 8);
        }
        prop_assert!(refused(changed));
    }

    /// Behind a checksum that fits, everything may be wrong but nothing panics or goes on for ever.
    #[test]
    fn damage_that_the_checksum_does_not_show_is_no_danger(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (form, batch) = which.get(&FORMS);
        let mut changed = form.clone();
        for (at, byte) in changes {
            changed[at.index(form.len())] = byte;
        }
        if let Ok(model) = wake(Bytes::from(sealed(changed)), "key")
            && let Ok(batch) = model.signature().enforce(batch)
        {
            answers(&*model.predictor, &batch);
        }
    }
}
