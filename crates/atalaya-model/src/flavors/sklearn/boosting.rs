//! Gradient boosting: a first guess, plus the learning rate times every tree.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::numeric::{argmax, exp_minus_logsumexp, expit, logit, softmax, sum};
use super::part::Part;
use super::tree::{Trees, Values};
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// First minor version with the losses of `sklearn._loss`.
const COMMON_LOSSES: u32 = 4;
/// First minor version that clips the first guess at float64's precision instead of float32's.
const DOUBLE_CLIP: u32 = 8;

/// What regressors and classifiers share.
#[derive(Debug)]
struct Stages {
    names: Names,
    trees: Trees,
    /// The first guess, one per output.
    start: Vec<f64>,
}

impl Stages {
    fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        start: Vec<f64>,
    ) -> Result<Self, SklearnError> {
        part.check_width(names.len())?;
        let rate = part.number("learning_rate")?;
        let estimators = part.field("estimators_")?;
        let shape = estimators.as_array().map_or(&[][..], |array| &array.shape);
        if shape.len() != 2 || shape[1] != start.len() {
            return part.content("attribute `estimators_` does not have one tree per stage and output");
        }
        let mut trees = Trees::growing(names.len(), 1, shape[1]);
        for (position, view) in part.items("estimators_")?.into_iter().enumerate() {
            let place = format!("{}, tree {}", part.place, position + 1);
            let tree = Part::new(view, &place)?;
            if tree.name != "DecisionTreeRegressor" {
                return tree.unsupported("as a member of gradient boosting");
            }
            compiler.nested(|compiler| trees.add(compiler, &tree, Values::Times(rate)))?;
        }
        let trees = trees.build();
        Ok(Self {
            names: Names::clone(names),
            trees,
            start,
        })
    }

    fn raw(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        let x = x.numbers(&self.names)?;
        let mut raw = Vec::with_capacity(x.rows * self.start.len());
        for _ in 0..x.rows {
            raw.extend_from_slice(&self.start);
        }
        self.trees.add_to(&x, &self.names, false, self.start.len(), &mut raw)?;
        Ok(raw)
    }
}

/// Whether the first guess is nothing, and otherwise the dummy model that gives it.
fn first_guess<'t>(part: &Part<'t, '_>, dummy: &str) -> Result<Option<View<'t>>, SklearnError> {
    let init = part.field("init_")?;
    if init.as_str() == Some("zero") {
        return Ok(None);
    }
    if init.class() != Some(("sklearn.dummy", dummy)) {
        return Err(SklearnError::unknown(
            &format!("{}, attribute `init_`", part.place),
            init,
        ));
    }
    Ok(Some(init))
}

/// `GradientBoostingRegressor`.
#[derive(Debug)]
pub(super) struct BoostingRegressor {
    stages: Stages,
}

impl BoostingRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let start = match first_guess(part, "DummyRegressor")? {
            None => 0.0,
            Some(init) => match init.attr("constant_").and_then(View::as_f64) {
                Some(constant) => constant,
                None => return part.content("attribute `init_` has no constant"),
            },
        };
        Ok(Box::new(Self {
            stages: Stages::compile(compiler, part, names, vec![start])?,
        }))
    }
}

impl Estimator for BoostingRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        Ok(Evaluation::of(Output::floats(self.stages.raw(x)?)))
    }
}

/// `GradientBoostingClassifier`.
#[derive(Debug)]
pub(super) struct BoostingClassifier {
    stages: Stages,
    labels: Labels,
    exponential: bool,
    version: u32,
}

impl BoostingClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let labels = Labels::read(compiler, part)?;
        let classes = labels.len();
        if classes < 2 {
            return part.content("attribute `classes_` has one class");
        }
        let exponential = match part.text("loss")? {
            "log_loss" | "deviance" => false,
            "exponential" if classes == 2 => true,
            _ => return part.unsupported("with this `loss`"),
        };
        let version = compiler.version;
        let start = match first_guess(part, "DummyClassifier")? {
            None => vec![0.0; if classes == 2 { 1 } else { classes }],
            Some(init) => {
                let prior = init.attr("class_prior_").and_then(View::floats);
                let strategy = init.attr("strategy").and_then(View::as_str);
                match prior {
                    Some(prior) if prior.len() == classes && strategy == Some("prior") => {
                        start_from_prior(prior, exponential, version)
                    }
                    _ => return part.unsupported("with an `init_` that is not the classes' prior"),
                }
            }
        };
        let stages = Stages::compile(compiler, part, names, start)?;
        Ok(Box::new(Self {
            stages,
            labels,
            exponential,
            version,
        }))
    }
}

impl Estimator for BoostingClassifier {
    fn methods(&self) -> Vec<Method> {
        vec![
            Method::Predict,
            Method::PredictProba,
            Method::PredictLogProba,
            Method::DecisionFunction,
        ]
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let raw = self.stages.raw(x)?;
        let classes = self.labels.len();
        let mut labels = Vec::with_capacity(x.rows());
        let mut probabilities = Vec::with_capacity(x.rows() * classes);
        if classes == 2 {
            for raw in &raw {
                let p = expit(if self.exponential { 2.0 * raw } else { *raw });
                let pair = [1.0 - p, p];
                let label = if self.version >= COMMON_LOSSES {
                    usize::from(*raw >= 0.0)
                } else {
                    argmax(&pair)
                };
                labels.push(label);
                probabilities.extend(pair);
            }
            return Ok(Evaluation {
                predict: Output::labels(labels),
                probabilities: Some(Output::wide(probabilities, classes)),
                scores: Some(Output::floats(raw)),
            });
        }
        probabilities.extend_from_slice(&raw);
        for row in probabilities.chunks_exact_mut(classes) {
            if self.version >= COMMON_LOSSES {
                labels.push(argmax(row));
                softmax(row);
            } else {
                exp_minus_logsumexp(row);
                labels.push(argmax(row));
            }
        }
        Ok(Evaluation {
            predict: Output::labels(labels),
            probabilities: Some(Output::wide(probabilities, classes)),
            scores: Some(Output::wide(raw, classes)),
        })
    }
}

/// The raw score of the classes' prior probabilities.
fn start_from_prior(mut prior: Vec<f64>, exponential: bool, version: u32) -> Vec<f64> {
    let epsilon = if version >= DOUBLE_CLIP {
        f64::EPSILON
    } else {
        f64::from(f32::EPSILON)
    };
    prior.iter_mut().for_each(|p| *p = p.clamp(epsilon, 1.0 - epsilon));
    let common = version >= COMMON_LOSSES;
    if let [_, p] = prior[..] {
        let raw = if common { logit(p) } else { (p / (1.0 - p)).ln() };
        return vec![if exponential { 0.5 * raw } else { raw }];
    }
    if !common {
        return prior.iter().map(|p| p.ln()).collect();
    }
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^53 classes")]
    let count = prior.len() as f64;
    let logs: Vec<f64> = prior.iter().map(|p| p.ln()).collect();
    let mean = (sum(&logs) / count).exp();
    prior.iter().map(|p| (p / mean).ln()).collect()
}
