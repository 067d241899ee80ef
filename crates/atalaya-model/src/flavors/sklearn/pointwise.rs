//! Transformers of one number at a time: `Binarizer`, `FunctionTransformer`, `PowerTransformer`, `QuantileTransformer`.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::isotonic::interpolate;
use super::numeric::round_to_f32;
use super::part::Part;
use super::precision::Precision;
use super::transform::{Chain, Compiled, Transform};
use super::ufunc::Ufunc;
use crate::predictor::PredictError;

/// First minor version whose Yeo-Johnson is SciPy's.
const SCIPY_YEO_JOHNSON: u32 = 9;
/// Last minor version for numpy 1, to which a scalar beside float32 is float32.
const NUMPY_1: u32 = 3;
/// How near to a bound counts as the bound, in `QuantileTransformer`.
const BOUND: f64 = 1e-7;
/// Where `QuantileTransformer` cuts normal numbers.
const NORMAL_CLIP: (f64, f64) = (-5.199_337_582_605_575, 5.199_337_582_703_42);
/// Logarithm from which SciPy's Box-Cox no longer uses `expm1`.
const LARGEST_LOG: f64 = 709.78;

/// What is done to every number; vectors have a number for each column.
enum What {
    Above(f64),
    Function(Ufunc),
    YeoJohnson {
        lambdas: Vec<f64>,
        /// Whether they are float32.
        single: bool,
    },
    BoxCox(Vec<f64>),
    Quantiles {
        quantiles: Vec<Vec<f64>>,
        references: Vec<f64>,
        /// Both the other way round and negated.
        mirrored: (Vec<Vec<f64>>, Vec<f64>),
        normal: bool,
    },
}

/// One such transformer.
pub(super) struct Pointwise {
    names: Names,
    what: What,
    /// Minor version of the scikit-learn that fitted it.
    version: u32,
    /// Whether values are looked at before, and if so whether they may be missing.
    checked: Option<bool>,
}

impl Pointwise {
    pub(super) fn function(names: &Names, function: Ufunc, validated: bool) -> Box<dyn Transform> {
        Box::new(Self {
            names: Names::clone(names),
            what: What::Function(function),
            version: 0,
            checked: validated.then_some(false),
        })
    }

    fn compiled(names: &Names, what: What, version: u32, allow_missing: bool) -> Compiled {
        let step = Self {
            names: Names::clone(names),
            what,
            version,
            checked: Some(allow_missing),
        };
        (Box::new(step), Names::clone(names))
    }

    pub(super) fn binarizer(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let threshold = part.number("threshold")?;
        Ok(Self::compiled(names, What::Above(threshold), compiler.version, false))
    }

    pub(super) fn power(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
        part.check_width(names.len())?;
        let lambdas = part.vector(compiler, "lambdas_", names.len())?;
        let what = match part.text("method")? {
            "yeo-johnson" => What::YeoJohnson {
                lambdas,
                single: part.field("lambdas_")?.as_array().is_some_and(|array| array.is_f32()),
            },
            "box-cox" => What::BoxCox(lambdas),
            _ => return part.content("attribute `method` is not one of its words"),
        };
        let (step, names) = Self::compiled(names, what, compiler.version, true);
        if !part.flag("standardize", true)? {
            return Ok((step, names));
        }
        let place = format!("{}, attribute `_scaler`", part.place);
        let (scaler, names) = compiler.transformer(part.field("_scaler")?, &place, &names)?;
        Ok((Box::new(Chain(vec![step, scaler])), names))
    }

    pub(super) fn quantile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        let width = names.len();
        part.check_width(width)?;
        let normal = match part.text("output_distribution")? {
            "uniform" => false,
            "normal" => true,
            _ => return part.content("attribute `output_distribution` is not one of its words"),
        };
        let references = part.floats(compiler, "references_")?;
        let rows = part.floats(compiler, "quantiles_")?;
        compiler.charge(16 * (rows.len() + references.len()))?;
        if references.is_empty() || references.len().checked_mul(width) != Some(rows.len()) {
            return part.content("attribute `quantiles_` does not have a number per reference and column");
        }
        let column = |j| rows.iter().skip(j).step_by(width).copied().collect::<Vec<f64>>();
        let quantiles: Vec<_> = (0..width).map(column).collect();
        if quantiles.iter().any(|column| column.iter().any(|q| q.is_nan())) {
            return part.unsupported("fitted on a column without values");
        }
        if quantiles.iter().any(|column| !column.is_sorted()) {
            return part.content("attribute `quantiles_` is not ascending");
        }
        let mirror = |values: &[f64]| values.iter().rev().map(|x| -x).collect::<Vec<f64>>();
        let mirrored = (
            quantiles.iter().map(|column| mirror(column)).collect(),
            mirror(&references),
        );
        let what = What::Quantiles {
            quantiles,
            references,
            mirrored,
            normal,
        };
        Ok(Self::compiled(names, what, compiler.version, true))
    }
}

impl Transform for Pointwise {
    #[expect(clippy::float_cmp, reason = "scikit-learn compares for equality")]
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let mut matrix = block.into_numbers(&self.names)?;
        if let Some(allow_missing) = self.checked {
            matrix.check(&self.names, allow_missing)?;
        }
        match &self.what {
            What::Above(threshold) => {
                let threshold = if matrix.single {
                    round_to_f32(*threshold)
                } else {
                    *threshold
                };
                matrix.for_each(|_, x| f64::from(u8::from(x > threshold)));
            }
            What::Function(function) => matrix.for_each(|_, x| function(x)),
            What::YeoJohnson { lambdas, single } => {
                let precision = Precision::of(matrix.single);
                let scalars = Precision::of(matrix.single && (*single || self.version <= NUMPY_1));
                let transform = if self.version >= SCIPY_YEO_JOHNSON {
                    yeo_johnson_scipy
                } else {
                    yeo_johnson
                };
                matrix.for_each(|j, x| transform(x, lambdas[j], precision, scalars));
            }
            What::BoxCox(lambdas) => {
                if let Some(at) = matrix.values.iter().position(|x| *x <= 0.0) {
                    return Err(PredictError::Column {
                        column: self.names[at % self.names.len()].to_string(),
                        expected: "a positive number".to_owned(),
                    });
                }
                let precision = Precision::of(matrix.single && self.version <= NUMPY_1);
                matrix.for_each(|j, x| box_cox(x, precision.round(lambdas[j])));
            }
            What::Quantiles {
                quantiles,
                references,
                mirrored,
                normal,
            } => {
                let (sparse, precision) = (matrix.sparse, Precision::of(matrix.single));
                let bounds = Precision::of(matrix.single && self.version <= NUMPY_1);
                let near = precision.round(BOUND);
                matrix.for_each(|j, x| {
                    // Zeros of sparse columns are not stored.
                    if x.is_nan() || (sparse && x == 0.0) {
                        return x;
                    }
                    let q = &quantiles[j];
                    let (first, last) = (bounds.round(q[0]), bounds.round(q[q.len() - 1]));
                    let (low, high) = if *normal {
                        (precision.round(x - near) < first, precision.round(x + near) > last)
                    } else {
                        (x == first, x == last)
                    };
                    let level = if low {
                        0.0
                    } else if high {
                        1.0
                    } else {
                        0.5 * (interpolate(x, q, references) - interpolate(-x, &mirrored.0[j], &mirrored.1))
                    };
                    let level = precision.round(level);
                    if *normal {
                        quantile_of_normal(level, precision)
                    } else {
                        level
                    }
                });
            }
        }
        Ok(Block::Numbers(matrix))
    }
}

/// `PowerTransformer._yeo_johnson_transform` of a number of a precision; `scalars` is that of what is computed with a
/// `lambda`.
fn yeo_johnson(x: f64, lambda: f64, precision: Precision, scalars: Precision) -> f64 {
    let power = |base: f64, exponent: f64| {
        let raised = scalars.powf(precision.round(base), exponent);
        scalars.round(raised - 1.0) / scalars.round(exponent)
    };
    if x >= 0.0 {
        if lambda.abs() < f64::EPSILON {
            precision.ln_1p(x)
        } else {
            power(x + 1.0, lambda)
        }
    } else if (lambda - 2.0).abs() > f64::EPSILON {
        -power(-x + 1.0, 2.0 - lambda)
    } else {
        -precision.ln_1p(-x)
    }
}

/// `scipy.stats.yeojohnson`, as [`yeo_johnson`].
fn yeo_johnson_scipy(x: f64, lambda: f64, precision: Precision, scalars: Precision) -> f64 {
    let least = match scalars {
        Precision::Single => f64::from(f32::EPSILON),
        Precision::Double => f64::EPSILON,
    };
    let power = |x: f64, exponent: f64| {
        let exponent = scalars.round(exponent);
        scalars.exp_m1(scalars.round(exponent * precision.ln_1p(x))) / exponent
    };
    if x >= 0.0 {
        if lambda.abs() < least {
            precision.ln_1p(x)
        } else {
            power(x, lambda)
        }
    } else if (lambda - 2.0).abs() > least {
        -power(-x, 2.0 - lambda)
    } else {
        -precision.ln_1p(-x)
    }
}

/// `scipy.special.boxcox`.
fn box_cox(x: f64, lambda: f64) -> f64 {
    let log = x.ln();
    if lambda.abs() < 1e-19 {
        log
    } else if lambda * log < LARGEST_LOG {
        (lambda * log).exp_m1() / lambda
    } else {
        1f64.copysign(lambda) * (lambda * log - lambda.abs().ln()).exp() - 1.0 / lambda
    }
}

/// `scipy.special.ndtri` (Cephes), cut to [`NORMAL_CLIP`], far inside which its third branch is never needed.
fn quantile_of_normal(level: f64, precision: Precision) -> f64 {
    const CENTER: f64 = 0.135_335_283_236_612_7;
    const ROOT_TWO_PI: f64 = 2.506_628_274_631_000_7;
    let (low, high) = NORMAL_CLIP;
    let upper = level > 1.0 - CENTER;
    let tail = if upper { 1.0 - level } else { level };
    if tail < 1e-14 {
        return if upper { high } else { low };
    }
    let polynomial = |start: f64, x: f64, factors: &[f64]| factors.iter().fold(start, |total, c| total * x + c);
    let value = if tail > CENTER {
        let y = tail - 0.5;
        let square = y * y;
        let ratio = square * polynomial(P0[0], square, &P0[1..]) / polynomial(1.0, square, &Q0);
        (y + y * ratio) * ROOT_TWO_PI
    } else {
        let x = (-2.0 * tail.ln()).sqrt();
        let first = x - x.ln() / x;
        let z = 1.0 / x;
        let second = z * polynomial(P1[0], z, &P1[1..]) / polynomial(1.0, z, &Q1);
        if upper { first - second } else { second - first }
    };
    precision.round(value).clamp(low, high)
}

const P0: [f64; 5] = [
    -59.963_350_101_410_79,
    98.001_075_418_599_97,
    -56.676_285_746_907_03,
    13.931_260_938_727_968,
    -1.239_165_838_673_812_5,
];
const Q0: [f64; 8] = [
    1.954_488_583_381_417_6,
    4.676_279_128_988_815,
    86.360_242_139_089_05,
    -225.462_687_854_119_37,
    200.260_212_380_060_66,
    -82.037_225_616_833_34,
    15.905_622_512_621_17,
    -1.183_316_211_213_3,
];
const P1: [f64; 9] = [
    4.055_448_923_059_624_2,
    31.525_109_459_989_386,
    57.162_819_224_642_13,
    44.080_507_389_320_08,
    14.684_956_192_885_803,
    2.186_633_068_507_902_5,
    -0.140_256_079_171_354_5,
    -0.035_042_462_682_784_82,
    -0.000_857_456_785_154_685_4,
];
const Q1: [f64; 8] = [
    15.779_988_325_646_675,
    45.390_763_512_887_92,
    41.317_203_825_467_2,
    15.042_538_569_290_75,
    2.504_649_462_083_094,
    -0.142_182_922_854_787_79,
    -0.038_080_640_769_157_83,
    -0.000_933_259_480_895_457_4,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flavors::sklearn::normal::cdf;

    #[test]
    fn levels_come_back() {
        for level in [1e-6, 0.01, 0.13, 0.14, 0.5, 0.7, 0.9, 0.999_9] {
            assert!(
                (cdf(quantile_of_normal(level, Precision::Double)) - level).abs() < 1e-15,
                "{level}"
            );
        }
        assert_eq!(
            quantile_of_normal(0.0, Precision::Double).to_bits(),
            NORMAL_CLIP.0.to_bits()
        );
        assert_eq!(
            quantile_of_normal(1.0, Precision::Double).to_bits(),
            NORMAL_CLIP.1.to_bits()
        );
    }
}
