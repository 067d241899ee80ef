//! Histogram gradient boosting: a baseline, plus every tree; splits by category, and a side for missing values.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::hist_columns::HistColumns;
use super::hist_tree::{Known, tree};
use super::labels::Labels;
use super::numeric::{argmax, expit_each, pairs, softmax_in_order};
use super::part::Part;
use crate::ensemble::{Builder, Ensemble, Rules, Table};
use crate::exp::exp_each;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// First minor version that encodes categories itself.
const ENCODER: u32 = 4;
/// First minor version that decides by raw scores, not by probabilities.
const RAW_DECISION: u32 = 5;

/// What regressors and classifiers share.
struct Stages {
    names: Names,
    columns: HistColumns,
    ensemble: Ensemble<f64, f64>,
    /// The first guess, one per output.
    baseline: Vec<f64>,
}

impl Stages {
    fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        outputs: usize,
    ) -> Result<Self, SklearnError> {
        part.check_width(names.len())?;
        if names.is_empty() {
            return part.content("it gets no columns");
        }
        let baseline = part.field("_baseline_prediction")?;
        if baseline.as_array().is_some_and(|array| array.is_f32()) {
            return part.unsupported("fitted in float32");
        }
        let baseline = match baseline.as_f64() {
            Some(one) => vec![one],
            None => part.floats(compiler, "_baseline_prediction")?,
        };
        if baseline.len() != outputs {
            return part.content("attribute `_baseline_prediction` does not have one number per output");
        }
        let known = Known::read(compiler, part, names.len())?;
        let columns = match part.optional("_preprocessor") {
            Some(preprocessor) => HistColumns::encoded(compiler, part, preprocessor, names)?,
            None if compiler.version < ENCODER => HistColumns::wrapped(known.columns()),
            None => HistColumns::Numbers,
        };
        let ensemble = match compiler.stored(part, names.len(), outputs)? {
            Some(ensemble) => ensemble,
            None => Self::grow(compiler, part, names, &known, outputs)?,
        };
        Ok(Self {
            names: Names::clone(names),
            columns,
            ensemble,
            baseline,
        })
    }

    fn grow(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        known: &Known,
        outputs: usize,
    ) -> Result<Ensemble<f64, f64>, SklearnError> {
        let mut builder = Builder::new(names.len(), outputs, Rules::default());
        for (iteration, trees) in part.items("_predictors")?.into_iter().enumerate() {
            let place = format!("{}, iteration {}", part.place, iteration + 1);
            let Some(trees) = trees.elements().filter(|trees| trees.len() == outputs) else {
                return part.content("attribute `_predictors` does not have one tree per iteration and output");
            };
            for (output, view) in trees.enumerate() {
                let tree = tree(compiler, part, &place, view, known, output)?;
                if let Err(error) = builder.add(tree) {
                    return part.content(error.to_string());
                }
            }
        }
        let ensemble = builder.build();
        compiler.keep(&ensemble, part, "_predictors");
        Ok(ensemble)
    }

    fn raw(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        let rows = x.rows();
        let mut raw = Vec::with_capacity(rows * self.baseline.len());
        for _ in 0..rows {
            raw.extend_from_slice(&self.baseline);
        }
        match &self.columns {
            HistColumns::Numbers => self.add_rows(&*x.numbers(&self.names)?, &mut raw),
            HistColumns::Wrapped(columns) => {
                let mut matrix = x.numbers(&self.names)?.into_owned();
                HistColumns::wrap(columns, &mut matrix);
                self.add_rows(&matrix, &mut raw);
            }
            HistColumns::Encoded(columns) => {
                let columns = HistColumns::encode(columns, x, &self.names)?;
                let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
                self.ensemble.add_to(Table::from_columns(&columns, rows), &mut raw);
            }
        }
        Ok(raw)
    }

    fn add_rows(&self, matrix: &Matrix, raw: &mut [f64]) {
        self.ensemble
            .add_to(Table::from_rows(&matrix.values, matrix.columns), raw);
    }
}

/// `HistGradientBoostingRegressor`.
pub(super) struct HistRegressor {
    stages: Stages,
    /// Whether the answer is the exponential of the sum.
    exponential: bool,
}

impl HistRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let exponential = match part.field("loss")?.as_str() {
            Some("squared_error" | "absolute_error" | "quantile") => false,
            Some("poisson" | "gamma") => true,
            _ => return part.unsupported("with this `loss`"),
        };
        Ok(Box::new(Self {
            stages: Stages::compile(compiler, part, names, 1)?,
            exponential,
        }))
    }
}

impl Estimator for HistRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let mut raw = self.stages.raw(x)?;
        if self.exponential {
            exp_each(&mut raw);
        }
        Ok(Evaluation::of(Output::floats(raw)))
    }
}

/// `HistGradientBoostingClassifier`.
pub(super) struct HistClassifier {
    stages: Stages,
    labels: Labels,
    version: u32,
}

impl HistClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let labels = Labels::read(compiler, part)?;
        match part.field("loss").ok().and_then(View::as_str) {
            Some("log_loss" | "auto" | "binary_crossentropy" | "categorical_crossentropy") => {}
            _ => return part.unsupported("with this `loss`"),
        }
        let outputs = match labels.len() {
            1 => return part.unsupported("with one class"),
            2 => 1,
            classes => classes,
        };
        Ok(Box::new(Self {
            stages: Stages::compile(compiler, part, names, outputs)?,
            labels,
            version: compiler.version,
        }))
    }

    /// Labels, by raw scores or by probabilities as the version does it.
    fn decide(&self, raw: &[f64], probabilities: &[f64]) -> Vec<usize> {
        let classes = self.labels.len();
        if self.version < RAW_DECISION {
            return probabilities.chunks_exact(classes).map(argmax).collect();
        }
        if classes == 2 {
            return raw.iter().map(|raw| usize::from(*raw > 0.0)).collect();
        }
        raw.chunks_exact(classes).map(argmax).collect()
    }
}

impl Estimator for HistClassifier {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::PredictProba, Method::DecisionFunction]
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let raw = self.stages.raw(x)?;
        let classes = self.labels.len();
        let probabilities = if !wanted.probabilities && self.version >= RAW_DECISION {
            Vec::new()
        } else if classes == 2 {
            let mut found = raw.clone();
            expit_each(&mut found);
            pairs(&found)
        } else {
            // Raw scores lie output after output in memory, and numpy then adds one class after the other.
            let mut probabilities = raw.clone();
            probabilities.chunks_exact_mut(classes).for_each(softmax_in_order);
            probabilities
        };
        Ok(Evaluation {
            predict: Output::labels(self.decide(&raw, &probabilities)),
            probabilities: wanted.probabilities.then(|| Output::wide(probabilities, classes)),
            scores: Some(if classes == 2 {
                Output::floats(raw)
            } else {
                Output::wide(raw, classes)
            }),
        })
    }
}
