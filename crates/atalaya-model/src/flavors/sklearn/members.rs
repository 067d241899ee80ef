//! What estimators made of others share: reading members, and joining what they say.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Output, Values};
use super::numeric::round_to_f32;
use super::part::Part;
use crate::predictor::{Method, PredictError};

/// An estimator inside another one.
pub(super) type Member = Box<dyn Estimator>;

/// Compiles every member in the list `attribute`, each of which gets the columns `names`. There is at least one.
pub(super) fn members(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    attribute: &str,
    names: &Names,
) -> Result<Vec<Member>, SklearnError> {
    let views = part.items(attribute)?;
    if views.is_empty() {
        return part.content(format!("attribute `{attribute}` is empty"));
    }
    let member = |(position, view)| {
        let place = format!("{}, member {}", part.place, position + 1);
        compiler.estimator(view, &place, names)
    };
    views.into_iter().enumerate().map(member).collect()
}

/// Compiles the member in `attribute`.
pub(super) fn member(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    attribute: &str,
    names: &Names,
) -> Result<Member, SklearnError> {
    let place = format!("{}, attribute `{attribute}`", part.place);
    compiler.estimator(part.field(attribute)?, &place, names)
}

/// Refuses members that lack `method`.
pub(super) fn need(part: &Part<'_, '_>, members: &[Member], method: Method) -> Result<(), SklearnError> {
    if all_have(members, method) {
        return Ok(());
    }
    part.unsupported(format!("with a member that has no `{method}`"))
}

/// Whether every member has `method`.
pub(super) fn all_have(members: &[Member], method: Method) -> bool {
    members.iter().all(|member| member.has(method))
}

/// For each member, the class that each of its own labels stands for, where members were fitted on positions among
/// `classes` classes.
pub(super) fn encoded(
    part: &Part<'_, '_>,
    members: &[Member],
    classes: usize,
) -> Result<Vec<Vec<usize>>, SklearnError> {
    let of = |member: &Member| {
        let labels = member.only_classes()?;
        let position = |index| {
            let value = labels.number(index)?;
            (0..classes).find(|class| exact(*class) == Some(value))
        };
        (0..labels.len()).map(position).collect::<Option<Vec<usize>>>()
    };
    let found: Option<Vec<_>> = members.iter().map(of).collect();
    found.map_or_else(
        || part.content("it has a member whose `classes_` are not positions in its own"),
        Ok,
    )
}

/// A small count as a double.
fn exact(count: usize) -> Option<f64> {
    u32::try_from(count).ok().map(f64::from)
}

/// A count as a double.
#[expect(
    clippy::cast_precision_loss,
    reason = "there are far fewer than 2^53 members or classes"
)]
pub(super) fn double(count: usize) -> f64 {
    count as f64
}

/// Sums of numbers that members give, in numpy's type: float32 when all of them are.
#[derive(Debug, Clone, Default)]
pub(super) struct Total {
    pub(super) values: Vec<f64>,
    /// As in [`Output`].
    pub(super) width: Option<usize>,
    single: bool,
    started: bool,
}

impl Total {
    /// Adds `weight` times an answer, in which every member must agree in shape; `method` is what was asked.
    pub(super) fn add(&mut self, answer: Output, weight: Option<f64>, method: Method) -> Result<(), PredictError> {
        let Output { values, width, single } = answer;
        let Values::Floats(mut values) = values else {
            return Err(PredictError::Method { method });
        };
        if let Some(weight) = weight {
            values.iter_mut().for_each(|value| *value *= weight);
        }
        if !self.started {
            // Sums start at 0, which makes a 0 of every -0.
            values.iter_mut().for_each(|value| *value += 0.0);
            *self = Self {
                values,
                width,
                single: single && weight.is_none(),
                started: true,
            };
            return Ok(());
        }
        if values.len() != self.values.len() {
            return Err(PredictError::Method { method });
        }
        self.single &= single && weight.is_none();
        for (total, value) in self.values.iter_mut().zip(values) {
            *total += value;
            if self.single {
                *total = round_to_f32(*total);
            }
        }
        Ok(())
    }

    /// The sums divided by `by`.
    pub(super) fn divided(mut self, by: f64) -> Output {
        for value in &mut self.values {
            *value /= by;
            if self.single {
                *value = round_to_f32(*value);
            }
        }
        let output = match self.width {
            Some(width) => Output::wide(self.values, width),
            None => Output::floats(self.values),
        };
        if self.single { output.into_single() } else { output }
    }
}

/// How sure a member is that a row is of the second of its two classes: what a regressor predicts, a score, or a
/// probability. Members are checked by [`need_binary`].
pub(super) fn binary_scores(member: &dyn Estimator, x: &Block) -> Result<Vec<f64>, PredictError> {
    let scores = if member.classes().is_empty() {
        member.numbers(x)?
    } else if member.has(Method::DecisionFunction) {
        member.scores(x)?.0
    } else {
        member.probabilities(x)?.chunks_exact(2).map(|pair| pair[1]).collect()
    };
    if scores.len() == x.rows() {
        Ok(scores)
    } else {
        let method = Method::DecisionFunction;
        Err(PredictError::Method { method })
    }
}

/// Above which of [`binary_scores`] a row is of the second class.
pub(super) fn binary_threshold(member: &dyn Estimator) -> f64 {
    if member.has(Method::DecisionFunction) && !member.classes().is_empty() {
        0.0
    } else {
        0.5
    }
}

/// Refuses members that [`binary_scores`] cannot be asked of.
pub(super) fn need_binary(part: &Part<'_, '_>, members: &[Member]) -> Result<(), SklearnError> {
    let binary = |member: &Member| match member.classes() {
        [] => member.has(Method::Predict),
        [labels] => labels.len() == 2 && (member.has(Method::DecisionFunction) || member.has(Method::PredictProba)),
        _ => false,
    };
    if members.iter().all(binary) {
        return Ok(());
    }
    part.unsupported("with a member that does not tell two classes apart by a score")
}

/// Refuses missing and infinite values, as scikit-learn does before it asks members that may allow them. Text is left to
/// the members.
pub(super) fn check_finite(x: &Block, names: &Names) -> Result<(), PredictError> {
    match x {
        Block::Numbers(matrix) => matrix.check(names, false),
        Block::Sparse(sparse) => sparse.check(names, false),
        Block::Columns { .. } => x.numbers(names).map_or(Ok(()), |matrix| matrix.check(names, false)),
    }
}

/// Groups of numbers side by side: each `rows` rows of so many columns. They are float32 only when all are.
pub(super) fn beside(rows: usize, parts: &[(Vec<f64>, usize)], single: bool) -> Matrix {
    let columns = parts.iter().map(|(_, width)| width).sum();
    let mut values = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for (part, width) in parts {
            values.extend_from_slice(&part[row * width..(row + 1) * width]);
        }
    }
    Matrix {
        rows,
        columns,
        values,
        single,
        sparse: false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn sums_of_float32_are_rounded_and_others_are_not() {
        let third = f64::from(1.0f32 / 3.0);
        let both = |single: bool| {
            let answer = || {
                let output = Output::floats(vec![third, -0.0]);
                if single { output.into_single() } else { output }
            };
            let mut total = Total::default();
            for _ in 0..3 {
                total.add(answer(), None, Method::Predict).unwrap();
            }
            total.divided(7.0)
        };
        let double = (third + third + third) / 7.0;
        assert_eq!(both(false), Output::floats(vec![double, 0.0]));
        assert_eq!(
            both(true),
            Output::floats(vec![f64::from(((1.0f32 / 3.0) * 3.0) / 7.0), 0.0]).into_single()
        );
    }

    #[test]
    fn answers_of_other_shapes_or_types_are_refused() {
        let mut total = Total::default();
        total
            .add(Output::floats(vec![1.0, 2.0]), Some(0.5), Method::Predict)
            .unwrap();
        assert!(total.add(Output::floats(vec![1.0]), None, Method::Predict).is_err());
        assert!(total.add(Output::labels(vec![1, 0]), None, Method::Predict).is_err());
        assert_eq!(total.divided(2.0), Output::floats(vec![0.25, 0.5]));
    }

    #[test]
    fn groups_of_columns_stand_side_by_side() {
        let joined = beside(
            2,
            &[(vec![1.0, 4.0], 1), (vec![], 0), (vec![2.0, 3.0, 5.0, 6.0], 2)],
            false,
        );
        assert_eq!((joined.columns, joined.values), (3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    }
}
