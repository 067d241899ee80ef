//! The normal distribution as SciPy computes it (Cephes, S. L. Moshier).

use std::f64::consts::FRAC_1_SQRT_2;

/// Below this, `exp` is 0.
const MAX_LOG: f64 = 709.782_712_893_384;

/// Numerators and denominators; a denominator's first coefficient, 1, is left out.
const P: [f64; 9] = [
    2.461_969_814_735_305e-10,
    0.564_189_564_831_068_9,
    7.463_210_564_422_699,
    48.637_197_098_568_14,
    196.520_832_956_077_1,
    526.445_194_995_477_3,
    934.528_527_171_957_6,
    1_027.551_886_895_157_2,
    557.535_335_369_399_4,
];
const Q: [f64; 8] = [
    13.228_195_115_474_499,
    86.707_214_088_598_97,
    354.937_778_887_819_9,
    975.708_501_743_205_5,
    1_823.909_166_879_097_3,
    2_246.337_608_187_109_7,
    1_656.663_091_941_613_4,
    557.535_340_817_727_7,
];
const R: [f64; 6] = [
    0.564_189_583_547_755_1,
    1.275_366_707_599_781,
    5.019_050_422_511_805,
    6.160_210_979_930_536,
    7.409_742_699_504_489_5,
    2.978_866_653_721_002_2,
];
const S: [f64; 6] = [
    2.260_528_632_201_172_6,
    9.396_035_249_380_015,
    12.048_953_980_809_666,
    17.081_445_074_756_59,
    9.608_968_090_632_859,
    3.369_076_451_000_815,
];
const T: [f64; 5] = [
    9.604_973_739_870_516,
    90.026_019_720_384_27,
    2_232.005_345_946_843,
    7_003.325_141_128_051,
    55_592.301_301_039_49,
];
const U: [f64; 5] = [
    33.561_714_164_750_31,
    521.357_949_780_152_7,
    4_594.323_829_709_801,
    22_629.000_061_389_095,
    49_267.394_260_863_59,
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

/// `scipy.special.erf`.
pub(super) fn erf(x: f64) -> f64 {
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
        (-12.5, 3.732_564_298_877_714e-36),
        (-5.0, 2.866_515_718_791_933e-7),
        (-1.7, 0.044_565_462_758_543_04),
        (-0.9, 0.184_060_125_346_759_47),
        (-0.1, 0.460_172_162_722_971),
        (0.0, 0.5),
        (0.3, 0.617_911_422_188_952_6),
        (1.2, 0.884_930_329_778_291_8),
        (1.5, 0.933_192_798_731_141_9),
        (2.0, 0.977_249_868_051_820_8),
        (6.0, 0.999_999_999_013_412_3),
    ];
}
