//! The normal distribution as SciPy computes it (Cephes, S. L. Moshier).

use std::f64::consts::FRAC_1_SQRT_2;

/// Below this, `exp` is 0.
const MAX_LOG: f64 = 7.097_827_128_933_839_968_43e2;

/// Numerators and denominators; a denominator's first coefficient, 1, is left out.
const P: [f64; 9] = [
    2.461_969_814_735_305_125_24e-10,
    5.641_895_648_310_688_219_77e-1,
    7.463_210_564_422_699_126_87e0,
    4.863_719_709_856_813_666_14e1,
    1.965_208_329_560_770_982_42e2,
    5.264_451_949_954_773_586_31e2,
    9.345_285_271_719_576_075_4e2,
    1.027_551_886_895_157_102_72e3,
    5.575_353_353_693_993_275_26e2,
];
const Q: [f64; 8] = [
    1.322_819_511_547_449_925_08e1,
    8.670_721_408_859_897_423_29e1,
    3.549_377_788_878_198_910_62e2,
    9.757_085_017_432_054_897_53e2,
    1.823_909_166_879_097_362_89e3,
    2.246_337_608_187_109_817_92e3,
    1.656_663_091_941_613_501_82e3,
    5.575_353_408_177_276_755_46e2,
];
const R: [f64; 6] = [
    5.641_895_835_477_550_739_84e-1,
    1.275_366_707_599_781_044_16e0,
    5.019_050_422_511_804_774_14e0,
    6.160_210_979_930_535_851_95e0,
    7.409_742_699_504_489_391_6e0,
    2.978_866_653_721_002_406_7e0,
];
const S: [f64; 6] = [
    2.260_528_632_201_172_765_9e0,
    9.396_035_249_380_014_346_73e0,
    1.204_895_398_080_966_566_05e1,
    1.708_144_507_475_658_972_22e1,
    9.608_968_090_632_858_781_98e0,
    3.369_076_451_000_815_160_5e0,
];
const T: [f64; 5] = [
    9.604_973_739_870_516_387_49e0,
    9.002_601_972_038_426_892_17e1,
    2.232_005_345_946_843_192_26e3,
    7.003_325_141_128_050_754_73e3,
    5.559_230_130_103_949_627_68e4,
];
const U: [f64; 5] = [
    3.356_171_416_475_030_996_47e1,
    5.213_579_497_801_526_797_95e2,
    4.594_323_829_709_801_279_87e3,
    2.262_900_006_138_909_342_46e4,
    4.926_739_426_086_359_210_86e4,
];

/// `scipy.special.ndtr`: the probability of a number that is not above `x`.
pub(super) fn cdf(x: f64) -> f64 {
    let x = x * FRAC_1_SQRT_2;
    if x.abs() < 1.0 {
        return 0.5 + 0.5 * erf(x);
    }
    let tail = 0.5 * erfc(x.abs());
    if x > 0.0 { 1.0 - tail } else { tail }
}

fn erf(x: f64) -> f64 {
    if x.abs() > 1.0 {
        return if x < 0.0 { erfc(-x) - 1.0 } else { 1.0 - erfc(x) };
    }
    let z = x * x;
    x * polynomial(z, 0.0, &T) / polynomial(z, 1.0, &U)
}

/// Of a number that is not below 0.
fn erfc(x: f64) -> f64 {
    if x < 1.0 {
        return 1.0 - erf(x);
    }
    if -x * x < -MAX_LOG {
        return 0.0;
    }
    let z = (-x * x).exp();
    let (p, q) = if x < 8.0 {
        (polynomial(x, 0.0, &P), polynomial(x, 1.0, &Q))
    } else {
        (polynomial(x, 0.0, &R), polynomial(x, 1.0, &S))
    };
    z * p / q
}

/// Horner's rule, the highest power first: `first` and then `rest`.
fn polynomial(x: f64, first: f64, rest: &[f64]) -> f64 {
    rest.iter().fold(first, |total, coefficient| total * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // scipy.special.ndtr
        for (x, expected) in NDTR {
            let found = cdf(x);
            assert!(
                (found - expected).abs() <= 2e-15 * expected,
                "{x}: {found} for {expected}"
            );
        }
        assert!(cdf(f64::NAN).is_nan());
        assert_eq!(
            [cdf(-1e10), cdf(1e10)].map(f64::to_bits),
            [0.0f64, 1.0].map(f64::to_bits)
        );
    }

    const NDTR: [(f64, f64); 12] = [
        (-38.0, 0.0),
        (-12.5, 3.732564298877714e-36),
        (-5.0, 2.866515718791933e-07),
        (-1.7, 0.04456546275854304),
        (-0.9, 0.18406012534675947),
        (-0.1, 0.460172162722971),
        (0.0, 0.5),
        (0.3, 0.6179114221889526),
        (1.2, 0.8849303297782918),
        (1.5, 0.9331927987311419),
        (2.0, 0.9772498680518208),
        (6.0, 0.9999999990134123),
    ];
}
