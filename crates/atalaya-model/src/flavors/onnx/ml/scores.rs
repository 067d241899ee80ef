//! What becomes of scores: `post_transform`, and the second class of a model with one score
//! (onnxruntime's `ml_common.h`).

use crate::flavors::onnx::attributes::Spec;
use crate::flavors::onnx::error::OnnxError;

/// `post_transform`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Transform {
    pub(super) fn read(spec: &Spec<'_>) -> Result<Self, OnnxError> {
        let words = [
            ("NONE", Self::None),
            ("LOGISTIC", Self::Logistic),
            ("SOFTMAX", Self::Softmax),
            ("SOFTMAX_ZERO", Self::SoftmaxZero),
            ("PROBIT", Self::Probit),
        ];
        spec.choice("post_transform", Self::None, &words)
    }

    /// The transformed scores of one row, of two classes or more.
    pub(super) fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            Self::Softmax => {
                let most = scores.iter().copied().fold(f32::MIN, f32::max);
                scores.iter_mut().for_each(|score| *score = (*score - most).exp());
                divide(scores);
            }
            Self::SoftmaxZero => {
                let most = scores.iter().copied().fold(f32::MIN, f32::max);
                let shift = (-most).exp();
                let mut sum = 0.0;
                for score in scores.iter_mut() {
                    if score.abs() > 1e-7 {
                        *score = (*score - most).exp();
                        sum += *score;
                    } else {
                        *score *= shift;
                    }
                }
                scores.iter_mut().for_each(|score| *score /= sum);
            }
        }
    }

    /// The scores of two classes from the one of the second.
    pub(super) fn pair(self, score: f32, second: Second) -> [f32; 2] {
        match (second, self) {
            (_, Self::Logistic) => [logistic(-score), logistic(score)],
            (Second::Complement, _) => [1.0 - score, score],
            (Second::Opposite, _) => [-score, score],
        }
    }
}

/// Where the score of the other class of two comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Second {
    /// `1 - score`, the score being a probability.
    Complement,
    /// `-score`.
    Opposite,
}

fn divide(scores: &mut [f32]) {
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

pub(super) fn logistic(score: f32) -> f32 {
    let value = 1.0 / (1.0 + (-score.abs()).exp());
    if score < 0.0 { 1.0 - value } else { value }
}

/// onnxruntime's own approximation of the inverse normal distribution, with its constants.
pub(super) fn probit(score: f32) -> f32 {
    let x = 2.0 * score - 1.0;
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = ((1.0 - x) * (1.0 + x)).ln();
    #[expect(clippy::approx_constant, reason = "onnxruntime's own constant")]
    let v = 2.0 / (3.14159 * 0.147) + 0.5 * log;
    let v2 = 1.0 / 0.147 * log;
    std::f32::consts::SQRT_2 * sign * ((v * v - v2).sqrt() - v).sqrt()
}
