//! A Booster's file as typed content: what every booster has, checked, and the tree of values for the rest.
//!
//! The layout is that of `doc/model.schema` of XGBoost; keys that older versions did not write may be absent.

use super::categories::Categories;
use super::error::XgboostError;
use super::objective::Objective;
use super::value::Value;
use super::{json, ubjson};
use crate::signature::MAX_COLUMNS;

/// Most outputs of a row; each has trees of its own, or a leaf value.
const MAX_GROUPS: usize = 1 << 20;
/// What error texts call the part of the file that every Booster has.
const LEARNER: &str = "the learner";

/// What a file says of a Booster.
#[derive(Debug)]
pub(super) struct Booster<'f> {
    /// How many columns it was trained on.
    pub(super) features: usize,
    /// Their names; none when it was trained on an array.
    pub(super) names: Vec<&'f str>,
    /// For each column whether and how it is categorical.
    pub(super) categories: Vec<Categories>,
    pub(super) objective: &'static Objective,
    /// Sums per row: classes, targets, or 1.
    pub(super) groups: usize,
    /// `num_class`: 0 for everything but `multi:*`.
    pub(super) classes: usize,
    /// The margin that each sum starts from.
    pub(super) base: Vec<f32>,
    /// The round, from 0, that early stopping found best.
    pub(super) best_round: Option<usize>,
    /// What a wrapper of XGBoost 1 keeps of itself, as JSON.
    pub(super) wrapper: Option<&'f str>,
    /// `gbtree`, `dart` or `gblinear`.
    pub(super) kind: &'f str,
    /// `learner.gradient_booster`.
    pub(super) gradient: &'f Value<'f>,
}

/// Reads a file of either format.
pub(super) fn read(bytes: &[u8]) -> Result<Value<'_>, XgboostError> {
    // JSON has a quote or white space where UBJSON has a type.
    match bytes {
        [b'{', b'"' | b' ' | b'\t' | b'\r' | b'\n' | b'}', ..] => json::read(bytes),
        _ => ubjson::read(bytes),
    }
}

/// A required value of the learner.
fn need<T>(value: Option<T>, key: &str) -> Result<T, XgboostError> {
    value.ok_or_else(|| XgboostError::content(LEARNER, format!("`{key}` is not there, or not of its type")))
}

/// Major and minor version of the XGBoost that wrote the file.
fn version(root: &Value<'_>) -> (u32, u32) {
    let numbers = root.get("version").and_then(Value::ints).unwrap_or_default();
    let number = |at: usize| {
        numbers
            .get(at)
            .and_then(|number| u32::try_from(*number).ok())
            .unwrap_or(0)
    };
    (number(0), number(1))
}

/// A count that is written as text.
pub(super) fn count(value: Option<&Value<'_>>) -> Option<usize> {
    value?.str()?.parse().ok()
}

impl<'f> Booster<'f> {
    /// Reads the content of a file's root.
    pub(super) fn parse(root: &'f Value<'f>) -> Result<Self, XgboostError> {
        // A pickled Booster has its model beside its training parameters.
        let root = root.get("Model").unwrap_or(root);
        let learner = need(root.get("learner"), "learner")?;
        let param = |key| learner.at(&["learner_model_param", key]);
        let features = need(count(param("num_feature")), "num_feature")?;
        if features > MAX_COLUMNS {
            return Err(XgboostError::unsupported(
                LEARNER,
                format!("has `num_feature` above {MAX_COLUMNS}"),
            ));
        }
        let classes = need(count(param("num_class")), "num_class")?;
        let targets = match param("num_target") {
            None => 1,
            some => need(count(some), "num_target")?,
        };
        let groups = classes.max(targets).max(1);
        if groups > MAX_GROUPS || (classes > 1 && targets > 1) {
            return Err(XgboostError::content(
                LEARNER,
                "`num_class` or `num_target` is out of range",
            ));
        }
        let name = need(
            learner.at(&["objective", "name"]).and_then(Value::str),
            "objective.name",
        )?;
        let objective = Objective::named(name).ok_or_else(|| {
            let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            XgboostError::unsupported(LEARNER, format!("has the objective `{name}`, which is not known"))
        })?;
        let gradient = need(learner.get("gradient_booster"), "gradient_booster")?;
        let kind = need(gradient.get("name").and_then(Value::str), "gradient_booster.name")?;
        let names = names(learner, features)?;
        let base = base(
            objective,
            need(param("base_score").and_then(Value::str), "base_score")?,
            groups,
        )?;
        let attribute = |key| learner.at(&["attributes", key]).and_then(Value::str);
        let best_round = match attribute("best_iteration") {
            None => None,
            Some(text) => Some(need(text.parse().ok(), "attributes.best_iteration")?),
        };
        let types = learner.get("feature_types");
        let cats = gradient.get("gbtree").unwrap_or(gradient).at(&["model", "cats"]);
        Ok(Self {
            features,
            names,
            categories: Categories::read_all(types, cats, features, version(root))?,
            objective,
            groups,
            classes,
            base,
            best_round,
            wrapper: attribute("scikit_learn"),
            kind,
            gradient,
        })
    }
}

fn names<'f>(learner: &'f Value<'f>, features: usize) -> Result<Vec<&'f str>, XgboostError> {
    let Some(names) = learner.get("feature_names") else {
        return Ok(Vec::new());
    };
    let names = need(names.strs(), "feature_names")?;
    if names.is_empty() || names.len() == features {
        Ok(names)
    } else {
        Err(XgboostError::content(
            LEARNER,
            "`feature_names` has not one name per column",
        ))
    }
}

/// `5E-1`, or from XGBoost 3.1 on `[5E-1]` or one number per output.
fn base(objective: &Objective, text: &str, groups: usize) -> Result<Vec<f32>, XgboostError> {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let scores = inner.split(',').map(|score| score.trim().parse::<f32>().ok());
    let margins: Option<Vec<f32>> = scores.map(|score| objective.base_margin(score?)).collect();
    match margins {
        Some(margins) if margins.len() == groups => Ok(margins),
        Some(margins) if margins.len() == 1 => Ok(margins.repeat(groups)),
        _ => Err(XgboostError::content(
            LEARNER,
            "`base_score` is not a number of the objective's range per output",
        )),
    }
}
