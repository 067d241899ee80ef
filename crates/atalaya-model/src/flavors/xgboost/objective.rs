//! Objectives: how a base score becomes a margin, and how margins become answers. All of it in float32, with the C
//! library's `expf` and `logf`, as `src/objective/` and `src/common/math.h` of XGBoost 1.7 to 3.2 have it.

/// An objective of XGBoost.
#[derive(Debug)]
pub(super) struct Objective {
    pub(super) name: &'static str,
    base: Base,
    pub(super) link: Link,
}

/// What a base score is, which a file has in the space of the answers.
#[derive(Debug, Clone, Copy)]
enum Base {
    Margin,
    /// A probability: its logit is the margin.
    Probability,
    /// A positive number: its logarithm is the margin.
    Positive,
}

/// What makes answers of margins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Identity,
    Sigmoid,
    Exp,
    /// 1 for positive margins, else 0.
    Hinge,
    /// Probabilities of the classes.
    Softmax,
    /// The class with the largest margin.
    Argmax,
}

/// Every objective whose answers are known. A model trained with a function of the user's has the name of one of these,
/// and is answered by it.
static OBJECTIVES: &[Objective] = &[
    Objective::new("reg:squarederror", Base::Margin, Link::Identity),
    Objective::new("reg:linear", Base::Margin, Link::Identity),
    Objective::new("reg:squaredlogerror", Base::Margin, Link::Identity),
    Objective::new("reg:pseudohubererror", Base::Margin, Link::Identity),
    Objective::new("reg:absoluteerror", Base::Margin, Link::Identity),
    Objective::new("reg:quantileerror", Base::Margin, Link::Identity),
    Objective::new("reg:logistic", Base::Probability, Link::Sigmoid),
    Objective::new("reg:gamma", Base::Positive, Link::Exp),
    Objective::new("reg:tweedie", Base::Positive, Link::Exp),
    Objective::new("count:poisson", Base::Positive, Link::Exp),
    Objective::new("survival:cox", Base::Positive, Link::Exp),
    Objective::new("survival:aft", Base::Positive, Link::Exp),
    Objective::new("binary:logistic", Base::Probability, Link::Sigmoid),
    Objective::new("binary:logitraw", Base::Margin, Link::Identity),
    Objective::new("binary:hinge", Base::Margin, Link::Hinge),
    Objective::new("multi:softprob", Base::Margin, Link::Softmax),
    Objective::new("multi:softmax", Base::Margin, Link::Argmax),
    Objective::new("rank:pairwise", Base::Margin, Link::Identity),
    Objective::new("rank:ndcg", Base::Margin, Link::Identity),
    Objective::new("rank:map", Base::Margin, Link::Identity),
];

/// The largest exponent that the sigmoid takes, so that `expf` stays finite.
const MOST_EXPONENT: f32 = 88.7;
/// What the sigmoid adds to its denominator.
const SIGMOID_EPSILON: f32 = 1e-16;

impl Objective {
    const fn new(name: &'static str, base: Base, link: Link) -> Self {
        Self { name, base, link }
    }

    /// The objective of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        OBJECTIVES.iter().find(|objective| objective.name == name)
    }

    /// The margin that a base score stands for; `None` when there is none.
    pub(super) fn base_margin(&self, score: f32) -> Option<f32> {
        let inside = match self.base {
            Base::Margin => true,
            Base::Probability => score > 0.0 && score < 1.0,
            Base::Positive => score > 0.0,
        };
        (inside && score.is_finite()).then(|| match self.base {
            Base::Margin => score,
            Base::Probability => -(1.0 / score - 1.0).ln(),
            Base::Positive => score.ln(),
        })
    }

    /// How many answers a row has whose margins are `groups`.
    pub(super) fn width(&self, groups: usize) -> usize {
        match self.link {
            Link::Argmax => 1,
            _ => groups,
        }
    }

    /// The answers of rows of `groups` margins, [`Objective::width`] per row.
    pub(super) fn answers(&self, mut margins: Vec<f32>, groups: usize) -> Vec<f32> {
        match self.link {
            Link::Identity => {}
            Link::Sigmoid => margins.iter_mut().for_each(|m| *m = sigmoid(*m)),
            Link::Exp => margins.iter_mut().for_each(|m| *m = m.exp()),
            Link::Hinge => margins.iter_mut().for_each(|m| *m = f32::from(u8::from(*m > 0.0))),
            Link::Softmax => margins.chunks_exact_mut(groups.max(1)).for_each(softmax),
            Link::Argmax => return margins.chunks_exact(groups.max(1)).map(largest).collect(),
        }
        margins
    }
}

fn sigmoid(margin: f32) -> f32 {
    // As C++'s `std::min`, which keeps NaN, unlike `f32::min`.
    let exponent = if MOST_EXPONENT < -margin {
        MOST_EXPONENT
    } else {
        -margin
    };
    1.0 / (exponent.exp() + 1.0 + SIGMOID_EPSILON)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the sum is a double, and is divided by as a float32"
)]
fn softmax(row: &mut [f32]) {
    let most = row
        .iter()
        .copied()
        .fold(f32::NEG_INFINITY, |most, m| if m > most { m } else { most });
    let mut total = 0.0;
    for m in &mut *row {
        *m = (*m - most).exp();
        total += f64::from(*m);
    }
    let total = total as f32;
    row.iter_mut().for_each(|m| *m /= total);
}

/// The position of the first largest margin.
#[expect(clippy::cast_precision_loss, reason = "XGBoost's answer is this float32")]
fn largest(row: &[f32]) -> f32 {
    let mut best = 0;
    for (position, margin) in row.iter().enumerate() {
        if *margin > row[best] {
            best = position;
        }
    }
    best as f32
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn answers(name: &str, margins: &[f32], groups: usize) -> Vec<f32> {
        Objective::named(name).unwrap().answers(margins.to_vec(), groups)
    }

    #[test]
    fn base_scores_are_answers_of_their_margins() {
        for (name, score) in [
            ("binary:logistic", 0.25),
            ("count:poisson", 3.5),
            ("reg:squarederror", -2.0),
        ] {
            let margin = Objective::named(name).unwrap().base_margin(score).unwrap();
            let back = answers(name, &[margin], 1)[0];
            assert!((back - score).abs() <= 1e-6, "{name}: {back}");
        }
        assert_eq!(Objective::named("binary:logistic").unwrap().base_margin(1.0), None);
        assert_eq!(Objective::named("reg:gamma").unwrap().base_margin(0.0), None);
        assert_eq!(Objective::named("rank:ndcg").unwrap().base_margin(f32::NAN), None);
        assert!(Objective::named("reg:expectileerror").is_none());
    }

    #[test]
    fn the_largest_margins_decide() {
        assert_eq!(answers("multi:softmax", &[1.0, 3.0, 3.0, 9.0, 0.0, 0.0], 3), [1.0, 0.0]);
        assert_eq!(answers("binary:hinge", &[0.0, 1e-30, -1.0], 1), [0.0, 1.0, 0.0]);
        let probabilities = answers("multi:softprob", &[1000.0, 1000.0, -1000.0], 3);
        assert_eq!(probabilities, [0.5, 0.5, 0.0]);
        // Beyond the largest exponent the answer stays where it is.
        assert_eq!(
            answers("reg:logistic", &[-88.7, -1e9], 1)[0].to_bits(),
            answers("reg:logistic", &[-1e9], 1)[0].to_bits()
        );
        assert!(answers("reg:logistic", &[f32::NAN], 1)[0].is_nan());
    }
}
