//! Naive Bayes: the joint log likelihood of each class, and its normal form.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted, call_evaluated};
use super::labels::Labels;
use super::linear::Linear;
use super::numeric::sum;
use super::part::{Part, length};
use super::posterior::{Joint, Normal};
use super::precision::Precision;
use super::weights::Weights;
use crate::predictor::{Method, PredictError};

/// A naive Bayes classifier.
#[derive(Debug)]
pub(super) struct NaiveBayes {
    names: Names,
    labels: Labels,
    likelihood: Likelihood,
    normal: Normal,
}

/// How the log likelihood of a row comes about.
#[derive(Debug)]
enum Likelihood {
    Gaussian(Vec<Gaussian>),
    /// A matrix product; with a threshold, of whether values are above it.
    Linear {
        linear: Linear,
        threshold: Option<f64>,
    },
    Categorical {
        tables: Vec<Weights>,
        priors: Vec<f64>,
    },
}

/// One class of `GaussianNB`.
#[derive(Debug)]
struct Gaussian {
    means: Vec<f64>,
    variances: Vec<f64>,
    prior: f64,
    single: bool,
}

impl NaiveBayes {
    fn build(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        likelihood: impl FnOnce(&mut Compiler, usize) -> Result<Likelihood, SklearnError>,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        let labels = Labels::read(compiler, part)?;
        let likelihood = likelihood(compiler, labels.len())?;
        Ok(Box::new(Self {
            names: Names::clone(names),
            labels,
            likelihood,
            normal: Normal::of(compiler),
        }))
    }

    /// `GaussianNB`.
    pub(super) fn gaussian(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Self::build(compiler, part, names, |compiler, classes| {
            let shape = [classes, names.len()];
            let means = Weights::with_shape(compiler, part, "theta_", shape)?;
            let variances = Weights::with_shape(compiler, part, "var_", shape)?;
            let priors = numbers_per_class(compiler, part, "class_prior_", classes)?;
            let class = |class: usize| Gaussian {
                means: means.row(class).to_vec(),
                variances: variances.row(class).to_vec(),
                prior: priors[class],
                single: means.single && variances.single,
            };
            Ok(Likelihood::Gaussian((0..classes).map(class).collect()))
        })
    }

    /// `MultinomialNB` and `ComplementNB`, which only knows priors when there is but one class.
    pub(super) fn multinomial(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Self::build(compiler, part, names, |compiler, classes| {
            let weights = Weights::with_shape(compiler, part, "feature_log_prob_", [classes, names.len()])?;
            let intercepts = if part.name == "ComplementNB" && classes > 1 {
                vec![0.0; classes]
            } else {
                numbers_per_class(compiler, part, "class_log_prior_", classes)?
            };
            Ok(Likelihood::Linear {
                linear: Linear::new(names, weights, intercepts),
                threshold: None,
            })
        })
    }

    /// `BernoulliNB`: what is not there counts too.
    pub(super) fn bernoulli(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Self::build(compiler, part, names, |compiler, classes| {
            let mut weights = Weights::with_shape(compiler, part, "feature_log_prob_", [classes, names.len()])?;
            let priors = numbers_per_class(compiler, part, "class_log_prior_", classes)?;
            let mut intercepts = Vec::with_capacity(classes);
            for (row, prior) in weights.values.chunks_exact_mut(names.len().max(1)).zip(priors) {
                let absent: Vec<f64> = row.iter().map(|p| (1.0 - p.exp()).ln()).collect();
                row.iter_mut().zip(&absent).for_each(|(p, absent)| *p -= absent);
                intercepts.push(prior + sum(&absent));
            }
            let threshold = part.optional("binarize").map(|_| part.number("binarize")).transpose()?;
            Ok(Likelihood::Linear {
                linear: Linear::new(names, weights, intercepts),
                threshold,
            })
        })
    }

    /// `CategoricalNB`.
    pub(super) fn categorical(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Self::build(compiler, part, names, |compiler, classes| {
            let mut tables = Vec::with_capacity(names.len());
            for view in part.items("feature_log_prob_")? {
                compiler.charge(8 * length(view))?;
                let table = Weights::read_view(compiler, part, view, "feature_log_prob_")?;
                if table.rows != classes {
                    return part.content("attribute `feature_log_prob_` does not have one row per class");
                }
                tables.push(table);
            }
            if tables.len() != names.len() {
                return part.content("attribute `feature_log_prob_` does not have one table per column");
            }
            let priors = numbers_per_class(compiler, part, "class_log_prior_", classes)?;
            Ok(Likelihood::Categorical { tables, priors })
        })
    }

    fn joint(&self, x: &Block) -> Result<Joint, PredictError> {
        let classes = self.labels.len();
        let (values, precision) = match &self.likelihood {
            Likelihood::Gaussian(gaussians) => gaussian(gaussians, x, &self.names)?,
            Likelihood::Linear { linear, threshold } => {
                let scores = match threshold {
                    None => linear.scores(x)?,
                    Some(threshold) => linear.scores(&above(x, *threshold, &self.names)?)?,
                };
                (scores.values, scores.precision)
            }
            Likelihood::Categorical { tables, priors } => {
                (categorical(tables, priors, x, &self.names)?, Precision::Double)
            }
        };
        Ok(Joint {
            values,
            classes,
            precision,
            normal: self.normal,
        })
    }
}

fn numbers_per_class(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    name: &str,
    classes: usize,
) -> Result<Vec<f64>, SklearnError> {
    let values = part.floats(compiler, name)?;
    if values.len() != classes {
        return part.content(format!("attribute `{name}` does not have one number per class"));
    }
    Ok(values)
}

fn gaussian(gaussians: &[Gaussian], x: &Block, names: &Names) -> Result<(Vec<f64>, Precision), PredictError> {
    let x = x.numbers(names)?;
    x.check(names, false)?;
    let p = Precision::of(x.single && gaussians.iter().all(|class| class.single));
    let constants: Vec<(f64, f64)> = gaussians
        .iter()
        .map(|class| {
            let two_pi = p.round(2.0 * std::f64::consts::PI);
            let logs: Vec<f64> = class.variances.iter().map(|v| p.ln(p.round(two_pi * v))).collect();
            (p.ln(class.prior), -0.5 * p.sum(&logs))
        })
        .collect();
    let mut values = Vec::with_capacity(x.rows * gaussians.len());
    let mut terms = vec![0.0; x.columns];
    for row in x.values.chunks_exact(x.columns.max(1)) {
        for (class, (prior, constant)) in gaussians.iter().zip(&constants) {
            let parameters = class.means.iter().zip(&class.variances);
            for ((term, x), (mean, variance)) in terms.iter_mut().zip(row).zip(parameters) {
                let difference = p.round(x - mean);
                *term = p.round(p.round(difference * difference) / variance);
            }
            values.push(p.round(prior + p.round(constant - 0.5 * p.sum(&terms))));
        }
    }
    Ok((values, p))
}

/// One where a value is above the threshold, zero elsewhere.
fn above(x: &Block, threshold: f64, names: &Names) -> Result<Block, PredictError> {
    if let Block::Sparse(sparse) = x {
        sparse.check(names, false)?;
        let mut ones = sparse.clone();
        // What is not stored is zero, and no threshold of sparse rows may be below.
        for value in &mut ones.values {
            *value = f64::from(u8::from(*value > threshold));
        }
        return Ok(Block::Sparse(ones));
    }
    let mut ones = x.numbers(names)?.into_owned();
    ones.check(names, false)?;
    ones.for_each(|_, x| f64::from(u8::from(x > threshold)));
    Ok(Block::Numbers(ones))
}

fn categorical(tables: &[Weights], priors: &[f64], x: &Block, names: &Names) -> Result<Vec<f64>, PredictError> {
    let x = x.numbers(names)?;
    x.check(names, false)?;
    let mut values = Vec::with_capacity(x.rows * priors.len());
    for (at, row) in x.values.chunks_exact(x.columns.max(1)).enumerate() {
        let start = values.len();
        values.resize(start + priors.len(), 0.0);
        for ((table, value), name) in tables.iter().zip(row).zip(names.iter()) {
            // Numbers are cut to whole ones, towards zero.
            let whole = value.trunc();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a number that is no count ends up beyond the table"
            )]
            let category = if whole < 0.0 { usize::MAX } else { whole as usize };
            if category >= table.columns {
                return Err(PredictError::UnknownCategory {
                    column: name.to_string(),
                    row: at,
                });
            }
            for (class, total) in values[start..].iter_mut().enumerate() {
                *total += table.row(class)[category];
            }
        }
        for (total, prior) in values[start..].iter_mut().zip(priors) {
            *total += prior;
        }
    }
    Ok(values)
}

impl Estimator for NaiveBayes {
    fn methods(&self) -> Vec<Method> {
        vec![
            Method::Predict,
            Method::PredictProba,
            Method::PredictLogProba,
            Method::PredictJointLogProba,
        ]
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        Ok(self.joint(x)?.evaluation(wanted))
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        let found = match method {
            Method::PredictLogProba | Method::PredictJointLogProba => self.joint(x)?.call(method),
            _ => None,
        };
        found.map_or_else(|| call_evaluated(self, method, x), Ok)
    }
}
