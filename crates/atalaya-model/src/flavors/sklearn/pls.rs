//! Partial least squares, as a regressor and as a transformer; canonical correlation is the same with other rotations.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::part::Part;
use super::precision::Precision;
use super::projection::{Projection, product};
use super::transform::{Compiled, Transform};
use super::weights::Weights;
use crate::predictor::{Method, PredictError};

/// First minor version whose coefficients are those of unscaled columns, and which answers a flat target flatly.
const UNSCALED: u32 = 3;

/// `PLSRegression`, `PLSCanonical` and `CCA` as regressors.
#[derive(Debug)]
pub(super) struct PartialLeastSquares {
    names: Names,
    means: Vec<f64>,
    /// What centred columns are divided by.
    scales: Option<Vec<f64>>,
    /// A row for each target.
    weights: Weights,
    intercepts: Vec<f64>,
    flat: bool,
}

impl PartialLeastSquares {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        let means = part.vector(compiler, "_x_mean", names.len())?;
        let old = compiler.version < UNSCALED;
        let weights = Weights::with_columns(compiler, part, if old { "_coef_" } else { "coef_" }, names.len())?;
        let intercepts = part.floats(compiler, "intercept_")?;
        if intercepts.len() != weights.rows {
            return part.content("attribute `intercept_` does not have one number per target");
        }
        let scales = if old {
            Some(part.vector(compiler, "_x_std", names.len())?)
        } else {
            None
        };
        Ok(Box::new(Self {
            names: Names::clone(names),
            flat: !old && part.flag("_predict_1d", false)?,
            means,
            scales,
            weights,
            intercepts,
        }))
    }
}

impl Estimator for PartialLeastSquares {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let mut x = x.numbers(&self.names)?.into_owned();
        x.check(&self.names, false)?;
        x.for_each(|j, x| x - self.means[j]);
        if let Some(scales) = &self.scales {
            x.for_each(|j, x| x / scales[j]);
        }
        let targets = self.weights.rows;
        let mut values = Vec::with_capacity(x.rows * targets);
        for row in x.values.chunks_exact(x.columns.max(1)) {
            let products = self
                .weights
                .iter()
                .map(|weights| product(Precision::Double, row, weights, targets));
            values.extend(products.zip(&self.intercepts).map(|(y, intercept)| y + intercept));
        }
        Ok(Evaluation::of(if self.flat {
            Output::floats(values)
        } else {
            Output::wide(values, targets)
        }))
    }
}

/// The same as transformers: scaled columns onto `x_rotations_`.
#[derive(Debug)]
struct Scores {
    names: Names,
    means: Vec<f64>,
    scales: Vec<f64>,
    projection: Projection,
}

pub(super) fn scores(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    part.check_width(names.len())?;
    let rotations = Weights::read(compiler, part, "x_rotations_")?;
    if rotations.rows != names.len() {
        return part.content("attribute `x_rotations_` does not have one row per column");
    }
    let columns = super::projection::component_names(part, rotations.columns);
    let scores = Scores {
        names: Names::clone(names),
        means: part.vector(compiler, "_x_mean", names.len())?,
        scales: part.vector(compiler, "_x_std", names.len())?,
        projection: Projection::new(names, rotations.transposed()),
    };
    Ok((Box::new(scores), columns))
}

impl Transform for Scores {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let mut x = block.into_numbers(&self.names)?;
        x.check(&self.names, false)?;
        x.for_each(|j, x| x - self.means[j]);
        x.for_each(|j, x| x / self.scales[j]);
        x.sparse = false;
        self.projection.apply(Block::Numbers(x))
    }
}
