//! `MultiOutputClassifier` and `MultiOutputRegressor`: a member per output.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::members::{Member, all_have, beside, members};
use super::part::Part;
use crate::predictor::{Method, PredictError};

/// A member per output.
pub(super) struct MultiOutput {
    members: Vec<Member>,
    /// The classes of each output; empty for a regressor.
    labels: Vec<Labels>,
}

impl MultiOutput {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let members = members(compiler, part, "estimators_", names)?;
        let labels = if part.name == "MultiOutputRegressor" {
            Vec::new()
        } else {
            labels(part, &members)?
        };
        Ok(Box::new(Self { members, labels }))
    }

    /// What `ask` gives for each member, side by side; each of `rows × width` numbers.
    fn joined(
        &self,
        x: &Block,
        method: Method,
        width: impl Fn(usize) -> usize,
        ask: impl Fn(&Member) -> Result<Vec<f64>, PredictError>,
    ) -> Result<Output, PredictError> {
        let mut parts = Vec::with_capacity(self.members.len());
        for (position, member) in self.members.iter().enumerate() {
            let answer = ask(member)?;
            if answer.len() != x.rows() * width(position) {
                return Err(PredictError::Method { method });
            }
            parts.push((answer, width(position)));
        }
        let joined = beside(x.rows(), &parts, false);
        Ok(Output::wide(joined.values, joined.columns))
    }
}

/// The classes of each member, all of one type.
fn labels(part: &Part<'_, '_>, members: &[Member]) -> Result<Vec<Labels>, SklearnError> {
    let sets: Option<Vec<Labels>> = members.iter().map(|member| member.only_classes().cloned()).collect();
    match sets {
        Some(sets) if sets.windows(2).all(|pair| pair[0].same_type(&pair[1])) => Ok(sets),
        Some(_) => part.unsupported("with outputs of several types"),
        None => part.unsupported("with a member that is no classifier of one output"),
    }
}

impl Estimator for MultiOutput {
    fn methods(&self) -> Vec<Method> {
        let mut methods = vec![Method::Predict];
        if !self.labels.is_empty() && all_have(&self.members, Method::PredictProba) {
            methods.push(Method::PredictProba);
        }
        methods
    }

    fn classes(&self) -> &[Labels] {
        &self.labels
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        if self.labels.is_empty() {
            let predict = self.joined(x, Method::Predict, |_| 1, |member| member.numbers(x))?;
            return Ok(Evaluation::of(predict));
        }
        let indices = self.members.iter().map(|member| member.label_indices(x));
        let indices = indices.collect::<Result<Vec<_>, _>>()?;
        let rows = (0..x.rows()).flat_map(|row| indices.iter().map(move |indices| indices[row]));
        let method = Method::PredictProba;
        let probabilities = wanted.probabilities && all_have(&self.members, method);
        let width = |output: usize| self.labels[output].len();
        Ok(Evaluation {
            predict: Output::wide_labels(rows.collect(), self.members.len()),
            probabilities: probabilities
                .then(|| self.joined(x, method, width, |member| member.probabilities(x)))
                .transpose()?,
            scores: None,
        })
    }
}
