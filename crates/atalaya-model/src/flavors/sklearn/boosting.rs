//! Gradient boosting: a first guess, plus the learning rate times every tree.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::members::{Member, member};
use super::numeric::{argmax, exp_minus_logsumexp, expit_each, logit, round_to_f32, softmax, sum};
use super::part::Part;
use super::tree::{Trees, Values};
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// First minor version with the losses of `sklearn._loss`.
const COMMON_LOSSES: u32 = 4;
/// First minor version that clips the first guess at float64's precision instead of float32's.
const DOUBLE_CLIP: u32 = 8;

/// The first guess.
enum Start {
    /// The same for every row: one number per output.
    Fixed(Vec<f64>),
    /// What a model of the user's predicts.
    Model(Member),
    /// What a classifier of the user's says, as raw scores of so many classes.
    Classifier {
        member: Member,
        exponential: bool,
        version: u32,
        classes: usize,
    },
}

/// What regressors and classifiers share.
struct Stages {
    names: Names,
    trees: Trees,
    start: Start,
    outputs: usize,
}

impl Stages {
    fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        start: Start,
        outputs: usize,
    ) -> Result<Self, SklearnError> {
        part.check_width(names.len())?;
        if let Some(ensemble) = compiler.stored(part, names.len(), outputs)? {
            return Ok(Self {
                names: Names::clone(names),
                trees: Trees { ensemble, width: 1 },
                start,
                outputs,
            });
        }
        let rate = part.number("learning_rate")?;
        let estimators = part.field("estimators_")?;
        let shape = estimators.as_array().map_or(&[][..], |array| &array.shape);
        if shape.len() != 2 || shape[1] != outputs {
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
        compiler.keep(&trees.ensemble, part, "estimators_");
        Ok(Self {
            names: Names::clone(names),
            trees,
            start,
            outputs,
        })
    }

    fn raw(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        let x = x.numbers(&self.names)?;
        let mut raw = self.start.of(&x, &self.names)?;
        let method = Method::Predict;
        if raw.len() != x.rows * self.outputs {
            return Err(PredictError::Method { method });
        }
        self.trees.add_to(&x, &self.names, false, self.outputs, &mut raw)?;
        Ok(raw)
    }
}

impl Start {
    /// `rows × outputs`.
    fn of(&self, x: &Matrix, names: &Names) -> Result<Vec<f64>, PredictError> {
        match self {
            Self::Fixed(start) => Ok(start.repeat(x.rows)),
            Self::Model(member) => member.numbers(&narrowed(x, names)?),
            Self::Classifier {
                member,
                exponential,
                version,
                classes,
            } => {
                let probabilities = member.probabilities(&narrowed(x, names)?)?;
                let rows = probabilities.chunks_exact(*classes);
                Ok(rows
                    .flat_map(|row| start_from_prior(row.to_vec(), *exponential, *version))
                    .collect())
            }
        }
    }
}

/// The rows as float32, which is what an `init` estimator gets.
fn narrowed(x: &Matrix, names: &Names) -> Result<Block, PredictError> {
    x.check(names, false)?;
    let mut matrix = x.clone();
    matrix.values.iter_mut().for_each(|value| *value = round_to_f32(*value));
    matrix.single = true;
    matrix.check(names, false)?;
    Ok(Block::Numbers(matrix))
}

/// What the first guess is, unless it is nothing.
enum Init<'t> {
    /// scikit-learn's own: a constant.
    Dummy(View<'t>),
    Model(Member),
}

fn first_guess<'t>(
    compiler: &mut Compiler,
    part: &Part<'t, '_>,
    names: &Names,
    dummy: &str,
) -> Result<Option<Init<'t>>, SklearnError> {
    let init = part.field("init_")?;
    if init.as_str() == Some("zero") {
        return Ok(None);
    }
    let strategy = init.attr("strategy").and_then(View::as_str);
    if init.class() == Some(("sklearn.dummy", dummy)) && (dummy == "DummyRegressor" || strategy == Some("prior")) {
        return Ok(Some(Init::Dummy(init)));
    }
    member(compiler, part, "init_", names).map(|member| Some(Init::Model(member)))
}

/// `GradientBoostingRegressor`.
pub(super) struct BoostingRegressor {
    stages: Stages,
}

impl BoostingRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let start = match first_guess(compiler, part, names, "DummyRegressor")? {
            None => Start::Fixed(vec![0.0]),
            Some(Init::Model(member)) => Start::Model(member),
            Some(Init::Dummy(init)) => match init.attr("constant_").and_then(View::as_f64) {
                Some(constant) => Start::Fixed(vec![constant]),
                None => return part.content("attribute `init_` has no constant"),
            },
        };
        Ok(Box::new(Self {
            stages: Stages::compile(compiler, part, names, start, 1)?,
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
        let outputs = if classes == 2 { 1 } else { classes };
        let start = match first_guess(compiler, part, names, "DummyClassifier")? {
            None => Start::Fixed(vec![0.0; outputs]),
            Some(Init::Model(member)) => {
                let fits = member.has(Method::PredictProba)
                    && member.only_classes().is_some_and(|labels| labels.len() == classes);
                if !fits {
                    return part.unsupported("with an `init_` that does not give a probability per class");
                }
                Start::Classifier {
                    member,
                    exponential,
                    version,
                    classes,
                }
            }
            Some(Init::Dummy(init)) => match init.attr("class_prior_").and_then(View::floats) {
                Some(prior) if prior.len() == classes => Start::Fixed(start_from_prior(prior, exponential, version)),
                _ => return part.content("attribute `init_` does not have one probability per class"),
            },
        };
        let stages = Stages::compile(compiler, part, names, start, outputs)?;
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
            let mut found: Vec<f64> = raw
                .iter()
                .map(|raw| if self.exponential { 2.0 * raw } else { *raw })
                .collect();
            expit_each(&mut found);
            for (raw, p) in raw.iter().zip(found) {
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
