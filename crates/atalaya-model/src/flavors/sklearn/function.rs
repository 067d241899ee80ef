//! `FunctionTransformer`.

use super::block::Names;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::Part;
use super::transform::{Chain, Compiled};

/// `FunctionTransformer` without a function: everything passes.
pub(super) fn identity(_: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    if part.optional("func").is_some() {
        return part.unsupported("with a function");
    }
    Ok((Box::new(Chain(Vec::new())), Names::clone(names)))
}
