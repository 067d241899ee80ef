//! Correction of p-values for looking at many columns at once.

/// Holm's step-down correction, in the order given: the `k`-th smallest of `m` is multiplied by `m − k + 1`,
/// kept increasing, and capped at 1. A corrected value below `α` keeps the chance of any false alarm below `α`
/// whatever the dependence between columns. Holm (1979), "A simple sequentially rejective multiple test
/// procedure", Scand. J. Stat. 6; equal to `statsmodels.stats.multitest.multipletests(method="holm")`.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut floor = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        let scaled = p_values[index] * (p_values.len() - rank) as f64;
        floor = floor.max(scaled.min(1.0));
        corrected[index] = floor;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_is_multiplied_most() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        for (actual, expected) in corrected.iter().zip(expected) {
            assert!((actual - expected).abs() < 1e-15, "{corrected:?}");
        }
    }

    #[test]
    fn never_above_one_and_nothing_for_nothing() {
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
