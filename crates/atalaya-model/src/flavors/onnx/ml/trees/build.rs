//! Trees from a node's attributes, checked so that every walk ends at a leaf.

use std::collections::{HashMap, HashSet, VecDeque};

use super::super::super::ops::{Budget, Compiled, Inputs};
use super::super::scores::Transform;
use super::{Aggregate, Mode, Node, Regression, Sums, Trees};
use crate::flavors::onnx::attributes::Spec;
use crate::flavors::onnx::error::OnnxError;
use crate::flavors::onnx::tensor::Elements;

/// Most targets of an ensemble: each row has a score for each.
const MAX_TARGETS: usize = 100_000;
/// Most features: each row has a value for each.
const MAX_FEATURE: i64 = 10_000_000;

/// A list of floats: an attribute of floats, or a tensor called `<name>_as_tensor`.
pub(super) fn doubles(spec: &Spec<'_>, name: &str) -> Result<Vec<f64>, OnnxError> {
    match spec.tensor(&format!("{name}_as_tensor"))? {
        Some(tensor) => match tensor.as_f64(0) {
            Ok(values) => Ok(values),
            Err(_) => spec.content(format!("attribute `{name}_as_tensor` has no numbers")),
        },
        None => Ok(spec.floats(name).into_iter().map(f64::from).collect()),
    }
}

/// `n_targets`.
pub(super) fn targets(spec: &Spec<'_>) -> Result<usize, OnnxError> {
    let targets = spec.count("n_targets", spec.int_or("n_targets", 1))?;
    match targets {
        1..=MAX_TARGETS => Ok(targets),
        _ => spec.content("attribute `n_targets` is out of range"),
    }
}

fn mode(spec: &Spec<'_>, word: &str) -> Result<Mode, OnnxError> {
    Ok(match word {
        "BRANCH_LEQ" => Mode::Leq,
        "BRANCH_LT" => Mode::Lt,
        "BRANCH_GTE" => Mode::Gte,
        "BRANCH_GT" => Mode::Gt,
        "BRANCH_EQ" => Mode::Eq,
        "BRANCH_NEQ" => Mode::Neq,
        "LEAF" => Mode::Leaf,
        _ => return spec.unsupported("a node of a tree has a mode that is not understood"),
    })
}

fn feature(spec: &Spec<'_>, id: i64) -> Result<usize, OnnxError> {
    match usize::try_from(id) {
        Ok(feature) if id < MAX_FEATURE => Ok(feature),
        _ => spec.content("a node of a tree asks for a feature that is out of range"),
    }
}

/// Trees of the attributes `nodes_…` and `<kind>_…` (versions 1 and 3).
pub(super) fn trees(spec: &Spec<'_>, kind: &str, targets: usize) -> Result<Trees, OnnxError> {
    let (tree_ids, node_ids) = (spec.ints("nodes_treeids"), spec.ints("nodes_nodeids"));
    let (features, modes) = (spec.ints("nodes_featureids"), spec.texts("nodes_modes"));
    let (yes, no) = (spec.ints("nodes_truenodeids"), spec.ints("nodes_falsenodeids"));
    let missing = spec.ints("nodes_missing_value_tracks_true");
    let thresholds = doubles(spec, "nodes_values")?;
    let count = tree_ids.len();
    let lengths = [
        node_ids.len(),
        features.len(),
        modes.len(),
        yes.len(),
        no.len(),
        thresholds.len(),
    ];
    if lengths.iter().any(|length| *length != count) || count == 0 {
        return spec.content("the lists of its nodes differ in length, or are empty");
    }
    let mut places = HashMap::with_capacity(count);
    for (place, id) in tree_ids.iter().zip(&node_ids).enumerate() {
        if places.insert((*id.0, *id.1), place).is_some() {
            return spec.content("two nodes of a tree have one number");
        }
    }
    let (weights, mut spans) = weights(spec, kind, targets, &places)?;
    let mut nodes = Vec::with_capacity(count);
    for place in 0..count {
        let mode = mode(spec, &modes[place])?;
        let child = |id: i64| match places.get(&(tree_ids[place], id)) {
            Some(child) => Ok(*child),
            None => spec.content("a node of a tree has a child that does not exist"),
        };
        let leaf = mode == Mode::Leaf;
        let span = spans.remove(&place).unwrap_or((0, 0));
        nodes.push(Node {
            mode,
            missing_yes: missing.get(place) == Some(&1),
            feature: if leaf { 0 } else { feature(spec, features[place])? },
            threshold: thresholds[place],
            yes: if leaf { span.0 } else { child(yes[place])? },
            no: if leaf { span.1 } else { child(no[place])? },
        });
    }
    // As onnxruntime: the first node of each run of one tree's nodes is a root.
    let roots = (0..count).filter(|place| *place == 0 || tree_ids[*place] != tree_ids[place - 1]);
    checked(
        spec,
        Trees {
            roots: roots.collect(),
            nodes,
            weights,
            sets: Vec::new(),
            width: 0,
        },
    )
}

/// Where the weights of nodes begin and end.
type Spans = HashMap<usize, (usize, usize)>;

/// The weights of leaves, those of one leaf together and in the order of the file.
fn weights(
    spec: &Spec<'_>,
    kind: &str,
    targets: usize,
    places: &HashMap<(i64, i64), usize>,
) -> Result<(Vec<(usize, f64)>, Spans), OnnxError> {
    let ids = spec.ints(&format!("{kind}_ids"));
    let nodes = spec.ints(&format!("{kind}_nodeids"));
    let trees = spec.ints(&format!("{kind}_treeids"));
    let values = doubles(spec, &format!("{kind}_weights"))?;
    if nodes.len() != ids.len() || trees.len() != ids.len() || values.len() != ids.len() {
        return spec.content("the lists of its weights differ in length");
    }
    let mut all = Vec::with_capacity(ids.len());
    for (at, id) in ids.iter().enumerate() {
        let Some(place) = places.get(&(trees[at], nodes[at])) else {
            return spec.content("a weight is of a node that does not exist");
        };
        match usize::try_from(*id) {
            Ok(target) if target < targets => all.push((*place, target, values[at])),
            _ => return spec.content("a weight is of a target that does not exist"),
        }
    }
    all.sort_by_key(|(place, _, _)| *place);
    let mut spans = Spans::new();
    for (at, (place, _, _)) in all.iter().enumerate() {
        spans.entry(*place).or_insert((at, at)).1 = at + 1;
    }
    Ok((
        all.into_iter().map(|(_, target, value)| (target, value)).collect(),
        spans,
    ))
}

/// Refuses trees in which a node leads back to itself; notes how many features they ask for.
fn checked(spec: &Spec<'_>, mut trees: Trees) -> Result<Trees, OnnxError> {
    let mut parents = vec![0usize; trees.nodes.len()];
    let children = |node: &Node| match node.mode {
        Mode::Leaf => None,
        _ => Some([node.yes, node.no]),
    };
    for child in trees.nodes.iter().filter_map(children).flatten() {
        parents[child] += 1;
    }
    let mut open: VecDeque<usize> = (0..parents.len()).filter(|place| parents[*place] == 0).collect();
    let mut seen = 0;
    while let Some(place) = open.pop_front() {
        seen += 1;
        for child in children(&trees.nodes[place]).into_iter().flatten() {
            parents[child] -= 1;
            if parents[child] == 0 {
                open.push_back(child);
            }
        }
    }
    if seen < trees.nodes.len() {
        return spec.content("a node of a tree leads back to itself");
    }
    let features = trees.nodes.iter().filter(|node| node.mode != Mode::Leaf);
    trees.width = features.map(|node| node.feature + 1).max().unwrap_or(0);
    Ok(trees)
}

/// `TreeEnsemble` (version 5): leaves have lists of their own.
pub(in crate::flavors::onnx::ml) fn ensemble(spec: &Spec<'_>) -> Compiled {
    let targets = targets(spec)?;
    let aggregate = match spec.int_or("aggregate_function", 1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        _ => return spec.content("attribute `aggregate_function` is out of range"),
    };
    let transform = match spec.int_or("post_transform", 0) {
        0 => Transform::None,
        1 => Transform::Softmax,
        2 => Transform::Logistic,
        3 => Transform::SoftmaxZero,
        4 => Transform::Probit,
        _ => return spec.content("attribute `post_transform` is out of range"),
    };
    let regression = Regression {
        trees: leafed(spec, targets)?,
        sums: Sums {
            targets,
            first_only: targets == 1,
            aggregate,
        },
        base: Vec::new(),
        transform,
        same_type: true,
    };
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        regression.run(inputs, budget)
    }))
}

fn required(spec: &Spec<'_>, name: &str) -> Result<Vec<f64>, OnnxError> {
    match spec.tensor(name)?.map(|tensor| tensor.as_f64(0)) {
        Some(Ok(values)) => Ok(values),
        _ => spec.content(format!("attribute `{name}` is missing, or has no numbers")),
    }
}

fn leafed(spec: &Spec<'_>, targets: usize) -> Result<Trees, OnnxError> {
    let (leaf_targets, leaf_weights) = (spec.ints("leaf_targetids"), required(spec, "leaf_weights")?);
    if leaf_targets.len() != leaf_weights.len() {
        return spec.content("the lists of its leaves differ in length");
    }
    let (mut nodes, sets) = inner_nodes(spec, leaf_targets.len())?;
    let mut roots = Vec::new();
    for root in spec.ints("tree_roots") {
        match usize::try_from(root) {
            Ok(root) if root < nodes.len() => roots.push(root),
            _ => return spec.content("a root is a node that does not exist"),
        }
    }
    let mut weights = Vec::with_capacity(leaf_targets.len());
    for (at, (target, weight)) in leaf_targets.iter().zip(leaf_weights).enumerate() {
        match usize::try_from(*target) {
            Ok(target) if target < targets => weights.push((target, weight)),
            _ => return spec.content("a leaf is of a target that does not exist"),
        }
        nodes.push(Node {
            mode: Mode::Leaf,
            missing_yes: false,
            feature: 0,
            threshold: 0.0,
            yes: at,
            no: at + 1,
        });
    }
    checked(
        spec,
        Trees {
            roots,
            nodes,
            weights,
            sets,
            width: 0,
        },
    )
}

/// The nodes that are no leaves, which follow them, and the sets of those that ask for members.
fn inner_nodes(spec: &Spec<'_>, leaves: usize) -> Result<(Vec<Node>, Vec<HashSet<u64>>), OnnxError> {
    let (features, yes, no) = (
        spec.ints("nodes_featureids"),
        spec.ints("nodes_truenodeids"),
        spec.ints("nodes_falsenodeids"),
    );
    let (yes_leaf, no_leaf) = (spec.ints("nodes_trueleafs"), spec.ints("nodes_falseleafs"));
    let missing = spec.ints("nodes_missing_value_tracks_true");
    let (thresholds, modes) = (required(spec, "nodes_splits")?, required(spec, "nodes_modes")?);
    let count = features.len();
    let lengths = [
        yes.len(),
        no.len(),
        yes_leaf.len(),
        no_leaf.len(),
        thresholds.len(),
        modes.len(),
    ];
    if lengths.iter().any(|length| *length != count) || count == 0 {
        return spec.content("the lists of its nodes differ in length, or are empty");
    }
    let child = |id: i64, leaf: i64| {
        let (most, base) = if leaf == 0 { (count, 0) } else { (leaves, count) };
        match usize::try_from(id) {
            Ok(id) if id < most => Ok(base + id),
            _ => spec.content("a node of a tree has a child that does not exist"),
        }
    };
    let mut sets = sets(spec)?.into_iter();
    let (mut nodes, mut used) = (Vec::with_capacity(count + leaves), Vec::new());
    for place in 0..count {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "read from bytes")]
        let mode = match modes[place] as u8 {
            0 => Mode::Leq,
            1 => Mode::Lt,
            2 => Mode::Gte,
            3 => Mode::Gt,
            4 => Mode::Eq,
            5 => Mode::Neq,
            6 => Mode::Member,
            _ => return spec.content("a node of a tree has a mode that does not exist"),
        };
        let mut threshold = thresholds[place];
        if mode == Mode::Member {
            let Some(set) = sets.next() else {
                return spec.content("a node of a tree has no set of members");
            };
            #[expect(clippy::cast_precision_loss, reason = "a place in a list")]
            let at = used.len() as f64;
            threshold = at;
            used.push(set);
        }
        nodes.push(Node {
            mode,
            missing_yes: missing.get(place) == Some(&1),
            feature: feature(spec, features[place])?,
            threshold,
            yes: child(yes[place], yes_leaf[place])?,
            no: child(no[place], no_leaf[place])?,
        });
    }
    Ok((nodes, used))
}

/// The sets of members, each ended by a NaN.
fn sets(spec: &Spec<'_>) -> Result<Vec<HashSet<u64>>, OnnxError> {
    let Some(tensor) = spec.tensor("membership_values")? else {
        return Ok(Vec::new());
    };
    if !matches!(tensor.elements(), Elements::F32(_) | Elements::F64(_)) {
        return spec.content("attribute `membership_values` has no floats");
    }
    let values = tensor.as_f64(0).unwrap_or_default();
    let parts = values.split(|value| value.is_nan());
    Ok(parts
        .map(|part| part.iter().map(|value| (value + 0.0).to_bits()).collect())
        .collect())
}
