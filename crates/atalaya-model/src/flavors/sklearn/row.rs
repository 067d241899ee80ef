//! What a row of the table of classes says, and what the documentation says of it.

use super::block::Names;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::estimator::Estimator;
use super::part::Part;
use super::table::rows;
use super::transform::Compiled;
use crate::object::View;

/// Compiles a fitted transformer, which gets the columns of the names.
pub(super) type CompileTransformer = fn(&mut Compiler, &Part<'_, '_>, &Names) -> Result<Compiled, SklearnError>;
/// Compiles a fitted predictor, which gets the columns of the names.
pub(super) type CompilePredictor = fn(&mut Compiler, &Part<'_, '_>, &Names) -> Result<Box<dyn Estimator>, SklearnError>;

/// A class with native code.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) parity: Parity,
    pub(super) what: What,
}

/// What a class does, and how it is compiled.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Transformer(CompileTransformer),
    Predictor(CompilePredictor),
    Both(CompileTransformer, CompilePredictor),
    /// Steps, one after the other.
    Pipeline,
    /// Every search, and whatever else answers as the estimator inside does.
    Delegate,
}

/// How near the answers are to Python's, for the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parity {
    /// The same bits on any machine.
    Exact,
    /// The same arithmetic in the same order, then functions of the C library: the same bits on glibc.
    Libm,
    /// A dense product, whose order of additions BLAS leaves open: within 4 ε (Σ|x·w| + |b|).
    Dot,
    /// That of the estimators inside.
    Members,
    /// In words.
    Bound(&'static str),
}

impl Parity {
    fn text(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Libm => "exact up to the C library's exp and log",
            Self::Dot => "within 4 ε (Σ|x·w| + |b|)",
            Self::Members => "that of its members",
            Self::Bound(text) => text,
        }
    }
}

impl Row {
    pub(super) const fn new(module: &'static str, name: &'static str, parity: Parity, what: What) -> Self {
        Self {
            module,
            name,
            parity,
            what,
        }
    }

    pub(super) const fn transformer(
        module: &'static str,
        name: &'static str,
        parity: Parity,
        compile: CompileTransformer,
    ) -> Self {
        Self::new(module, name, parity, What::Transformer(compile))
    }

    pub(super) const fn predictor(
        module: &'static str,
        name: &'static str,
        parity: Parity,
        compile: CompilePredictor,
    ) -> Self {
        Self::new(module, name, parity, What::Predictor(compile))
    }

    /// A class that predicts and transforms, in this order of the two functions: transformer, predictor.
    pub(super) const fn both(
        module: &'static str,
        name: &'static str,
        parity: Parity,
        transformer: CompileTransformer,
        predictor: CompilePredictor,
    ) -> Self {
        Self::new(module, name, parity, What::Both(transformer, predictor))
    }

    /// How near its answers are to Python's.
    pub(super) fn parity_text(&self) -> &'static str {
        self.parity.text()
    }

    /// The row of an instance's class, when there is native code for it.
    pub(super) fn of(view: View<'_>) -> Option<&'static Self> {
        view.as_object()?;
        let (module, name) = view.class()?;
        rows().find(|row| row.name == name && row.module == module)
    }
}

/// A class that runs natively, for the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Support {
    /// The class's own name.
    pub class: &'static str,
    /// The module that pickles name it by.
    pub module: &'static str,
    /// What of it runs natively: `predicts`, `transforms`, or both.
    pub native: &'static str,
    /// How near the answers are to Python's.
    pub parity: &'static str,
}

/// Every class that runs natively, by module and name.
#[must_use]
pub fn support() -> Vec<Support> {
    let support = |row: &Row| Support {
        class: row.name,
        module: row.module,
        native: match row.what {
            What::Transformer(_) => "transforms",
            What::Predictor(_) => "predicts",
            What::Both(..) => "transforms, predicts",
            What::Pipeline | What::Delegate => "transforms, predicts, as its members do",
        },
        parity: row.parity.text(),
    };
    let mut found: Vec<_> = rows().map(support).collect();
    found.sort_by_key(|support| (support.module, support.class));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_there_once() {
        let all = support();
        assert!(all.len() >= 30, "{} classes", all.len());
        for pair in all.windows(2) {
            assert_ne!((pair[0].module, pair[0].class), (pair[1].module, pair[1].class));
        }
        assert!(all.iter().all(|one| !one.parity.is_empty() && one.module.contains('.')));
    }
}
