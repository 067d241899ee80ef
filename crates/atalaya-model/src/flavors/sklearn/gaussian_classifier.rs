//! `GaussianProcessClassifier`: Laplace's approximation of the posterior of two classes (Rasmussen and Williams, algorithm
//! 3.2); of more, one per class or pair.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::gaussian_process::Kernel;
use super::labels::Labels;
use super::normal::erf;
use super::numeric::dot;
use super::part::Part;
use super::weights::Weights;
use crate::predictor::{Method, PredictError};

/// The logistic function as a sum of error functions (Williams and Barber, appendix A).
const LAMBDAS: [f64; 5] = [0.41, 0.4, 0.37, 0.44, 0.39];
const FACTORS: [f64; 5] = [
    -1_854.821_415_1,
    3_516.898_936_46,
    221.293_467_12,
    128.123_238_05,
    -2_010.494_226_54,
];

/// `GaussianProcessClassifier`, which answers as the estimator inside does.
pub(super) fn classifier(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    names: &Names,
) -> Result<Box<dyn Estimator>, SklearnError> {
    part.check_width(names.len())?;
    super::members::member(compiler, part, "base_estimator_", names)
}

/// The classifier of two classes.
#[derive(Debug)]
pub(super) struct Laplace {
    names: Names,
    labels: Labels,
    kernel: Kernel,
    rows: Weights,
    /// What is left of each training label.
    residuals: Vec<f64>,
    /// Square root of the second derivative at each training row.
    curvatures: Vec<f64>,
    /// Lower triangle.
    factor: Weights,
}

impl Laplace {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let labels = Labels::read(compiler, part)?;
        if labels.len() != 2 {
            return part.content("attribute `classes_` does not have two classes");
        }
        let rows = Weights::with_columns(compiler, part, "X_train_", names.len())?;
        let kernel = Kernel::read(compiler, part, part.field("kernel_")?, names.len())?;
        let targets = part.vector(compiler, "y_train_", rows.rows)?;
        let probabilities = part.vector(compiler, "pi_", rows.rows)?;
        let residuals = targets.iter().zip(&probabilities).map(|(y, p)| y - p).collect();
        let curvatures = part.vector(compiler, "W_sr_", rows.rows)?;
        let factor = Weights::with_shape(compiler, part, "L_", [rows.rows, rows.rows])?;
        Ok(Box::new(Self {
            names: Names::clone(names),
            labels,
            kernel,
            rows,
            residuals,
            curvatures,
            factor,
        }))
    }

    /// The variance of the latent function at `x`, whose kernel values with the training rows are `kernel`.
    fn variance(&self, x: &[f64], kernel: &[f64]) -> f64 {
        // Forward substitution.
        let mut solved: Vec<f64> = Vec::with_capacity(kernel.len());
        for ((value, curvature), row) in kernel.iter().zip(&self.curvatures).zip(self.factor.iter()) {
            let before = solved.len();
            let rest = curvature * value - dot(&row[..before], &solved);
            solved.push(rest / row[before]);
        }
        self.kernel.diagonal(x) - dot(&solved, &solved)
    }
}

/// The mean of the logistic function of a normal number.
fn squashed(mean: f64, variance: f64) -> f64 {
    use std::f64::consts::PI;
    let alpha = 1.0 / (2.0 * variance);
    let integral = |lambda: f64| {
        (PI / alpha).sqrt() * erf(lambda * mean * (alpha / (alpha + lambda * lambda)).sqrt())
            / (2.0 * (variance * 2.0 * PI).sqrt())
    };
    let terms = LAMBDAS
        .iter()
        .zip(FACTORS)
        .map(|(lambda, factor)| factor * integral(*lambda));
    let total = terms.fold(0.0, |total, term| total + term);
    total + 0.5 * FACTORS.iter().fold(0.0, |total, factor| total + factor)
}

impl Estimator for Laplace {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::PredictProba]
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        let mut labels = Vec::with_capacity(x.rows);
        let mut probabilities = Vec::new();
        for row in x.values.chunks_exact(x.columns.max(1)) {
            let kernel: Vec<f64> = self.rows.iter().map(|train| self.kernel.value(train, row)).collect();
            let mean = dot(&kernel, &self.residuals);
            labels.push(usize::from(mean > 0.0));
            if wanted.probabilities {
                let second = squashed(mean, self.variance(row, &kernel));
                probabilities.extend([1.0 - second, second]);
            }
        }
        Ok(Evaluation {
            predict: Output::labels(labels),
            probabilities: wanted.probabilities.then(|| Output::wide(probabilities, 2)),
            scores: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_doubt_it_is_nearly_the_logistic_function() {
        for x in [-3.0f64, -0.5, 0.0, 1.0, 4.0] {
            let logistic = 1.0 / (1.0 + (-x).exp());
            assert!((squashed(x, 1e-12) - logistic).abs() < 1e-2, "{x}");
        }
        assert!((squashed(2.0, 100.0) - 0.5).abs() < 0.1);
    }
}
