//! `NearestCentroid`: the class whose centroid is nearest, or likeliest when classes are not equally frequent.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::distance::{Metric, Points};
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted, call_evaluated};
use super::labels::Labels;
use super::part::Part;
use super::posterior::{Joint, Normal};
use super::precision::Precision;
use super::weights::Weights;
use crate::predictor::{Method, PredictError};

/// `NearestCentroid`.
#[derive(Debug)]
pub(super) struct NearestCentroid {
    names: Names,
    labels: Labels,
    metric: Metric,
    centroids: Points,
    /// What scores need, from scikit-learn 1.6 on.
    scores: Option<Scores>,
}

/// Centroids in units of the spread inside classes.
#[derive(Debug)]
struct Scores {
    deviations: Vec<f64>,
    centroids: Points,
    log_priors: Vec<f64>,
    /// Whether classes are equally frequent, so that the nearest centroid is predicted.
    uniform: bool,
}

/// First minor version with priors.
const PRIORS: u32 = 6;

impl NearestCentroid {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        let labels = Labels::read(compiler, part)?;
        let Some(name) = part.field("metric")?.as_str() else {
            return part.unsupported("with a metric of its own");
        };
        let metric = Metric::read(part, name, None, names.len())?;
        let centroids = Weights::with_shape(compiler, part, "centroids_", [labels.len(), names.len()])?;
        let scores = if compiler.version >= PRIORS {
            Some(Scores::compile(compiler, part, &metric, &centroids)?)
        } else {
            None
        };
        Ok(Box::new(Self {
            names: Names::clone(names),
            labels,
            centroids: points(&metric, centroids),
            metric,
            scores,
        }))
    }

    /// Whether scores are to be had as methods.
    fn scored(&self) -> Option<&Scores> {
        self.scores.as_ref().filter(|_| self.metric == Metric::Euclidean)
    }

    fn joint(&self, scores: &Scores, x: &Block) -> Result<Joint, PredictError> {
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        let mut values = Vec::with_capacity(x.rows * self.labels.len());
        let mut distances = Vec::new();
        let mut scaled = vec![0.0; x.columns];
        for row in x.values.chunks_exact(x.columns.max(1)) {
            for ((slot, x), deviation) in scaled.iter_mut().zip(row).zip(&scores.deviations) {
                *slot = x / deviation;
            }
            scores.centroids.reduced(&self.metric, &scaled, &mut distances);
            for (reduced, log_prior) in distances.iter().zip(&scores.log_priors) {
                let distance = self.metric.distance(*reduced);
                values.push(-(distance * distance) + 2.0 * log_prior);
            }
        }
        Ok(Joint {
            values,
            classes: self.labels.len(),
            precision: Precision::Double,
            normal: Normal::Shifted,
        })
    }

    /// The class of the nearest centroid of each row; the first of several.
    fn nearest(&self, x: &Block) -> Result<Vec<usize>, PredictError> {
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        let mut distances = Vec::new();
        let mut labels = Vec::with_capacity(x.rows);
        for row in x.values.chunks_exact(x.columns.max(1)) {
            self.centroids.reduced(&self.metric, row, &mut distances);
            labels.push(least(&distances));
        }
        Ok(labels)
    }
}

/// Where the first of the least is.
pub(super) fn least(values: &[f64]) -> usize {
    let mut best = 0;
    for (position, value) in values.iter().enumerate() {
        if *value < values[best] {
            best = position;
        }
    }
    best
}

fn points(metric: &Metric, centroids: Weights) -> Points {
    match metric {
        Metric::Euclidean | Metric::SquaredEuclidean => Points::expanded(centroids),
        _ => Points::Dense(centroids),
    }
}

impl Scores {
    fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        metric: &Metric,
        centroids: &Weights,
    ) -> Result<Self, SklearnError> {
        let mut deviations = part.vector(compiler, "within_class_std_dev_", centroids.columns)?;
        deviations.iter_mut().filter(|d| **d == 0.0).for_each(|d| *d = 1.0);
        let priors = part.floats(compiler, "class_prior_")?;
        if priors.len() != centroids.rows {
            return part.content("attribute `class_prior_` does not have one number per class");
        }
        compiler.charge(8 * centroids.values.len())?;
        let mut scaled = centroids.clone();
        for row in scaled.values.chunks_exact_mut(centroids.columns.max(1)) {
            row.iter_mut()
                .zip(&deviations)
                .for_each(|(x, deviation)| *x /= deviation);
        }
        #[expect(clippy::cast_precision_loss, reason = "classes are few")]
        let even = 1.0 / priors.len() as f64;
        Ok(Self {
            deviations,
            centroids: points(metric, scaled),
            // The bounds of `numpy.isclose`.
            uniform: priors.iter().all(|prior| (prior - even).abs() <= 1e-8 + 1e-5 * even),
            log_priors: priors.iter().map(|prior| prior.ln()).collect(),
        })
    }
}

impl Estimator for NearestCentroid {
    fn methods(&self) -> Vec<Method> {
        let mut methods = vec![Method::Predict];
        if self.scored().is_some() {
            methods.extend([Method::PredictProba, Method::PredictLogProba, Method::DecisionFunction]);
        }
        methods
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let joint = match &self.scores {
            Some(scores) if !scores.uniform || wanted.probabilities || wanted.scores => Some(self.joint(scores, x)?),
            _ => None,
        };
        let labels = match (&joint, &self.scores) {
            (Some(joint), Some(scores)) if !scores.uniform => joint.labels(),
            _ => self.nearest(x)?,
        };
        let joint = joint.filter(|_| self.scored().is_some());
        Ok(Evaluation {
            predict: Output::labels(labels),
            probabilities: joint
                .as_ref()
                .filter(|_| wanted.probabilities)
                .map(Joint::probabilities),
            scores: joint.as_ref().filter(|_| wanted.scores).map(Joint::decision),
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        match (method, self.scored()) {
            (Method::PredictLogProba, Some(scores)) => Ok(self.joint(scores, x)?.log_probabilities()),
            _ => call_evaluated(self, method, x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_the_least() {
        assert_eq!(least(&[3.0, 1.0, 1.0]), 1);
        assert_eq!(least(&[]), 0);
    }
}
