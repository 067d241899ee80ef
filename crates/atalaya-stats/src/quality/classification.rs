//! Accuracy, precision, recall, F1 and the confusion matrix of predicted classes.
//!
//! Definitions of scikit-learn 1.9 (`precision_recall_fscore_support`, `zero_division=0`): a ratio with nothing
//! below the line is 0.

use std::collections::{BTreeMap, BTreeSet};

use crate::StatsError;

/// Most classes that are told apart. The confusion matrix grows with their square: 8 MB here. More "classes" than
/// that are a regression's values.
pub const MAX_CLASSES: usize = 1000;

/// Quality of predicted classes.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassificationQuality {
    /// Number of pairs.
    pub count: u64,
    /// Share of predictions that equal the label.
    pub accuracy: f64,
    /// Means over the classes weighted by their labels (the lab's figures).
    pub weighted: Averages,
    /// Plain means over the classes.
    pub macro_average: Averages,
    /// One entry per class, in ascending order of the class.
    pub classes: Vec<ClassQuality>,
    /// `confusion[i][j]`: label is class `i`, prediction is class `j`, in the order of `classes`.
    pub confusion: Vec<Vec<u64>>,
}

/// Precision, recall and F1 averaged over classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Averages {
    /// Mean precision.
    pub precision: f64,
    /// Mean recall.
    pub recall: f64,
    /// Mean F1.
    pub f1: f64,
}

/// Quality of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassQuality {
    /// The class; numbers in their shortest form (`0`, `1`, `0.5`).
    pub class: String,
    /// Correct share of the predictions of this class.
    pub precision: f64,
    /// Found share of the labels of this class.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Number of labels.
    pub support: u64,
}

/// Compares predicted with actual classes given as text; classes are ordered by code point.
///
/// # Errors
/// [`StatsError::LengthMismatch`] for unpaired inputs, [`StatsError::Empty`] without pairs,
/// [`StatsError::Parameter`] for more than [`MAX_CLASSES`] classes.
pub fn classification(actual: &[&str], predicted: &[&str]) -> Result<ClassificationQuality, StatsError> {
    compare(actual, predicted, |class| (*class).to_owned())
}

/// Compares predicted with actual classes given as numbers; classes are ordered by value.
///
/// # Errors
/// As [`classification`], and [`StatsError::NotANumber`] for NaN, which equals no class.
pub fn classification_numeric(actual: &[f64], predicted: &[f64]) -> Result<ClassificationQuality, StatsError> {
    let actual = class_numbers("actual", actual)?;
    let predicted = class_numbers("predicted", predicted)?;
    compare(&actual, &predicted, |class| class.0.to_string())
}

/// A number as a class: ordered, without NaN, `-0` equal to `0`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ClassNumber(f64);

impl Eq for ClassNumber {}

impl PartialOrd for ClassNumber {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ClassNumber {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

fn class_numbers(input: &'static str, values: &[f64]) -> Result<Vec<ClassNumber>, StatsError> {
    if values.iter().any(|value| value.is_nan()) {
        return Err(StatsError::NotANumber { input });
    }
    // Adding zero turns -0 into 0.
    Ok(values.iter().map(|value| ClassNumber(value + 0.0)).collect())
}

fn compare<L: Ord>(
    actual: &[L],
    predicted: &[L],
    name: impl Fn(&L) -> String,
) -> Result<ClassificationQuality, StatsError> {
    check_pairs(actual.len(), predicted.len())?;
    let distinct: BTreeSet<&L> = actual.iter().chain(predicted).collect();
    if distinct.len() > MAX_CLASSES {
        return Err(StatsError::Parameter {
            parameter: "classes",
            allowed: "1000 or fewer",
        });
    }
    let names: Vec<String> = distinct.iter().map(|class| name(class)).collect();
    let index: BTreeMap<&L, usize> = distinct.into_iter().enumerate().map(|(i, class)| (class, i)).collect();
    let mut confusion = vec![vec![0_u64; names.len()]; names.len()];
    for (label, prediction) in actual.iter().zip(predicted) {
        confusion[index[label]][index[prediction]] += 1;
    }
    Ok(quality(names, confusion))
}

/// Refuses unpaired inputs and none at all.
pub(super) fn check_pairs(actual: usize, predicted: usize) -> Result<(), StatsError> {
    if actual != predicted {
        return Err(StatsError::LengthMismatch {
            left: "actual",
            left_len: actual,
            right: "predicted",
            right_len: predicted,
        });
    }
    if actual == 0 {
        return Err(StatsError::Empty { input: "actual" });
    }
    Ok(())
}

fn quality(names: Vec<String>, confusion: Vec<Vec<u64>>) -> ClassificationQuality {
    let classes: Vec<ClassQuality> = names
        .into_iter()
        .enumerate()
        .map(|(i, class)| {
            let hits = confusion[i][i];
            let support: u64 = confusion[i].iter().sum();
            let predictions: u64 = confusion.iter().map(|row| row[i]).sum();
            ClassQuality {
                class,
                precision: ratio(hits, predictions),
                recall: ratio(hits, support),
                f1: ratio(2 * hits, predictions + support),
                support,
            }
        })
        .collect();
    let count: u64 = classes.iter().map(|class| class.support).sum();
    let correct: u64 = (0..classes.len()).map(|i| confusion[i][i]).sum();
    ClassificationQuality {
        count,
        accuracy: ratio(correct, count),
        weighted: averages(&classes, |class| class.support as f64),
        macro_average: averages(&classes, |_| 1.0),
        classes,
        confusion,
    }
}

fn averages(classes: &[ClassQuality], weight: impl Fn(&ClassQuality) -> f64) -> Averages {
    let total: f64 = classes.iter().map(&weight).sum();
    let mean =
        |value: fn(&ClassQuality) -> f64| classes.iter().map(|class| value(class) * weight(class)).sum::<f64>() / total;
    Averages {
        precision: mean(|class| class.precision),
        recall: mean(|class| class.recall),
        f1: mean(|class| class.f1),
    }
}

/// `part / whole`, 0 when there is nothing (`zero_division=0`).
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_classes_by_hand() {
        let quality = classification(&["a", "a", "b", "c"], &["a", "b", "b", "b"]).expect("pairs");
        assert_eq!(quality.confusion, [vec![1, 1, 0], vec![0, 1, 0], vec![0, 1, 0]]);
        assert_eq!(quality.accuracy, 0.5);
        let c = &quality.classes[2];
        assert_eq!(
            (c.class.as_str(), c.precision, c.recall, c.f1, c.support),
            ("c", 0.0, 0.0, 0.0, 1)
        );
        assert_eq!(quality.weighted.recall, 0.5);
    }

    #[test]
    fn numbers_are_ordered_as_numbers_and_zero_has_one_sign() {
        let quality = classification_numeric(&[10.0, 2.0, -0.0], &[10.0, 10.0, 0.0]).expect("pairs");
        let names: Vec<&str> = quality.classes.iter().map(|class| class.class.as_str()).collect();
        assert_eq!(names, ["0", "2", "10"]);
        assert_eq!(quality.classes[0].recall, 1.0);
    }

    #[test]
    fn bad_input_is_refused() {
        assert_eq!(classification(&[], &[]), Err(StatsError::Empty { input: "actual" }));
        assert!(matches!(
            classification(&["a"], &[]),
            Err(StatsError::LengthMismatch { .. })
        ));
        let result = classification_numeric(&[1.0], &[f64::NAN]);
        assert_eq!(result, Err(StatsError::NotANumber { input: "predicted" }));
        let many: Vec<f64> = (0..=MAX_CLASSES).map(|i| i as f64).collect();
        assert!(matches!(
            classification_numeric(&many, &many),
            Err(StatsError::Parameter { .. })
        ));
    }
}
