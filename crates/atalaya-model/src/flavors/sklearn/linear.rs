//! Linear models: `X @ coef_.T + intercept_`, and the regressors that answer just that.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::numeric::{dot_alone_each, dot_sparse, round_to_f32};
use super::part::Part;
use super::precision::Precision;
use super::sparse::Sparse;
use super::weights::Weights;
use crate::object::View;
use crate::predictor::{Method, PredictError};
use crate::product::Product;

/// Weights and intercepts of one or more outputs.
#[derive(Debug)]
pub(super) struct Linear {
    names: Names,
    /// `outputs × columns`.
    weights: Vec<f64>,
    intercepts: Vec<f64>,
    pub(super) outputs: usize,
    /// Whether the model was fitted in float32; then float32 input is not widened.
    single: bool,
    /// Whether the intercepts are doubles although the weights are float32, as without `fit_intercept`.
    wide_intercepts: bool,
}

/// `rows × outputs`.
#[derive(Debug)]
pub(super) struct Scores {
    pub(super) values: Vec<f64>,
    /// What Python has them in.
    pub(super) precision: Precision,
}

impl Scores {
    /// As the answer: a number per row, or `width` of them.
    pub(super) fn output(self, width: Option<usize>) -> Output {
        self.precision.output(self.values, width)
    }
}

impl Linear {
    pub(super) fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        Self::with_intercept(compiler, part, names, "intercept_")
    }

    /// As [`Linear::compile`], with the intercepts in another attribute.
    pub(super) fn with_intercept(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        intercept_name: &str,
    ) -> Result<Self, SklearnError> {
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
        let intercept = part.field(intercept_name)?;
        let mut intercepts = match intercept.as_f64() {
            Some(one) => vec![one],
            None => part.floats(compiler, intercept_name)?,
        };
        if intercepts.len() == 1 {
            intercepts.resize(outputs, intercepts[0]);
        }
        if intercepts.len() != outputs {
            return part.content(format!(
                "attribute `{intercept_name}` does not have one number per output"
            ));
        }
        let single = coefficients.as_array().is_some_and(|array| array.is_f32());
        Ok(Self {
            names: Names::clone(names),
            weights,
            intercepts,
            outputs,
            single,
            wide_intercepts: intercept.as_array().is_some_and(|array| !array.is_f32()),
        })
    }

    /// Of weights that were computed from attributes, a row per output, in double.
    pub(super) fn new(names: &Names, weights: Weights, intercepts: Vec<f64>) -> Self {
        Self {
            names: Names::clone(names),
            outputs: weights.rows,
            weights: weights.values,
            intercepts,
            single: false,
            wide_intercepts: false,
        }
    }

    /// The intercepts with the other sign: `SGDOneClassSVM` subtracts its offset.
    pub(super) fn with_negated_intercepts(mut self) -> Self {
        self.intercepts
            .iter_mut()
            .for_each(|intercept| *intercept = -*intercept);
        self
    }

    /// Weights and intercept of the only output, when they are doubles.
    pub(super) fn doubles_of_one(&self) -> Option<(&[f64], f64)> {
        (self.outputs == 1 && !self.single).then(|| (&self.weights[..], self.intercepts[0]))
    }

    pub(super) fn scores(&self, x: &Block) -> Result<Scores, PredictError> {
        let (values, single) = match x {
            Block::Sparse(x) => (self.sparse_scores(x)?, x.single),
            Block::Numbers(_) | Block::Columns { .. } => {
                let x = x.numbers(&self.names)?;
                (self.dense_scores(&x)?, x.single)
            }
        };
        let precision = Precision::of(single && self.single && !self.wide_intercepts);
        Ok(Scores { values, precision })
    }

    fn dense_scores(&self, x: &Matrix) -> Result<Vec<f64>, PredictError> {
        x.check(&self.names, false)?;
        let columns = x.columns.max(1);
        let single = self.single && x.single;
        let mut scores = match (single, x.sparse) {
            (false, true) => {
                let rows = x.values.chunks_exact(columns);
                let products = |row| {
                    self.weights
                        .chunks_exact(columns)
                        .map(move |weights| dot_sparse(row, weights))
                };
                rows.flat_map(products).collect()
            }
            (false, false) if self.outputs == 1 => dot_alone_each(&x.values, &self.weights),
            _ => {
                let sizes = Product {
                    rows: x.rows,
                    inner: x.columns,
                    columns: self.outputs,
                    transposed: true,
                };
                Precision::of(single).multiply(&x.values, &self.weights, sizes)
            }
        };
        let round = single && !self.wide_intercepts;
        for row in scores.chunks_exact_mut(self.outputs) {
            for (score, intercept) in row.iter_mut().zip(&self.intercepts) {
                *score += intercept;
                if round {
                    *score = round_to_f32(*score);
                }
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
                    let product = entries.fold(0.0, |total, (x, w)| round_to_f32(total + round_to_f32(x * w)));
                    if self.wide_intercepts {
                        product + intercept
                    } else {
                        round_to_f32(product + intercept)
                    }
                } else {
                    entries.fold(0.0, |total, (x, w)| total + x * w) + intercept
                });
            }
        }
        Ok(scores)
    }
}

/// A linear regressor.
#[derive(Debug)]
pub(super) struct LinearRegressor {
    linear: Linear,
    /// Whether `predict` gives a row of outputs, even if only one.
    wide: bool,
    /// Whether `predict` is the exponential of the scores: the log link of generalised linear models.
    exponential: bool,
}

impl LinearRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let linear = Linear::compile(compiler, part, names)?;
        let coefficients = part.field("coef_")?.as_array();
        // SGD ravels its answer whatever the shape of its weights.
        let wide = coefficients.is_some_and(|array| array.shape.len() == 2) && part.row.module != STOCHASTIC;
        Ok(Box::new(Self {
            linear,
            wide,
            exponential: part.row.module == GENERALIZED && log_link(part)?,
        }))
    }
}

/// The modules of the regressors that differ.
const STOCHASTIC: &str = "sklearn.linear_model._stochastic_gradient";
const GENERALIZED: &str = "sklearn.linear_model._glm.glm";

/// Whether the loss that a generalised linear model was fitted with has the log link; the others have the identity.
fn log_link(part: &Part<'_, '_>) -> Result<bool, SklearnError> {
    match part.optional("_base_loss").and_then(View::class) {
        Some((_, "HalfPoissonLoss" | "HalfGammaLoss" | "HalfTweedieLoss")) => Ok(true),
        Some((_, "HalfSquaredError" | "HalfTweedieLossIdentity")) => Ok(false),
        _ => part.unsupported("with an unknown `_base_loss`"),
    }
}

impl Estimator for LinearRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let mut scores = self.linear.scores(x)?;
        if self.exponential {
            let precision = scores.precision;
            scores
                .values
                .iter_mut()
                .for_each(|score| *score = precision.exp(*score));
        }
        let width = self.wide.then_some(self.linear.outputs);
        Ok(Evaluation::of(scores.output(width)))
    }
}

/// `RANSACRegressor`: the answer of the estimator that fitted the inliers.
pub(super) fn consensus(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    names: &Names,
) -> Result<Box<dyn Estimator>, SklearnError> {
    part.check_width(names.len())?;
    let place = format!("{}, `estimator_`", part.place);
    compiler.estimator(part.field("estimator_")?, &place, names)
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
            wide_intercepts: false,
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
            let scores = linear.scores(&Block::Sparse(sparse.clone())).unwrap().values;
            assert_eq!(scores, linear.scores(&dense).unwrap().values);
            assert_eq!(scores.len(), 3 * outputs);
            // A row without entries is the intercept.
            assert_eq!(scores[outputs].to_bits(), 0.1f64.to_bits());
        }
    }

    #[test]
    fn entries_are_multiplied_rounded_and_added_in_their_order() {
        let mut sparse = Sparse::new(4);
        sparse.push([(3, 3.3), (2, 1e-7), (0, 0.1)]);
        let scores = linear(1).scores(&Block::Sparse(sparse)).unwrap().values;
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
