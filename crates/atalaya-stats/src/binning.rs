//! Quantiles and the bins made of them, as numpy's default (`linear`, type 7 of Hyndman & Fan 1996) defines them.

use crate::StatsError;

/// The `probability` quantile of ascending `sorted` by linear interpolation, equal to `numpy.quantile`.
///
/// `None` for an empty slice. Beside an infinity, where the interpolation is undefined, the lower neighbour.
#[must_use]
pub fn quantile(sorted: &[f64], probability: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = probability.clamp(0.0, 1.0) * last as f64;
    let below = (position.floor() as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let share = position - below as f64;
    let gap = high - low;
    // numpy interpolates from the nearer end, which keeps the result within [low, high].
    let value = if share >= 0.5 {
        high - gap * (1.0 - share)
    } else {
        low + gap * share
    };
    Some(if value.is_nan() { low } else { value })
}

/// Inner edges that cut ascending `sorted` into at most `bins` bins of equal share: repeated quantiles, as a
/// sample with ties has them, are merged. A value `v` belongs to the first bin whose edge is `>= v`.
///
/// # Errors
/// [`StatsError::Empty`] without values, [`StatsError::Parameter`] with fewer than two bins.
pub fn quantile_edges(sorted: &[f64], bins: usize) -> Result<Vec<f64>, StatsError> {
    if bins < 2 {
        return Err(StatsError::Parameter {
            parameter: "bins",
            allowed: "2 or more",
        });
    }
    let mut edges = Vec::with_capacity(bins - 1);
    for bin in 1..bins {
        let edge = quantile(sorted, bin as f64 / bins as f64).ok_or(StatsError::Empty { input: "baseline" })?;
        if edges.last() != Some(&edge) {
            edges.push(edge);
        }
    }
    Ok(edges)
}

/// How many values of ascending `sorted` fall into each of the `edges.len() + 1` bins.
#[must_use]
pub fn bin_counts(sorted: &[f64], edges: &[f64]) -> Vec<u64> {
    let mut counts = Vec::with_capacity(edges.len() + 1);
    let mut before = 0;
    for edge in edges {
        let upto = sorted.partition_point(|value| value <= edge);
        counts.push((upto - before) as u64);
        before = upto;
    }
    counts.push((sorted.len() - before) as u64);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_like_numpy() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&sorted, 0.5), Some(3.0));
        assert_eq!(quantile(&sorted, 0.0), Some(1.0));
        assert_eq!(quantile(&sorted, 1.0), Some(8.0));
        assert_eq!(quantile(&sorted, 0.9), Some(6.800_000_000_000_001));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[f64::NEG_INFINITY, 1.0], 0.25), Some(f64::NEG_INFINITY));
    }

    #[test]
    fn ties_merge_edges_and_no_value_is_lost() {
        let sorted = [0.0, 0.0, 0.0, 0.0, 1.0, 2.0];
        let edges = quantile_edges(&sorted, 4).expect("enough values");
        assert_eq!(edges, [0.0, 0.75]);
        assert_eq!(bin_counts(&sorted, &edges), [4, 0, 2]);
        assert_eq!(bin_counts(&[-5.0, 0.5, 9.0], &edges), [1, 1, 1]);
    }

    #[test]
    fn one_bin_is_refused() {
        assert!(matches!(quantile_edges(&[1.0], 1), Err(StatsError::Parameter { .. })));
        assert!(matches!(quantile_edges(&[], 4), Err(StatsError::Empty { .. })));
    }
}
