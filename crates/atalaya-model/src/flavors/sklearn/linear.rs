//! Linear models: `X @ coef_.T + intercept_`, and what logistic regression makes of it.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::numeric::{argmax, dot, dot_alone, dot_sparse, expit, softmax, sum};
use super::part::Part;
use super::sparse::Sparse;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// Weights and intercepts of one or more outputs.
#[derive(Debug)]
pub(super) struct Linear {
    names: Names,
    /// `outputs × columns`.
    weights: Vec<f64>,
    intercepts: Vec<f64>,
    outputs: usize,
    /// Whether the model was fitted in float32; then float32 input is not widened.
    single: bool,
}

impl Linear {
    pub(super) fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        let columns = names.len();
        part.check_width(columns)?;
        let coefficients = part.field("coef_")?;
        if let (None, Some(_)) = (coefficients.as_array(), coefficients.class()) {
            return part.unsupported("with sparse coefficients");
        }
        let weights = part.floats(compiler, "coef_")?;
        let shape = coefficients.as_array().map_or(&[][..], |array| &array.shape);
        let outputs = match *shape {
            [width] if width == columns => 1,
            [outputs, width] if width == columns && outputs > 0 => outputs,
            _ => return part.content("attribute `coef_` does not have one weight per column"),
        };
        let intercept = part.field("intercept_")?;
        let mut intercepts = match intercept.as_f64() {
            Some(one) => vec![one],
            None => part.floats(compiler, "intercept_")?,
        };
        if intercepts.len() == 1 {
            intercepts.resize(outputs, intercepts[0]);
        }
        if intercepts.len() != outputs {
            return part.content("attribute `intercept_` does not have one number per output");
        }
        let single = coefficients.as_array().is_some_and(|array| array.is_f32());
        Ok(Self {
            names: Names::clone(names),
            weights,
            intercepts,
            outputs,
            single,
        })
    }

    /// `rows × outputs`.
    fn scores(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        match x {
            Block::Sparse(x) => self.sparse_scores(x),
            Block::Numbers(_) | Block::Columns { .. } => self.dense_scores(&*x.numbers(&self.names)?),
        }
    }

    fn dense_scores(&self, x: &Matrix) -> Result<Vec<f64>, PredictError> {
        x.check(&self.names, false)?;
        let columns = x.columns.max(1);
        let mut scores = Vec::with_capacity(x.rows * self.outputs);
        let single = self.single && x.single;
        for row in x.values.chunks_exact(columns) {
            for (weights, intercept) in self.weights.chunks_exact(columns).zip(&self.intercepts) {
                scores.push(match (single, x.sparse) {
                    (true, _) => dot_single(row, weights, *intercept),
                    (false, true) => dot_sparse(row, weights) + intercept,
                    (false, false) if self.outputs == 1 => dot_alone(row, weights) + intercept,
                    (false, false) => dot(row, weights) + intercept,
                });
            }
        }
        Ok(scores)
    }

    /// Stored entries one after the other, the intercept last.
    fn sparse_scores(&self, x: &Sparse) -> Result<Vec<f64>, PredictError> {
        x.check(&self.names, false)?;
        let columns = x.columns.max(1);
        let mut scores = Vec::with_capacity(x.rows * self.outputs);
        let single = self.single && x.single;
        for (indices, values) in x.rows() {
            for (weights, intercept) in self.weights.chunks_exact(columns).zip(&self.intercepts) {
                let entries = indices.iter().zip(values).map(|(j, x)| (*x, weights[*j as usize]));
                scores.push(if single {
                    let round = super::numeric::round_to_f32;
                    let product = entries.fold(0.0, |total, (x, w)| round(total + round(x * w)));
                    round(product + intercept)
                } else {
                    entries.fold(0.0, |total, (x, w)| total + x * w) + intercept
                });
            }
        }
        Ok(scores)
    }
}

/// The same in float32.
#[expect(
    clippy::cast_possible_truncation,
    reason = "inputs, weights and intercept are float32 in Python"
)]
fn dot_single(row: &[f64], weights: &[f64], intercept: f64) -> f64 {
    let product = row
        .iter()
        .zip(weights)
        .fold(0.0f32, |total, (x, w)| (*x as f32).mul_add(*w as f32, total));
    f64::from(product + intercept as f32)
}

/// A linear regressor.
#[derive(Debug)]
pub(super) struct LinearRegressor {
    linear: Linear,
    /// Whether `predict` gives a row of outputs, even if only one.
    wide: bool,
}

impl LinearRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let linear = Linear::compile(compiler, part, names)?;
        let wide = part
            .field("coef_")?
            .as_array()
            .is_some_and(|array| array.shape.len() == 2);
        Ok(Box::new(Self { linear, wide }))
    }
}

impl Estimator for LinearRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let scores = self.linear.scores(x)?;
        Ok(Evaluation::of(if self.wide {
            Output::wide(scores, self.linear.outputs)
        } else {
            Output::floats(scores)
        }))
    }
}

/// How scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Each class against the rest; two classes have one score.
    Expit,
    /// All classes together; two classes have the scores `-d` and `d`.
    Softmax,
}

/// `LogisticRegression` and `LogisticRegressionCV`.
#[derive(Debug)]
pub(super) struct Logistic {
    linear: Linear,
    labels: Labels,
    link: Link,
}

impl Logistic {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let linear = Linear::compile(compiler, part, names)?;
        let labels = Labels::read(compiler, part)?;
        let classes = labels.len();
        if linear.outputs != if classes == 2 { 1 } else { classes } || classes < 2 {
            return part.content("attribute `coef_` does not fit `classes_`");
        }
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
        let link = if expit { Link::Expit } else { Link::Softmax };
        Ok(Box::new(Self { linear, labels, link }))
    }
}

impl Estimator for Logistic {
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

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let scores = self.linear.scores(x)?;
        let classes = self.labels.len();
        let labels = if classes == 2 {
            scores.iter().map(|d| usize::from(*d > 0.0)).collect()
        } else {
            scores.chunks_exact(classes).map(argmax).collect()
        };
        let probabilities = wanted
            .probabilities
            .then(|| Output::wide(self.link.probabilities(&scores, classes), classes));
        Ok(Evaluation {
            predict: Output::labels(labels),
            probabilities,
            scores: Some(match classes {
                2 => Output::floats(scores),
                _ => Output::wide(scores, classes),
            }),
        })
    }
}

impl Link {
    /// `rows × classes`; two classes have one score.
    fn probabilities(self, scores: &[f64], classes: usize) -> Vec<f64> {
        if classes == 2 {
            let mut probabilities = Vec::with_capacity(scores.len() * 2);
            for d in scores {
                match self {
                    Self::Expit => {
                        let p = expit(*d);
                        probabilities.extend([1.0 - p, p]);
                    }
                    Self::Softmax => {
                        let mut pair = [-d, *d];
                        softmax(&mut pair);
                        probabilities.extend(pair);
                    }
                }
            }
            return probabilities;
        }
        let mut probabilities = scores.to_vec();
        for row in probabilities.chunks_exact_mut(classes) {
            match self {
                Self::Softmax => softmax(row),
                Self::Expit => {
                    row.iter_mut().for_each(|d| *d = expit(*d));
                    let total = sum(row);
                    row.iter_mut().for_each(|p| *p /= total);
                }
            }
        }
        probabilities
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A third, a tenth and a million: sums of their products depend on the order.
    fn linear(outputs: usize) -> Linear {
        let weights = [1.0 / 3.0, 0.1, 1e6, -0.7, 0.3, 1e-3, 2.0 / 3.0, 11.0];
        Linear {
            names: (0..4).map(|position| Arc::from(format!("c{position}"))).collect(),
            weights: weights[..4 * outputs].to_vec(),
            intercepts: vec![0.1; outputs],
            outputs,
            single: false,
        }
    }

    #[test]
    fn stored_entries_add_up_as_zeros_written_out_would() {
        let mut sparse = Sparse::new(4);
        sparse.push([(0, 0.1), (2, 1e-7), (3, 3.3)]);
        sparse.push([]);
        sparse.push([(1, 7.7)]);
        for outputs in [1, 2] {
            let linear = linear(outputs);
            let dense = Block::Numbers(sparse.to_dense(&linear.names).unwrap());
            let scores = linear.scores(&Block::Sparse(sparse.clone())).unwrap();
            assert_eq!(scores, linear.scores(&dense).unwrap());
            assert_eq!(scores.len(), 3 * outputs);
            // A row without entries is the intercept.
            assert_eq!(scores[outputs].to_bits(), 0.1f64.to_bits());
        }
    }

    #[test]
    fn entries_are_multiplied_rounded_and_added_in_their_order() {
        let mut sparse = Sparse::new(4);
        sparse.push([(3, 3.3), (2, 1e-7), (0, 0.1)]);
        let scores = linear(1).scores(&Block::Sparse(sparse)).unwrap();
        let expected: f64 = ((0.0 + 3.3 * -0.7) + 1e-7 * 1e6) + 0.1 * (1.0 / 3.0);
        assert_eq!(scores[0].to_bits(), (expected + 0.1).to_bits());
    }

    #[test]
    fn a_stored_infinity_is_refused() {
        let mut sparse = Sparse::new(4);
        sparse.push([(2, f64::INFINITY)]);
        let error = linear(1).scores(&Block::Sparse(sparse)).unwrap_err();
        assert!(matches!(error, PredictError::NotFinite { ref column, row: 0 } if column == "c2"));
    }
}
