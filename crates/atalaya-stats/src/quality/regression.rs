//! Errors of predicted numbers, as scikit-learn 1.9 defines them.

use super::classification::check_pairs;
use crate::StatsError;

/// Quality of predicted numbers, in the unit of the label where it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegressionQuality {
    /// Number of pairs.
    pub count: u64,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean squared error.
    pub mse: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Coefficient of determination; `None` below two pairs. For constant labels 1 if every prediction is right,
    /// else 0, as in scikit-learn.
    pub r2: Option<f64>,
    /// Mean absolute error relative to the label, as a share; `None` when a label is 0, where it is undefined.
    pub mape: Option<f64>,
}

/// Compares predicted with actual numbers.
///
/// # Errors
/// [`StatsError::LengthMismatch`] for unpaired inputs, [`StatsError::Empty`] without pairs,
/// [`StatsError::NotANumber`] and [`StatsError::Infinite`] for values that have no error.
pub fn regression(actual: &[f64], predicted: &[f64]) -> Result<RegressionQuality, StatsError> {
    check_pairs(actual.len(), predicted.len())?;
    for (input, values) in [("actual", actual), ("predicted", predicted)] {
        if values.iter().any(|value| value.is_nan()) {
            return Err(StatsError::NotANumber { input });
        }
        if values.iter().any(|value| value.is_infinite()) {
            return Err(StatsError::Infinite { input });
        }
    }
    let count = actual.len() as f64;
    let mean = actual.iter().sum::<f64>() / count;
    let sum = |term: fn(f64, f64) -> f64| actual.iter().zip(predicted).map(|(a, p)| term(*a, *p)).sum::<f64>();
    let squared = sum(|a, p| (a - p).powi(2));
    let spread: f64 = actual.iter().map(|value| (value - mean).powi(2)).sum();
    Ok(RegressionQuality {
        count: actual.len() as u64,
        mae: sum(|a, p| (a - p).abs()) / count,
        mse: squared / count,
        rmse: (squared / count).sqrt(),
        r2: (actual.len() > 1).then(|| determination(squared, spread)),
        mape: (!actual.contains(&0.0)).then(|| sum(|a, p| ((a - p) / a).abs()) / count),
    })
}

fn determination(squared: f64, spread: f64) -> f64 {
    if squared == 0.0 {
        1.0
    } else if spread == 0.0 {
        0.0
    } else {
        1.0 - squared / spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_scikit_learn_manual() {
        let quality = regression(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0]).expect("pairs");
        assert_eq!((quality.mae, quality.mse), (0.5, 0.375));
        assert!((quality.r2.expect("four pairs") - 0.948_608_137_044_967_9).abs() < 1e-15);
        assert!((quality.mape.expect("no zero") - 0.327_380_952_380_952_4).abs() < 1e-15);
    }

    #[test]
    fn undefined_figures_are_absent() {
        let quality = regression(&[0.0], &[1.0]).expect("pairs");
        assert_eq!((quality.r2, quality.mape), (None, None));
        assert_eq!(regression(&[2.0, 2.0], &[2.0, 3.0]).expect("pairs").r2, Some(0.0));
        assert_eq!(regression(&[2.0, 2.0], &[2.0, 2.0]).expect("pairs").r2, Some(1.0));
    }

    #[test]
    fn bad_input_is_refused() {
        assert_eq!(
            regression(&[1.0], &[f64::INFINITY]),
            Err(StatsError::Infinite { input: "predicted" })
        );
        assert_eq!(
            regression(&[f64::NAN], &[1.0]),
            Err(StatsError::NotANumber { input: "actual" })
        );
        assert!(matches!(
            regression(&[1.0], &[]),
            Err(StatsError::LengthMismatch { .. })
        ));
    }
}
