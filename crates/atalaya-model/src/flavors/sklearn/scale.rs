//! Scalers: one or two operations per value, in scikit-learn's order.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::numeric::round_to_f32;
use super::part::Part;
use super::sparse::Sparse;
use super::transform::{Compiled, Transform};
use crate::predictor::PredictError;

/// First minor version whose scalers do float32 arithmetic on float32 input instead of rounding a double result.
const SINGLE_ARITHMETIC: u32 = 8;

/// `(x - center) / scale`, or `x * scale + center` for `MinMaxScaler`.
#[derive(Debug)]
pub(super) struct Scale {
    names: Names,
    center: Option<Vec<f64>>,
    scale: Option<Vec<f64>>,
    /// `MinMaxScaler` multiplies and adds.
    multiply: bool,
    clip: Option<(f64, f64)>,
    /// Whether float32 input gets float32 parameters.
    round_parameters: bool,
}

impl Scale {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        let width = names.len();
        part.check_width(width)?;
        let (center, scale) = match part.name {
            "StandardScaler" => ("mean_", "scale_"),
            "RobustScaler" => ("center_", "scale_"),
            "MinMaxScaler" => ("min_", "scale_"),
            _ => ("", "scale_"),
        };
        let wanted = |name: &str, flag: &str| -> Result<bool, SklearnError> {
            Ok(!name.is_empty() && (flag.is_empty() || part.flag(flag, true)?) && part.optional(name).is_some())
        };
        let multiply = part.name == "MinMaxScaler";
        let (center_flag, scale_flag) = match part.name {
            "StandardScaler" => ("with_mean", "with_std"),
            "RobustScaler" => ("with_centering", "with_scaling"),
            _ => ("", ""),
        };
        let read = |compiler: &mut Compiler, name: &str, flag: &str| {
            if wanted(name, flag)? {
                part.vector(compiler, name, width).map(Some)
            } else {
                Ok(None)
            }
        };
        let center = read(compiler, center, center_flag)?;
        let scale = read(compiler, scale, scale_flag)?;
        let fitted = match part.name {
            "MinMaxScaler" => center.is_some() && scale.is_some(),
            "MaxAbsScaler" => scale.is_some(),
            _ => part.view.attr("scale_").is_some(),
        };
        if !fitted {
            return part.content("it was not fitted");
        }
        let clip = match part.name {
            "MinMaxScaler" if part.flag("clip", false)? => {
                let Some(range) = part.field("feature_range")?.floats() else {
                    return part.content("attribute `feature_range` is not a pair of numbers");
                };
                let [low, high] = range[..] else {
                    return part.content("attribute `feature_range` is not a pair of numbers");
                };
                Some((low, high))
            }
            "MaxAbsScaler" if part.flag("clip", false)? => Some((-1.0, 1.0)),
            _ => None,
        };
        let round_parameters = compiler.version >= SINGLE_ARITHMETIC && part.name == "StandardScaler";
        let scaler = Self {
            names: Names::clone(names),
            center,
            scale,
            multiply,
            clip,
            round_parameters,
        };
        Ok((Box::new(scaler), Names::clone(names)))
    }
}

impl Scale {
    /// Stored numbers are multiplied by the reciprocal; what is not stored stays zero.
    fn stored(&self, mut sparse: Sparse) -> Result<Sparse, PredictError> {
        sparse.check(&self.names, true)?;
        if let Some(scale) = &self.scale {
            for (value, j) in sparse.values.iter_mut().zip(&sparse.indices) {
                *value *= 1.0 / scale[*j as usize];
            }
        }
        if let Some((low, high)) = self.clip {
            sparse.values.iter_mut().for_each(|x| *x = clipped(*x, low, high));
        }
        if sparse.single {
            sparse.values.iter_mut().for_each(|x| *x = round_to_f32(*x));
        }
        Ok(sparse)
    }
}

/// `numpy.clip`, which lets NaN through.
fn clipped(x: f64, low: f64, high: f64) -> f64 {
    if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    }
}

/// A scaler of doubles that takes a mean off and divides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standard<'a> {
    pub(super) center: &'a [f64],
    pub(super) scale: &'a [f64],
}

impl Transform for Scale {
    fn standard(&self) -> Option<Standard<'_>> {
        match (&self.center, &self.scale) {
            (Some(center), Some(scale)) if !self.multiply && self.clip.is_none() => Some(Standard { center, scale }),
            _ => None,
        }
    }

    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let block = match block {
            Block::Sparse(sparse) if self.center.is_none() => return self.stored(sparse).map(Block::Sparse),
            block => block,
        };
        let mut matrix = block.into_numbers(&self.names)?;
        matrix.check(&self.names, true)?;
        let round = matrix.single && self.round_parameters;
        let parameter = |value: f64| if round { round_to_f32(value) } else { value };
        let single = matrix.single;
        let step = |value: f64| if single { round_to_f32(value) } else { value };
        let sparse = matrix.sparse;
        match (&self.center, &self.scale, self.multiply) {
            (Some(min), Some(scale), true) if !single => {
                matrix.for_each_with(min, scale, |x, min, scale| x * scale + min)
            }
            (Some(center), Some(scale), false) if !single => {
                matrix.for_each_with(center, scale, |x, center, scale| (x - center) / scale);
            }
            (Some(min), Some(scale), true) => matrix.for_each(|j, x| step(x * parameter(scale[j])) + parameter(min[j])),
            (Some(center), None, _) => matrix.for_each(|j, x| x - parameter(center[j])),
            (Some(center), Some(scale), false) => {
                matrix.for_each(|j, x| step(x - parameter(center[j])) / parameter(scale[j]));
            }
            // Sparse columns are multiplied by the reciprocal.
            (None, Some(scale), _) if sparse => matrix.for_each(|j, x| x * (1.0 / scale[j])),
            (None, Some(scale), _) => matrix.for_each(|j, x| x / parameter(scale[j])),
            (None, None, _) => {}
        }
        if let Some((low, high)) = self.clip {
            matrix.for_each(|_, x| clipped(x, low, high));
        }
        Ok(Block::Numbers(matrix))
    }
}
