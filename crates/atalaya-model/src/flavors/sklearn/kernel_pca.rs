//! `KernelPCA`: kernel values with the training rows, centred, onto the principal directions.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::numeric::{dot, sum};
use super::part::Part;
use super::precision::Precision;
use super::projection::{component_names, product};
use super::transform::{Compiled, Transform};
use super::weights::Weights;
use crate::predictor::PredictError;

/// A kernel of `sklearn.metrics.pairwise`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kernel {
    Linear,
    Polynomial { gamma: f64, degree: f64, coef0: f64 },
    Gaussian { gamma: f64 },
    Sigmoid { gamma: f64, coef0: f64 },
    Cosine,
}

/// `KernelPCA`.
#[derive(Debug)]
struct KernelPca {
    names: Names,
    kernel: Kernel,
    rows: Weights,
    /// Mean kernel value of each training row with all of them, and the mean of those.
    row_means: Vec<f64>,
    mean: f64,
    /// A row for each direction.
    directions: Weights,
}

impl Kernel {
    pub(super) fn read(part: &Part<'_, '_>, columns: usize) -> Result<Self, SklearnError> {
        let Some(name) = part.field("kernel")?.as_str() else {
            return part.unsupported("with a kernel of its own");
        };
        // Before 1.2 the parameter stood for the fitted value, and none for one over the number of columns.
        let gamma = || -> Result<f64, SklearnError> {
            let name = if part.optional("gamma_").is_some() {
                "gamma_"
            } else {
                "gamma"
            };
            #[expect(clippy::cast_precision_loss, reason = "columns are few")]
            if part.optional(name).is_none() {
                return Ok(1.0 / columns as f64);
            }
            part.number(name)
        };
        let or = |name: &str, absent: f64| part.optional(name).map_or(Ok(absent), |_| part.number(name));
        Ok(match name {
            "linear" => Self::Linear,
            "poly" => Self::Polynomial {
                gamma: gamma()?,
                degree: or("degree", 3.0)?,
                coef0: or("coef0", 1.0)?,
            },
            "rbf" => Self::Gaussian { gamma: gamma()? },
            "sigmoid" => Self::Sigmoid {
                gamma: gamma()?,
                coef0: or("coef0", 1.0)?,
            },
            "cosine" => Self::Cosine,
            _ => return part.unsupported("with a kernel that is not known"),
        })
    }

    pub(super) fn value(self, x: &[f64], y: &[f64]) -> f64 {
        let squared = |row: &[f64]| row.iter().fold(0.0, |total, x| total + x * x);
        match self {
            Self::Linear => dot(x, y),
            Self::Polynomial { gamma, degree, coef0 } => (dot(x, y) * gamma + coef0).powf(degree),
            Self::Gaussian { gamma } => {
                let apart = ((-2.0 * dot(x, y) + squared(x)) + squared(y)).max(0.0);
                (apart * -gamma).exp()
            }
            Self::Sigmoid { gamma, coef0 } => (dot(x, y) * gamma + coef0).tanh(),
            Self::Cosine => {
                let length = |row: &[f64]| Some(squared(row).sqrt()).filter(|length| *length > 0.0).unwrap_or(1.0);
                let (a, b) = (length(x), length(y));
                x.iter().zip(y).fold(0.0, |total, (x, y)| (x / a).mul_add(y / b, total))
            }
        }
    }
}

pub(super) fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    part.check_width(names.len())?;
    let kernel = Kernel::read(part, names.len())?;
    let rows = Weights::with_columns(compiler, part, "X_fit_", names.len())?;
    let values = part.floats(compiler, "eigenvalues_")?;
    let mut directions = Weights::with_shape(compiler, part, "eigenvectors_", [rows.rows, values.len()])?.transposed();
    for (row, value) in directions.values.chunks_exact_mut(rows.rows.max(1)).zip(&values) {
        row.iter_mut()
            .for_each(|x| *x = if *value == 0.0 { 0.0 } else { *x / value.sqrt() });
    }
    let Some(centerer) = part.optional("_centerer") else {
        return part.content("no attribute `_centerer`");
    };
    compiler.charge(8 * rows.rows)?;
    let row_means = centerer.attr("K_fit_rows_").and_then(crate::object::View::floats);
    let mean = centerer.attr("K_fit_all_").and_then(crate::object::View::as_f64);
    let (Some(row_means), Some(mean)) = (row_means, mean) else {
        return part.content("attribute `_centerer` was not fitted");
    };
    if row_means.len() != rows.rows || row_means.is_empty() {
        return part.content("attribute `_centerer` does not fit `X_fit_`");
    }
    let columns = component_names(part, directions.rows);
    let pca = KernelPca {
        names: Names::clone(names),
        kernel,
        rows,
        row_means,
        mean,
        directions,
    };
    Ok((Box::new(pca), columns))
}

impl Transform for KernelPca {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let x = block.into_numbers(&self.names)?;
        x.check(&self.names, false)?;
        let columns = self.directions.rows;
        let mut values = Vec::with_capacity(x.rows * columns);
        #[expect(clippy::cast_precision_loss, reason = "training rows are far fewer than 2^53")]
        let count = self.rows.rows as f64;
        for row in x.values.chunks_exact(x.columns.max(1)) {
            let mut kernel: Vec<f64> = self.rows.iter().map(|train| self.kernel.value(row, train)).collect();
            let own = sum(&kernel) / count;
            for (value, mean) in kernel.iter_mut().zip(&self.row_means) {
                *value = ((*value - mean) - own) + self.mean;
            }
            let products = self.directions.iter();
            values.extend(products.map(|direction| product(Precision::Double, &kernel, direction, columns)));
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
