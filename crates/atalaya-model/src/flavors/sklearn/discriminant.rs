//! Discriminant analysis: the quadratic classifier, and the linear one as a transformer.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{EVALUATED, Estimator, Evaluation, Output, Wanted, call_evaluated};
use super::labels::Labels;
use super::numeric::{dot, sum};
use super::part::{Part, length};
use super::posterior::{Joint, Normal};
use super::precision::Precision;
use super::projection::Projection;
use super::transform::{Compiled, Transform};
use super::weights::Weights;
use crate::predictor::{Method, PredictError};

/// First minor version in which log probabilities are computed without probabilities.
const SHIFTED: u32 = 6;

/// `QuadraticDiscriminantAnalysis`.
#[derive(Debug)]
pub(super) struct Quadratic {
    names: Names,
    labels: Labels,
    groups: Vec<Group>,
    normal: Normal,
}

/// One class.
#[derive(Debug)]
struct Group {
    mean: Vec<f64>,
    /// `rotation * scaling ** -0.5`, transposed: a row for each direction.
    directions: Weights,
    /// `sum(log(scaling))`.
    volume: f64,
    log_prior: f64,
}

impl Quadratic {
    pub(super) fn compile(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let columns = names.len();
        part.check_width(columns)?;
        let labels = Labels::read(compiler, part)?;
        let means = Weights::with_shape(compiler, part, "means_", [labels.len(), columns])?;
        let priors = part.floats(compiler, "priors_")?;
        let (rotations, scalings) = (part.items("rotations_")?, part.items("scalings_")?);
        if [priors.len(), rotations.len(), scalings.len()] != [labels.len(); 3] {
            return part.content("attributes `priors_`, `rotations_` and `scalings_` do not have one part per class");
        }
        let mut groups = Vec::with_capacity(labels.len());
        for ((rotation, scaling), (mean, prior)) in rotations.iter().zip(scalings).zip(means.iter().zip(priors)) {
            let rotation = Weights::read_view(compiler, part, *rotation, "rotations_")?;
            compiler.charge(8 * length(scaling))?;
            let scaling = scaling.floats().unwrap_or_default();
            if rotation.rows != columns || rotation.columns != scaling.len() {
                return part.content("attributes `rotations_` and `scalings_` do not fit each other");
            }
            let mut directions = rotation.transposed();
            for (row, scale) in directions.values.chunks_exact_mut(columns.max(1)).zip(&scaling) {
                let factor = scale.powf(-0.5);
                row.iter_mut().for_each(|value| *value *= factor);
            }
            let logs: Vec<f64> = scaling.iter().map(|scale| scale.ln()).collect();
            groups.push(Group {
                mean: mean.to_vec(),
                directions,
                volume: sum(&logs),
                log_prior: prior.ln(),
            });
        }
        Ok(Box::new(Self {
            names: Names::clone(names),
            labels,
            groups,
            normal: if compiler.version >= SHIFTED {
                Normal::Shifted
            } else {
                Normal::Ratio
            },
        }))
    }

    fn joint(&self, x: &Block) -> Result<Joint, PredictError> {
        let x = x.numbers(&self.names)?;
        x.check(&self.names, false)?;
        let mut values = Vec::with_capacity(x.rows * self.groups.len());
        let mut centered = vec![0.0; x.columns];
        for row in x.values.chunks_exact(x.columns.max(1)) {
            for group in &self.groups {
                for ((slot, x), mean) in centered.iter_mut().zip(row).zip(&group.mean) {
                    *slot = x - mean;
                }
                let squares: Vec<f64> = group
                    .directions
                    .iter()
                    .map(|direction| {
                        let along = dot(&centered, direction);
                        along * along
                    })
                    .collect();
                values.push(-0.5 * (sum(&squares) + group.volume) + group.log_prior);
            }
        }
        Ok(Joint {
            values,
            classes: self.groups.len(),
            precision: Precision::Double,
            normal: self.normal,
        })
    }
}

impl Estimator for Quadratic {
    fn methods(&self) -> Vec<Method> {
        EVALUATED.to_vec()
    }

    fn classes(&self) -> &[Labels] {
        std::slice::from_ref(&self.labels)
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        let joint = self.joint(x)?;
        Ok(Evaluation {
            scores: wanted.scores.then(|| joint.decision()),
            ..joint.evaluation(wanted)
        })
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        match method {
            Method::PredictLogProba => Ok(self.joint(x)?.log_probabilities()),
            _ => call_evaluated(self, method, x),
        }
    }
}

/// `LinearDiscriminantAnalysis` as a transformer: onto its most discriminative directions.
pub(super) fn directions(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    names: &Names,
) -> Result<Compiled, SklearnError> {
    let center = match part.text("solver")? {
        "svd" => Some(part.vector(compiler, "xbar_", names.len())?),
        "eigen" => None,
        _ => return Ok((Box::new(NoDirections), Names::from([]))),
    };
    let scalings = Weights::read(compiler, part, "scalings_")?;
    if scalings.rows != names.len() {
        return part.content("attribute `scalings_` does not have one row per column");
    }
    let mut weights = scalings.transposed();
    let kept = part.count("_max_components")?.min(weights.rows);
    weights.rows = kept;
    weights.values.truncate(kept * weights.columns);
    Ok(Projection::new(names, weights).centered(center).compiled(part))
}

/// What the solver `lsqr` leaves of a transformer.
#[derive(Debug)]
struct NoDirections;

impl Transform for NoDirections {
    fn apply(&self, _: Block) -> Result<Block, PredictError> {
        Err(PredictError::Method {
            method: Method::Transform,
        })
    }
}
