//! Kernels and their approximations: `KernelCenterer`, `Nystroem`, `RBFSampler` and `KernelRidge`.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::kernel_pca::Kernel;
use super::members::double;

use super::part::Part;
use super::precision::Precision;
use super::projection::{component_names, product};
use super::transform::{Compiled, Transform};
use super::weights::Weights;
use crate::predictor::{Method, PredictError};

/// `KernelCenterer`: its input are kernel values with the training rows.
#[derive(Debug)]
struct Center {
    names: Names,
    row_means: Vec<f64>,
    mean: f64,
}

pub(super) fn centerer(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    part.check_width(names.len())?;
    let center = Center {
        names: Names::clone(names),
        row_means: part.vector(compiler, "K_fit_rows_", names.len())?,
        mean: part.number("K_fit_all_")?,
    };
    Ok((Box::new(center), Names::clone(names)))
}

impl Transform for Center {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let mut matrix = block.into_numbers(&self.names)?;
        matrix.check(&self.names, false)?;
        let precision = Precision::of(matrix.single);
        for row in matrix.values.chunks_exact_mut(matrix.columns.max(1)) {
            let own = precision.round(precision.sum(row) / double(self.row_means.len()));
            for (value, mean) in row.iter_mut().zip(&self.row_means) {
                let centered = precision.round(precision.round(*value - mean) - own);
                *value = precision.round(centered + self.mean);
            }
        }
        Ok(Block::Numbers(matrix))
    }
}

/// `Nystroem`: kernel values with some training rows, times a matrix.
#[derive(Debug)]
struct Landmarks {
    names: Names,
    kernel: Kernel,
    rows: Weights,
    /// A row for each column that it gives.
    weights: Weights,
}

pub(super) fn nystroem(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    part.check_width(names.len())?;
    if part.optional("kernel_params").is_some() {
        return part.unsupported("with `kernel_params`");
    }
    let rows = Weights::with_columns(compiler, part, "components_", names.len())?;
    let landmarks = Landmarks {
        names: Names::clone(names),
        kernel: Kernel::read(part, names.len())?,
        weights: Weights::with_columns(compiler, part, "normalization_", rows.rows)?,
        rows,
    };
    let columns = component_names(part, landmarks.weights.rows);
    Ok((Box::new(landmarks), columns))
}

impl Transform for Landmarks {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let x = block.into_numbers(&self.names)?;
        x.check(&self.names, false)?;
        let columns = self.weights.rows;
        let mut values = Vec::with_capacity(x.rows * columns);
        for row in x.values.chunks_exact(x.columns.max(1)) {
            let kernel: Vec<f64> = self.rows.iter().map(|train| self.kernel.value(row, train)).collect();
            let weights = self.weights.iter();
            values.extend(weights.map(|weights| product(Precision::Double, &kernel, weights, columns)));
        }
        Ok(Block::Numbers(Matrix {
            rows: x.rows,
            columns,
            values,
            single: false,
            sparse: false,
        }))
    }
}

/// `RBFSampler`: cosines of random projections.
#[derive(Debug)]
struct Waves {
    names: Names,
    /// A row for each column that it gives.
    weights: Weights,
    offsets: Vec<f64>,
    scale: f64,
}

pub(super) fn sampler(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    part.check_width(names.len())?;
    let count = part.count("n_components")?;
    let weights = Weights::with_shape(compiler, part, "random_weights_", [names.len(), count])?.transposed();
    if weights.single {
        return part.unsupported("that was fitted on float32");
    }
    let waves = Waves {
        names: Names::clone(names),
        weights,
        offsets: part.vector(compiler, "random_offset_", count)?,
        scale: (2.0 / double(count)).sqrt(),
    };
    Ok((Box::new(waves), component_names(part, count)))
}

impl Transform for Waves {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let x = block.into_numbers(&self.names)?;
        x.check(&self.names, false)?;
        let columns = self.weights.rows;
        let mut values = Vec::with_capacity(x.rows * columns);
        for row in x.values.chunks_exact(x.columns.max(1)) {
            let pairs = self.weights.iter().zip(&self.offsets);
            values.extend(pairs.map(|(weights, offset)| {
                (product(Precision::Double, row, weights, columns) + offset).cos() * self.scale
            }));
        }
        Ok(Block::Numbers(Matrix {
            rows: x.rows,
            columns,
            values,
            single: false,
            sparse: false,
        }))
    }
}

/// `KernelRidge`: a sum of kernel values with the training rows.
#[derive(Debug)]
pub(super) struct KernelRidge {
    names: Names,
    kernel: Kernel,
    rows: Weights,
    /// A row for each target.
    weights: Weights,
    /// Whether Python answers a row per sample.
    several: bool,
}

impl KernelRidge {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        let rows = Weights::with_columns(compiler, part, "X_fit_", names.len())?;
        let flat = part
            .field("dual_coef_")?
            .as_array()
            .is_some_and(|array| array.shape.len() == 1);
        let weights = if flat {
            Weights {
                rows: 1,
                columns: rows.rows,
                values: part.vector(compiler, "dual_coef_", rows.rows)?,
                single: false,
            }
        } else {
            Weights::read(compiler, part, "dual_coef_")?.transposed()
        };
        if weights.columns != rows.rows {
            return part.content("attribute `dual_coef_` does not have one row per row of `X_fit_`");
        }
        Ok(Box::new(Self {
            names: Names::clone(names),
            kernel: Kernel::read(part, names.len())?,
            rows,
            weights,
            several: !flat,
        }))
    }
}

impl Estimator for KernelRidge {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        let targets = self.weights.rows;
        let mut values = Vec::with_capacity(x.rows * targets);
        for row in x.values.chunks_exact(x.columns.max(1)) {
            let kernel: Vec<f64> = self.rows.iter().map(|train| self.kernel.value(row, train)).collect();
            let weights = self.weights.iter();
            values.extend(weights.map(|weights| product(Precision::Double, &kernel, weights, targets)));
        }
        Ok(Evaluation::of(if self.several {
            Output::wide(values, targets)
        } else {
            Output::floats(values)
        }))
    }
}
