//! The way back through transformers of a target: what `inverse_transform` does to what a regressor predicts.

use super::compiler::Compiler;
use super::error::SklearnError;
use super::isotonic::interpolate;
use super::normal::cdf;
use super::numeric::round_to_f32;
use super::part::Part;
use super::ufunc::{Ufunc, ufunc};
use crate::object::View;

/// First minor version whose Box-Cox is SciPy's.
const SCIPY_BOX_COX: u32 = 6;
/// How near to a bound counts as the bound, in `QuantileTransformer`.
const BOUND: f64 = 1e-7;
/// Most pipelines inside each other.
const MAX_DEPTH: usize = 16;

/// One thing that is done to every output; vectors have a number for each.
#[derive(Debug)]
enum Step {
    Add(Vec<f64>),
    Subtract(Vec<f64>),
    Multiply(Vec<f64>),
    Divide(Vec<f64>),
    Function(Ufunc),
    YeoJohnson(Vec<f64>),
    BoxCox {
        lambdas: Vec<f64>,
        scipy: bool,
    },
    Quantiles {
        /// Those of each output, one after the other.
        quantiles: Vec<f64>,
        references: Vec<f64>,
        normal: bool,
    },
}

/// Steps in the order in which they are done.
#[derive(Debug, Default)]
pub(super) struct Inverse(Vec<Step>);

impl Inverse {
    /// Reads the fitted transformer at `view`, which was fitted on `outputs` columns; `part` is the estimator around it.
    pub(super) fn read(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        view: View<'_>,
        outputs: usize,
    ) -> Result<Self, SklearnError> {
        let mut inverse = Self::default();
        inverse.add(compiler, part, view, outputs, MAX_DEPTH)?;
        Ok(inverse)
    }

    fn add(
        &mut self,
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        view: View<'_>,
        outputs: usize,
        depth: usize,
    ) -> Result<(), SklearnError> {
        let place = format!("{}, attribute `transformer_`", part.place);
        let part = Part {
            view,
            place: &place,
            ..*part
        };
        let Some((module, class)) = view.class().filter(|_| view.as_object().is_some()) else {
            return Err(SklearnError::unknown(&place, view));
        };
        match (module, class) {
            ("sklearn.preprocessing._function_transformer", "FunctionTransformer") => self.add_function(&part),
            ("sklearn.preprocessing._data", "StandardScaler" | "RobustScaler" | "MinMaxScaler" | "MaxAbsScaler") => {
                self.add_scaler(compiler, &part, class, outputs)
            }
            ("sklearn.preprocessing._data", "PowerTransformer") => self.add_power(compiler, &part, outputs),
            ("sklearn.preprocessing._data", "QuantileTransformer") => self.add_quantiles(compiler, &part, outputs),
            ("sklearn.pipeline", "Pipeline") if depth > 0 => {
                let steps = super::pipeline::steps(&part)?;
                let mut steps = steps.iter().rev();
                steps.try_for_each(|step| self.add(compiler, &part, step.view, outputs, depth - 1))
            }
            _ => Err(SklearnError::unknown(&place, view)),
        }
    }

    fn add_function(&mut self, part: &Part<'_, '_>) -> Result<(), SklearnError> {
        let Some(function) = part.optional("inverse_func") else {
            return Ok(());
        };
        if part
            .optional("inv_kw_args")
            .is_some_and(|arguments| !arguments.is_empty_dict())
        {
            return part.unsupported("with arguments of its `inverse_func`");
        }
        if let Some(function) = ufunc(function) {
            self.0.push(Step::Function(function));
            return Ok(());
        }
        let place = format!("{}, attribute `inverse_func`", part.place);
        Err(SklearnError::unknown(&place, function))
    }

    fn add_scaler(
        &mut self,
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        class: &str,
        outputs: usize,
    ) -> Result<(), SklearnError> {
        let (with_scale, with_center, center) = match class {
            "StandardScaler" => ("with_std", "with_mean", "mean_"),
            "RobustScaler" => ("with_scaling", "with_centering", "center_"),
            "MinMaxScaler" => {
                self.0.push(Step::Subtract(part.vector(compiler, "min_", outputs)?));
                self.0.push(Step::Divide(part.vector(compiler, "scale_", outputs)?));
                return Ok(());
            }
            _ => {
                self.0.push(Step::Multiply(part.vector(compiler, "scale_", outputs)?));
                return Ok(());
            }
        };
        if part.flag(with_scale, true)? {
            self.0.push(Step::Multiply(part.vector(compiler, "scale_", outputs)?));
        }
        if part.flag(with_center, true)? {
            self.0.push(Step::Add(part.vector(compiler, center, outputs)?));
        }
        Ok(())
    }

    fn add_power(&mut self, compiler: &mut Compiler, part: &Part<'_, '_>, outputs: usize) -> Result<(), SklearnError> {
        if part.flag("standardize", true)? {
            let scaler = Part {
                view: part.field("_scaler")?,
                ..*part
            };
            self.add_scaler(compiler, &scaler, "StandardScaler", outputs)?;
        }
        let lambdas = part.vector(compiler, "lambdas_", outputs)?;
        self.0.push(match part.text("method")? {
            "yeo-johnson" => Step::YeoJohnson(lambdas),
            "box-cox" => Step::BoxCox {
                lambdas,
                scipy: compiler.version >= SCIPY_BOX_COX,
            },
            _ => return part.content("attribute `method` is not one of its words"),
        });
        Ok(())
    }

    fn add_quantiles(
        &mut self,
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        outputs: usize,
    ) -> Result<(), SklearnError> {
        let normal = match part.text("output_distribution")? {
            "uniform" => false,
            "normal" => true,
            _ => return part.content("attribute `output_distribution` is not one of its words"),
        };
        let references = part.floats(compiler, "references_")?;
        let rows = part.floats(compiler, "quantiles_")?;
        if references.is_empty() || references.len().checked_mul(outputs) != Some(rows.len()) {
            return part.content("attribute `quantiles_` does not have a number per reference and output");
        }
        if !references.is_sorted() {
            return part.content("attribute `references_` is not ascending");
        }
        let quantiles = (0..outputs).flat_map(|output| rows.iter().skip(output).step_by(outputs));
        self.0.push(Step::Quantiles {
            quantiles: quantiles.copied().collect(),
            references,
            normal,
        });
        Ok(())
    }

    /// Brings back predictions of `outputs` numbers per row; `single` ones are float32.
    pub(super) fn apply(&self, values: &mut [f64], outputs: usize, single: bool) {
        for step in &self.0 {
            for (position, value) in values.iter_mut().enumerate() {
                *value = step.apply(*value, position % outputs);
                if single {
                    *value = round_to_f32(*value);
                }
            }
        }
    }
}

impl Step {
    fn apply(&self, x: f64, output: usize) -> f64 {
        match self {
            Self::Add(numbers) => x + numbers[output],
            Self::Subtract(numbers) => x - numbers[output],
            Self::Multiply(numbers) => x * numbers[output],
            Self::Divide(numbers) => x / numbers[output],
            Self::Function(function) => function(x),
            Self::YeoJohnson(lambdas) => yeo_johnson(x, lambdas[output]),
            Self::BoxCox { lambdas, scipy } => match lambdas[output] {
                0.0 => x.exp(),
                lambda if *scipy => ((lambda * x).ln_1p() / lambda).exp(),
                lambda => (x * lambda + 1.0).powf(1.0 / lambda),
            },
            Self::Quantiles {
                quantiles,
                references,
                normal,
            } => {
                let quantiles = &quantiles[output * references.len()..(output + 1) * references.len()];
                quantile(x, quantiles, references, *normal)
            }
        }
    }
}

/// `PowerTransformer._yeo_johnson_inverse_transform`.
fn yeo_johnson(x: f64, lambda: f64) -> f64 {
    if x >= 0.0 {
        if lambda.abs() < f64::EPSILON {
            x.exp() - 1.0
        } else {
            (x * lambda + 1.0).powf(1.0 / lambda) - 1.0
        }
    } else if (lambda - 2.0).abs() > f64::EPSILON {
        1.0 - (-(2.0 - lambda) * x + 1.0).powf(1.0 / (2.0 - lambda))
    } else {
        1.0 - (-x).exp()
    }
}

/// `QuantileTransformer._transform_col` with `inverse=True`.
#[expect(clippy::float_cmp, reason = "scikit-learn compares for equality")]
fn quantile(x: f64, quantiles: &[f64], references: &[f64], normal: bool) -> f64 {
    let x = if normal { cdf(x) } else { x };
    let (low, high) = if normal {
        (x - BOUND < 0.0, x + BOUND > 1.0)
    } else {
        (x == 0.0, x == 1.0)
    };
    if low {
        quantiles[0]
    } else if high {
        quantiles[quantiles.len() - 1]
    } else if x.is_nan() {
        x
    } else {
        interpolate(x, references, quantiles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_undone() {
        for lambda in [-0.7, 0.0, 1.0, 2.0, 2.5] {
            for x in [-1.5, -0.25, 0.0, 0.25, 3.0f64] {
                let there = if x >= 0.0 {
                    if lambda == 0.0 {
                        x.ln_1p()
                    } else {
                        ((x + 1.0).powf(lambda) - 1.0) / lambda
                    }
                } else if (lambda - 2.0f64).abs() == 0.0 {
                    -(-x).ln_1p()
                } else {
                    -((1.0 - x).powf(2.0 - lambda) - 1.0) / (2.0 - lambda)
                };
                assert!((yeo_johnson(there, lambda) - x).abs() < 1e-12, "{x} {lambda}");
            }
        }
    }

    #[test]
    fn bounds_are_the_outermost_quantiles() {
        let (quantiles, references) = ([10.0, 20.0, 40.0], [0.0, 0.5, 1.0]);
        let of = |x: f64, normal: bool| quantile(x, &quantiles, &references, normal).to_bits();
        assert_eq!(of(0.25, false), 15.0f64.to_bits());
        assert_eq!(of(1.0, false), 40.0f64.to_bits());
        assert_eq!(of(-9.0, true), 10.0f64.to_bits());
        assert_eq!(of(0.0, true), 20.0f64.to_bits());
    }
}
