//! `BaggingClassifier` and `BaggingRegressor`: the mean of members, each of which sees some of the columns.

use std::borrow::Cow;

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::members::{Member, Total, double, encoded};
use super::numeric::{argmax, log_add_exp};
use super::part::Part;
use super::part::length;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// Members in their order, each with the columns that it sees; `None` is all of them.
struct Bag {
    members: Vec<Member>,
    columns: Vec<Option<(Vec<usize>, Names)>>,
}

impl Bag {
    fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        part.check_width(names.len())?;
        let views = part.items("estimators_")?;
        let features = part.items("estimators_features_")?;
        if views.is_empty() || views.len() != features.len() {
            return part.content("attribute `estimators_features_` does not have one list per member");
        }
        let mut bag = Self {
            members: Vec::with_capacity(views.len()),
            columns: Vec::with_capacity(views.len()),
        };
        for (position, (view, features)) in views.into_iter().zip(features).enumerate() {
            let place = format!("{}, member {}", part.place, position + 1);
            let columns = columns(compiler, part, features, names)?;
            let member_names = columns.as_ref().map_or(names, |(_, names)| names);
            bag.members.push(compiler.estimator(view, &place, member_names)?);
            bag.columns.push(columns);
        }
        Ok(bag)
    }

    /// What each member gets, in the order of members.
    fn each<'b>(
        &'b self,
        x: &'b Block,
        names: &'b Names,
    ) -> impl Iterator<Item = Result<(&'b Member, Cow<'b, Block>), PredictError>> {
        self.members.iter().zip(&self.columns).map(move |(member, columns)| {
            Ok((
                member,
                match columns {
                    None => Cow::Borrowed(x),
                    Some((positions, _)) => Cow::Owned(x.select(positions, names)?),
                },
            ))
        })
    }

    /// The mean of one method.
    fn mean(&self, method: Method, x: &Block, names: &Names) -> Result<Output, PredictError> {
        let mut total = Total::default();
        for each in self.each(x, names) {
            let (member, x) = each?;
            total.add(member.call(method, &x)?, None, method)?;
        }
        Ok(total.divided(double(self.members.len())))
    }

    fn all_have(&self, method: Method) -> bool {
        super::members::all_have(&self.members, method)
    }
}

/// The columns that a member sees; `None` when it sees them as they are.
fn columns(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    features: View<'_>,
    names: &Names,
) -> Result<Option<(Vec<usize>, Names)>, SklearnError> {
    compiler.charge(length(features) * 3 * size_of::<usize>())?;
    let position = |value: i64| usize::try_from(value).ok().filter(|at| *at < names.len());
    let found = features
        .ints()
        .and_then(|features| features.into_iter().map(position).collect::<Option<Vec<usize>>>());
    match found {
        Some(found) if found.iter().copied().eq(0..names.len()) => Ok(None),
        Some(found) => {
            let own = found.iter().map(|at| names[*at].clone()).collect();
            Ok(Some((found, own)))
        }
        None => part.content("attribute `estimators_features_` does not name columns"),
    }
}

/// `BaggingRegressor`.
pub(super) struct BaggingRegressor {
    names: Names,
    bag: Bag,
}

impl BaggingRegressor {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        Ok(Box::new(Self {
            names: Names::clone(names),
            bag: Bag::compile(compiler, part, names)?,
        }))
    }
}

impl Estimator for BaggingRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        Ok(Evaluation::of(self.bag.mean(Method::Predict, x, &self.names)?))
    }
}

/// `BaggingClassifier`.
pub(super) struct BaggingClassifier {
    names: Names,
    bag: Bag,
    labels: Labels,
    /// Position among the classes of each label of each member.
    positions: Vec<Vec<usize>>,
}

impl BaggingClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let labels = Labels::read(compiler, part)?;
        let bag = Bag::compile(compiler, part, names)?;
        Ok(Box::new(Self {
            names: Names::clone(names),
            positions: encoded(part, &bag.members, labels.len())?,
            bag,
            labels,
        }))
    }

    /// Probabilities, or votes of members that have none.
    fn probabilities(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        let classes = self.labels.len();
        let mut total = vec![0.0; x.rows() * classes];
        for (each, positions) in self.bag.each(x, &self.names).zip(&self.positions) {
            let (member, x) = each?;
            if member.has(Method::PredictProba) {
                let own = member.probabilities(&x)?;
                for (row, own) in total.chunks_exact_mut(classes).zip(own.chunks_exact(positions.len())) {
                    positions.iter().zip(own).for_each(|(class, p)| row[*class] += p);
                }
            } else {
                let votes = member.label_indices(&x)?;
                for (row, vote) in total.chunks_exact_mut(classes).zip(votes) {
                    row[positions[vote]] += 1.0;
                }
            }
        }
        let members = double(self.bag.members.len());
        total.iter_mut().for_each(|total| *total /= members);
        Ok(total)
    }

    /// Logarithms of probabilities are added as such where members have them.
    fn log_probabilities(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        if !self.bag.all_have(Method::PredictLogProba) {
            return Ok(self.probabilities(x)?.into_iter().map(f64::ln).collect());
        }
        let classes = self.labels.len();
        let method = Method::PredictLogProba;
        let mut total = vec![f64::NEG_INFINITY; x.rows() * classes];
        for (each, positions) in self.bag.each(x, &self.names).zip(&self.positions) {
            let (member, x) = each?;
            let own = member.call(method, &x)?.into_numbers(&[]);
            let own = own.ok_or(PredictError::Method { method })?;
            for (row, own) in total.chunks_exact_mut(classes).zip(own.chunks_exact(positions.len())) {
                let pairs = positions.iter().zip(own);
                pairs.for_each(|(class, log)| row[*class] = log_add_exp(row[*class], *log));
            }
        }
        let members = double(self.bag.members.len()).ln();
        total.iter_mut().for_each(|total| *total -= members);
        Ok(total)
    }
}

impl Estimator for BaggingClassifier {
    fn methods(&self) -> Vec<Method> {
        let mut methods = vec![Method::Predict, Method::PredictProba, Method::PredictLogProba];
        if self.bag.all_have(Method::DecisionFunction) {
            methods.push(Method::DecisionFunction);
        }
        methods
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let classes = self.labels.len();
        let probabilities = self.probabilities(x)?;
        let scores = wanted.scores && self.bag.all_have(Method::DecisionFunction);
        Ok(Evaluation {
            predict: Output::labels(probabilities.chunks_exact(classes).map(argmax).collect()),
            probabilities: Some(Output::wide(probabilities, classes)),
            scores: scores
                .then(|| self.bag.mean(Method::DecisionFunction, x, &self.names))
                .transpose()?,
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        match method {
            Method::PredictLogProba => Ok(Output::wide(self.log_probabilities(x)?, self.labels.len())),
            Method::DecisionFunction if self.bag.all_have(method) => self.bag.mean(method, x, &self.names),
            method => super::estimator::call_evaluated(self, method, x),
        }
    }
}
