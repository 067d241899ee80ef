//! Steps that change columns: the trait, and how one is compiled from its estimator.

use super::block::{Block, Names};
use super::classes::Class;
use super::column_transformer::SplitColumns;
use super::error::SklearnError;
use super::impute::Impute;
use super::onehot::OneHot;
use super::part::{Compiler, Part};
use super::pipeline;
use super::scale::Scale;
use crate::object::View;
use crate::predictor::PredictError;

/// A fitted transformer.
pub(super) trait Transform: Send + Sync {
    /// What it gives for `block`, whose columns are those it was compiled for.
    fn apply(&self, block: Block) -> Result<Block, PredictError>;
}

/// Several transformers, one after the other.
pub(super) struct Chain(pub(super) Vec<Box<dyn Transform>>);

impl Transform for Chain {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        self.0.iter().try_fold(block, |block, step| step.apply(block))
    }
}

/// A compiled transformer, and where the columns that it gives come from.
pub(super) type Compiled = (Box<dyn Transform>, Names);

/// Compiles the transformer at `view`, which gets the columns `names`.
pub(super) fn compile(
    compiler: &mut Compiler,
    view: View<'_>,
    place: &str,
    names: &Names,
) -> Result<Compiled, SklearnError> {
    compiler.nested(|compiler| {
        let part = Part::new(view, place)?;
        match part.class {
            Class::StandardScaler | Class::MinMaxScaler | Class::MaxAbsScaler | Class::RobustScaler => Ok((
                Box::new(Scale::compile(compiler, &part, names)?) as Box<dyn Transform>,
                Names::clone(names),
            )),
            Class::SimpleImputer => {
                let (impute, out) = Impute::compile(compiler, &part, names)?;
                Ok((Box::new(impute) as Box<dyn Transform>, out))
            }
            Class::OneHotEncoder => {
                let (one_hot, out) = OneHot::compile(compiler, &part, names)?;
                Ok((Box::new(one_hot) as Box<dyn Transform>, out))
            }
            Class::ColumnTransformer => {
                let (split, out) = SplitColumns::compile(compiler, &part, names)?;
                Ok((Box::new(split) as Box<dyn Transform>, out))
            }
            Class::FunctionTransformer => {
                if part.optional("func").is_some() {
                    return part.unsupported("with a function");
                }
                Ok((Box::new(Chain(Vec::new())) as Box<dyn Transform>, Names::clone(names)))
            }
            Class::Pipeline => {
                let (steps, out) = pipeline::transformers(compiler, &part, names)?;
                Ok((Box::new(Chain(steps)) as Box<dyn Transform>, out))
            }
            _ => part.unsupported("is not a transformer"),
        }
    })
}
