//! The demo's models answer the demo's traffic as scikit-learn answered it, bit for bit.
//!
//! `fixtures/make_diabetes.py` recorded both; the requests come in as CSV, through the reader that serves them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use atalaya_model::payload::{ContentType, decode};
use atalaya_model::{ModelFiles, Predictions, load};
use atalaya_testkit::npy;

fn answers(version: u32) -> Predictions {
    let folder = atalaya_testkit::fixture(&format!("diabetes/version_{version}"));
    let files = ModelFiles::from_pairs(atalaya_testkit::read_folder(&folder)).expect("a model folder");
    let model = load(&files).expect("native");
    let traffic = atalaya_testkit::read("diabetes/production.csv");
    let request = decode(ContentType::Csv, &traffic, model.signature()).expect("the traffic fits the signature");
    model.predictor.predict(&request.batch).expect("every row is answered")
}

fn recorded(version: u32, method: &str) -> npy::Array {
    npy::parse(&atalaya_testkit::read(&format!(
        "diabetes/expected_version_{version}/production_{method}.npy"
    )))
}

#[test]
fn labels_are_scikit_learns() {
    for version in [1, 2, 3] {
        let labels = answers(version).values;
        assert_eq!(
            labels.as_primitive::<Int64Type>().values().to_vec(),
            recorded(version, "predict").i64(),
            "{version}"
        );
    }
}

#[test]
fn probabilities_are_scikit_learns_to_the_last_bit() {
    for version in [1, 2, 3] {
        let list = answers(version).probabilities.expect("classifiers have probabilities");
        let ours = list
            .as_fixed_size_list()
            .values()
            .as_primitive::<Float64Type>()
            .values()
            .to_vec();
        let theirs = recorded(version, "predict_proba").f64().to_vec();
        assert_eq!(ours.len(), theirs.len());
        let apart = ours
            .iter()
            .zip(&theirs)
            .filter(|(a, b)| a.to_bits() != b.to_bits())
            .count();
        assert_eq!(
            apart,
            0,
            "version {version}: {apart} of {} probabilities differ",
            ours.len()
        );
    }
}
