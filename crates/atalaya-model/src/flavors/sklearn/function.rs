//! `FunctionTransformer`: nothing, or a function of numpy that is known by its name.

use super::block::Names;
use super::compiler::Compiler;
use super::error::SklearnError;
use super::part::Part;
use super::pointwise::Pointwise;
use super::transform::{Chain, Compiled};
use super::ufunc::ufunc;

/// `FunctionTransformer`; without a function everything passes.
pub(super) fn function(_: &mut Compiler, part: &Part<'_, '_>, names: &Names) -> Result<Compiled, SklearnError> {
    let Some(view) = part.optional("func") else {
        return Ok((Box::new(Chain(Vec::new())), Names::clone(names)));
    };
    if part
        .optional("kw_args")
        .is_some_and(|arguments| !arguments.is_empty_dict())
    {
        return part.unsupported("with arguments of its function");
    }
    let Some(function) = ufunc(view) else {
        return part.unsupported("with a function that is not known by its name");
    };
    let validated = part.flag("validate", false)?;
    Ok((Pointwise::function(names, function, validated), Names::clone(names)))
}
