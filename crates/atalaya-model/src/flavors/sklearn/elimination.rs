//! `RFE` and `RFECV`: an estimator of the columns that were not eliminated. `SequentialFeatureSelector`: those columns.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::kept::{Kept, lenient};
use super::labels::Labels;
use super::members::{Member, member};
use super::part::Part;
use super::transform::Compiled;
use crate::predictor::{Method, PredictError};

/// The columns that are left, and their names.
fn left(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<(Kept, Names), SklearnError> {
    let mask = support(compiler, part, names)?;
    Ok(Kept::new(names, &mask, lenient(part, "estimator_")))
}

/// Attribute `support_`: whether each column is left.
fn support(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Vec<bool>, SklearnError> {
    part.check_width(names.len())?;
    compiler.charge(names.len() * 32)?;
    match part.field("support_")?.ints() {
        Some(support) if support.len() == names.len() => Ok(support.into_iter().map(|left| left != 0).collect()),
        _ => part.content("attribute `support_` does not have one boolean per column"),
    }
}

/// `SequentialFeatureSelector`.
pub(super) fn sequential(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    names: &Names,
) -> Result<Compiled, SklearnError> {
    let mask = support(compiler, part, names)?;
    Ok(Kept::compiled(names, &mask, lenient(part, "estimator")))
}

/// `RFE` or `RFECV`.
pub(super) struct Elimination {
    kept: Kept,
    member: Member,
}

impl Elimination {
    pub(super) fn transformer(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Compiled, SklearnError> {
        let (kept, out) = left(compiler, part, names)?;
        Ok((Box::new(kept), out))
    }

    pub(super) fn predictor(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let (kept, out) = left(compiler, part, names)?;
        let member = member(compiler, part, "estimator_", &out)?;
        Ok(Box::new(Self { kept, member }))
    }
}

impl Estimator for Elimination {
    fn methods(&self) -> Vec<Method> {
        self.member.evaluated()
    }

    fn classes(&self) -> &[Labels] {
        self.member.classes()
    }

    fn evaluate(&self, x: &Block, wanted: Wanted) -> Result<Evaluation, PredictError> {
        self.member.evaluate(&self.kept.select(x)?, wanted)
    }

    fn call(&self, method: Method, x: &Block) -> Result<Output, PredictError> {
        if !self.methods().contains(&method) {
            return Err(PredictError::Method { method });
        }
        self.member.call(method, &self.kept.select(x)?)
    }
}
