//! `IsolationForest`: how deep rows fall in trees that were split at random.

use std::hint::black_box;

use super::block::{Block, Names, refuse};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::members::double;
use super::part::{Part, length};
use crate::ensemble::{BLOCK_ROWS, Builder, Ensemble, Missing, Node, Number, Rules, Side, Table, Tree};
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// First minor version that lets missing and infinite values through to the trees.
const ALLOWS_MISSING: u32 = 6;
/// Euler's constant, as numpy has it.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
/// Rows that are narrowed to float32 at a time.
const PIECE_ROWS: usize = 16 * BLOCK_ROWS;

/// `IsolationForest`.
pub(super) struct Isolation {
    names: Names,
    ensemble: Ensemble<f32, f64>,
    /// The depth that an average row has, of all trees together.
    expected: f64,
    offset: f64,
    allow_missing: bool,
}

impl Isolation {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        part.check_width(names.len())?;
        if names.is_empty() {
            return part.content("it gets no columns");
        }
        let ensemble = match compiler.stored(part, names.len(), 1)? {
            Some(ensemble) => ensemble,
            None => Self::grow(compiler, part, names)?,
        };
        let samples = if part.view.attr("_max_samples").is_some() {
            part.count("_max_samples")?
        } else {
            part.count("max_samples_")?
        };
        Ok(Box::new(Self {
            names: Names::clone(names),
            expected: double(ensemble.trees()) * average_path_length(double(samples)),
            ensemble,
            offset: part.number("offset_")?,
            allow_missing: compiler.version >= ALLOWS_MISSING,
        }))
    }

    fn grow(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Ensemble<f32, f64>, SklearnError> {
        let trees = part.items("estimators_")?;
        let features = part.items("estimators_features_")?;
        if trees.is_empty() || trees.len() != features.len() {
            return part.content("attribute `estimators_features_` does not have one list per tree");
        }
        let tables = tables(part, trees.len())?;
        let mut builder = Builder::new(names.len(), 1, Rules::default());
        for (position, (view, features)) in trees.into_iter().zip(features).enumerate() {
            let place = format!("{}, tree {}", part.place, position + 1);
            let member = Part::new(view, &place)?;
            if member.name != "ExtraTreeRegressor" {
                return member.unsupported("as a member of an isolation forest");
            }
            let table = tables
                .as_ref()
                .map(|(depths, averages)| (depths[position], averages[position]));
            let tree = compiler.nested(|compiler| {
                compiler.charge(16 * length(features))?;
                let Some(features) = features.ints() else {
                    return member.content("attribute `estimators_features_` is not of integers");
                };
                tree(compiler, &member, &features, table)
            })?;
            if let Err(error) = builder.add(tree) {
                return part.content(error.to_string());
            }
        }
        let ensemble = builder.build();
        compiler.keep(&ensemble, part, "estimators_");
        Ok(ensemble)
    }

    /// Small for rows that are easily told from the others.
    fn score_samples(&self, x: &Block) -> Result<Vec<f64>, PredictError> {
        let x = x.numbers(&self.names)?;
        let mut depths = vec![0.0; x.rows];
        let mut piece = Vec::new();
        let pieces = x
            .values
            .chunks(PIECE_ROWS * x.columns)
            .zip(depths.chunks_mut(PIECE_ROWS));
        for (number, (values, depths)) in pieces.enumerate() {
            narrow(values, &mut piece);
            if !self.allow_missing
                && let Some(at) = piece.iter().position(|value| !value.is_finite())
            {
                let position = number * PIECE_ROWS * x.columns + at;
                return Err(refuse(position, x.columns, &self.names, piece[at].is_nan()));
            }
            self.ensemble.add_to(Table::from_rows(&piece, x.columns), depths);
        }
        let score = |depth: f64| {
            let ratio = if self.expected == 0.0 {
                1.0
            } else {
                depth / self.expected
            };
            // The compiler must not make another function of a power of 2.
            -black_box(2.0f64).powf(-ratio)
        };
        Ok(depths.into_iter().map(score).collect())
    }
}

/// Rounds to float32.
#[expect(
    clippy::cast_possible_truncation,
    reason = "scikit-learn's trees get their input as float32"
)]
pub(super) fn narrow(values: &[f64], piece: &mut Vec<f32>) {
    piece.clear();
    piece.extend(values.iter().map(|value| *value as f32));
}

/// For each tree, the depth of every node and the average path length of as many rows as it has, where the model has them.
type Tables<'t> = (Vec<View<'t>>, Vec<View<'t>>);

fn tables<'t>(part: &Part<'t, '_>, trees: usize) -> Result<Option<Tables<'t>>, SklearnError> {
    if part.view.attr("_decision_path_lengths").is_none() {
        return Ok(None);
    }
    let depths = part.items("_decision_path_lengths")?;
    let averages = part.items("_average_path_length_per_tree")?;
    if depths.len() != trees || averages.len() != trees {
        return part.content("attribute `_decision_path_lengths` does not have one array per tree");
    }
    Ok(Some((depths, averages)))
}

/// A tree whose leaves have what a row that ends there adds to its depth.
fn tree(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    features: &[i64],
    table: Option<(View<'_>, View<'_>)>,
) -> Result<Tree<f32, f64>, SklearnError> {
    let nodes = nodes(compiler, part, |feature| {
        let feature = usize::try_from(feature).ok().and_then(|feature| features.get(feature));
        feature.and_then(|feature| u32::try_from(*feature).ok())
    })?;
    compiler.charge(nodes.len() * 4 * 8)?;
    let (depths, averages) = match table {
        Some((depths, averages)) => (depths.floats(), averages.floats()),
        None => {
            let samples = part.field("tree_")?.attr("nodes").and_then(View::as_array);
            let samples = samples.and_then(|nodes| nodes.field_floats("n_node_samples"));
            let averages = samples.map(|samples| samples.into_iter().map(average_path_length).collect());
            (Some(depths_of(&nodes)), averages)
        }
    };
    match (depths, averages) {
        (Some(depths), Some(averages)) if depths.len() == nodes.len() && averages.len() == nodes.len() => Ok(Tree {
            first: 0,
            width: 1,
            values: depths
                .iter()
                .zip(averages)
                .map(|(depth, average)| depth + average - 1.0)
                .collect(),
            nodes,
        }),
        _ => part.content("it does not have one path length per node"),
    }
}

/// The nodes of a fitted decision tree, leaves numbered by their node; `column` makes the model's column of a tree's.
pub(super) fn nodes(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    column: impl Fn(i64) -> Option<u32>,
) -> Result<Vec<Node<f32>>, SklearnError> {
    let tree = part.field("tree_")?;
    if tree.class() != Some(("sklearn.tree._tree", "Tree")) {
        return Err(SklearnError::unknown(
            &format!("{}, attribute `tree_`", part.place),
            tree,
        ));
    }
    let Some(array) = tree.attr("nodes").and_then(View::as_array) else {
        return part.content("its tree has no `nodes`");
    };
    // Five columns of eight bytes are read, and two forms of each node are made.
    compiler.charge(array.len() * (5 * 8 + 2 * size_of::<Node<f32>>()))?;
    let ints = |name: &str| match array.field_ints(name) {
        Some(ints) => Ok(ints),
        None => part.content(format!("its tree's nodes have no integer field `{name}`")),
    };
    let (left, right, feature) = (ints("left_child")?, ints("right_child")?, ints("feature")?);
    let Some(threshold) = array.field_floats("threshold") else {
        return part.content("its tree's nodes have no field `threshold`");
    };
    let missing_left = array.field_ints("missing_go_to_left");
    // What does not fit is beyond everything that exists, and the builder refuses it.
    let index = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    let node = |at: usize| {
        if left[at] == -1 && right[at] == -1 {
            return Ok(Node::Leaf { leaf: index(at as i64) });
        }
        let Some(feature) = column(feature[at]) else {
            return part.content("a tree node tests a column that does not exist");
        };
        let missing_left = missing_left.as_ref().is_some_and(|missing_left| missing_left[at] != 0);
        let missing = Missing::Nan(if missing_left { Side::Left } else { Side::Right });
        let threshold = <f32 as Number>::round_down(threshold[at]);
        Ok(Node::at_most(
            feature,
            threshold,
            missing,
            index(left[at]),
            index(right[at]),
        ))
    };
    (0..array.len()).map(node).collect()
}

/// How many nodes the path to each node has, itself and the root included. Children come after their parents.
fn depths_of(nodes: &[Node<f32>]) -> Vec<f64> {
    let mut depths = vec![1.0; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        if let Node::Number { left, right, .. } = node {
            for child in [*left as usize, *right as usize] {
                if child > at && child < nodes.len() {
                    depths[child] = depths[at] + 1.0;
                }
            }
        }
    }
    depths
}

/// The average path length of a search that fails in a tree of `samples` rows.
#[expect(clippy::float_cmp, reason = "counts are whole numbers")]
fn average_path_length(samples: f64) -> f64 {
    if samples <= 1.0 {
        0.0
    } else if samples == 2.0 {
        1.0
    } else {
        2.0 * ((samples - 1.0).ln() + EULER_GAMMA) - 2.0 * (samples - 1.0) / samples
    }
}

impl Estimator for Isolation {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Predict, Method::DecisionFunction, Method::ScoreSamples]
    }

    fn evaluate(&self, x: &Block, _: Wanted) -> Result<Evaluation, PredictError> {
        let mut scores = self.score_samples(x)?;
        scores.iter_mut().for_each(|score| *score -= self.offset);
        let side = |score: &f64| if *score < 0.0 { -1 } else { 1 };
        Ok(Evaluation {
            predict: Output::ints(scores.iter().map(side).collect()),
            probabilities: None,
            scores: Some(Output::floats(scores)),
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        match method {
            Method::ScoreSamples => Ok(Output::floats(self.score_samples(x)?)),
            method => super::estimator::call_evaluated(self, method, x),
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact arithmetic")]
mod tests {
    use super::*;

    #[test]
    fn the_average_path_of_small_trees_is_fixed() {
        assert_eq!([0.0, 1.0, 2.0].map(average_path_length), [0.0, 0.0, 1.0]);
        assert!((average_path_length(256.0) - 10.244_770_920_119_917).abs() < 1e-12);
    }

    #[test]
    fn depths_count_nodes() {
        let leaf = |leaf| Node::Leaf { leaf };
        let split = |left, right| Node::at_most(0, 0.0, Missing::Nan(Side::Left), left, right);
        assert_eq!(
            depths_of(&[split(1, 4), split(2, 3), leaf(2), leaf(3), leaf(4)]),
            [1.0, 2.0, 3.0, 3.0, 2.0]
        );
    }
}
