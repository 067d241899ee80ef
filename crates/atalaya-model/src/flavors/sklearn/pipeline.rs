//! `Pipeline`: its steps, and which of them are skipped.

use super::block::Names;
use super::error::SklearnError;
use super::part::{Compiler, Part, shown};
use super::transform::{Transform, compile};
use crate::object::View;

/// A step, and where it is.
pub(super) struct Step<'t> {
    pub(super) view: View<'t>,
    pub(super) place: String,
}

/// The steps that do something: neither `None` nor `"passthrough"`.
pub(super) fn steps<'t>(part: &Part<'t, '_>) -> Result<Vec<Step<'t>>, SklearnError> {
    let mut found = Vec::new();
    for (position, pair) in part.items("steps")?.into_iter().enumerate() {
        let mut parts = pair.elements().into_iter().flatten();
        let (Some(name), Some(view)) = (parts.next().and_then(View::as_str), parts.next()) else {
            return part.content("attribute `steps` is not a list of names and estimators");
        };
        if view.is_none() || view.as_str() == Some("passthrough") {
            continue;
        }
        let place = if part.place == super::ROOT {
            String::new()
        } else {
            format!("{}, ", part.place)
        };
        found.push(Step {
            view,
            place: format!("{place}step {} `{}`", position + 1, shown(name)),
        });
    }
    Ok(found)
}

/// A pipeline that only transforms.
pub(super) fn transformers(
    compiler: &mut Compiler,
    part: &Part<'_, '_>,
    names: &Names,
) -> Result<(Vec<Box<dyn Transform>>, Names), SklearnError> {
    chain(compiler, &steps(part)?, names)
}

/// Steps one after the other.
pub(super) fn chain(
    compiler: &mut Compiler,
    steps: &[Step<'_>],
    names: &Names,
) -> Result<(Vec<Box<dyn Transform>>, Names), SklearnError> {
    let mut compiled = Vec::with_capacity(steps.len());
    let mut names = Names::clone(names);
    for step in steps {
        let (transform, out) = compile(compiler, step.view, &step.place, &names)?;
        compiled.push(transform);
        names = out;
    }
    Ok((compiled, names))
}
