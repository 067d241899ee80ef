//! The last step of a model: what gives the answer.

use super::block::{Matrix, Names};
use super::boosting::{BoostingClassifier, BoostingRegressor};
use super::classes::Class;
use super::error::SklearnError;
use super::forest::{ForestClassifier, ForestRegressor};
use super::labels::Labels;
use super::linear::{LinearRegressor, Logistic};
use super::part::{Compiler, Part};
use crate::predictor::PredictError;

/// A fitted predictor.
#[derive(Debug)]
pub(super) enum Head {
    Linear(LinearRegressor),
    Forest(ForestRegressor),
    Boosting(BoostingRegressor),
    Logistic(Logistic, Labels),
    ForestClassifier(ForestClassifier, Labels),
    BoostingClassifier(BoostingClassifier, Labels),
}

/// What a regressor answers.
#[derive(Debug)]
pub(super) struct Regressed {
    pub(super) values: Vec<f64>,
    /// Values per row where `predict` gives a row of them.
    pub(super) width: Option<usize>,
}

/// How many scores a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Classes {
    /// One, for the second of two classes.
    One,
    /// One per class.
    All,
}

/// What a classifier answers.
#[derive(Debug)]
pub(super) struct Classified {
    /// Index of the class of each row.
    pub(super) labels: Vec<usize>,
    /// `rows × classes`.
    pub(super) probabilities: Vec<f64>,
    /// `decision_function`, where there is one.
    pub(super) scores: Option<(Vec<f64>, Classes)>,
}

/// What a model answers.
#[derive(Debug)]
pub(super) enum Answer {
    Regressed(Regressed),
    Classified(Classified),
}

impl Head {
    /// Compiles the predictor at `part`; `None` when its class only transforms.
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Option<Self>, SklearnError> {
        compiler.nested(|compiler| {
            Ok(Some(match part.class {
                Class::LinearRegressor => Self::Linear(LinearRegressor::compile(compiler, part, names)?),
                Class::LogisticRegression => {
                    let (model, labels) = Logistic::compile(compiler, part, names)?;
                    Self::Logistic(model, labels)
                }
                Class::DecisionTreeRegressor
                | Class::ExtraTreeRegressor
                | Class::RandomForestRegressor
                | Class::ExtraTreesRegressor => Self::Forest(ForestRegressor::compile(compiler, part, names)?),
                Class::DecisionTreeClassifier
                | Class::ExtraTreeClassifier
                | Class::RandomForestClassifier
                | Class::ExtraTreesClassifier => {
                    let (model, labels) = ForestClassifier::compile(compiler, part, names)?;
                    Self::ForestClassifier(model, labels)
                }
                Class::GradientBoostingRegressor => Self::Boosting(BoostingRegressor::compile(compiler, part, names)?),
                Class::GradientBoostingClassifier => {
                    let (model, labels) = BoostingClassifier::compile(compiler, part, names)?;
                    Self::BoostingClassifier(model, labels)
                }
                _ => return Ok(None),
            }))
        })
    }

    pub(super) fn answer(&self, x: &Matrix) -> Result<Answer, PredictError> {
        Ok(match self {
            Self::Linear(model) => Answer::Regressed(model.predict(x)?),
            Self::Forest(model) => Answer::Regressed(model.predict(x)?),
            Self::Boosting(model) => Answer::Regressed(model.predict(x)?),
            Self::Logistic(model, _) => Answer::Classified(model.classify(x)?),
            Self::ForestClassifier(model, _) => Answer::Classified(model.classify(x)?),
            Self::BoostingClassifier(model, _) => Answer::Classified(model.classify(x)?),
        })
    }

    /// The classes, of a classifier.
    pub(super) fn labels(&self) -> Option<&Labels> {
        match self {
            Self::Linear(_) | Self::Forest(_) | Self::Boosting(_) => None,
            Self::Logistic(_, labels) | Self::ForestClassifier(_, labels) | Self::BoostingClassifier(_, labels) => {
                Some(labels)
            }
        }
    }

    /// Whether it has `decision_function`.
    pub(super) fn has_scores(&self) -> bool {
        matches!(self, Self::Logistic(..) | Self::BoostingClassifier(..))
    }
}
