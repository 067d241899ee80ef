//! `VotingClassifier` and `VotingRegressor`: the mean of what members say, or the label that most of them give.

use std::sync::Arc;

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::members::{Member, Total, beside, double, encoded, members, need};
use super::numeric::{argmax, sum};
use super::part::Part;
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// Members and what each of them counts.
struct Votes {
    members: Vec<Member>,
    weights: Option<Vec<f64>>,
}

impl Votes {
    fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        let members = members(compiler, part, "estimators_", names)?;
        Ok(Self {
            weights: weights(part, members.len())?,
            members,
        })
    }

    /// `numpy.average` of what `ask` gives, member after member.
    fn average(
        &self,
        method: Method,
        ask: impl Fn(&dyn Estimator) -> Result<Output, PredictError>,
    ) -> Result<Output, PredictError> {
        let mut total = Total::default();
        for (position, member) in self.members.iter().enumerate() {
            let weight = self.weights.as_ref().map(|weights| weights[position]);
            total.add(ask(&**member)?, weight, method)?;
        }
        Ok(total.divided(match &self.weights {
            Some(weights) => sum(weights),
            None => double(self.members.len()),
        }))
    }
}

/// The weights of the members that were not dropped.
fn weights(part: &Part<'_, '_>, members: usize) -> Result<Option<Vec<f64>>, SklearnError> {
    let Some(weights) = part.optional("weights") else {
        return Ok(None);
    };
    let Some(weights) = weights.floats() else {
        return part.content("attribute `weights` is not a list of numbers");
    };
    let pairs = part.items("estimators")?;
    if pairs.len() != weights.len() {
        return part.content("attribute `weights` does not have one number per member");
    }
    let dropped = |pair: &View<'_>| {
        let member = pair.elements().and_then(|mut pair| pair.nth(1));
        member.and_then(View::as_str) == Some("drop")
    };
    let kept = pairs.iter().zip(weights).filter(|(pair, _)| !dropped(pair));
    let kept: Vec<f64> = kept.map(|(_, weight)| weight).collect();
    if kept.len() != members || sum(&kept) == 0.0 || kept.iter().any(|weight| !weight.is_finite()) {
        return part.content("attribute `weights` does not fit `estimators_`");
    }
    Ok(Some(kept))
}

/// `VotingRegressor`.
pub(super) struct VotingRegressor {
    votes: Votes,
}

impl VotingRegressor {
    pub(super) fn predictor(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Ok(Box::new(Self {
            votes: Votes::compile(compiler, part, names)?,
        }))
    }

    pub(super) fn transformer(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        let votes = Votes::compile(compiler, part, names)?;
        let out = generated(votes.members.len());
        Ok((Box::new(Self { votes }), out))
    }
}

impl Estimator for VotingRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let mean = self
            .votes
            .average(Method::Predict, |member| member.call(Method::Predict, x))?;
        if mean.width.is_some_and(|width| width != 1) {
            let method = Method::Predict;
            return Err(PredictError::Method { method });
        }
        Ok(Evaluation::of(Output { width: None, ..mean }))
    }
}

impl Transform for VotingRegressor {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let method = Method::Predict;
        let rows = block.rows();
        let ask = |member: &Member| match member.numbers(&block)? {
            answer if answer.len() == rows => Ok((answer, 1)),
            _ => Err(PredictError::Method { method }),
        };
        let parts = self.votes.members.iter().map(ask).collect::<Result<Vec<_>, _>>()?;
        Ok(Block::Numbers(beside(rows, &parts, false)))
    }
}

/// Names of columns that no column of the request is the source of.
fn generated(count: usize) -> Names {
    (0..count)
        .map(|position| Arc::from(format!("vote {}", position + 1)))
        .collect()
}

/// `VotingClassifier`.
pub(super) struct VotingClassifier {
    votes: Votes,
    labels: Labels,
    soft: bool,
    /// Position in `labels` of each label of each member.
    positions: Vec<Vec<usize>>,
}

impl VotingClassifier {
    fn new(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        let labels = Labels::read(compiler, part)?;
        let votes = Votes::compile(compiler, part, names)?;
        let soft = match part.text("voting")? {
            "soft" => true,
            "hard" => false,
            _ => return part.content("attribute `voting` is not one of its words"),
        };
        let positions = encoded(part, &votes.members, labels.len())?;
        if soft {
            need(part, &votes.members, Method::PredictProba)?;
            if positions.iter().any(|positions| positions.len() != labels.len()) {
                return part.content("it has a member with fewer classes than itself");
            }
        }
        Ok(Self {
            votes,
            labels,
            soft,
            positions,
        })
    }

    pub(super) fn predictor(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Ok(Box::new(Self::new(compiler, part, names)?))
    }

    pub(super) fn transformer(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        let voting = Self::new(compiler, part, names)?;
        if voting.soft && !part.flag("flatten_transform", true)? {
            return part.unsupported("with `flatten_transform=False`, which gives an array of three dimensions");
        }
        let each = if voting.soft { voting.labels.len() } else { 1 };
        let out = generated(voting.votes.members.len() * each);
        Ok((Box::new(voting), out))
    }

    /// The class of each row that each member gives.
    fn given(&self, x: &Block) -> Result<Vec<Vec<usize>>, PredictError> {
        let members = self.votes.members.iter().zip(&self.positions);
        let given = |(member, positions): (&Member, &Vec<usize>)| {
            let indices = member.label_indices(x)?;
            Ok(indices.into_iter().map(|index| positions[index]).collect())
        };
        members.map(given).collect()
    }

    /// The class with the largest sum of weights, the first of equals.
    fn most(&self, x: &Block) -> Result<Vec<usize>, PredictError> {
        let given = self.given(x)?;
        let mut counts = vec![0.0; self.labels.len()];
        let most = |row: usize| {
            counts.fill(0.0);
            for (position, given) in given.iter().enumerate() {
                counts[given[row]] += self.votes.weights.as_ref().map_or(1.0, |weights| weights[position]);
            }
            argmax(&counts)
        };
        Ok((0..x.rows()).map(most).collect())
    }
}

impl Estimator for VotingClassifier {
    fn methods(&self) -> Vec<Method> {
        if self.soft {
            vec![Method::Predict, Method::PredictProba]
        } else {
            vec![Method::Predict]
        }
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        if !self.soft {
            return Ok(Evaluation::of(Output::labels(self.most(x)?)));
        }
        let method = Method::PredictProba;
        let mean = self.votes.average(method, |member| member.call(method, x))?;
        let labels = match &mean.values {
            super::estimator::Values::Floats(mean) => mean.chunks_exact(self.labels.len()).map(argmax).collect(),
            _ => return Err(PredictError::Method { method }),
        };
        Ok(Evaluation {
            predict: Output::labels(labels),
            probabilities: Some(mean),
            scores: None,
        })
    }
}

impl Transform for VotingClassifier {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        let parts = if self.soft {
            let width = self.labels.len();
            let members = self.votes.members.iter();
            members
                .map(|member| Ok((member.probabilities(&block)?, width)))
                .collect::<Result<Vec<_>, PredictError>>()?
        } else {
            let given = self.given(&block)?.into_iter();
            given
                .map(|given| (given.into_iter().map(double).collect(), 1))
                .collect()
        };
        Ok(Block::Numbers(beside(block.rows(), &parts, false)))
    }
}
