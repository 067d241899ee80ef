//! Compiling estimators into each other, within the limits that keep a small file from becoming a large model.

use std::collections::HashSet;

use super::block::Names;
use super::error::SklearnError;
use super::estimator::Estimator;
use super::part::Part;
use super::pipeline;
use super::row::What;
use super::transform::{Chain, Compiled};
use crate::compiled::Form;
use crate::ensemble::{Ensemble, Number};
use crate::object::View;
use crate::object::compact::Instead;
use crate::signature::{ColumnType, Signature};

/// Deepest nesting of estimators; people use four.
const MAX_DEPTH: usize = 32;
/// Most estimators of one model, members of ensembles included.
const MAX_ESTIMATORS: usize = 200_000;
/// Memory that any model may take, and memory per byte of its file: a tree's compiled node is smaller than its pickle.
const FREE_BYTES: usize = 64 << 20;
const BYTES_PER_FILE_BYTE: usize = 8;
/// What all parts of one model share while it is compiled.
#[derive(Debug)]
pub(super) struct Compiler {
    /// Minor version of the scikit-learn 1.x that fitted the model: it decides the arithmetic.
    pub(super) version: u32,
    depth: usize,
    estimators_left: usize,
    bytes_left: usize,
    /// The columns that are declared as text.
    texts: HashSet<String>,
    /// Where ensembles are kept, or taken from.
    pub(super) form: Form,
}

impl Compiler {
    pub(super) fn new(version: u32, file_bytes: usize) -> Self {
        let bytes_left = file_bytes
            .saturating_mul(BYTES_PER_FILE_BYTE)
            .saturating_add(FREE_BYTES);
        Self {
            version,
            depth: 0,
            estimators_left: MAX_ESTIMATORS,
            bytes_left,
            texts: HashSet::new(),
            form: Form::default(),
        }
    }

    /// Takes note of the columns that are declared as text.
    pub(super) fn take_texts(&mut self, declared: Option<&Signature>) {
        let inputs = declared.map_or(&[][..], Signature::inputs).iter();
        let texts = inputs.filter(|input| input.kind == ColumnType::String);
        self.texts = texts.map(|input| input.name.clone()).collect();
    }

    /// Whether the request's column `name` is declared as text.
    pub(super) fn is_text(&self, name: &str) -> bool {
        self.texts.contains(name)
    }

    /// Takes `bytes` for what is about to be read or compiled. One shared array of the file may be read many times.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), SklearnError> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or(SklearnError::TooLarge {
            what: "the memory that the model takes",
        })?;
        Ok(())
    }

    /// The next ensemble, when the model is woken from its compiled form.
    ///
    /// # Errors
    /// When the form has another one.
    pub(super) fn stored<X: Number, Y: Number>(
        &mut self,
        part: &Part<'_, '_>,
        columns: usize,
        accumulators: usize,
    ) -> Result<Option<Ensemble<X, Y>>, SklearnError> {
        let stored = self.form.ensembles.take(columns, accumulators);
        stored.or_else(|error| part.content(error.to_string()))
    }

    /// Keeps an ensemble for the compiled form, which then does not need the attribute that it was made of.
    pub(super) fn keep<X: Number, Y: Number>(
        &mut self,
        ensemble: &Ensemble<X, Y>,
        part: &Part<'_, '_>,
        attribute: &str,
    ) {
        self.form.ensembles.keep(ensemble);
        if let Some(view) = part.view.attr(attribute) {
            self.form.instead.insert(view.id(), Instead::Nothing);
        }
    }

    /// Runs `compile` one level deeper.
    pub(super) fn nested<T>(
        &mut self,
        compile: impl FnOnce(&mut Self) -> Result<T, SklearnError>,
    ) -> Result<T, SklearnError> {
        if self.depth >= MAX_DEPTH {
            return Err(SklearnError::TooLarge {
                what: "the nesting of estimators",
            });
        }
        let left = self.estimators_left.checked_sub(1);
        self.estimators_left = left.ok_or(SklearnError::TooLarge {
            what: "the number of estimators",
        })?;
        self.depth += 1;
        let compiled = compile(self);
        self.depth -= 1;
        compiled
    }

    /// Compiles the predictor at `view`, a member of another estimator or the last step of a model, which gets the columns
    /// `names`.
    ///
    /// # Errors
    /// When its class has no native code, only transforms, or contradicts itself; at a limit.
    pub(super) fn estimator(
        &mut self,
        view: View<'_>,
        place: &str,
        names: &Names,
    ) -> Result<Box<dyn Estimator>, SklearnError> {
        self.nested(|compiler| {
            let part = Part::new(view, place)?;
            match part.row.what {
                What::Predictor(compile) | What::Both(_, compile) => compile(compiler, &part, names),
                What::Pipeline => pipeline::estimator(compiler, &part, names),
                What::Delegate => {
                    let inner = part.delegate()?;
                    compiler.estimator(inner.view, &inner.place, names)
                }
                What::Transformer(_) => part.unsupported("only transforms, and has no `predict`"),
            }
        })
    }

    /// Compiles the transformer at `view`, which gets the columns `names`.
    ///
    /// # Errors
    /// When its class has no native code, does not transform, or contradicts itself; at a limit.
    pub(super) fn transformer(&mut self, view: View<'_>, place: &str, names: &Names) -> Result<Compiled, SklearnError> {
        self.nested(|compiler| {
            let part = Part::new(view, place)?;
            match part.row.what {
                What::Transformer(compile) | What::Both(compile, _) => compile(compiler, &part, names),
                What::Pipeline => {
                    let (steps, out) = pipeline::chain(compiler, &pipeline::steps(&part)?, names)?;
                    Ok((Box::new(Chain(steps)), out))
                }
                What::Delegate => {
                    let inner = part.delegate()?;
                    compiler.transformer(inner.view, &inner.place, names)
                }
                What::Predictor(_) => part.unsupported("is not a transformer"),
            }
        })
    }
}
