//! A Booster, compiled: margins of rows of float32.

use super::booster::Booster;
use super::error::XgboostError;
use super::objective::Objective;
use super::trees::Trees;
use super::value::Value;
use crate::ensemble::{Ensemble, Ensembles, Table};

/// Whose `predict` is asked for: the two do not give the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flavors) enum Face {
    /// `xgboost.Booster`: all rounds, through a `DMatrix`.
    Booster,
    /// scikit-learn's interface: the rounds up to the best one, in place.
    Wrapper,
}

/// A Booster, compiled for one of its faces.
#[derive(Debug)]
pub(in crate::flavors) struct Compiled {
    pub(in crate::flavors) features: usize,
    /// Margins per row.
    pub(in crate::flavors) groups: usize,
    /// `num_class`: 0 for everything but `multi:*`.
    pub(super) classes: usize,
    pub(super) objective: &'static Objective,
    /// Whether infinite values are refused, as a `DMatrix` does.
    pub(in crate::flavors) finite: bool,
    base: Vec<f32>,
    sums: Sums,
}

#[derive(Debug)]
enum Sums {
    Trees(Box<Ensemble<f32, f32>>),
    /// A row of weights for each column, and one of biases.
    Linear(Vec<f32>),
}

impl Compiled {
    /// Compiles a Booster that was read from a file of `file_bytes`.
    ///
    /// # Errors
    /// When it is of an unknown kind, or contradicts itself.
    pub(super) fn compile(
        booster: &Booster<'_>,
        file_bytes: usize,
        face: Face,
        ensembles: &mut Ensembles,
    ) -> Result<Self, XgboostError> {
        let sums = match booster.kind {
            "gbtree" | "dart" => {
                let stored = ensembles.take(booster.features, booster.groups);
                let ensemble = match stored.map_err(|error| XgboostError::content("the trees", error.to_string()))? {
                    Some(ensemble) => ensemble,
                    None => trees(booster, file_bytes, face)?,
                };
                ensembles.keep(&ensemble);
                Sums::Trees(Box::new(ensemble))
            }
            "gblinear" => Sums::Linear(weights(booster)?),
            other => {
                let other: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(XgboostError::unsupported(
                    "the learner",
                    format!("has the booster `{other}`, which is not known"),
                ));
            }
        };
        Ok(Self {
            features: booster.features,
            groups: booster.groups,
            classes: booster.classes,
            objective: booster.objective,
            finite: face == Face::Booster || matches!(sums, Sums::Linear(_)),
            base: booster.base.clone(),
            sums,
        })
    }

    /// The bytes that it takes.
    pub(in crate::flavors) fn size_bytes(&self) -> usize {
        match &self.sums {
            Sums::Trees(ensemble) => ensemble.size_bytes(),
            Sums::Linear(weights) => size_of_val(&weights[..]),
        }
    }

    /// [`Compiled::groups`] margins per row; NaN is a missing value.
    pub(in crate::flavors) fn margins(&self, table: Columns<'_>) -> Vec<f32> {
        let mut sums = self.base.repeat(table.rows);
        match &self.sums {
            Sums::Trees(ensemble) => ensemble.add_to(Table::from_columns(table.columns, table.rows), &mut sums),
            Sums::Linear(weights) => {
                let (weights, biases) = weights.split_at(self.features * self.groups);
                for (row, sums) in sums.chunks_exact_mut(self.groups).enumerate() {
                    for (group, sum) in sums.iter_mut().enumerate() {
                        // XGBoost takes the first base score for every output here, and only here.
                        let mut total = biases[group] + self.base[0];
                        for (column, weights) in table.columns.iter().zip(weights.chunks_exact(self.groups)) {
                            let x = column[row];
                            if !x.is_nan() {
                                total += x * weights[group];
                            }
                        }
                        *sum = total;
                    }
                }
            }
        }
        sums
    }
}

/// The model's columns, each of `rows` values.
#[derive(Debug, Clone, Copy)]
pub(in crate::flavors) struct Columns<'a> {
    pub(in crate::flavors) columns: &'a [&'a [f32]],
    pub(in crate::flavors) rows: usize,
}

fn trees(booster: &Booster<'_>, file_bytes: usize, face: Face) -> Result<Ensemble<f32, f32>, XgboostError> {
    let dart = booster.kind == "dart";
    let model = if dart {
        booster.gradient.get("gbtree")
    } else {
        Some(booster.gradient)
    };
    let Some(model) = model.and_then(|model| model.get("model")) else {
        return Err(XgboostError::content("the trees", "`model` is not there"));
    };
    let rounds = match (face, booster.best_round) {
        (Face::Wrapper, Some(best)) => Some(best.saturating_add(1)),
        _ => None,
    };
    let trees = Trees::parse(model, booster, rounds)?;
    if !dart {
        return trees.compile(booster, file_bytes, &|leaf, _, _| leaf);
    }
    let drops = booster.gradient.get("weight_drop").and_then(Value::singles);
    let Some(drops) = drops.filter(|drops| drops.len() >= trees.len()) else {
        return Err(XgboostError::content(
            "the trees",
            "`weight_drop` has not one number per tree",
        ));
    };
    match face {
        Face::Booster => trees.compile(booster, file_bytes, &|leaf, tree, _| leaf * drops[tree]),
        // In place, each tree is added to the base alone, and what it added is then scaled.
        Face::Wrapper => trees.compile(booster, file_bytes, &|leaf, tree, group| {
            let base = booster.base[group];
            ((base + leaf) - base) * drops[tree]
        }),
    }
}

fn weights(booster: &Booster<'_>) -> Result<Vec<f32>, XgboostError> {
    let weights = booster.gradient.at(&["model", "weights"]).and_then(Value::singles);
    let wanted = (booster.features + 1).checked_mul(booster.groups);
    match weights.filter(|weights| Some(weights.len()) == wanted) {
        Some(weights) => Ok(weights),
        None => Err(XgboostError::content(
            "the linear booster",
            "`weights` has not one number per column and output, and one per output",
        )),
    }
}
