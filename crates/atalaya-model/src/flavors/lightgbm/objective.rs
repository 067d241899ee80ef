//! What an objective makes of the sums of leaves: `ObjectiveFunction::ConvertOutput` of LightGBM 4.7.

use super::error::LightgbmError;
use crate::exp::exp_each;

/// From raw scores to predictions, `outputs` numbers per row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Link {
    /// As they are.
    Identity,
    /// `sign(s) · s · s`, of a model that was fitted to square roots.
    SignedSquare,
    /// `1 / (1 + exp(−sigmoid · s))`, each on its own.
    Sigmoid(f64),
    /// `exp(s)`.
    Exp,
    /// `log1p(exp(s))`.
    LogOnePlusExp,
    /// Over the outputs of a row.
    Softmax,
}

/// The objectives by the names that model texts have, and those aliases that older versions wrote.
pub(super) fn link(objective: Option<(&str, usize)>, outputs: usize) -> Result<Link, LightgbmError> {
    let Some((text, line)) = objective else {
        // A function of the user's: the scores themselves are the answer.
        return Ok(Link::Identity);
    };
    let mut words = text.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let setting = |key: &str| {
        let mut values = words.clone().filter_map(|word| word.split_once(':'));
        values.find(|(found, _)| *found == key).map(|(_, value)| value)
    };
    let single = |link| {
        if outputs == 1 {
            return Ok(link);
        }
        Err(LightgbmError::line(
            line,
            "`objective` has one output, `num_class` says more",
        ))
    };
    let sigmoid = || {
        let sigmoid = setting("sigmoid").and_then(|value| value.parse().ok());
        let sigmoid = sigmoid.filter(|sigmoid| *sigmoid > 0.0 && f64::is_finite(*sigmoid));
        sigmoid.ok_or_else(|| LightgbmError::line(line, "`objective` has no `sigmoid` above 0"))
    };
    let classes = || match setting("num_class").and_then(|value| value.parse::<usize>().ok()) {
        Some(classes) if classes == outputs => Ok(()),
        _ => Err(LightgbmError::line(
            line,
            "`objective` has another `num_class` than the header",
        )),
    };
    match name {
        "regression" | "regression_l1" | "quantile" | "fair" | "mape" if words.clone().any(|word| word == "sqrt") => {
            single(Link::SignedSquare)
        }
        "regression" | "regression_l1" | "quantile" | "huber" | "fair" | "mape" | "lambdarank" | "rank_xendcg" => {
            single(Link::Identity)
        }
        "poisson" | "gamma" | "tweedie" => single(Link::Exp),
        "binary" => single(Link::Sigmoid(sigmoid()?)),
        "cross_entropy" | "xentropy" => single(Link::Sigmoid(1.0)),
        "cross_entropy_lambda" | "xentlambda" => single(Link::LogOnePlusExp),
        "multiclass" => classes().map(|()| Link::Softmax),
        "multiclassova" => {
            classes()?;
            Ok(Link::Sigmoid(sigmoid()?))
        }
        "custom" | "none" => Ok(Link::Identity),
        _ => Err(LightgbmError::unsupported(
            "the model text",
            format!("has the objective `{}`, which is not known", super::shown(name)),
        )),
    }
}

impl Link {
    /// Turns raw scores into predictions, in place.
    pub(super) fn apply(self, scores: &mut [f64], outputs: usize) {
        let each = |scores: &mut [f64], convert: fn(f64) -> f64| {
            scores.iter_mut().for_each(|score| *score = convert(*score));
        };
        match self {
            Self::Identity => {}
            Self::SignedSquare => each(scores, |score| sign(score) * score * score),
            Self::Sigmoid(sigmoid) => {
                scores.iter_mut().for_each(|score| *score *= -sigmoid);
                exp_each(scores);
                each(scores, |power| 1.0 / (1.0 + power));
            }
            Self::Exp => exp_each(scores),
            Self::LogOnePlusExp => each(scores, |score| score.exp().ln_1p()),
            Self::Softmax => scores.chunks_exact_mut(outputs).for_each(softmax),
        }
    }
}

/// −1, 0 or 1; 0 of NaN.
fn sign(score: f64) -> f64 {
    f64::from(i8::from(score > 0.0) - i8::from(score < 0.0))
}

/// `Common::Softmax`: the largest is taken off first, the sum is sequential.
fn softmax(row: &mut [f64]) {
    let mut most = row.first().copied().unwrap_or_default();
    for score in row.iter().skip(1) {
        // `std::max` keeps its first argument when the two cannot be compared.
        most = if *score < most { most } else { *score };
    }
    let mut sum = 0.0;
    for score in row.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    row.iter_mut().for_each(|score| *score /= sum);
}
