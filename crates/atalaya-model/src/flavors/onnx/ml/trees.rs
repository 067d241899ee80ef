//! `TreeEnsembleClassifier`, `TreeEnsembleRegressor` and `TreeEnsemble`. Thresholds and leaves are kept as doubles, which
//! hold float32 exactly; sums are rounded to float32 after each addition where onnxruntime adds in float32, which gives
//! the same bits (a double has more than twice the digits).

mod build;

use std::collections::HashSet;
use std::sync::Arc;

use super::super::ops::{Budget, Compiled, Inputs, Results, one};
use super::Classes;
use super::scores::{Second, Transform, probit};
use crate::flavors::onnx::attributes::Spec;
use crate::flavors::onnx::error::EvalError;
use crate::flavors::onnx::tensor::{Elements, Kind, Tensor};

pub(super) use build::ensemble;

/// When a row goes to the first child of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
    Member,
    Leaf,
}

/// A node: of a leaf, `yes..no` are its weights.
#[derive(Debug, Clone)]
struct Node {
    mode: Mode,
    missing_yes: bool,
    feature: usize,
    threshold: f64,
    yes: usize,
    no: usize,
}

/// How the trees' answers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Average,
    Sum,
    Min,
    Max,
}

/// Trees, checked: every child is a node, there is no way back to a node, every target is below the number of targets.
struct Trees {
    nodes: Vec<Node>,
    roots: Vec<usize>,
    /// Target and weight.
    weights: Vec<(usize, f64)>,
    /// The sets of `BRANCH_MEMBER`; a node's threshold is the place of its set.
    sets: Vec<HashSet<u64>>,
    /// One more than the last feature that a node asks for.
    width: usize,
}

impl Trees {
    /// The weights of the leaf that a row comes to.
    fn leaf(&self, root: usize, row: &[f64]) -> &[(usize, f64)] {
        let mut node = &self.nodes[root];
        while node.mode != Mode::Leaf {
            let value = row[node.feature];
            let holds = match node.mode {
                Mode::Leq => value <= node.threshold,
                Mode::Lt => value < node.threshold,
                Mode::Gte => value >= node.threshold,
                Mode::Gt => value > node.threshold,
                #[expect(clippy::float_cmp, reason = "this is what the node says")]
                Mode::Eq => value == node.threshold,
                #[expect(clippy::float_cmp, reason = "this is what the node says")]
                Mode::Neq => value != node.threshold,
                Mode::Member => self.sets[node.yes_set()].contains(&(value + 0.0).to_bits()),
                Mode::Leaf => true,
            };
            let next = if holds || (node.missing_yes && value.is_nan()) {
                node.yes
            } else {
                node.no
            };
            node = &self.nodes[next];
        }
        &self.weights[node.yes..node.no]
    }

    /// Calls `finish` with the scores of each row, `None` for a target that no leaf speaks of.
    fn each_row(
        &self,
        input: &Tensor,
        sums: &Sums,
        budget: &Budget,
        mut finish: impl FnMut(&mut [Option<f64>]),
    ) -> Result<usize, EvalError> {
        let (rows, width) = input.rows_and_width()?;
        if width < self.width {
            return Err(EvalError::Shape("the trees ask for more columns than there are"));
        }
        budget.work(rows.saturating_mul(self.roots.len().saturating_mul(8)))?;
        let values = input.as_f64(0)?;
        // Integers are compared as float32 are.
        let single = input.kind() != Kind::F64;
        let mut scores = vec![None; sums.targets];
        for row in 0..rows {
            scores.fill(None);
            let row = &values[row * width..(row + 1) * width];
            for root in &self.roots {
                let weights = self.leaf(*root, row);
                let weights = if sums.first_only {
                    weights.get(..1).unwrap_or_default()
                } else {
                    weights
                };
                for (target, weight) in weights {
                    let target = if sums.first_only { 0 } else { *target };
                    scores[target] = Some(sums.add(scores[target], *weight, single));
                }
            }
            finish(&mut scores);
        }
        Ok(rows)
    }
}

impl Node {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list, written by this module"
    )]
    fn yes_set(&self) -> usize {
        self.threshold as usize
    }
}

/// How leaves are added up.
struct Sums {
    targets: usize,
    /// A model of one target takes the first weight of a leaf, whatever target it names.
    first_only: bool,
    aggregate: Aggregate,
}

impl Sums {
    fn add(&self, so_far: Option<f64>, weight: f64, single: bool) -> f64 {
        let Some(so_far) = so_far else {
            return weight;
        };
        match self.aggregate {
            Aggregate::Min => so_far.min(weight),
            Aggregate::Max => so_far.max(weight),
            Aggregate::Average | Aggregate::Sum => rounded(so_far + weight, single),
        }
    }
}

/// As float32 where the computation is in float32.
#[expect(clippy::cast_possible_truncation, reason = "onnxruntime computes in float32 there")]
fn rounded(value: f64, single: bool) -> f64 {
    if single { f64::from(value as f32) } else { value }
}

/// What a regressor makes of its trees.
struct Regression {
    trees: Trees,
    sums: Sums,
    base: Vec<f64>,
    transform: Transform,
    /// Whether the answer has the input's type, rather than float32.
    same_type: bool,
}

impl Regression {
    #[expect(clippy::cast_possible_truncation, reason = "scores are float32")]
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer trees than 2^53")]
    fn run(&self, inputs: &Inputs, budget: &Budget) -> Results {
        let input = inputs.get(0)?;
        let single = input.kind() != Kind::F64;
        let targets = self.sums.targets;
        budget.take_shape(&[input.rows_and_width()?.0, targets])?;
        let mut out: Vec<f64> = Vec::new();
        let base = |target: usize| {
            if self.base.len() == targets {
                self.base[target]
            } else {
                0.0
            }
        };
        let count = self.trees.roots.len() as f64;
        let rows = self.trees.each_row(input, &self.sums, budget, |scores| {
            let start = out.len();
            for (target, score) in scores.iter().enumerate() {
                let mut score = score.unwrap_or(0.0);
                if self.sums.aggregate == Aggregate::Average {
                    score = rounded(score / count, single);
                }
                out.push(rounded(score + base(target), single));
            }
            let row = &mut out[start..];
            if self.transform == Transform::None {
                return;
            }
            let mut scores: Vec<f32> = row.iter().map(|score| *score as f32).collect();
            match &mut scores[..] {
                [score] if self.transform == Transform::Probit => *score = probit(*score),
                // onnxruntime transforms no lone score.
                [_] => return,
                scores => self.transform.apply(scores),
            }
            for (to, score) in row.iter_mut().zip(scores) {
                *to = f64::from(score);
            }
        })?;
        let elements: Elements = if self.same_type && !single {
            out.into()
        } else {
            out.into_iter().map(|score| score as f32).collect::<Vec<_>>().into()
        };
        one(Tensor::new(vec![rows, targets], elements)?)
    }
}

pub(super) fn regressor(spec: &Spec<'_>) -> Compiled {
    let targets = build::targets(spec)?;
    let trees = build::trees(spec, "target", targets)?;
    let aggregate = spec.choice(
        "aggregate_function",
        Aggregate::Sum,
        &[
            ("AVERAGE", Aggregate::Average),
            ("SUM", Aggregate::Sum),
            ("MIN", Aggregate::Min),
            ("MAX", Aggregate::Max),
        ],
    )?;
    let regression = Regression {
        trees,
        sums: Sums {
            targets,
            first_only: targets == 1,
            aggregate,
        },
        base: build::doubles(spec, "base_values")?,
        transform: Transform::read(spec)?,
        same_type: false,
    };
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        regression.run(inputs, budget)
    }))
}

/// What a classifier makes of its trees.
struct Classification {
    trees: Trees,
    sums: Sums,
    classes: Classes,
    base: Vec<f64>,
    transform: Transform,
    /// Two classes, of which the leaves speak of one.
    one_sided: bool,
    all_positive: bool,
}

pub(super) fn classifier(spec: &Spec<'_>) -> Compiled {
    let classes = Classes::read(spec, "classlabels_strings", "classlabels_int64s")?;
    let targets = classes.len();
    if targets < 2 {
        return spec.unsupported("it has one class");
    }
    let trees = build::trees(spec, "class", targets)?;
    let spoken: HashSet<usize> = trees.weights.iter().map(|(class, _)| *class).collect();
    let base = build::doubles(spec, "base_values")?;
    if base.len() > targets {
        return spec.content("there are more base values than classes");
    }
    let one_sided = targets == 2 && spoken.len() == 1;
    let transform = Transform::read(spec)?;
    if one_sided && transform == Transform::Probit {
        return spec.unsupported("it has one score and the transformation `PROBIT`");
    }
    let classification = Classification {
        one_sided,
        all_positive: trees.weights.iter().all(|(_, weight)| *weight >= 0.0),
        trees,
        sums: Sums {
            targets,
            first_only: false,
            aggregate: Aggregate::Sum,
        },
        classes,
        base,
        transform: Transform::read(spec)?,
    };
    Ok(Box::new(move |inputs: &Inputs, budget: &Budget| {
        classification.run(inputs, budget)
    }))
}

impl Classification {
    fn run(&self, inputs: &Inputs, budget: &Budget) -> Results {
        let input = inputs.get(0)?;
        let single = input.kind() != Kind::F64;
        budget.take_shape(&[input.rows_and_width()?.0, self.sums.targets])?;
        let (mut labels, mut out) = (Vec::new(), Vec::new());
        let rows = self.trees.each_row(input, &self.sums, budget, |scores| {
            labels.push(match scores {
                [first, second] => self.two(*first, *second, single, &mut out),
                scores => self.several(scores, single, &mut out),
            });
        })?;
        let labels = match self.classes {
            // Of two classes that both have weights, onnxruntime gives the numbers 0 and 1, whatever they are called.
            Classes::Ints(_) if self.sums.targets == 2 && !self.one_sided => {
                Tensor::list(labels.iter().map(|label| i64::from(*label > 0)).collect::<Vec<_>>())
            }
            _ => Tensor::list(self.classes.take(&labels)),
        };
        let scores = Tensor::new(vec![rows, self.sums.targets], out)?;
        Ok(vec![Arc::new(labels), Arc::new(scores)])
    }

    #[expect(clippy::cast_possible_truncation, reason = "scores are float32")]
    fn several(&self, scores: &mut [Option<f64>], single: bool, out: &mut Vec<f32>) -> usize {
        for (score, base) in scores.iter_mut().zip(&self.base) {
            *score = Some(score.map_or(*base, |score| rounded(score + base, single)));
        }
        let mut best: Option<(usize, f64)> = None;
        for (class, score) in scores.iter().enumerate() {
            if let Some(score) = score
                && best.is_none_or(|(_, most)| *score > most)
            {
                best = Some((class, *score));
            }
        }
        let start = out.len();
        out.extend(scores.iter().map(|score| score.unwrap_or(0.0) as f32));
        self.transform.apply(&mut out[start..]);
        best.map_or(0, |(class, _)| class)
    }

    /// Two classes, as `TreeAggregatorClassifier::FinalizeScores` of onnxruntime treats them.
    #[expect(clippy::cast_possible_truncation, reason = "scores are float32")]
    fn two(&self, first: Option<f64>, second: Option<f64>, single: bool, out: &mut Vec<f32>) -> usize {
        let add = |score: Option<f64>, base: f64| rounded(score.unwrap_or(0.0) + base, single);
        // The scores that are written, and the one that decides.
        let (first, second, positive) = match self.base[..] {
            [_, base] if second.is_some() => {
                let second = add(first, base);
                (-second, Some(second), second)
            }
            // The base of a class of which no leaf speaks is left out.
            [base, _] => (add(first, base), Some(0.0), add(first, base)),
            [base] => (add(first, base), second, second.unwrap_or(add(first, base))),
            _ => (first.unwrap_or(0.0), second, second.or(first).unwrap_or(0.0)),
        };
        let (label, other) = match (self.one_sided, self.all_positive) {
            (true, true) => (usize::from(positive > 0.5), Second::Complement),
            _ => (usize::from(positive > 0.0), Second::Opposite),
        };
        match second {
            Some(second) => {
                let mut pair = [first as f32, second as f32];
                self.transform.apply(&mut pair);
                out.extend(pair);
            }
            None => out.extend(self.transform.pair(first as f32, other)),
        }
        label
    }
}
