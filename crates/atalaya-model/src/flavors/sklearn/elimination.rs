//! `RFE` and `RFECV`: an estimator of the columns that were not eliminated.

use super::block::{Block, Names};
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::{Estimator, Evaluation, Output, Wanted};
use super::labels::Labels;
use super::members::{Member, check_finite, member};
use super::part::Part;
use super::transform::{Compiled, Transform};
use crate::object::View;
use crate::predictor::{Method, PredictError};

/// How the names of estimators start that may allow missing values, and look at them themselves.
const LENIENT: &[&str] = &["HistGradient", "DecisionTree", "ExtraTree", "RandomForest"];

/// The columns that are left.
struct Kept {
    names: Names,
    positions: Vec<usize>,
    /// Whether missing values are the estimator's business.
    allow_missing: bool,
}

impl Kept {
    fn compile(compiler: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<(Self, Names), SklearnError> {
        part.check_width(names.len())?;
        compiler.charge(names.len() * 32)?;
        let support = part.field("support_")?;
        let support = support.ints().filter(|support| support.len() == names.len());
        let Some(support) = support else {
            return part.content("attribute `support_` does not have one boolean per column");
        };
        let kept = (0..names.len()).zip(support).filter(|(_, kept)| *kept != 0);
        let positions: Vec<usize> = kept.map(|(position, _)| position).collect();
        let out = positions.iter().map(|position| names[*position].clone()).collect();
        let class = part.field("estimator_")?.class().map(|(_, name)| name);
        let kept = Self {
            names: Names::clone(names),
            positions,
            allow_missing: class.is_none_or(|name| LENIENT.iter().any(|start| name.starts_with(start))) || !own(part),
        };
        Ok((kept, out))
    }

    fn select(&self, x: &Block) -> Result<Block, PredictError> {
        if !self.allow_missing {
            check_finite(x, &self.names)?;
        }
        x.select(&self.positions, &self.names)
    }
}

/// Whether the estimator is scikit-learn's.
fn own(part: &Part<'_, '_>) -> bool {
    let estimator = part.view.attr("estimator_").and_then(View::class);
    estimator.is_some_and(|(module, _)| module.starts_with("sklearn."))
}

impl Transform for Kept {
    fn apply(&self, block: Block) -> Result<Block, PredictError> {
        self.select(&block)
    }
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
        let (kept, out) = Kept::compile(compiler, part, names)?;
        Ok((Box::new(kept), out))
    }

    pub(super) fn predictor(
        compiler: &mut Compiler,
        part: &Part<'_, '_>,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        let (kept, out) = Kept::compile(compiler, part, names)?;
        let member = member(compiler, part, "estimator_", &out)?;
        Ok(Box::new(Self { kept, member }))
    }
}

impl Estimator for Elimination {
    fn methods(&self) -> Vec<Method> {
        let mut methods = self.member.methods();
        methods.retain(|method| {
            let own = [
                Method::Predict,
                Method::PredictProba,
                Method::PredictLogProba,
                Method::DecisionFunction,
            ];
            own.contains(method)
        });
        methods
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
