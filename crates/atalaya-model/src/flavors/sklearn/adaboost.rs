//! `AdaBoostClassifier` and `AdaBoostRegressor`: members whose votes are weighted.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{EVALUATED, Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::members::{Member, check_finite, double, members, need};
use super::numeric::{argmax, softmax, softmax_in_order, sum};
use super::part::Part;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// How members vote.
#[derive(Debug)]
enum Algorithm {
    /// By their label, with these weights. For each label of each member, its position among the classes.
    Samme {
        weights: Vec<f64>,
        positions: Vec<Vec<usize>>,
    },
    /// By their probabilities (until scikit-learn 1.5).
    SammeR,
}

/// `AdaBoostClassifier`.
pub(super) struct AdaBoostClassifier {
    names: Names,
    labels: Labels,
    members: Vec<Member>,
    algorithm: Algorithm,
    /// The sum of all weights.
    total: f64,
}

impl AdaBoostClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        let labels = Labels::read(compiler, part)?;
        if labels.len() < 2 {
            return part.unsupported("with one class");
        }
        let members = members(compiler, part, "estimators_", names)?;
        let weights = weights(compiler, part, members.len())?;
        let total = sum(&weights);
        let algorithm = match part.view.attr("algorithm").and_then(View::as_str) {
            Some("SAMME.R") => {
                need(part, &members, Method::PredictProba)?;
                if members.iter().any(|member| member.only_classes() != Some(&labels)) {
                    return part.unsupported("with a member that lacks a class");
                }
                Algorithm::SammeR
            }
            _ => Algorithm::Samme {
                weights,
                positions: positions(part, &members, &labels)?,
            },
        };
        Ok(Box::new(Self {
            names: Names::clone(names),
            labels,
            members,
            algorithm,
            total,
        }))
    }

    /// `rows × classes`.
    fn votes(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        check_finite(x, &self.names)?;
        let classes = self.labels.len();
        let mut votes = vec![0.0; x.rows() * classes];
        match &self.algorithm {
            Algorithm::Samme { weights, positions } => {
                for ((member, weight), positions) in self.members.iter().zip(weights).zip(positions) {
                    let against = -1.0 / double(classes - 1) * weight;
                    for (index, row) in member
                        .label_indices(x)?
                        .into_iter()
                        .zip(votes.chunks_exact_mut(classes))
                    {
                        for (class, vote) in row.iter_mut().enumerate() {
                            *vote += if class == positions[index] { *weight } else { against };
                        }
                    }
                }
            }
            Algorithm::SammeR => {
                for member in &self.members {
                    let mut logs = member.probabilities(x)?;
                    logs.iter_mut().for_each(|p| *p = p.max(f64::EPSILON).ln());
                    for (logs, row) in logs.chunks_exact(classes).zip(votes.chunks_exact_mut(classes)) {
                        let mean = 1.0 / double(classes) * sum(logs);
                        for (vote, log) in row.iter_mut().zip(logs) {
                            *vote += double(classes - 1) * (log - mean);
                        }
                    }
                }
            }
        }
        votes.iter_mut().for_each(|vote| *vote /= self.total);
        Ok(votes)
    }

    /// `predict_proba` of the votes, or of the only score of two classes.
    fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        let classes = self.labels.len();
        if classes == 2 {
            let mut pairs: Vec<f64> = scores.iter().flat_map(|d| [-d / 2.0, d / 2.0]).collect();
            pairs.chunks_exact_mut(2).for_each(softmax);
            return pairs;
        }
        let mut votes: Vec<f64> = scores.iter().map(|vote| vote / double(classes - 1)).collect();
        // Votes by label lie column after column in memory, and numpy then adds one class after the other.
        let softmax = match self.algorithm {
            Algorithm::Samme { .. } => softmax_in_order,
            Algorithm::SammeR => softmax,
        };
        votes.chunks_exact_mut(classes).for_each(softmax);
        votes
    }
}

/// The weights of the members, and perhaps more, which are 0 unless the file was changed.
fn weights(compiler: &mut Compiler, part: &Part<'_, '_>, members: usize) -> Result<Vec<f64>, SklearnError> {
    let weights = part.floats(compiler, "estimator_weights_")?;
    if weights.len() < members {
        return part.content("attribute `estimator_weights_` does not have one weight per member");
    }
    Ok(weights)
}

fn positions(part: &Part<'_, '_>, members: &[Member], labels: &Labels) -> Result<Vec<Vec<usize>>, SklearnError> {
    let of = |member: &Member| member.only_classes()?.positions_in(labels);
    let found: Option<Vec<_>> = members.iter().map(of).collect();
    found.map_or_else(|| part.content("it has a member whose `classes_` are not its own"), Ok)
}

impl Estimator for AdaBoostClassifier {
    fn methods(&self) -> Vec<Method> {
        EVALUATED.to_vec()
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let votes = self.votes(x)?;
        let classes = self.labels.len();
        let (labels, scores) = if classes == 2 {
            let scores: Vec<f64> = votes.chunks_exact(2).map(|pair| -pair[0] + pair[1]).collect();
            let labels = scores.iter().map(|score| usize::from(*score > 0.0)).collect();
            (labels, scores)
        } else {
            (votes.chunks_exact(classes).map(argmax).collect(), votes)
        };
        let probabilities = wanted.probabilities.then(|| self.probabilities(&scores));
        Ok(Evaluation {
            predict: Output::labels(labels),
            probabilities: probabilities.map(|values| Output::wide(values, classes)),
            scores: Some(if classes == 2 {
                Output::floats(scores)
            } else {
                Output::wide(scores, classes)
            }),
        })
    }
}

/// `AdaBoostRegressor`.
pub(super) struct AdaBoostRegressor {
    names: Names,
    members: Vec<Member>,
    weights: Vec<f64>,
}

impl AdaBoostRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        let members = members(compiler, part, "estimators_", names)?;
        let weights = weights(compiler, part, members.len())?;
        Ok(Box::new(Self {
            names: Names::clone(names),
            members,
            weights,
        }))
    }
}

impl Estimator for AdaBoostRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        check_finite(x, &self.names)?;
        let answers = self.members.iter().map(|member| member.numbers(x));
        let answers = answers.collect::<Result<Vec<_>, _>>()?;
        let rows = x.rows();
        if answers.iter().any(|answer| answer.len() != rows) {
            let method = Method::Predict;
            return Err(PredictError::Method { method });
        }
        let mut order: Vec<usize> = Vec::new();
        let median = |row: usize| {
            order.clear();
            order.extend(0..answers.len());
            order.sort_by(|a, b| answers[*a][row].total_cmp(&answers[*b][row]));
            answers[median(&order, &self.weights)][row]
        };
        Ok(Evaluation::of(Output::floats((0..rows).map(median).collect())))
    }
}

/// The first of `order` at which the sum of weights reaches half of all.
fn median(order: &[usize], weights: &[f64]) -> usize {
    let sums: Vec<f64> = order
        .iter()
        .scan(0.0, |total, member| {
            *total += weights[*member];
            Some(*total)
        })
        .collect();
    let half = 0.5 * sums.last().copied().unwrap_or(0.0);
    let at = sums.iter().position(|sum| *sum >= half).unwrap_or(0);
    order[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_where_half_of_the_weights_is_reached() {
        assert_eq!(median(&[2, 0, 1], &[1.0, 1.0, 1.0]), 0);
        assert_eq!(median(&[2, 0, 1], &[1.0, 1.0, 5.0]), 2);
        assert_eq!(median(&[1, 0], &[1.0, 1.0]), 1);
        assert_eq!(median(&[0], &[0.0]), 0);
        // NaN is never reached: the first one, as numpy.argmax of nothing but False says.
        assert_eq!(median(&[1, 0], &[f64::NAN, 1.0]), 1);
    }
}
