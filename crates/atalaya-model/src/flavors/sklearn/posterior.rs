//! Classifiers whose scores are logarithms of probabilities: what they predict, and how scores become probabilities.

use super::compiler::Compiler;
use super::estimator::{Evaluation, Output, Wanted};
use super::numeric::argmax;
use super::precision::Precision;
use crate::predictor::Method;

/// How a row of scores becomes logarithms of probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Normal {
    /// `scores - logsumexp(scores)`.
    LogSumExp,
    /// The same with the largest terms apart.
    LogSumExpApart,
    /// `scores - max - log(sum(exp(scores - max)))`.
    Shifted,
    /// The logarithm of `exp(scores - max) / sum`.
    Ratio,
}

impl Normal {
    /// That of naive Bayes and of mixtures, by version.
    pub(super) fn of(compiler: &Compiler) -> Self {
        if compiler.version >= APART {
            Self::LogSumExpApart
        } else {
            Self::LogSumExp
        }
    }
}

/// First minor version with a sum of exponentials of its own.
const APART: u32 = 8;

/// Scores of a batch, `rows × classes`.
#[derive(Debug)]
pub(super) struct Joint {
    pub(super) values: Vec<f64>,
    pub(super) classes: usize,
    pub(super) precision: Precision,
    pub(super) normal: Normal,
}

impl Joint {
    /// The likeliest class of each row; the first of several.
    pub(super) fn labels(&self) -> Vec<usize> {
        self.values.chunks_exact(self.classes).map(argmax).collect()
    }

    /// `logsumexp` of each row.
    pub(super) fn totals(&self) -> Vec<f64> {
        let total = |row| match self.normal {
            Normal::LogSumExpApart => self.precision.logsumexp_apart(row),
            Normal::LogSumExp | Normal::Shifted | Normal::Ratio => self.precision.logsumexp(row),
        };
        self.values.chunks_exact(self.classes).map(total).collect()
    }

    /// `predict_proba`.
    pub(super) fn probabilities(&self) -> Output {
        let mut values = self.normalized();
        if self.normal != Normal::Ratio {
            values.iter_mut().for_each(|value| *value = self.precision.exp(*value));
        }
        self.precision.output(values, Some(self.classes))
    }

    /// `predict_log_proba`.
    pub(super) fn log_probabilities(&self) -> Output {
        let mut values = self.normalized();
        if self.normal == Normal::Ratio {
            values.iter_mut().for_each(|value| *value = self.precision.ln(*value));
        }
        self.precision.output(values, Some(self.classes))
    }

    /// Logarithms of probabilities; with [`Normal::Ratio`], probabilities.
    fn normalized(&self) -> Vec<f64> {
        let p = self.precision;
        let mut values = self.values.clone();
        match self.normal {
            Normal::LogSumExp | Normal::LogSumExpApart => {
                for (row, total) in values.chunks_exact_mut(self.classes).zip(self.totals()) {
                    row.iter_mut().for_each(|value| *value = p.round(*value - total));
                }
            }
            Normal::Shifted => {
                for row in values.chunks_exact_mut(self.classes) {
                    let largest = row[argmax(row)];
                    row.iter_mut().for_each(|value| *value = p.round(*value - largest));
                    let terms: Vec<f64> = row.iter().map(|value| p.exp(*value)).collect();
                    // The scores are an array with a column per class in memory: numpy adds one column after the other.
                    let total = p.ln(terms.iter().fold(0.0, |total, term| p.round(total + term)));
                    row.iter_mut().for_each(|value| *value = p.round(*value - total));
                }
            }
            Normal::Ratio => values.chunks_exact_mut(self.classes).for_each(|row| p.softmax(row)),
        }
        values
    }

    /// What `predict`, `predict_proba` and `predict_joint_log_proba` give.
    pub(super) fn evaluation(&self, wanted: Wanted) -> Evaluation {
        Evaluation {
            predict: Output::labels(self.labels()),
            probabilities: wanted.probabilities.then(|| self.probabilities()),
            scores: None,
        }
    }

    /// `decision_function`: the scores, or their difference when there are two classes.
    pub(super) fn decision(&self) -> Output {
        if self.classes != 2 {
            return self.precision.output(self.values.clone(), Some(self.classes));
        }
        let pairs = self.values.chunks_exact(2);
        let differences = pairs.map(|pair| self.precision.round(pair[1] - pair[0])).collect();
        self.precision.output(differences, None)
    }

    /// The methods that [`Joint`] answers apart from an evaluation.
    pub(super) fn call(&self, method: Method) -> Option<Output> {
        match method {
            Method::PredictLogProba => Some(self.log_probabilities()),
            Method::PredictJointLogProba => Some(self.precision.output(self.values.clone(), Some(self.classes))),
            Method::ScoreSamples => Some(self.precision.output(self.totals(), None)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_gives_the_same_probabilities() {
        for normal in [
            Normal::LogSumExp,
            Normal::LogSumExpApart,
            Normal::Shifted,
            Normal::Ratio,
        ] {
            let joint = Joint {
                values: vec![-1.0, 0.5, 0.5, -700.0, -710.0, -705.0],
                classes: 3,
                precision: Precision::Double,
                normal,
            };
            let numbers = |output: Output| output.into_numbers(&[]).unwrap_or_default();
            let (found, logs) = (numbers(joint.probabilities()), numbers(joint.log_probabilities()));
            for row in found.chunks_exact(3) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{normal:?}");
            }
            assert!(
                found.iter().zip(&logs).all(|(p, log)| (p.ln() - log).abs() < 1e-12),
                "{normal:?}"
            );
            assert_eq!(joint.labels(), [1, 0]);
        }
    }
}
