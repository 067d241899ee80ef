//! Reading an estimator's attributes, with errors that say where; and the limits that keep a small file from
//! becoming a large model.

use super::classes::Class;
use super::error::SklearnError;
use crate::object::View;

/// Deepest nesting of estimators; people use four.
const MAX_DEPTH: usize = 32;
/// Most estimators of one model, members of ensembles included.
const MAX_ESTIMATORS: usize = 200_000;
/// Memory that any model may take, and memory per byte of its file: a tree's compiled node is smaller than its pickle.
const FREE_BYTES: usize = 64 << 20;
const BYTES_PER_FILE_BYTE: usize = 8;
/// Longest text of the model's own that an error repeats.
const SHOWN_CHARS: usize = 60;

/// What all parts of one model share while it is compiled.
#[derive(Debug)]
pub(super) struct Compiler {
    /// Minor version of the scikit-learn 1.x that fitted the model: it decides the arithmetic.
    pub(super) version: u32,
    depth: usize,
    estimators_left: usize,
    bytes_left: usize,
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
        }
    }

    /// Takes `bytes` for what is about to be read or compiled. One shared array of the file may be read many times.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), SklearnError> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or(SklearnError::TooLarge {
            what: "the memory that the model takes",
        })?;
        Ok(())
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
}

/// An instance of a known class.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'t, 'p> {
    pub(super) view: View<'t>,
    pub(super) class: Class,
    /// The class's own name.
    pub(super) name: &'static str,
    /// Where it is in the model, for error texts.
    pub(super) place: &'p str,
}

impl<'t, 'p> Part<'t, 'p> {
    pub(super) fn new(view: View<'t>, place: &'p str) -> Result<Self, SklearnError> {
        let (class, name) = Class::of(view).ok_or_else(|| SklearnError::unknown(place, view))?;
        Ok(Self {
            view,
            class,
            name,
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

/// Text of the model, fit to be shown.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .take(SHOWN_CHARS)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
