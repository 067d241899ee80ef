//! What all feature selectors do: they keep some of their columns.

use super::block::{Block, Names};
use super::members::check_finite;
use super::part::Part;
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::PredictError;

/// How the names of estimators start that may allow missing values, and look at them themselves.
const LENIENT: &[&str] = &["HistGradient", "DecisionTree", "ExtraTree", "RandomForest"];

/// The columns that are kept.
#[derive(Debug)]
pub(super) struct Kept {
    names: Names,
    positions: Vec<usize>,
    /// Whether missing values are somebody else's business.
    allow_missing: bool,
}

impl Kept {
    /// Those of `names` for which `mask` is true, and their names.
    pub(super) fn new(names: &Names, mask: &[bool], allow_missing: bool) -> (Self, Names) {
        let kept = names.iter().zip(mask).enumerate().filter(|(_, (_, kept))| **kept);
        let (positions, out): (Vec<_>, Vec<_>) = kept.map(|(position, (name, _))| (position, name.clone())).unzip();
        let kept = Self {
            names: Names::clone(names),
            positions,
            allow_missing,
        };
        (kept, out.into())
    }

    /// As [`Kept::new`], as a transformer.
    pub(super) fn compiled(names: &Names, mask: &[bool], allow_missing: bool) -> Compiled {
        let (kept, out) = Self::new(names, mask, allow_missing);
        (Box::new(kept), out)
    }

    /// The columns of a block.
    pub(super) fn select(&self, block: &Block) -> Result<Block, PredictError> {
        if !self.allow_missing {
            check_finite(block, &self.names)?;
        }
        block.select(&self.positions, &self.names)
    }
}

impl Transform for Kept {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        self.select(&block)
    }
}

/// Whether selecting by the estimator in `attribute` leaves missing values to it.
pub(super) fn lenient(part: &Part<'_, '_>, attribute: &str) -> bool {
    let class = part.view.attr(attribute).and_then(View::class);
    class.is_none_or(|(module, name)| {
        !module.starts_with("sklearn.") || LENIENT.iter().any(|start| name.starts_with(start))
    })
}
