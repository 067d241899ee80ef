//! numpy functions of one number that models name: data, never code of the file.

use crate::object::View;

/// A function of one number.
pub(super) type Ufunc = fn(f64) -> f64;

/// Modules that numpy's functions are pickled under.
const MODULES: &[&str] = &["numpy", "numpy.core._multiarray_umath", "numpy._core._multiarray_umath"];

/// The functions that are known. All but the last three give the same bits as numpy's where numpy uses the C library.
static FUNCTIONS: &[(&str, Ufunc)] = &[
    ("abs", f64::abs),
    ("absolute", f64::abs),
    ("cbrt", f64::cbrt),
    ("exp", f64::exp),
    ("exp2", f64::exp2),
    ("expm1", f64::exp_m1),
    ("fabs", f64::abs),
    ("log", f64::ln),
    ("log10", f64::log10),
    ("log1p", f64::ln_1p),
    ("log2", f64::log2),
    ("negative", |x| -x),
    ("positive", |x| x),
    ("reciprocal", |x| 1.0 / x),
    ("sign", sign),
    ("sinh", f64::sinh),
    ("sqrt", f64::sqrt),
    ("square", |x| x * x),
    ("arcsinh", f64::asinh),
    ("arctanh", f64::atanh),
    ("tanh", f64::tanh),
];

/// The function that `view` names; `None` for everything else.
pub(super) fn ufunc(view: View<'_>) -> Option<Ufunc> {
    // An instance has a class too; only a name itself is a function.
    if view.as_object().is_some() {
        return None;
    }
    let (module, name) = view.class()?;
    let known = FUNCTIONS.iter().find(|(known, _)| *known == name)?;
    MODULES.contains(&module).then_some(known.1)
}

/// `numpy.sign`: 0 and NaN are their own.
fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else if x.is_nan() {
        x
    } else {
        0.0
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact arithmetic")]
mod tests {
    use super::*;

    #[test]
    fn the_sign_of_zero_is_zero() {
        assert_eq!([2.0, -0.0, -3.0].map(sign), [1.0, 0.0, -1.0]);
        assert!(sign(f64::NAN).is_nan());
    }

    #[test]
    fn names_are_there_once() {
        for (position, (name, _)) in FUNCTIONS.iter().enumerate() {
            assert!(
                FUNCTIONS[position + 1..].iter().all(|(other, _)| other != name),
                "{name}"
            );
        }
    }
}
