//! Linear models: `X @ coef_.T + intercept_`, and what logistic regression makes of it.

use super::block::{Matrix, Names};
use super::error::SklearnError;
use super::head::{Classes, Classified, Regressed};
use super::labels::Labels;
use super::numeric::{argmax, dot, dot_alone, dot_sparse, expit, softmax, sum};
use super::part::{Compiler, Part};
use crate::object::View;
use crate::predictor::PredictError;

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
    fn scores(&self, x: &Matrix) -> Result<Vec<f64>, PredictError> {
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
    pub(super) fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        let linear = Linear::compile(compiler, part, names)?;
        let wide = part
            .field("coef_")?
            .as_array()
            .is_some_and(|array| array.shape.len() == 2);
        Ok(Self { linear, wide })
    }

    pub(super) fn predict(&self, x: &Matrix) -> Result<Regressed, PredictError> {
        let width = self.wide.then_some(self.linear.outputs);
        Ok(Regressed {
            values: self.linear.scores(x)?,
            width,
        })
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
    classes: usize,
    link: Link,
}

impl Logistic {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<(Self, Labels), SklearnError> {
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
        Ok((Self { linear, classes, link }, labels))
    }

    pub(super) fn classify(&self, x: &Matrix) -> Result<Classified, PredictError> {
        let scores = self.linear.scores(x)?;
        let mut labels = Vec::with_capacity(x.rows);
        let mut probabilities = Vec::with_capacity(x.rows * self.classes);
        if self.classes == 2 {
            for d in &scores {
                labels.push(usize::from(*d > 0.0));
                match self.link {
                    Link::Expit => {
                        let p = expit(*d);
                        probabilities.extend([1.0 - p, p]);
                    }
                    Link::Softmax => {
                        let mut pair = [-d, *d];
                        softmax(&mut pair);
                        probabilities.extend(pair);
                    }
                }
            }
            return Ok(Classified {
                labels,
                probabilities,
                scores: Some((scores, Classes::One)),
            });
        }
        probabilities.extend_from_slice(&scores);
        for row in probabilities.chunks_exact_mut(self.classes) {
            labels.push(argmax(row));
            match self.link {
                Link::Softmax => softmax(row),
                Link::Expit => {
                    row.iter_mut().for_each(|d| *d = expit(*d));
                    let total = sum(row);
                    row.iter_mut().for_each(|p| *p /= total);
                }
            }
        }
        Ok(Classified {
            labels,
            probabilities,
            scores: Some((scores, Classes::All)),
        })
    }
}
