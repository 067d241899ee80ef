//! The `sklearn` flavor: estimators read as data from `model.pkl` or `model.skops`, checked, compiled, and run with
//! scikit-learn's own order of operations.

// What every estimator is built from.
mod arrays;
mod block;
mod compiler;
mod error;
#[expect(dead_code, reason = "estimators that need the rest are added one by one")]
mod estimator;
mod labels;
mod model;
mod numeric;
mod part;
mod pipeline;
#[expect(dead_code, reason = "estimators that need the rest are added one by one")]
mod row;
mod sparse;
mod table;
mod transform;

// Transformers.
mod column_transformer;
mod function;
mod impute;
mod onehot;
mod scale;

// Predictors.
mod linear;

// Trees, and estimators made of others.
mod boosting;
mod forest;
mod tree;
mod walk;

pub use error::SklearnError;
pub use model::SklearnModel;
pub use row::{Support, support};

use std::sync::Arc;

use crate::files::ModelFiles;
use crate::flavors::Flavor;
use crate::load::LoadError;
use crate::manifest::Manifest;
use crate::object::{read_pickle, read_skops};
use crate::predictor::Predictor;

/// What error texts call the outermost estimator.
const ROOT: &str = "the model";

/// The flavor `sklearn`.
#[derive(Debug, Clone, Copy)]
pub struct Sklearn;

impl Flavor for Sklearn {
    fn name(&self) -> &'static str {
        "sklearn"
    }

    fn load(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Arc<dyn Predictor>, LoadError> {
        Ok(Arc::new(load(manifest, files)?))
    }
}

/// As [`Flavor::load`], for whoever needs [`SklearnModel`] itself.
///
/// # Errors
/// As [`Flavor::load`].
pub fn load(manifest: &Manifest, files: &ModelFiles) -> Result<SklearnModel, LoadError> {
    let config = manifest.flavor("sklearn");
    let path = config
        .and_then(|config| config.get("pickled_model"))
        .unwrap_or("model.pkl");
    let bytes = files
        .read(path)
        .ok_or_else(|| LoadError::FileMissing { path: path.to_owned() })?;
    let format = config.and_then(|config| config.get("serialization_format"));
    let skops = bytes.starts_with(b"PK\x03\x04");
    // Content decides; a name or a declaration that disagrees with it is not to be trusted with either reader.
    if skops != (format == Some("skops")) || skops != path.ends_with(".skops") {
        return Err(LoadError::Malformed {
            reason: "the model file is not of the format that `MLmodel` declares".to_owned(),
        });
    }
    let tree = if skops { read_skops(bytes) } else { read_pickle(bytes) }.map_err(SklearnError::from)?;
    Ok(SklearnModel::compile(&tree, manifest, bytes.len())?)
}
