//! `ClassifierChain` and `RegressorChain`: a member per output, which also sees the outputs before its own.

use std::sync::Arc;

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::members::{Member, all_have, beside, check_finite};
use super::part::Part;
use super::sparse::Sparse;
use crate::predictor::{Method, PredictError};

/// First minor version whose classifier chain has `predict_log_proba`.
const LOGARITHMS: u32 = 4;

/// A chain.
pub(super) struct Chain {
    names: Names,
    members: Vec<Member>,
    /// The output that each member is for.
    order: Vec<usize>,
    /// What later members see.
    passed: Method,
    classifier: bool,
    version: u32,
    /// The columns of the last member.
    widest: Names,
}

impl Chain {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        let views = part.items("estimators_")?;
        let order = order(part, views.len())?;
        let passed = match part.optional("chain_method_") {
            None => Method::Predict,
            Some(method) => match method.as_str().and_then(Method::parse) {
                Some(method) => method,
                None => return part.content("attribute `chain_method_` is not a method"),
            },
        };
        let classifier = part.name == "ClassifierChain";
        let mut columns: Vec<Arc<str>> = names.to_vec();
        let mut members: Vec<Member> = Vec::with_capacity(views.len());
        for (position, view) in views.into_iter().enumerate() {
            compiler.charge(columns.len() * size_of::<Arc<str>>())?;
            let place = format!("{}, member {}", part.place, position + 1);
            let member = compiler.estimator(view, &place, &Arc::from(&columns[..]))?;
            let fits = match member.classes() {
                [] => !classifier,
                [Labels::Text(_)] => false,
                [labels] => classifier && labels.len() == 2,
                _ => false,
            };
            if !fits || !member.has(passed) {
                return part.unsupported("with a member that does not tell two numbers apart");
            }
            columns.push(Arc::from(format!("output of member {}", position + 1)));
            members.push(member);
        }
        Ok(Box::new(Self {
            names: Names::clone(names),
            members,
            order,
            passed,
            classifier,
            version: compiler.version,
            widest: columns.into(),
        }))
    }

    /// The answers of `method` for every output, in the order of outputs.
    fn answers(&self, x: &Block, method: Method) -> Result<Output, PredictError> {
        check_finite(x, &self.names)?;
        let rows = x.rows();
        let count = self.members.len();
        let x = match x {
            Block::Sparse(_) => x.clone(),
            // Outputs are doubles, and so is what stands beside them.
            _ => Block::Numbers(super::block::Matrix {
                single: false,
                ..x.numbers(&self.names)?.into_owned()
            }),
        };
        let mut passed: Vec<(Vec<f64>, usize)> = Vec::with_capacity(count);
        let mut answers = vec![0.0; rows * count];
        for (member, output) in self.members.iter().zip(&self.order) {
            let columns = self.augmented(&x, &passed)?;
            let next = respond(&**member, &columns, self.passed)?;
            let answer = if method == self.passed {
                next.clone()
            } else {
                respond(&**member, &columns, method)?
            };
            if next.len() != rows || answer.len() != rows {
                return Err(PredictError::Method { method });
            }
            for (row, answer) in answers.chunks_exact_mut(count).zip(answer) {
                row[*output] = answer;
            }
            passed.push((next, 1));
        }
        Ok(Output::wide(answers, count))
    }

    /// The columns of a member: `x`, and what those before it gave.
    fn augmented(&self, x: &Block, passed: &[(Vec<f64>, usize)]) -> Result<Block, PredictError> {
        let rows = x.rows();
        let before = beside(rows, passed, false);
        match x {
            Block::Numbers(matrix) => {
                let parts = [(matrix.values.clone(), matrix.columns), (before.values, before.columns)];
                Ok(Block::Numbers(beside(rows, &parts, false)))
            }
            _ if passed.is_empty() => Ok(x.clone()),
            _ => Sparse::beside(rows, &[x.clone(), Block::Numbers(before)], &self.widest).map(Block::Sparse),
        }
    }
}

/// One number per row.
fn respond(member: &dyn Estimator, x: &Block, method: Method) -> Result<Vec<f64>, PredictError> {
    match method {
        Method::PredictProba => Ok(member.probabilities(x)?.chunks_exact(2).map(|pair| pair[1]).collect()),
        Method::DecisionFunction => Ok(member.scores(x)?.0),
        Method::PredictLogProba => {
            let logs = member.call(method, x)?.into_numbers(&[]).unwrap_or_default();
            Ok(logs.chunks_exact(2).map(|pair| pair[1]).collect())
        }
        _ => member.numbers(x),
    }
}

/// The output that each member is for: every one once.
fn order(part: &Part<'_, '_>, members: usize) -> Result<Vec<usize>, SklearnError> {
    let order = part.field("order_")?.ints().unwrap_or_default();
    let order: Option<Vec<usize>> = order.into_iter().map(|output| usize::try_from(output).ok()).collect();
    let order = order.unwrap_or_default();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if members == 0 || !sorted.into_iter().eq(0..members) {
        return part.content("attribute `order_` does not have every output once");
    }
    Ok(order)
}

impl Estimator for Chain {
    fn methods(&self) -> Vec<Method> {
        let mut methods = vec![Method::Predict];
        if self.classifier {
            if all_have(&self.members, Method::PredictProba) {
                methods.push(Method::PredictProba);
                if self.version >= LOGARITHMS {
                    methods.push(Method::PredictLogProba);
                }
            }
            if all_have(&self.members, Method::DecisionFunction) {
                methods.push(Method::DecisionFunction);
            }
        }
        methods
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let methods = self.methods();
        let ask = |wanted: bool, method: Method| {
            let asked = wanted && methods.contains(&method);
            asked.then(|| self.answers(x, method)).transpose()
        };
        Ok(Evaluation {
            predict: self.answers(x, Method::Predict)?,
            probabilities: ask(wanted.probabilities, Method::PredictProba)?,
            scores: ask(wanted.scores, Method::DecisionFunction)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_first_of_two_classes_is_not_passed() {
        struct Half;
        impl Estimator for Half {
            fn methods(&self) -> Vec<Method> {
                vec![Method::Predict, Method::PredictProba]
            }
            fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
                Ok(Evaluation {
                    predict: Output::floats(vec![1.0; x.rows()]),
                    probabilities: Some(Output::wide([0.25, 0.75].repeat(x.rows()), 2)),
                    scores: None,
                })
            }
        }
        let x = Block::Columns {
            rows: 2,
            columns: Vec::new(),
        };
        assert!(matches!(respond(&Half, &x, Method::PredictProba), Ok(p) if p == [0.75, 0.75]));
        assert!(respond(&Half, &x, Method::DecisionFunction).is_err());
    }
}
