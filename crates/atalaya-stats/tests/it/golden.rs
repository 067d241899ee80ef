//! Same input, same numbers as the originals: SciPy 1.17, scikit-learn 1.9, numpy.

use atalaya_stats::distributions::kolmogorov_sf;
use atalaya_stats::drift::{chi_squared, jensen_shannon_distance, ks_two_sample, wasserstein_distance};
use atalaya_stats::profile::Moments;
use atalaya_stats::quality::{ClassificationQuality, classification, classification_numeric, regression};
use atalaya_stats::{NumericSample, latency};
use serde_json::Value;

use crate::samples::{build, number};

/// Agreement asked of p-values, however small.
const RELATIVE: f64 = 1e-9;
/// Agreement asked of statistics and metrics.
const ABSOLUTE: f64 = 1e-12;

fn cases(section: &str) -> Vec<Value> {
    let golden: Value = serde_json::from_str(include_str!("../golden/golden.json")).expect("golden.json is JSON");
    let cases = golden[section].as_array().expect("a list of cases").clone();
    assert!(!cases.is_empty(), "no case in {section}");
    cases
}

fn assert_absolute(actual: f64, expected: f64, what: &str) {
    assert!(
        (actual - expected).abs() <= ABSOLUTE,
        "{what}: {actual} is not {expected}"
    );
}

/// Below 1e-290 doubles lose digits one by one, in the original too.
fn assert_relative(actual: f64, expected: f64, what: &str) {
    assert!(
        (actual - expected).abs() <= RELATIVE * expected.max(1e-290),
        "{what}: {actual:e} is not {expected:e}"
    );
}

fn counts(value: &Value) -> Vec<u64> {
    value
        .as_array()
        .expect("counts")
        .iter()
        .map(|count| count.as_u64().expect("a count"))
        .collect()
}

#[test]
fn ks_equals_scipy() {
    for case in cases("ks") {
        let (a, b) = (build(&case["a"]), build(&case["b"]));
        let ks = ks_two_sample(&a, &b).expect("valid samples");
        let what = format!("{} against {}", case["a"], case["b"]);
        assert_absolute(ks.statistic, number(&case["statistic"]), &what);
        assert_relative(ks.p_value, number(&case["p_value"]), &what);
    }
}

#[test]
fn kolmogorov_equals_scipy() {
    for case in cases("kolmogorov") {
        let n = case["n"].as_u64().expect("a size");
        assert_relative(
            kolmogorov_sf(n, number(&case["x"])),
            number(&case["sf"]),
            &case.to_string(),
        );
    }
}

#[test]
fn chi_squared_equals_scipy() {
    for case in cases("chi_squared") {
        let test = chi_squared(&counts(&case["a"]), &counts(&case["b"])).expect("a valid table");
        let expected = number(&case["statistic"]);
        assert_absolute(
            test.statistic / expected.max(1.0),
            expected / expected.max(1.0),
            &case.to_string(),
        );
        assert_relative(test.p_value, number(&case["p_value"]), &case.to_string());
        assert_eq!(test.degrees, case["degrees"].as_u64().expect("degrees"));
    }
}

#[test]
fn distances_equal_scipy() {
    for case in cases("wasserstein") {
        let (a, b) = (build(&case["a"]), build(&case["b"]));
        let distance = wasserstein_distance(&NumericSample::from(a.as_slice()), &NumericSample::from(b.as_slice()));
        assert_absolute(
            distance.expect("finite"),
            number(&case["wasserstein"]),
            &case.to_string(),
        );
    }
    for case in cases("jensen_shannon") {
        let table: Vec<(u64, u64)> = counts(&case["a"]).into_iter().zip(counts(&case["b"])).collect();
        let distance = jensen_shannon_distance(&table).expect("not empty");
        assert_absolute(distance, number(&case["distance"]), &case.to_string());
    }
}

#[test]
fn classification_equals_scikit_learn() {
    for case in cases("classification") {
        let quality = classify(&case);
        assert_absolute(quality.accuracy, number(&case["accuracy"]), "accuracy");
        assert_eq!(
            serde_json::to_value(&quality.confusion).expect("counts"),
            case["confusion"]
        );
        for (name, average) in [("weighted", quality.weighted), ("macro", quality.macro_average)] {
            for (index, actual) in [average.precision, average.recall, average.f1].into_iter().enumerate() {
                assert_absolute(actual, number(&case[name][index]), name);
            }
        }
        for (index, class) in quality.classes.iter().enumerate() {
            let figures = [class.precision, class.recall, class.f1, class.support as f64];
            for (figure, actual) in figures.into_iter().enumerate() {
                assert_absolute(actual, number(&case["classes"][figure][index]), &class.class);
            }
        }
    }
}

fn classify(case: &Value) -> ClassificationQuality {
    let (actual, predicted) = (&case["actual"], &case["predicted"]);
    if actual[0].is_string() {
        return classification(&texts(actual), &texts(predicted)).expect("pairs");
    }
    classification_numeric(&build(actual), &build(predicted)).expect("pairs")
}

fn texts(labels: &Value) -> Vec<&str> {
    labels
        .as_array()
        .expect("labels")
        .iter()
        .map(|label| label.as_str().expect("text"))
        .collect()
}

#[test]
fn regression_equals_scikit_learn() {
    for case in cases("regression") {
        let quality = regression(&build(&case["actual"]), &build(&case["predicted"])).expect("pairs");
        for (name, actual) in [
            ("mae", Some(quality.mae)),
            ("mse", Some(quality.mse)),
            ("rmse", Some(quality.rmse)),
            ("r2", quality.r2),
            ("mape", quality.mape),
        ] {
            let expected = number(&case[name]);
            let actual = actual.expect("defined");
            assert!(
                (actual - expected).abs() <= 1e-12 * expected.abs().max(1.0),
                "{name}: {actual} is not {expected}"
            );
        }
    }
}

#[test]
fn latency_and_moments_equal_numpy() {
    for case in cases("latency") {
        let values = build(&case["values"]);
        let summary = latency::summary(&values).expect("values");
        let expected = &case["percentiles"];
        assert_absolute(summary.mean, number(&case["mean"]), "mean");
        for (index, actual) in [summary.p50, summary.p90, summary.p95, summary.p99]
            .into_iter()
            .enumerate()
        {
            assert_absolute(actual, number(&expected[index]), "percentile");
        }
        let moments = Moments::of(&values);
        assert_absolute(moments.mean().expect("values"), number(&case["mean"]), "mean");
        assert_eq!(moments.std().is_some(), !case["std"].is_null());
        if let Some(std) = moments.std() {
            assert_absolute(std, number(&case["std"]), "std");
        }
    }
}
