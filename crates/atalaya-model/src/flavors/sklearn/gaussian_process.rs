//! `GaussianProcessRegressor`: the mean of the posterior, a sum of kernel values with the training rows.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::part::{Part, length, shown};
use super::precision::Precision;
use super::projection::product;
use super::weights::Weights;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// A kernel of `sklearn.gaussian_process.kernels`.
#[derive(Debug)]
pub(super) enum Kernel {
    Sum(Box<[Kernel; 2]>),
    Product(Box<[Kernel; 2]>),
    Power(Box<Kernel>, f64),
    Constant(f64),
    /// Of a row with itself only.
    Noise(f64),
    Gaussian(Lengths),
    Matern(Lengths, Smoothness),
    RationalQuadratic {
        alpha: f64,
        length: f64,
    },
    Periodic {
        period: f64,
        length: f64,
    },
    DotProduct {
        offset: f64,
    },
}

/// One length for all columns, or one each.
#[derive(Debug)]
pub(super) struct Lengths(Vec<f64>);

/// The kinds of Matérn kernels that have closed forms.
#[derive(Debug, Clone, Copy)]
pub(super) enum Smoothness {
    Half,
    ThreeHalves,
    FiveHalves,
    Infinite,
}

impl Kernel {
    pub(super) fn read(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        view: View<'_>,
        columns: usize,
    ) -> Result<Self, SklearnError> {
        let Some(("sklearn.gaussian_process.kernels", class)) = view.class() else {
            return part.unsupported("with a kernel of its own");
        };
        let number = |name: &str| match view.attr(name).and_then(View::as_f64) {
            Some(value) => Ok(value),
            None => part.content(format!("a kernel has no number `{name}`")),
        };
        let child = |compiler: &mut Compiler, name: &str| match view.attr(name) {
            Some(child) => compiler.nested(|compiler| Self::read(compiler, part, child, columns)),
            None => part.content(format!("a kernel has no `{name}`")),
        };
        let lengths = |compiler: &mut Compiler| match view.attr("length_scale") {
            Some(view) => Lengths::read(compiler, part, view, columns),
            None => part.content("a kernel has no `length_scale`"),
        };
        Ok(match class {
            "Sum" => Self::Sum(Box::new([child(compiler, "k1")?, child(compiler, "k2")?])),
            "Product" => Self::Product(Box::new([child(compiler, "k1")?, child(compiler, "k2")?])),
            "Exponentiation" => Self::Power(Box::new(child(compiler, "kernel")?), number("exponent")?),
            "ConstantKernel" => Self::Constant(number("constant_value")?),
            "WhiteKernel" => Self::Noise(number("noise_level")?),
            "RBF" => Self::Gaussian(lengths(compiler)?),
            "Matern" => {
                let smoothness = match number("nu")? {
                    0.5 => Smoothness::Half,
                    1.5 => Smoothness::ThreeHalves,
                    2.5 => Smoothness::FiveHalves,
                    f64::INFINITY => Smoothness::Infinite,
                    _ => return part.unsupported("with a Matérn kernel of a `nu` that has no closed form"),
                };
                Self::Matern(lengths(compiler)?, smoothness)
            }
            "RationalQuadratic" => Self::RationalQuadratic {
                alpha: number("alpha")?,
                length: number("length_scale")?,
            },
            "ExpSineSquared" => Self::Periodic {
                period: number("periodicity")?,
                length: number("length_scale")?,
            },
            "DotProduct" => Self::DotProduct {
                offset: number("sigma_0")? * number("sigma_0")?,
            },
            _ => return part.unsupported(format!("with the kernel `{}`", shown(class))),
        })
    }

    /// Of a row with itself.
    pub(super) fn diagonal(&self, x: &[f64]) -> f64 {
        match self {
            Self::Sum(both) => both[0].diagonal(x) + both[1].diagonal(x),
            Self::Product(both) => both[0].diagonal(x) * both[1].diagonal(x),
            Self::Power(kernel, exponent) => power(kernel.diagonal(x), *exponent),
            Self::Noise(level) => *level,
            _ => self.value(x, x),
        }
    }

    pub(super) fn value(&self, x: &[f64], y: &[f64]) -> f64 {
        let apart = || x.iter().zip(y).fold(0.0, |total, (x, y)| total + (x - y) * (x - y));
        match self {
            Self::Sum(both) => both[0].value(x, y) + both[1].value(x, y),
            Self::Product(both) => both[0].value(x, y) * both[1].value(x, y),
            Self::Power(kernel, exponent) => power(kernel.value(x, y), *exponent),
            Self::Constant(value) => *value,
            Self::Noise(_) => 0.0,
            Self::Gaussian(lengths) => (-0.5 * lengths.squared_distance(x, y)).exp(),
            Self::Matern(lengths, smoothness) => smoothness.value(lengths.squared_distance(x, y).sqrt()),
            Self::RationalQuadratic { alpha, length } => {
                power(1.0 + apart() / (2.0 * alpha * (length * length)), -alpha)
            }
            Self::Periodic { period, length } => {
                let wave = (std::f64::consts::PI / period * apart().sqrt()).sin() / length;
                (-2.0 * (wave * wave)).exp()
            }
            Self::DotProduct { offset } => x.iter().zip(y).fold(0.0, |total, (x, y)| x.mul_add(*y, total)) + offset,
        }
    }
}

/// numpy's power with a scalar, which has ways of its own for the simplest exponents.
fn power(x: f64, exponent: f64) -> f64 {
    match exponent {
        1.0 => x,
        2.0 => x * x,
        0.5 => x.sqrt(),
        -1.0 => 1.0 / x,
        _ => x.powf(exponent),
    }
}

impl Smoothness {
    fn value(self, distance: f64) -> f64 {
        match self {
            Self::Half => (-distance).exp(),
            Self::ThreeHalves => {
                let k = distance * 3.0f64.sqrt();
                (1.0 + k) * (-k).exp()
            }
            Self::FiveHalves => {
                let k = distance * 5.0f64.sqrt();
                (1.0 + k + k * k / 3.0) * (-k).exp()
            }
            Self::Infinite => (-(distance * distance) / 2.0).exp(),
        }
    }
}

impl Lengths {
    fn read(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        view: View<'_>,
        columns: usize,
    ) -> Result<Self, SklearnError> {
        compiler.charge(8 * length(view))?;
        let values = view.as_f64().map(|one| vec![one]).or_else(|| view.floats());
        match values {
            Some(values) if values.len() == 1 || values.len() == columns => Ok(Self(values)),
            _ => part.content("a kernel's `length_scale` is neither one number nor one per column"),
        }
    }

    fn squared_distance(&self, x: &[f64], y: &[f64]) -> f64 {
        let lengths = self.0.iter().cycle();
        x.iter().zip(y).zip(lengths).fold(0.0, |total, ((x, y), length)| {
            let difference = x / length - y / length;
            total + difference * difference
        })
    }
}

/// `GaussianProcessRegressor`.
#[derive(Debug)]
pub(super) struct GaussianProcess {
    names: Names,
    kernel: Kernel,
    rows: Weights,
    /// A row for each target.
    coefficients: Weights,
    means: Vec<f64>,
    deviations: Vec<f64>,
}

impl GaussianProcess {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        if part.optional("X_train_").is_none() {
            return part.unsupported("that was not fitted");
        }
        let rows = Weights::with_columns(compiler, part, "X_train_", names.len())?;
        let kernel = Kernel::read(compiler, part, part.field("kernel_")?, names.len())?;
        let flat = part
            .field("alpha_")?
            .as_array()
            .is_some_and(|array| array.shape.len() == 1);
        let coefficients = if flat {
            Weights {
                rows: 1,
                columns: rows.rows,
                values: part.floats(compiler, "alpha_")?,
                single: false,
            }
        } else {
            Weights::read(compiler, part, "alpha_")?.transposed()
        };
        if coefficients.columns != rows.rows || coefficients.values.len() != rows.rows * coefficients.rows {
            return part.content("attribute `alpha_` does not have one number per row of `X_train_`");
        }
        let targets = |compiler: &mut Compiler, name: &str| {
            let view = part.field(name)?;
            compiler.charge(8 * coefficients.rows.max(length(view)))?;
            let mut values = view
                .as_f64()
                .map(|one| vec![one])
                .or_else(|| view.floats())
                .unwrap_or_default();
            if values.len() == 1 {
                values.resize(coefficients.rows, values[0]);
            }
            if values.len() != coefficients.rows {
                return part.content(format!("attribute `{name}` does not have one number per target"));
            }
            Ok(values)
        };
        Ok(Box::new(Self {
            means: targets(compiler, "_y_train_mean")?,
            deviations: targets(compiler, "_y_train_std")?,
            names: Names::clone(names),
            kernel,
            rows,
            coefficients,
        }))
    }
}

impl Estimator for GaussianProcess {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        let targets = self.coefficients.rows;
        let mut values = Vec::with_capacity(x.rows * targets);
        for row in x.values.chunks_exact(x.columns.max(1)) {
            let kernel: Vec<f64> = self.rows.iter().map(|train| self.kernel.value(row, train)).collect();
            let parameters = self.means.iter().zip(&self.deviations);
            for (coefficients, (mean, deviation)) in self.coefficients.iter().zip(parameters) {
                values.push(deviation * product(Precision::Double, &kernel, coefficients, targets) + mean);
            }
        }
        Ok(Evaluation::of(if targets == 1 {
            Output::floats(values)
        } else {
            Output::wide(values, targets)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_a_row_with_itself_are_what_the_formulas_say() {
        let row = [0.5, -1.0];
        let gaussian = || Kernel::Gaussian(Lengths(vec![2.0]));
        let all = Kernel::Sum(Box::new([
            Kernel::Product(Box::new([Kernel::Constant(3.0), gaussian()])),
            Kernel::Power(Box::new(Kernel::DotProduct { offset: 1.0 }), 2.0),
        ]));
        assert!((all.value(&row, &row) - (3.0 + 2.25 * 2.25)).abs() < 1e-15);
        let noisy = Kernel::Sum(Box::new([all, Kernel::Noise(0.5)]));
        assert!((noisy.diagonal(&row) - noisy.value(&row, &row) - 0.5).abs() < 1e-15);
        for smoothness in [
            Smoothness::Half,
            Smoothness::ThreeHalves,
            Smoothness::FiveHalves,
            Smoothness::Infinite,
        ] {
            let matern = Kernel::Matern(Lengths(vec![1.0, 2.0]), smoothness);
            assert!((matern.value(&row, &row) - 1.0).abs() < 1e-15);
            assert!(matern.value(&row, &[9.0, 9.0]) < 0.01);
        }
    }
}
