//! The `xgboost` flavor: Boosters read from UBJSON or JSON as data, checked, compiled, and run with XGBoost's own float32
//! arithmetic.
//!
//! A file is read into a tree of values (`value`, by `json` or `ubjson`), that into what every Booster has (`booster`), and
//! that into sums (`compiled`, with trees compiled by [`crate::ensemble`]). `model_class` of `MLmodel` decides what is made
//! of the sums (`model`): `Booster.predict` and the scikit-learn interface differ in the rounds that they use, in how `dart`
//! rounds, and in what they give.
//!
//! Answers were compared with XGBoost 1.7, 2.0, 2.1 and 3.2, which calculate alike; a file of another version is taken when
//! nothing unknown is in it. The binary format from before JSON is another executor's.

mod booster;
mod categories;
mod compiled;
mod error;
mod input;
mod json;
mod model;
mod objective;
mod outline;
mod trees;
mod ubjson;
mod value;

pub use error::XgboostError;
pub use model::XgboostModel;

pub(in crate::flavors) use compiled::{Columns, Compiled};
pub(in crate::flavors) use model::{Decision, Rows};

use std::sync::Arc;

use self::booster::Booster;
use self::categories::Categories;
use self::compiled::Face;
use self::input::Input;
use self::model::Class;
use self::value::Value;
use crate::compiled::Form;
use crate::ensemble::Ensembles;
use crate::files::ModelFiles;
use crate::flavors::{Flavor, data_file, setting, shown};
use crate::inspect::Outline;
use crate::load::LoadError;
use crate::manifest::Manifest;
use crate::predictor::{Method, Predictor};

/// The flavor `xgboost`.
#[derive(Debug, Clone, Copy)]
pub struct Xgboost;

/// Where the file is when `MLmodel` does not say.
const DEFAULT_PATH: &str = "model.xgb";
/// What `model_class` is when `MLmodel` does not say, as in MLflow.
const DEFAULT_CLASS: &str = "xgboost.core.Booster";

impl Flavor for Xgboost {
    fn name(&self) -> &'static str {
        "xgboost"
    }

    fn load(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Arc<dyn Predictor>, LoadError> {
        self.load_keeping(manifest, files, &mut Form::default())
    }

    fn load_keeping(
        &self,
        manifest: &Manifest,
        files: &ModelFiles,
        form: &mut Form,
    ) -> Result<Arc<dyn Predictor>, LoadError> {
        let (_, bytes) = data_file(manifest, files, "xgboost", DEFAULT_PATH)?;
        self.wake(manifest, bytes, form)
    }

    fn wake(&self, manifest: &Manifest, bytes: &[u8], form: &mut Form) -> Result<Arc<dyn Predictor>, LoadError> {
        let name = class_name(manifest);
        let Some(class) = Class::named(name) else {
            return Err(unsupported(
                "the model",
                format!("is of the class `{}`, which is not known", shown(name)),
            )
            .into());
        };
        Ok(Arc::new(load(manifest, bytes, class, form)?))
    }

    fn outline(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Outline, LoadError> {
        let (path, bytes) = data_file(manifest, files, "xgboost", DEFAULT_PATH)?;
        let root = read(bytes)?;
        let booster = Booster::parse(&root)?;
        Ok(outline::outline(&booster, class_name(manifest), path, bytes))
    }
}

fn class_name(manifest: &Manifest) -> &str {
    setting(manifest, "xgboost", "model_class").unwrap_or(DEFAULT_CLASS)
}

fn unsupported(place: &str, what: impl Into<String>) -> XgboostError {
    XgboostError::unsupported(place, what)
}

fn load(manifest: &Manifest, bytes: &[u8], class: Class, form: &mut Form) -> Result<XgboostModel, XgboostError> {
    let root = read(bytes)?;
    let booster = Booster::parse(&root)?;
    let face = if class == Class::Booster {
        Face::Booster
    } else {
        Face::Wrapper
    };
    if class != Class::Booster {
        check_wrapper(&booster)?;
    }
    let compiled = Compiled::compile(&booster, bytes.len(), face, &mut form.ensembles)?;
    if form.ensembles.are_kept() {
        form.rest = root.to_json_without(&TREES);
    }
    let declared = manifest
        .signature()
        .map_err(|error| unsupported("`MLmodel`", format!("has a signature that is not understood: {error}")))?;
    let (input, signature) = Input::new(&booster, compiled.finite, declared)?;
    let served = match Method::parse(manifest.predict_fn()) {
        Some(method) if class.methods().contains(&method) => method,
        _ => {
            let name = shown(manifest.predict_fn());
            return Err(unsupported(
                "the model",
                format!("is served by `{name}`, which it does not have"),
            ));
        }
    };
    Ok(XgboostModel {
        signature,
        input,
        compiled,
        class,
        served,
        numbers: model::numbers(),
    })
}

/// What a Booster does not need once its trees are an ensemble.
const TREES: [&str; 4] = ["trees", "tree_info", "iteration_indptr", "weight_drop"];

/// Compiles the Booster of a pickled wrapper, for that wrapper. With it, when ensembles are kept, the Booster's file without
/// its trees.
///
/// # Errors
/// As for a file; when it has categories that are known by their texts, which no matrix of numbers has.
pub(in crate::flavors) fn compile_wrapped(
    bytes: &[u8],
    ensembles: &mut Ensembles,
) -> Result<(Compiled, Option<Vec<u8>>), XgboostError> {
    let root = read(bytes)?;
    let booster = Booster::parse(&root)?;
    let numeric = |categories: &Categories| matches!(categories, Categories::None | Categories::Codes);
    if !booster.categories.iter().all(numeric) {
        return Err(unsupported("the Booster", "has categories that are not codes"));
    }
    let compiled = Compiled::compile(&booster, bytes.len(), Face::Wrapper, ensembles)?;
    let rest = ensembles.are_kept().then(|| root.to_json_without(&TREES));
    Ok((compiled, rest.flatten()))
}

/// Reads a file of either format; the formats of before are named.
fn read(bytes: &[u8]) -> Result<Value<'_>, XgboostError> {
    let binary = bytes.starts_with(b"binf") || bytes.starts_with(b"bs64") || bytes.starts_with(b"CONFIG-offset:");
    // A file of the binary format begins with the base score as a float32, which is rarely anything but 0.5.
    if binary || bytes.starts_with(&0.5f32.to_le_bytes()) {
        return Err(unsupported(
            "the model file",
            "is in XGBoost's binary format from before `json` and `ubj`; save the model anew",
        ));
    }
    booster::read(bytes)
}

/// Refuses what the wrappers of XGBoost 1 keep of themselves where it would change answers.
fn check_wrapper(booster: &Booster<'_>) -> Result<(), XgboostError> {
    let Some(text) = booster.wrapper else { return Ok(()) };
    let own = json::read(text.as_bytes())?;
    let place = "attribute `scikit_learn`";
    let missing = own.get("missing").and_then(Value::single);
    if missing.is_some_and(|missing| !missing.is_nan()) {
        return Err(unsupported(place, "has a value for `missing` that is not NaN"));
    }
    let classes = own.at(&["_le", "classes_"]).or(own.get("classes_"));
    let counted = |classes: &Value<'_>| {
        classes
            .ints()
            .is_some_and(|ints| ints.into_iter().zip(0..).all(|(a, b)| a == b))
    };
    if !classes.is_none_or(counted) {
        return Err(unsupported(place, "has `classes_` other than 0, 1, …"));
    }
    Ok(())
}
