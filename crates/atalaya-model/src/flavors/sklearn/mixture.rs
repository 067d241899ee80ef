//! `GaussianMixture`: the log likelihood of a row under each component, by kind of covariance.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted, call_evaluated};
use super::numeric::{dot, sum};
use super::part::Part;
use super::posterior::{Joint, Normal};
use super::precision::Precision;
use super::weights::Weights;
use crate::predictor::{Method, PredictError};

/// `GaussianMixture`.
#[derive(Debug)]
pub(super) struct Mixture {
    names: Names,
    components: Vec<Component>,
    normal: Normal,
}

/// One normal distribution.
#[derive(Debug)]
struct Component {
    shape: Shape,
    /// Logarithm of the determinant of the Cholesky factor of its precision.
    log_determinant: f64,
    log_weight: f64,
}

/// How the squared distance of a row to a component is computed.
#[derive(Debug)]
enum Shape {
    /// `sum((x @ factor - mean @ factor) ** 2)`; the factor transposed.
    Full { factor: Weights, mean: Vec<f64> },
    /// `constant - 2 x @ weights + x² @ precisions`.
    Diagonal {
        constant: f64,
        weights: Vec<f64>,
        precisions: Vec<f64>,
    },
}

impl Mixture {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let columns = names.len();
        part.check_width(columns)?;
        let means = Weights::with_columns(compiler, part, "means_", columns)?;
        let weights = part.floats(compiler, "weights_")?;
        if weights.len() != means.rows || weights.is_empty() {
            return part.content("attribute `weights_` does not have one number per row of `means_`");
        }
        let shape = part
            .field("precisions_cholesky_")?
            .as_array()
            .map(|array| array.shape.clone());
        let factors = part.floats(compiler, "precisions_cholesky_")?;
        let kind = part.text("covariance_type")?;
        let fits = match (kind, shape.as_deref()) {
            ("full", Some([components, rows, width])) => [*components, *rows, *width] == [means.rows, columns, columns],
            ("tied", Some([rows, width])) => [*rows, *width] == [columns, columns],
            ("diag", Some([components, width])) => [*components, *width] == [means.rows, columns],
            ("spherical", Some([components])) => *components == means.rows,
            ("full" | "tied" | "diag" | "spherical", _) => false,
            _ => return part.unsupported("with a kind of covariance that is not known"),
        };
        if !fits {
            return part.content("attribute `precisions_cholesky_` does not fit `means_`");
        }
        let mut components = Vec::with_capacity(means.rows);
        for (position, (mean, weight)) in means.iter().zip(&weights).enumerate() {
            let (shape, log_determinant) = match kind {
                "full" | "tied" => {
                    compiler.charge(8 * columns * columns)?;
                    let start = if kind == "full" {
                        position * columns * columns
                    } else {
                        0
                    };
                    full(&factors[start..start + columns * columns], mean)
                }
                "diag" => diagonal(&factors[position * columns..(position + 1) * columns], mean),
                _ => spherical(factors[position], mean),
            };
            components.push(Component {
                shape,
                log_determinant,
                log_weight: weight.ln(),
            });
        }
        Ok(Box::new(Self {
            names: Names::clone(names),
            components,
            normal: Normal::of(compiler),
        }))
    }

    fn joint(&self, x: &Block) -> Result<Joint, PredictError> {
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        #[expect(clippy::cast_precision_loss, reason = "columns are few")]
        let constant = x.columns as f64 * (2.0 * std::f64::consts::PI).ln();
        let mut values = Vec::with_capacity(x.rows * self.components.len());
        for row in x.values.chunks_exact(x.columns.max(1)) {
            for component in &self.components {
                let distance = component.shape.distance(row);
                let likelihood = -0.5 * (constant + distance) + component.log_determinant;
                values.push(likelihood + component.log_weight);
            }
        }
        Ok(Joint {
            values,
            classes: self.components.len(),
            precision: Precision::Double,
            normal: self.normal,
        })
    }
}

fn full(factor: &[f64], mean: &[f64]) -> (Shape, f64) {
    let columns = mean.len();
    let logs: Vec<f64> = factor.iter().step_by(columns + 1).map(|d| d.ln()).collect();
    let factor = Weights {
        rows: columns,
        columns,
        values: factor.to_vec(),
        single: false,
    }
    .transposed();
    let mean = factor.iter().map(|direction| dot(mean, direction)).collect();
    (Shape::Full { factor, mean }, sum(&logs))
}

fn diagonal(factor: &[f64], mean: &[f64]) -> (Shape, f64) {
    let precisions: Vec<f64> = factor.iter().map(|d| d * d).collect();
    let terms: Vec<f64> = mean.iter().zip(&precisions).map(|(m, p)| m * m * p).collect();
    let logs: Vec<f64> = factor.iter().map(|d| d.ln()).collect();
    let shape = Shape::Diagonal {
        constant: sum(&terms),
        weights: mean.iter().zip(&precisions).map(|(m, p)| m * p).collect(),
        precisions,
    };
    (shape, sum(&logs))
}

fn spherical(factor: f64, mean: &[f64]) -> (Shape, f64) {
    let precision = factor * factor;
    let squares: Vec<f64> = mean.iter().map(|m| m * m).collect();
    let shape = Shape::Diagonal {
        constant: sum(&squares) * precision,
        weights: mean.iter().map(|m| m * precision).collect(),
        precisions: vec![precision; mean.len()],
    };
    #[expect(clippy::cast_precision_loss, reason = "columns are few")]
    let columns = mean.len() as f64;
    (shape, columns * factor.ln())
}

impl Shape {
    fn distance(&self, row: &[f64]) -> f64 {
        match self {
            Self::Full { factor, mean } => {
                let along = factor.iter().map(|direction| dot(row, direction));
                let squares: Vec<f64> = along.zip(mean).map(|(y, m)| (y - m) * (y - m)).collect();
                sum(&squares)
            }
            Self::Diagonal {
                constant,
                weights,
                precisions,
            } => {
                let squares: Vec<f64> = row.iter().map(|x| x * x).collect();
                constant - 2.0 * dot(row, weights) + dot(&squares, precisions)
            }
        }
    }
}

impl Estimator for Mixture {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::PredictProba, Method::ScoreSamples]
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let joint = self.joint(x)?;
        let labels = joint
            .labels()
            .into_iter()
            .map(|label| i64::try_from(label).unwrap_or(i64::MAX));
        Ok(Evaluation {
            predict: Output::ints(labels.collect()),
            probabilities: wanted.probabilities.then(|| joint.probabilities()),
            scores: None,
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        let found = match method {
            Method::ScoreSamples => self.joint(x)?.call(method),
            Method::PredictLogProba => None,
            _ => return call_evaluated(self, method, x),
        };
        found.ok_or(PredictError::Method { method })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shapes_of_one_covariance_agree() {
        let (mean, row) = ([1.0, -2.0], [0.5, 3.0]);
        for (shape, log_determinant) in [
            full(&[0.5, 0.0, 0.0, 0.5], &mean),
            diagonal(&[0.5, 0.5], &mean),
            spherical(0.5, &mean),
        ] {
            assert!((shape.distance(&row) - 0.25 * (0.25 + 25.0)).abs() < 1e-14);
            assert!((log_determinant - 2.0 * 0.5f64.ln()).abs() < 1e-15);
        }
    }
}
