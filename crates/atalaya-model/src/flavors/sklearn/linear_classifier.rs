//! Linear classifiers: scores, the label that they mean, and what logistic regression, stochastic gradient descent and
//! linear discriminant analysis make of them as probabilities.

use super::block::{Block, Names};
use super::columnar::Columnar;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Values, Wanted, call_evaluated};
use super::labels::Labels;
use super::linear::{Linear, Scores};
use super::numeric::{argmax, pairs};
use super::part::Part;
use super::precision::Precision;
use super::scale::Standard;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// How scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Each class against the rest; two classes have one score. With `uniform`, a row of zeros becomes uniform.
    Expit { uniform: bool },
    /// All classes together; two classes have the scores `-d` and `d`.
    Softmax,
    /// `(clip(d, -1, 1) + 1) / 2`, each class against the rest.
    ModifiedHuber,
}

/// A linear classifier.
#[derive(Debug)]
pub(super) struct LinearClassifier {
    linear: Linear,
    labels: Labels,
    /// `None` where `predict_proba` is not to be had.
    link: Option<Link>,
    /// Whether the logarithm of probabilities replaces zeros by the smallest normal number.
    floor_probabilities: bool,
}

impl LinearClassifier {
    fn build(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        link: impl FnOnce(&Compiler, usize) -> Result<Option<Link>, SklearnError>,
    ) -> Result<Self, SklearnError> {
        let linear = Linear::compile(compiler, part, names)?;
        let labels = Labels::read(compiler, part)?;
        let classes = labels.len();
        if linear.outputs != if classes == 2 { 1 } else { classes } || classes < 2 {
            return part.content("attribute `coef_` does not fit `classes_`");
        }
        Ok(Self {
            linear,
            labels,
            link: link(compiler, classes)?,
            floor_probabilities: false,
        })
    }

    /// `LogisticRegression` and `LogisticRegressionCV`.
    pub(super) fn logistic(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let link = |compiler: &Compiler, classes| {
            // From 1.8 on there is no one-versus-rest but that of two classes; before, the parameters decide.
            let one_versus_rest = compiler.version < 8 && {
                let multi_class = part.view.attr("multi_class").and_then(View::as_str).unwrap_or("auto");
                let solver = part.view.attr("solver").and_then(View::as_str).unwrap_or("lbfgs");
                match multi_class {
                    "ovr" | "warn" => true,
                    "auto" | "deprecated" => classes == 2 || matches!(solver, "liblinear" | "newton-cholesky"),
                    _ => false,
                }
            };
            let expit = one_versus_rest || (compiler.version >= 8 && classes == 2);
            Ok(Some(if expit { expit_link(compiler) } else { Link::Softmax }))
        };
        Ok(Box::new(Self::build(compiler, part, names, link)?))
    }

    /// `SGDClassifier`, whose loss decides whether it has probabilities.
    pub(super) fn stochastic(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let link = |compiler: &Compiler, _| {
            Ok(match part.text("loss")? {
                "log_loss" | "log" => Some(expit_link(compiler)),
                "modified_huber" => Some(Link::ModifiedHuber),
                _ => None,
            })
        };
        Ok(Box::new(Self::build(compiler, part, names, link)?))
    }

    /// `Perceptron`, `PassiveAggressiveClassifier`, `LinearSVC`: scores only.
    pub(super) fn margin(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Ok(Box::new(Self::build(compiler, part, names, |_, _| Ok(None))?))
    }

    /// `RidgeClassifier` and `RidgeClassifierCV`.
    pub(super) fn ridge(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let linear = Linear::compile(compiler, part, names)?;
        let Some(binarizer) = part.optional("_label_binarizer") else {
            return part.content("no attribute `_label_binarizer`");
        };
        let multilabel = binarizer
            .attr("y_type_")
            .and_then(View::as_str)
            .is_some_and(|kind| kind.starts_with("multilabel"));
        if multilabel {
            return Ok(Box::new(MultilabelRidge(linear)));
        }
        let Some(classes) = binarizer.attr("classes_") else {
            return part.content("attribute `_label_binarizer` has no `classes_`");
        };
        let labels = Labels::read_view(compiler, part, classes)?;
        if linear.outputs != if labels.len() == 2 { 1 } else { labels.len() } {
            return part.content("attribute `coef_` does not fit `classes_`");
        }
        Ok(Box::new(Self {
            linear,
            labels,
            link: None,
            floor_probabilities: false,
        }))
    }

    /// `LinearDiscriminantAnalysis` as a classifier.
    pub(super) fn discriminant(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let link = |_: &Compiler, classes| {
            Ok(Some(match classes {
                2 => Link::Expit { uniform: false },
                _ => Link::Softmax,
            }))
        };
        let floor_probabilities = true;
        let classifier = Self::build(compiler, part, names, link)?;
        Ok(Box::new(Self {
            floor_probabilities,
            ..classifier
        }))
    }
}

/// One against the rest, in the way of the version.
fn expit_link(compiler: &Compiler) -> Link {
    Link::Expit {
        uniform: compiler.version >= UNIFORM_ZEROS,
    }
}

/// First minor version in which a row whose classes are all impossible gets uniform probabilities.
const UNIFORM_ZEROS: u32 = 9;

impl Estimator for LinearClassifier {
    fn methods(&self) -> Vec<Method> {
        let mut methods = vec![Method::Predict, Method::DecisionFunction];
        if self.link.is_some() {
            methods.extend([Method::PredictProba, Method::PredictLogProba]);
        }
        methods
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn columnar(&self, scaler: Option<Standard<'_>>) -> Option<Columnar> {
        let probabilities = match self.link {
            Some(Link::Expit { .. }) => true,
            None => false,
            Some(Link::Softmax | Link::ModifiedHuber) => return None,
        };
        let (weights, intercept) = self.linear.doubles_of_one()?;
        (self.labels.len() == 2).then(|| Columnar::new(scaler, weights, intercept, probabilities))
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let scores = self.linear.scores(x)?;
        let classes = self.labels.len();
        let labels = if classes == 2 {
            scores.values.iter().map(|d| usize::from(*d > 0.0)).collect()
        } else {
            scores.values.chunks_exact(classes).map(argmax).collect()
        };
        let probabilities = self.link.filter(|_| wanted.probabilities);
        let probabilities = probabilities.map(|link| link.probabilities(&scores, classes));
        let width = (classes != 2).then_some(classes);
        Ok(Evaluation {
            predict: Output::labels(labels),
            probabilities,
            scores: Some(scores.output(width)),
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        if method != Method::PredictLogProba || !self.floor_probabilities {
            return call_evaluated(self, method, x);
        }
        let found = self.evaluate(x, Wanted::PROBABILITIES)?.probabilities;
        let mut output = found.ok_or(PredictError::Method { method })?;
        let precision = Precision::of(output.single);
        let smallest = if output.single {
            f64::from(f32::MIN_POSITIVE)
        } else {
            f64::MIN_POSITIVE
        };
        if let Values::Floats(values) = &mut output.values {
            for p in values {
                *p = precision.ln(if *p == 0.0 { smallest } else { *p });
            }
        }
        Ok(output)
    }
}

impl Link {
    /// `rows × classes`; two classes have one score.
    fn probabilities(self, scores: &Scores, classes: usize) -> Output {
        let precision = match self {
            // Its result is a double array of its own when there are two classes.
            Self::ModifiedHuber if classes == 2 => Precision::Double,
            _ => scores.precision,
        };
        if let (2, Self::Expit { .. }) = (classes, self) {
            let mut found = scores.values.clone();
            precision.expit_each(&mut found);
            let pairs = if precision.is_single() {
                found.iter().flat_map(|p| [precision.round(1.0 - p), *p]).collect()
            } else {
                pairs(&found)
            };
            return precision.output(pairs, Some(2));
        }
        if classes == 2 {
            let mut probabilities = Vec::with_capacity(scores.values.len() * 2);
            for d in &scores.values {
                match self {
                    Self::ModifiedHuber => {
                        let p = clipped_half(*d);
                        probabilities.extend([1.0 - p, p]);
                    }
                    Self::Expit { .. } | Self::Softmax => {
                        let mut pair = [-d, *d];
                        precision.softmax(&mut pair);
                        probabilities.extend(pair);
                    }
                }
            }
            return precision.output(probabilities, Some(2));
        }
        let mut probabilities = scores.values.clone();
        for row in probabilities.chunks_exact_mut(classes) {
            let uniform = match self {
                Self::Softmax => {
                    precision.softmax(row);
                    continue;
                }
                Self::Expit { uniform } => {
                    row.iter_mut().for_each(|d| *d = precision.expit(*d));
                    uniform
                }
                Self::ModifiedHuber => {
                    row.iter_mut().for_each(|d| *d = precision.round(clipped_half(*d)));
                    true
                }
            };
            let mut total = precision.sum(row);
            if uniform && total == 0.0 {
                row.fill(1.0);
                total = precision.sum(row);
            }
            row.iter_mut().for_each(|p| *p = precision.round(*p / total));
        }
        precision.output(probabilities, Some(classes))
    }
}

/// `(clip(d, -1, 1) + 1) / 2`.
fn clipped_half(d: f64) -> f64 {
    (d.clamp(-1.0, 1.0) + 1.0) / 2.0
}

/// `RidgeClassifier` fitted on several labels per row: which of them have a positive score.
#[derive(Debug)]
struct MultilabelRidge(Linear);

impl Estimator for MultilabelRidge {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::DecisionFunction]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let scores = self.0.scores(x)?;
        let labels = scores.values.iter().map(|d| i64::from(*d > 0.0)).collect();
        let mut predict = Output::ints(labels);
        predict.width = Some(self.0.outputs);
        let width = (self.0.outputs != 1).then_some(self.0.outputs);
        Ok(Evaluation {
            predict,
            probabilities: None,
            scores: Some(scores.output(width)),
        })
    }
}

/// `SGDOneClassSVM`: `X @ coef_.T - offset_`, inside when not negative.
#[derive(Debug)]
pub(super) struct LinearOneClass {
    linear: Linear,
    offset: f64,
}

impl LinearOneClass {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let linear = Linear::with_intercept(compiler, part, names, "offset_")?;
        let offset = part
            .field("offset_")?
            .floats()
            .or(part.field("offset_")?.as_f64().map(|one| vec![one]));
        let (1, Some([offset])) = (linear.outputs, offset.as_deref()) else {
            return part.content("attribute `offset_` is not one number");
        };
        Ok(Box::new(Self {
            offset: *offset,
            linear: linear.with_negated_intercepts(),
        }))
    }
}

impl Estimator for LinearOneClass {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::DecisionFunction, Method::ScoreSamples]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let scores = self.linear.scores(x)?;
        let side = scores.values.iter().map(|d| if *d >= 0.0 { 1 } else { -1 }).collect();
        Ok(Evaluation {
            predict: Output::ints(side),
            probabilities: None,
            scores: Some(scores.output(None)),
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        if method != Method::ScoreSamples {
            return call_evaluated(self, method, x);
        }
        let mut scores = self.linear.scores(x)?;
        let precision = scores.precision;
        scores
            .values
            .iter_mut()
            .for_each(|d| *d = precision.round(*d + self.offset));
        Ok(scores.output(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[f64]) -> Scores {
        Scores {
            values: values.to_vec(),
            precision: Precision::Double,
        }
    }

    fn values(output: Output) -> Vec<f64> {
        output.into_numbers(&[]).unwrap_or_default()
    }

    #[test]
    fn scores_beyond_one_are_certain_with_modified_huber() {
        let found = values(Link::ModifiedHuber.probabilities(&scores(&[-3.0, 0.0, 0.5, 9.0]), 2));
        assert_eq!(found, [1.0, 0.0, 0.5, 0.5, 0.25, 0.75, 0.0, 1.0]);
    }

    #[test]
    fn a_row_that_no_class_wants_is_uniform() {
        let found = values(Link::ModifiedHuber.probabilities(&scores(&[-1.0, -2.0, -5.0, -1.5]), 4));
        assert_eq!(found, [0.25; 4]);
        let impossible = scores(&[-800.0; 4]);
        let found = values(Link::Expit { uniform: true }.probabilities(&impossible, 4));
        assert_eq!(found, [0.25; 4]);
        let found = values(Link::Expit { uniform: false }.probabilities(&impossible, 4));
        assert!(found.iter().all(|p| p.is_nan()));
    }
}
