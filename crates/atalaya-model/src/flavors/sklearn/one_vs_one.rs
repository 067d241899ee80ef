//! `OneVsOneClassifier`: a classifier for each pair of classes, which votes for one of them.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::members::{Member, binary_scores, binary_threshold, members, need_binary};
use super::numeric::argmax;
use super::part::Part;
use crate::predictor::{Method, PredictError};

/// `OneVsOneClassifier`.
pub(super) struct OneVsOne {
    labels: Labels,
    /// Of the pairs (0, 1), (0, 2), …, (1, 2), ….
    members: Vec<Member>,
}

impl OneVsOne {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        let labels = Labels::read(compiler, part)?;
        if part.optional("pairwise_indices_").is_some() {
            return part.unsupported("over distances instead of columns");
        }
        let members = members(compiler, part, "estimators_", names)?;
        let classes = labels.len();
        if classes.checked_mul(classes - 1) != Some(2 * members.len()) {
            return part.content("attribute `estimators_` does not have one member per pair of classes");
        }
        need_binary(part, &members)?;
        if members
            .iter()
            .any(|member| matches!(member.only_classes(), Some(Labels::Text(_))))
        {
            return part.content("it has a member whose labels are text");
        }
        Ok(Box::new(Self { labels, members }))
    }

    /// Votes plus less than half a vote for how sure members are, `rows × classes`.
    fn votes(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        let classes = self.labels.len();
        let mut votes = vec![0.0; x.rows() * classes];
        let mut sure = vec![0.0; x.rows() * classes];
        let pairs = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j)));
        for (member, (i, j)) in self.members.iter().zip(pairs) {
            let said = member.numbers(x)?;
            let scores = binary_scores(&**member, x)?;
            let rows = votes.chunks_exact_mut(classes).zip(sure.chunks_exact_mut(classes));
            for ((votes, sure), (said, score)) in rows.zip(said.into_iter().zip(scores)) {
                sure[i] -= score;
                sure[j] += score;
                if said == 0.0 {
                    votes[i] += 1.0;
                }
                if said.to_bits() == 1.0f64.to_bits() {
                    votes[j] += 1.0;
                }
            }
        }
        for (votes, sure) in votes.iter_mut().zip(sure) {
            *votes += sure / (3.0 * (sure.abs() + 1.0));
        }
        Ok(votes)
    }
}

impl Estimator for OneVsOne {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::DecisionFunction]
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let votes = self.votes(x)?;
        let classes = self.labels.len();
        if classes == 2 {
            let threshold = binary_threshold(&*self.members[0]);
            let scores: Vec<f64> = votes.chunks_exact(2).map(|pair| pair[1]).collect();
            return Ok(Evaluation {
                predict: Output::labels(scores.iter().map(|score| usize::from(*score > threshold)).collect()),
                probabilities: None,
                scores: Some(Output::floats(scores)),
            });
        }
        Ok(Evaluation {
            predict: Output::labels(votes.chunks_exact(classes).map(argmax).collect()),
            probabilities: None,
            scores: Some(Output::wide(votes, classes)),
        })
    }
}
