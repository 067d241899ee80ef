//! Reading an estimator's attributes, with errors that say where.

use super::compiler::Compiler;
use super::error::SklearnError;
use super::pipeline::Step;
use super::row::Row;
pub(super) use crate::flavors::shown;
use crate::object::View;

/// An instance of a known class.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'t, 'p> {
    pub(super) view: View<'t>,
    pub(super) row: &'static Row,
    /// The class's own name, which is unique among all classes of the table that share a compile function.
    pub(super) name: &'static str,
    /// Where it is in the model, for error texts.
    pub(super) place: &'p str,
}

impl<'t, 'p> Part<'t, 'p> {
    pub(super) fn new(view: View<'t>, place: &'p str) -> Result<Self, SklearnError> {
        let row = Row::of(view).ok_or_else(|| SklearnError::unknown(place, view))?;
        Ok(Self {
            view,
            row,
            name: row.name,
            place,
        })
    }

    pub(super) fn content<T>(&self, what: impl Into<String>) -> Result<T, SklearnError> {
        Err(SklearnError::Content {
            place: self.place.to_owned(),
            class: self.name,
            what: what.into(),
        })
    }

    pub(super) fn unsupported<T>(&self, what: impl Into<String>) -> Result<T, SklearnError> {
        Err(SklearnError::Unsupported {
            place: self.place.to_owned(),
            class: self.name,
            what: what.into(),
        })
    }

    /// The attribute, which must be there.
    pub(super) fn field(&self, name: &str) -> Result<View<'t>, SklearnError> {
        self.view
            .attr(name)
            .map_or_else(|| self.content(format!("no attribute `{name}`")), Ok)
    }

    /// The attribute, unless it is absent or `None`.
    pub(super) fn optional(&self, name: &str) -> Option<View<'t>> {
        self.view.attr(name).filter(|view| !view.is_none())
    }

    pub(super) fn flag(&self, name: &str, absent: bool) -> Result<bool, SklearnError> {
        match self.view.attr(name) {
            None => Ok(absent),
            Some(view) => match view.as_bool() {
                Some(value) => Ok(value),
                None => self.content(format!("attribute `{name}` is not a boolean")),
            },
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<&'t str, SklearnError> {
        match self.field(name)?.as_str() {
            Some(text) => Ok(text),
            None => self.content(format!("attribute `{name}` is not text")),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<f64, SklearnError> {
        match self.field(name)?.as_f64() {
            Some(value) => Ok(value),
            None => self.content(format!("attribute `{name}` is not a number")),
        }
    }

    pub(super) fn count(&self, name: &str) -> Result<usize, SklearnError> {
        match self.field(name)?.as_i64().and_then(|value| usize::try_from(value).ok()) {
            Some(value) => Ok(value),
            None => self.content(format!("attribute `{name}` is not a count")),
        }
    }

    pub(super) fn floats(&self, compiler: &mut Compiler, name: &str) -> Result<Vec<f64>, SklearnError> {
        let view = self.field(name)?;
        compiler.charge(8 * length(view))?;
        match view.floats() {
            Some(values) => Ok(values),
            None => self.content(format!("attribute `{name}` is not an array of numbers")),
        }
    }

    /// Numbers, one per input column.
    pub(super) fn vector(&self, compiler: &mut Compiler, name: &str, columns: usize) -> Result<Vec<f64>, SklearnError> {
        let values = self.floats(compiler, name)?;
        if values.len() != columns {
            return self.content(format!("attribute `{name}` does not have one number per column"));
        }
        Ok(values)
    }

    pub(super) fn items(&self, name: &str) -> Result<Vec<View<'t>>, SklearnError> {
        match self.field(name)?.elements() {
            Some(items) => Ok(items.collect()),
            None => self.content(format!("attribute `{name}` is not a list")),
        }
    }

    /// The estimator whose answer is that of a [`super::row::What::Delegate`].
    pub(super) fn delegate(&self) -> Result<Step<'t>, SklearnError> {
        let (attribute, what) = match self.name {
            "FrozenEstimator" => ("estimator", "frozen estimator"),
            "SelfTrainingClassifier" if self.view.attr("estimator_").is_some() => ("estimator_", "estimator"),
            "SelfTrainingClassifier" => ("base_estimator_", "estimator"),
            _ => ("best_estimator_", "best estimator"),
        };
        Ok(Step {
            view: self.field(attribute)?,
            place: format!("{}, {what}", self.place),
        })
    }

    /// Refuses the part unless it was fitted on as many columns as it will get.
    pub(super) fn check_width(&self, columns: usize) -> Result<(), SklearnError> {
        if self.view.attr("n_features_in_").is_some() && self.count("n_features_in_")? != columns {
            return self.content("`n_features_in_` is not the number of columns that reach it");
        }
        Ok(())
    }
}

/// How many elements an array or list has.
pub(super) fn length(view: View<'_>) -> usize {
    view.as_array()
        .map_or_else(|| view.items().map_or(1, <[_]>::len), crate::object::Array::len)
}
