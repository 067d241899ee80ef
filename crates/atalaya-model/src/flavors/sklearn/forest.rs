//! Single trees and averages of trees.

use super::block::{Block, Matrix, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::numeric::argmax;
use super::part::Part;
use super::tree::{Trees, Values};
use crate::object::View;
use crate::predictor::{Method, PredictError};

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
        let (trees, single) = match compiler.stored(part, names.len(), width)? {
            Some(ensemble) => (Trees { ensemble, width }, member(part.name).is_none()),
            None => Self::grow(compiler, part, names, width, values)?,
        };
        if trees.len() == 0 {
            return part.content("it was not fitted");
        }
        #[expect(clippy::cast_precision_loss, reason = "a forest has far fewer than 2^53 trees")]
        let members = (!single).then_some(trees.len() as f64);
        Ok(Self {
            names: Names::clone(names),
            trees,
            allow_missing: allows_missing(compiler.version, part),
            members,
        })
    }

    /// The trees, and whether the model is a single one.
    fn grow(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
        width: usize,
        values: Values,
    ) -> Result<(Trees, bool), SklearnError> {
        let mut trees = Trees::growing(names.len(), width, width);
        let Some(member) = member(part.name) else {
            trees.add(compiler, part, values)?;
            let trees = trees.build();
            compiler.keep(&trees.ensemble, part, "tree_");
            return Ok((trees, true));
        };
        for (position, view) in part.items("estimators_")?.into_iter().enumerate() {
            let place = format!("{}, tree {}", part.place, position + 1);
            let tree = Part::new(view, &place)?;
            if tree.name != member {
                return tree.unsupported("as a member of a forest");
            }
            compiler.nested(|compiler| trees.add(compiler, &tree, values))?;
        }
        let trees = trees.build();
        compiler.keep(&trees.ensemble, part, "estimators_");
        Ok((trees, false))
    }

    fn mean(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        let x: &Matrix = &*x.numbers(&self.names)?;
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
fn member(class: &str) -> Option<&'static str> {
    match class {
        "RandomForestClassifier" => Some("DecisionTreeClassifier"),
        "RandomForestRegressor" => Some("DecisionTreeRegressor"),
        "ExtraTreesClassifier" => Some("ExtraTreeClassifier"),
        "ExtraTreesRegressor" => Some("ExtraTreeRegressor"),
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
    let since = match part.name {
        "RandomForestClassifier" | "RandomForestRegressor" => 4,
        "ExtraTreesClassifier" | "ExtraTreesRegressor" => 6,
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
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let outputs = outputs(part)?;
        Ok(Box::new(Self {
            forest: Forest::compile(compiler, part, names, outputs, Values::Stored)?,
            outputs,
        }))
    }
}

impl Estimator for ForestRegressor {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let values = self.forest.mean(x)?;
        Ok(Evaluation::of(match self.outputs {
            1 => Output::floats(values),
            outputs => Output::wide(values, outputs),
        }))
    }
}

/// A classifier of one tree or many.
#[derive(Debug)]
pub(super) struct ForestClassifier {
    forest: Forest,
    /// The classes of each output.
    labels: Vec<Labels>,
    /// Most classes of an output: leaves have as many numbers for each.
    classes: usize,
}

impl ForestClassifier {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let outputs = outputs(part)?;
        let labels = match outputs {
            1 => vec![Labels::read(compiler, part)?],
            _ => Labels::read_several(compiler, part)?,
        };
        if labels.len() != outputs {
            return part.content("attribute `classes_` does not have one array per output");
        }
        let classes = labels.iter().map(Labels::len).max().unwrap_or(1);
        let values = if compiler.version >= 4 {
            Values::Stored
        } else {
            Values::Fractions(classes)
        };
        Ok(Box::new(Self {
            forest: Forest::compile(compiler, part, names, outputs * classes, values)?,
            labels,
            classes,
        }))
    }
}

impl Estimator for ForestClassifier {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::PredictProba, Method::PredictLogProba]
    }

    fn classes(&self) -> &[Labels] {
        &self.labels
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let means = self.forest.mean(x)?;
        let outputs = self.labels.len();
        let labels = means.chunks_exact(self.classes).map(argmax).collect();
        let width = self.labels.iter().map(Labels::len).sum();
        let probabilities = if width == outputs * self.classes {
            means
        } else {
            let each = means.chunks_exact(self.classes).zip(self.labels.iter().cycle());
            each.flat_map(|(row, labels)| &row[..labels.len()]).copied().collect()
        };
        Ok(Evaluation {
            predict: match outputs {
                1 => Output::labels(labels),
                _ => Output::wide_labels(labels, outputs),
            },
            probabilities: Some(Output::wide(probabilities, width)),
            scores: None,
        })
    }
}
