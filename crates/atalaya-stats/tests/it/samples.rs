//! The samples that `golden/make_golden.py` describes instead of writing them out.

use serde_json::Value;

/// Uniform doubles in [0, 1), the same sequence as `uniforms` in the script.
pub(crate) fn uniforms(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 * 2.0_f64.powi(-53)
        })
        .collect()
}

/// A sample of the golden file: an array of numbers, or a recipe.
pub(crate) fn build(sample: &Value) -> Vec<f64> {
    if let Some(values) = sample.as_array() {
        return values.iter().map(|value| value.as_f64().expect("a number")).collect();
    }
    let steps = number(&sample["steps"]);
    uniforms(
        sample["seed"].as_u64().expect("a seed"),
        sample["count"].as_u64().expect("a count") as usize,
    )
    .into_iter()
    .map(|value| value + number(&sample["shift"]))
    .map(|value| {
        if steps > 0.0 {
            (value * steps).floor() / steps
        } else {
            value
        }
    })
    .collect()
}

/// A number of the golden file.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}
