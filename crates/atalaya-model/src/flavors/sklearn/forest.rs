//! Single trees and averages of trees.

use super::block::{Matrix, Names};
use super::classes::Class;
use super::error::SklearnError;
use super::head::{Classified, Regressed};
use super::labels::Labels;
use super::numeric::argmax;
use super::part::{Compiler, Part};
use super::tree::{Trees, Values};
use crate::object::View;
use crate::predictor::PredictError;

/// One tree, or the mean of several.
#[derive(Debug)]
struct Forest {
    names: Names,
    trees: Trees,
    allow_missing: bool,
    /// Divides the sum; `None` for a single tree, whose values are the answer themselves.
    members: Option<f64>,
}

impl Forest {
    fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        width: usize,
        values: Values,
    ) -> Result<Self, SklearnError> {
        part.check_width(names.len())?;
        let mut trees = Trees::new(width);
        let allow_missing = allows_missing(compiler.version, part);
        let Some(member) = member(part.class) else {
            trees.add(compiler, part, names.len(), values)?;
            return Ok(Self {
                names: Names::clone(names),
                trees,
                allow_missing,
                members: None,
            });
        };
        for (position, view) in part.items("estimators_")?.into_iter().enumerate() {
            let place = format!("{}, tree {}", part.place, position + 1);
            let tree = Part::new(view, &place)?;
            if tree.class != member {
                return tree.unsupported("as a member of a forest");
            }
            compiler.nested(|compiler| trees.add(compiler, &tree, names.len(), values))?;
        }
        let members = trees.roots.len();
        if members == 0 {
            return part.content("it was not fitted");
        }
        #[expect(clippy::cast_precision_loss, reason = "a forest has far fewer than 2^53 trees")]
        let members = Some(members as f64);
        Ok(Self {
            names: Names::clone(names),
            trees,
            allow_missing,
            members,
        })
    }

    fn mean(&self, x: &Matrix) -> Result<Vec<f64>, PredictError> {
        // A single tree's value comes out unchanged: -0.0 is the neutral element of addition, sums start at 0.0.
        let start = if self.members.is_some() { 0.0 } else { -0.0 };
        let width = self.trees.width;
        let mut out = vec![start; x.rows * width];
        self.trees
            .add_to(x, &self.names, self.allow_missing && !x.sparse, width, &mut out)?;
        if let Some(members) = self.members {
            out.iter_mut().for_each(|value| *value /= members);
        }
        Ok(out)
    }
}

/// The class of a forest's members; `None` for a class that is a tree itself.
fn member(class: Class) -> Option<Class> {
    match class {
        Class::RandomForestClassifier => Some(Class::DecisionTreeClassifier),
        Class::RandomForestRegressor => Some(Class::DecisionTreeRegressor),
        Class::ExtraTreesClassifier => Some(Class::ExtraTreeClassifier),
        Class::ExtraTreesRegressor => Some(Class::ExtraTreeRegressor),
        _ => None,
    }
}

/// Whether scikit-learn lets missing values through to the trees: best splits since 1.3, forests since 1.4, random splits
/// since 1.6; only for some criteria, and without monotonic constraints.
fn allows_missing(version: u32, part: &Part<'_, '_>) -> bool {
    let criterion = part.view.attr("criterion").and_then(View::as_str).unwrap_or_default();
    let criteria = [
        "gini",
        "entropy",
        "log_loss",
        "squared_error",
        "friedman_mse",
        "poisson",
    ];
    let splitter = part.view.attr("splitter").and_then(View::as_str);
    let since = match part.class {
        Class::RandomForestClassifier | Class::RandomForestRegressor => 4,
        Class::ExtraTreesClassifier | Class::ExtraTreesRegressor => 6,
        _ if splitter == Some("random") => 6,
        _ => 3,
    };
    version >= since && criteria.contains(&criterion) && part.optional("monotonic_cst").is_none()
}

fn outputs(part: &Part<'_, '_>) -> Result<usize, SklearnError> {
    let outputs = if part.view.attr("n_outputs_").is_some() {
        part.count("n_outputs_")?
    } else {
        1
    };
    if outputs == 0 || outputs > MAX_OUTPUTS {
        part.content("attribute `n_outputs_` is out of range")
    } else {
        Ok(outputs)
    }
}

/// Most outputs of one regressor.
const MAX_OUTPUTS: usize = 100_000;

/// A regressor of one tree or many.
#[derive(Debug)]
pub(super) struct ForestRegressor {
    forest: Forest,
    outputs: usize,
}

impl ForestRegressor {
    pub(super) fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Self, SklearnError> {
        let outputs = outputs(part)?;
        Ok(Self {
            forest: Forest::compile(compiler, part, names, outputs, Values::Stored)?,
            outputs,
        })
    }

    pub(super) fn predict(&self, x: &Matrix) -> Result<Regressed, PredictError> {
        Ok(Regressed {
            values: self.forest.mean(x)?,
            width: (self.outputs > 1).then_some(self.outputs),
        })
    }
}

/// A classifier of one tree or many.
#[derive(Debug)]
pub(super) struct ForestClassifier {
    forest: Forest,
}

impl ForestClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<(Self, Labels), SklearnError> {
        if outputs(part)? > 1 {
            return part.unsupported("with several outputs");
        }
        let labels = Labels::read(compiler, part)?;
        let values = if compiler.version >= 4 {
            Values::Stored
        } else {
            Values::Fractions
        };
        Ok((
            Self {
                forest: Forest::compile(compiler, part, names, labels.len(), values)?,
            },
            labels,
        ))
    }

    pub(super) fn classify(&self, x: &Matrix) -> Result<Classified, PredictError> {
        let probabilities = self.forest.mean(x)?;
        let labels = probabilities
            .chunks_exact(self.forest.trees.width)
            .map(argmax)
            .collect();
        Ok(Classified {
            labels,
            probabilities,
            scores: None,
        })
    }
}
