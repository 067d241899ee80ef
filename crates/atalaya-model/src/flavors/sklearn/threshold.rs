//! `FixedThresholdClassifier` and `TunedThresholdClassifierCV`: the second of two classes from a chosen score on.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Values, Wanted};
use super::labels::Labels;
use super::members::{Member, member};
use super::part::Part;
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// Scores for which `pos_label` is 1 unless somebody says otherwise.
const POSITIVE_ONE: &[&str] = &[
    "f1_score",
    "fbeta_score",
    "jaccard_score",
    "precision_score",
    "recall_score",
];
/// Scores that have no `pos_label`, or none unless somebody says otherwise.
const POSITIVE_NONE: &[&str] = &[
    "accuracy_score",
    "balanced_accuracy_score",
    "cohen_kappa_score",
    "matthews_corrcoef",
];

/// A classifier of two classes, and where it is cut.
pub(super) struct Threshold {
    member: Member,
    labels: Labels,
    /// What is compared with the threshold.
    method: Method,
    threshold: f64,
    /// The class from the threshold on: 0 or 1.
    positive: usize,
}

impl Threshold {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let attribute = if part.view.attr("estimator_").is_some() {
            "estimator_"
        } else {
            "estimator"
        };
        let member = member(compiler, part, attribute, names)?;
        let Some(labels) = member.only_classes().filter(|labels| labels.len() == 2).cloned() else {
            return part.unsupported("around a classifier that does not have two classes");
        };
        let method = match part.text("response_method")? {
            "auto" if member.has(Method::PredictProba) => Method::PredictProba,
            "auto" | "decision_function" => Method::DecisionFunction,
            "predict_proba" => Method::PredictProba,
            _ => return part.content("attribute `response_method` is not one of its words"),
        };
        if !member.has(method) {
            return part.unsupported(format!("with a classifier that has no `{method}`"));
        }
        let tuned = part.name == "TunedThresholdClassifierCV";
        let threshold = if tuned {
            part.number("best_threshold_")?
        } else if part.field("threshold")?.as_str() == Some("auto") {
            if method == Method::PredictProba { 0.5 } else { 0.0 }
        } else {
            part.number("threshold")?
        };
        let positive = if tuned {
            tuned_positive(part, &labels)?
        } else {
            position(part, part.optional("pos_label"), &labels)?
        };
        Ok(Box::new(Self {
            member,
            labels,
            method,
            threshold,
            positive,
        }))
    }

    /// The class of each row.
    fn labels(&self, answer: &Output) -> Result<Vec<usize>, PredictError> {
        let Values::Floats(values) = &answer.values else {
            let method = self.method;
            return Err(PredictError::Method { method });
        };
        let class = |score: f64| {
            if score >= self.threshold {
                self.positive
            } else {
                1 - self.positive
            }
        };
        Ok(match self.method {
            Method::PredictProba => values.chunks_exact(2).map(|pair| class(pair[self.positive])).collect(),
            _ if self.positive == 0 => values.iter().map(|score| class(-score)).collect(),
            _ => values.iter().map(|score| class(*score)).collect(),
        })
    }
}

/// Where a given positive label is; the second of the classes when none is given.
fn position(part: &Part<'_, '_>, label: Option<View<'_>>, labels: &Labels) -> Result<usize, SklearnError> {
    let Some(label) = label else { return Ok(1) };
    match labels.position(label) {
        Some(position) => Ok(position),
        None => part.content("attribute `pos_label` is no class"),
    }
}

/// The positive label of the score that the threshold was tuned for.
fn tuned_positive(part: &Part<'_, '_>, labels: &Labels) -> Result<usize, SklearnError> {
    let scorer = part.field("_curve_scorer")?;
    if let Some(label) = scorer.attr("_kwargs").and_then(|kwargs| kwargs.get("pos_label")) {
        return position(part, Some(label).filter(|label| !label.is_none()), labels);
    }
    let function = scorer.attr("_score_func").and_then(View::class);
    match function.map(|(_, name)| name) {
        Some(name) if POSITIVE_NONE.contains(&name) => Ok(1),
        Some(name) if POSITIVE_ONE.contains(&name) => {
            let found = labels.position_of_int(1);
            found.map_or_else(|| part.unsupported("tuned for a class that is not there"), Ok)
        }
        _ => part.unsupported("tuned for a score whose positive class is not known"),
    }
}

impl Estimator for Threshold {
    fn methods(&self) -> Vec<Method> {
        self.member.evaluated()
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let wanted = Wanted {
            probabilities: wanted.probabilities || self.method == Method::PredictProba,
            scores: wanted.scores || self.method == Method::DecisionFunction,
        };
        let evaluation = self.member.evaluate(x, wanted)?;
        let found = match self.method {
            Method::PredictProba => &evaluation.probabilities,
            _ => &evaluation.scores,
        };
        let method = self.method;
        let labels = self.labels(found.as_ref().ok_or(PredictError::Method { method })?)?;
        Ok(Evaluation {
            predict: Output::labels(labels),
            ..evaluation
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        match method {
            Method::Predict => Ok(self.evaluate(x, Wanted::PREDICT)?.predict),
            method if self.methods().contains(&method) => self.member.call(method, x),
            method => Err(PredictError::Method { method }),
        }
    }
}
