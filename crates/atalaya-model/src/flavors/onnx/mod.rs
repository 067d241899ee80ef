//! The `onnx` flavor: graphs of `ai.onnx` and `ai.onnx.ml` read as data from `model.onnx`, checked, and evaluated with the
//! arithmetic of onnxruntime's CPU provider. Reference: onnxruntime 1.32, within 1e-5.
//!
//! A graph with an operator that is not in the tables of `ops` and `ml` is left to another executor. To add an operator:
//! a compile function and a row there.

mod attributes;
mod error;
mod graph;
mod initializer;
mod input;
mod ml;
mod model;
mod ops;
mod outline;
mod proto;
mod tensor;
mod wire;

pub use error::OnnxError;
pub use model::OnnxModel;
pub use ops::operators;

use std::sync::Arc;

use crate::files::ModelFiles;
use crate::flavors::{Flavor, data_file};
use crate::inspect::Outline;
use crate::load::LoadError;
use crate::manifest::Manifest;
use crate::predictor::Predictor;

/// What MLflow calls the file when the manifest does not say.
const DEFAULT_FILE: &str = "model.onnx";

/// The flavor `onnx`.
#[derive(Debug, Clone, Copy)]
pub struct Onnx;

impl Flavor for Onnx {
    fn name(&self) -> &'static str {
        "onnx"
    }

    fn load(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Arc<dyn Predictor>, LoadError> {
        Ok(Arc::new(load(manifest, files)?))
    }

    fn outline(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Outline, LoadError> {
        let (path, bytes) = data_file(manifest, files, "onnx", DEFAULT_FILE)?;
        Ok(outline::outline(path, bytes)?)
    }
}

/// Reads, checks and compiles an ONNX model.
///
/// # Errors
/// As [`Flavor::load`].
pub fn load(manifest: &Manifest, files: &ModelFiles) -> Result<OnnxModel, LoadError> {
    let (path, bytes) = data_file(manifest, files, "onnx", DEFAULT_FILE)?;
    let folder = path.rfind('/').map_or("", |end| &path[..=end]);
    Ok(OnnxModel::compile(bytes, folder, manifest, files)?)
}
