//! Flavors: the serialised formats that an `MLmodel` file may name, each turned into a predictor by one entry of
//! [`FLAVORS`]. To add one: a file here, and a line in the table.

pub mod lightgbm;
pub mod onnx;
pub mod sklearn;
mod support;
pub mod xgboost;

use std::sync::Arc;

use crate::compiled::Form;
use crate::files::ModelFiles;
use crate::inspect::Outline;
use crate::load::LoadError;
use crate::manifest::Manifest;
use crate::predictor::Predictor;

pub use lightgbm::Lightgbm;
pub use onnx::Onnx;
pub use sklearn::Sklearn;
pub use support::support_page;
pub use xgboost::Xgboost;

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

    /// [`Flavor::load`], which leaves in `form` what [`Flavor::wake`] needs, when the form asks for it and the flavor can.
    ///
    /// # Errors
    /// As [`Flavor::load`].
    fn load_keeping(
        &self,
        manifest: &Manifest,
        files: &ModelFiles,
        form: &mut Form,
    ) -> Result<Arc<dyn Predictor>, LoadError> {
        let _ = form;
        self.load(manifest, files)
    }

    /// The same predictor from what [`Flavor::load_keeping`] left in a form.
    ///
    /// # Errors
    /// When the form is not this model's; always for a flavor that leaves nothing.
    fn wake(&self, _: &Manifest, _: &[u8], _: &mut Form) -> Result<Arc<dyn Predictor>, LoadError> {
        Err(LoadError::Unsupported {
            reason: "the flavor has no compiled form".to_owned(),
        })
    }

    /// What the model's file holds, for people; read by the reader that [`Flavor::load`] uses.
    ///
    /// # Errors
    /// As [`Flavor::load`], when the file cannot be read at all.
    fn outline(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Outline, LoadError>;
}

/// Every flavor that runs natively, in the order in which a model that has several is tried.
pub static FLAVORS: &[&dyn Flavor] = &[&Sklearn, &Lightgbm, &Xgboost, &Onnx];

/// Path and bytes of the file that the flavor's `data` names, or of the one that it has when `MLmodel` does not say.
fn data_file<'a>(
    manifest: &'a Manifest,
    files: &'a ModelFiles,
    flavor: &str,
    absent: &'a str,
) -> Result<(&'a str, &'a [u8]), LoadError> {
    let path = setting(manifest, flavor, "data").unwrap_or(absent);
    let bytes = files
        .read(path)
        .ok_or_else(|| LoadError::FileMissing { path: path.to_owned() })?;
    Ok((path, bytes))
}

/// A setting of a flavor.
fn setting<'a>(manifest: &'a Manifest, flavor: &str, key: &str) -> Option<&'a str> {
    manifest.flavor(flavor).and_then(|config| config.get(key))
}

/// Longest text of a model's own that an error or an outline repeats.
const SHOWN_CHARS: usize = 60;

/// Text of a model, fit to be shown between backquotes.
fn shown(text: &str) -> String {
    text.chars()
        .take(SHOWN_CHARS)
        .map(|c| if c.is_control() || c == '`' { '?' } else { c })
        .collect()
}
