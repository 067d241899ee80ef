//! Steps that change columns: the trait, and several of them in a row.

use super::block::{Block, Names};
use super::scale::Standard;
use crate::predictor::PredictError;

/// A fitted transformer.
pub(super) trait Transform: Send + Sync {
    /// What it gives for `block`, whose columns are those it was compiled for.
    ///
    /// # Errors
    /// When it refuses a value.
    fn apply(&self, block: Block) -> Result<Block, PredictError>;

    /// What it does to doubles, when that is `(x - center) / scale` for every column and no more.
    fn standard(&self) -> Option<Standard<'_>> {
        None
    }
}

/// Several transformers, one after the other.
pub(super) struct Chain(pub(super) Vec<Box<dyn Transform>>);

impl Transform for Chain {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        self.0.iter().try_fold(block, |block, step| step.apply(block))
    }
}

/// A compiled transformer, and where the columns that it gives come from: as many names as it gives columns.
pub(super) type Compiled = (Box<dyn Transform>, Names);
