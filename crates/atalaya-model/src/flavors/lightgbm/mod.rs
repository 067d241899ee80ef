//! The `lightgbm` flavor: Boosters read from their text as data, checked, compiled, and run with LightGBM's own order of
//! operations; and the wrappers for scikit-learn, whose text stands in a pickle or a skops file.
//!
//! A text is taken apart ([`text`], [`categories`]), its trees become an ensemble ([`trees`], [`booster`]), and its objective
//! a function of the sums ([`objective`]). A Booster's file is asked as [`model`] says. A wrapper is an estimator of the
//! table of scikit-learn classes (`flavors/sklearn/lightgbm.rs`), here as well as in a pipeline.
//!
//! Numbers of iterations: a file has as many as `Booster.save_model` kept, which is up to the best one; a wrapper keeps all
//! and uses those up to `best_iteration`. Stopping early while predicting (`pred_early_stop`) is never done.

mod booster;
mod categories;
mod error;
mod input;
mod model;
mod objective;
mod outline;
mod text;
mod trees;

pub use error::LightgbmError;
pub use model::LightgbmModel;

pub(in crate::flavors) use booster::{Booster, Columns};
pub(in crate::flavors) use categories::Categories;
pub(in crate::flavors) use input::{Known, doubles, known};
pub(in crate::flavors) use text::{feature_names, without_trees};

use std::sync::Arc;

use arrow_schema::{DataType, Field};

use self::input::Input;
use crate::compiled::Form;
use crate::ensemble::Ensembles;
use crate::files::ModelFiles;
use crate::flavors::{Flavor, data_file, setting, shown, sklearn};
use crate::inspect::Outline;
use crate::load::LoadError;
use crate::manifest::Manifest;
use crate::predictor::{Method, Predictor};

/// The flavor `lightgbm`.
#[derive(Debug, Clone, Copy)]
pub struct Lightgbm;

/// Where the file is when `MLmodel` does not say.
const DEFAULT_PATH: &str = "model.lgb";
/// What `model_class` is when `MLmodel` does not say, as in MLflow.
const BOOSTER: &str = "lightgbm.basic.Booster";

impl Flavor for Lightgbm {
    fn name(&self) -> &'static str {
        "lightgbm"
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
        let (path, bytes) = data_file(manifest, files, "lightgbm", DEFAULT_PATH)?;
        let class = class_name(manifest);
        if is_booster(class) {
            let model = load(manifest, bytes, &mut form.ensembles)?;
            if form.ensembles.are_kept() {
                form.rest = std::str::from_utf8(bytes)
                    .ok()
                    .and_then(without_trees)
                    .map(String::into_bytes);
            }
            return Ok(Arc::new(model));
        }
        let skops = bytes.starts_with(b"PK\x03\x04");
        // Content decides; a declaration that disagrees with it is not to be trusted with either reader.
        if skops != (setting(manifest, "lightgbm", "serialization_format") == Some("skops"))
            || skops != path.ends_with(".skops")
        {
            return Err(LoadError::Malformed {
                reason: "the model file is not of the format that `MLmodel` declares".to_owned(),
            });
        }
        Ok(Arc::new(sklearn::load_wrapper(manifest, bytes, skops, (class, form))?))
    }

    fn wake(&self, manifest: &Manifest, rest: &[u8], form: &mut Form) -> Result<Arc<dyn Predictor>, LoadError> {
        let class = class_name(manifest);
        if is_booster(class) {
            return Ok(Arc::new(load(manifest, rest, &mut form.ensembles)?));
        }
        Ok(Arc::new(sklearn::wake_wrapper(manifest, rest, form)?))
    }

    fn outline(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Outline, LoadError> {
        let (path, bytes) = data_file(manifest, files, "lightgbm", DEFAULT_PATH)?;
        if is_booster(class_name(manifest)) {
            return Ok(outline::outline(path, bytes)?);
        }
        sklearn::outline_wrapper(path, bytes)
    }
}

fn class_name(manifest: &Manifest) -> &str {
    setting(manifest, "lightgbm", "model_class").unwrap_or(BOOSTER)
}

fn is_booster(class: &str) -> bool {
    class == BOOSTER || class == "lightgbm.Booster"
}

fn load(manifest: &Manifest, bytes: &[u8], ensembles: &mut Ensembles) -> Result<LightgbmModel, LightgbmError> {
    let text = std::str::from_utf8(bytes).map_err(|_| LightgbmError::content("it is not UTF-8"))?;
    let booster = Booster::compile(text, -1, ensembles)?;
    let declared = manifest.signature().map_err(|error| {
        LightgbmError::unsupported("`MLmodel`", format!("has a signature that is not understood: {error}"))
    })?;
    let (input, signature) = Input::new(&booster, declared)?;
    let served = match Method::parse(manifest.predict_fn()) {
        Some(method) if LightgbmModel::METHODS.contains(&method) => method,
        _ => {
            let name = shown(manifest.predict_fn());
            return Err(LightgbmError::unsupported(
                "the model",
                format!("is served by `{name}`, which it does not have"),
            ));
        }
    };
    Ok(LightgbmModel {
        signature,
        input,
        booster,
        served,
        numbers: Arc::new(Field::new_list_field(DataType::Float64, false)),
    })
}
