//! Flavors: the serialised formats that an `MLmodel` file may name, each turned into a predictor by one entry of
//! [`FLAVORS`]. To add one: a file here, and a line in the table.

pub mod onnx;
pub mod sklearn;

use std::sync::Arc;

use crate::files::ModelFiles;
use crate::load::LoadError;
use crate::manifest::Manifest;
use crate::predictor::Predictor;

pub use onnx::Onnx;
pub use sklearn::Sklearn;

/// One serialised format of `MLmodel`'s `flavors`.
pub trait Flavor: Send + Sync {
    /// The key below `flavors:` in `MLmodel`.
    fn name(&self) -> &'static str;

    /// Reads the model of this flavor as data, checks it and compiles it.
    ///
    /// # Errors
    /// [`LoadError::Unsupported`] when something on the predict path is not understood (the text names the class),
    /// [`LoadError::Malformed`] when the file is damaged or hostile, [`LoadError::FileMissing`] when it is not there.
    fn load(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Arc<dyn Predictor>, LoadError>;
}

/// Every flavor that runs natively, in the order in which a model that has several is tried.
pub static FLAVORS: &[&dyn Flavor] = &[&Sklearn, &Onnx];
