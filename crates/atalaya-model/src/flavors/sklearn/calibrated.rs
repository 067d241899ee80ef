//! `CalibratedClassifierCV`: the scores of one classifier, or of one per fold, made into probabilities.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::isotonic::Line;
use super::labels::Labels;
use super::members::{Member, double};
use super::numeric::{argmax, expit, softmax, sum};
use super::part::{Part, length};
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// First minor version that takes the only score of a classifier of two classes, however many the model has.
const OWN_BINARY: u32 = 4;
/// What is added to probabilities before their logarithm is a logit.
const LOGIT_EPSILON: f64 = 1e-12;

/// What makes a probability of a score.
#[derive(Debug)]
enum Calibrator {
    Sigmoid { a: f64, b: f64 },
    Isotonic(Line),
}

/// How a fold's scores become probabilities.
#[derive(Debug)]
enum Calibration {
    /// A calibrator for each of the first scores, and the class that it gives.
    PerClass(Vec<(usize, Calibrator)>),
    /// All scores, times this, through a softmax.
    Temperature(f64),
}

/// One fold: a classifier and its calibration.
struct Fold {
    member: Member,
    /// Whether it is asked for `decision_function`, which it has.
    decides: bool,
    /// Whether only the probability of the second class counts.
    second_only: bool,
    calibration: Calibration,
}

/// `CalibratedClassifierCV`.
pub(super) struct Calibrated {
    labels: Labels,
    folds: Vec<Fold>,
}

impl Calibrated {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let labels = Labels::read(compiler, part)?;
        if labels.len() < 2 {
            return part.unsupported("with one class");
        }
        let folds = part.items("calibrated_classifiers_")?;
        if folds.is_empty() {
            return part.content("attribute `calibrated_classifiers_` is empty");
        }
        let fold = |(position, view)| {
            let place = format!("{}, fold {}", part.place, position + 1);
            Fold::compile(compiler, part, view, &place, &labels, names)
        };
        let folds = folds.into_iter().enumerate().map(fold).collect::<Result<_, _>>()?;
        Ok(Box::new(Self { labels, folds }))
    }
}

impl Fold {
    fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        view: View<'_>,
        place: &str,
        labels: &Labels,
        names: &Names,
    ) -> Result<Self, SklearnError> {
        if view.class() != Some(("sklearn.calibration", "_CalibratedClassifier")) {
            return Err(SklearnError::unknown(place, view));
        }
        let part = Part { view, place, ..*part };
        let member = compiler.estimator(part.field("estimator")?, place, names)?;
        let decides = member.has(Method::DecisionFunction);
        if !decides && !member.has(Method::PredictProba) {
            return part.unsupported("with a classifier that has neither scores nor probabilities");
        }
        let Some(own) = member.only_classes().filter(|own| own.len() >= 2) else {
            return part.unsupported("with a classifier that has not several classes and one output");
        };
        let binary = if compiler.version >= OWN_BINARY {
            own.len()
        } else {
            labels.len()
        } == 2;
        let views = part.items("calibrators")?;
        let calibration = if part.text("method")? == "temperature" {
            let beta = views
                .first()
                .and_then(|calibrator| calibrator.attr("beta_"))
                .and_then(View::as_f64);
            match beta {
                Some(beta) if own.len() == labels.len() => Calibration::Temperature(beta),
                Some(_) => return part.unsupported("with a fold that lacks a class"),
                None => return part.content("its calibrator has no number `beta_`"),
            }
        } else {
            Calibration::PerClass(per_class(compiler, &part, &views, own, labels)?)
        };
        Ok(Self {
            member,
            decides,
            second_only: !decides && binary,
            calibration,
        })
    }

    /// Scores of each row, and how many there are.
    fn scores(&self, x: &Block) -> Result<(Vec<f64>, usize), PredictError> {
        if self.decides {
            let (scores, width) = self.member.scores(x)?;
            return Ok((scores, width.unwrap_or(1)));
        }
        let probabilities = self.member.probabilities(x)?;
        let width = self.member.only_classes().map_or(1, Labels::len);
        if self.second_only {
            return Ok((probabilities.chunks_exact(width).map(|row| row[1]).collect(), 1));
        }
        Ok((probabilities, width))
    }

    fn probabilities(&self, x: &Block, classes: usize) -> Result<Vec<f64>, PredictError> {
        let (scores, width) = self.scores(x)?;
        let mut probabilities = match &self.calibration {
            Calibration::PerClass(calibrators) => per_class_probabilities(calibrators, &scores, width, classes)?,
            Calibration::Temperature(beta) => {
                let mut logits = logits(scores, width, self.decides);
                if logits.len() != x.rows() * classes {
                    let method = Method::DecisionFunction;
                    return Err(PredictError::Method { method });
                }
                for row in logits.chunks_exact_mut(classes) {
                    row.iter_mut().for_each(|logit| *logit *= beta);
                    softmax(row);
                }
                logits
            }
        };
        for p in &mut probabilities {
            if *p > 1.0 && *p <= 1.0 + 1e-5 {
                *p = 1.0;
            }
        }
        Ok(probabilities)
    }
}

/// The calibrators, each with the position among `labels` of the class that it gives.
fn per_class(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    views: &[View<'_>],
    own: &Labels,
    labels: &Labels,
) -> Result<Vec<(usize, Calibrator)>, SklearnError> {
    let Some(positions) = own.positions_in(labels) else {
        return part.content("its classifier has classes that are not its own");
    };
    let mut found = Vec::new();
    for (view, class) in views.iter().zip(positions) {
        // The only score of two classes is that of the second.
        let class = class + usize::from(labels.len() == 2);
        if class >= labels.len() {
            return part.content("attribute `calibrators` has too many calibrators");
        }
        let number = |name| match view.attr(name).and_then(View::as_f64) {
            Some(number) => Ok(number),
            None => part.content(format!("its calibrator has no number `{name}`")),
        };
        let calibrator = match view.class() {
            Some(("sklearn.calibration", "_SigmoidCalibration")) => Calibrator::Sigmoid {
                a: number("a_")?,
                b: number("b_")?,
            },
            Some(("sklearn.isotonic", "IsotonicRegression")) => {
                compiler.charge(length(*view))?;
                Calibrator::Isotonic(Line::read(compiler, &Part { view: *view, ..*part })?)
            }
            _ => return Err(SklearnError::unknown(&format!("{}, calibrator", part.place), *view)),
        };
        found.push((class, calibrator));
    }
    Ok(found)
}

fn per_class_probabilities(
    calibrators: &[(usize, Calibrator)],
    scores: &[f64],
    width: usize,
    classes: usize,
) -> Result<Vec<f64>, PredictError> {
    let mut probabilities = vec![0.0; scores.len() / width.max(1) * classes];
    for (scores, row) in scores
        .chunks_exact(width.max(1))
        .zip(probabilities.chunks_exact_mut(classes))
    {
        for (score, (class, calibrator)) in scores.iter().zip(calibrators) {
            row[*class] = match calibrator {
                Calibrator::Sigmoid { a, b } => expit(-(a * score + b)),
                Calibrator::Isotonic(line) => line.at(*score).ok_or(PredictError::Method {
                    method: Method::PredictProba,
                })?,
            };
        }
        if classes == 2 {
            row[0] = 1.0 - row[1];
            continue;
        }
        let total = sum(row);
        for p in row.iter_mut() {
            *p = if total == 0.0 {
                1.0 / double(classes)
            } else {
                *p / total
            };
        }
    }
    Ok(probabilities)
}

/// What `_TemperatureScaling` scales: logarithms when the whole batch looks like probabilities, the scores otherwise.
fn logits(mut scores: Vec<f64>, width: usize, decides: bool) -> Vec<f64> {
    if width == 1 {
        let pair = |score: f64| if decides { [-score, score] } else { [1.0 - score, score] };
        scores = scores.into_iter().flat_map(pair).collect();
        if decides {
            return scores;
        }
    }
    let near_one = |row: &[f64]| (sum(row) - 1.0).abs() <= 1e-8 + 1e-5;
    let likely = scores.chunks_exact(width.max(2)).all(near_one) && scores.iter().all(|p| (0.0..=1.0).contains(p));
    if likely {
        scores.iter_mut().for_each(|p| *p = (*p + LOGIT_EPSILON).ln());
    }
    scores
}

impl Estimator for Calibrated {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::PredictProba]
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let classes = self.labels.len();
        let mut mean = vec![0.0; x.rows() * classes];
        for fold in &self.folds {
            for (total, p) in mean.iter_mut().zip(fold.probabilities(x, classes)?) {
                *total += p;
            }
        }
        let folds = double(self.folds.len());
        mean.iter_mut().for_each(|total| *total /= folds);
        Ok(Evaluation {
            predict: Output::labels(mean.chunks_exact(classes).map(argmax).collect()),
            probabilities: Some(Output::wide(mean, classes)),
            scores: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_any_probability_is_uniform() {
        let sure = |class, b| (class, Calibrator::Sigmoid { a: 0.0, b });
        let calibrators = [sure(0, 1e4), sure(1, 1e4), sure(2, 1e4)];
        let found = per_class_probabilities(&calibrators, &[1.0, 2.0, 3.0], 3, 3).unwrap_or_default();
        assert_eq!(found, [1.0 / 3.0; 3]);
        let found = per_class_probabilities(&[sure(1, 0.0)], &[1.0, 2.0], 1, 2).unwrap_or_default();
        assert_eq!(found, [0.5; 4]);
    }

    #[test]
    fn only_what_looks_like_probabilities_becomes_logarithms() {
        assert_eq!(logits(vec![0.5, -2.0], 1, true), [-0.5, 0.5, 2.0, -2.0]);
        assert_eq!(logits(vec![3.0, -2.0], 2, true), [3.0, -2.0]);
        let half = (0.5 + LOGIT_EPSILON).ln();
        assert_eq!(logits(vec![0.5], 1, false), [half, half]);
        assert_eq!(logits(vec![0.5, 0.5, 0.5, 0.6], 2, false), [0.5, 0.5, 0.5, 0.6]);
    }
}
