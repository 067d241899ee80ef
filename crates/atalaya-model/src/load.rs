//! From the files of a model to a predictor: picks the flavor, says why.

use std::sync::Arc;

use crate::files::ModelFiles;
use crate::flavors::{FLAVORS, Flavor};
use crate::manifest::{Manifest, ManifestError};
use crate::predictor::Predictor;
use crate::signature::Signature;

/// The manifest's path inside a model directory.
pub const MANIFEST_PATH: &str = "MLmodel";

/// A model that is ready to answer, and how it came to be.
#[derive(Clone)]
pub struct LoadedModel {
    /// Answers batches.
    pub predictor: Arc<dyn Predictor>,
    /// The `MLmodel` file, parsed.
    pub manifest: Manifest,
    /// Which flavor of [`FLAVORS`] was taken.
    pub flavor: &'static str,
    /// What runs the model; `native` for every predictor of this crate.
    pub executor: &'static str,
    /// Why this flavor and executor, for a person to read.
    pub reason: String,
}

impl LoadedModel {
    pub(crate) fn native(predictor: Arc<dyn Predictor>, manifest: Manifest, flavor: &'static str) -> Self {
        Self {
            predictor,
            manifest,
            flavor,
            executor: "native",
            reason: format!("flavor `{flavor}` is understood completely"),
        }
    }

    /// The declared columns, or those that the model itself requires when `MLmodel` declares none.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        self.predictor.signature()
    }
}

impl std::fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            predictor: _,
            manifest,
            flavor,
            executor,
            reason,
        } = self;
        f.debug_struct("LoadedModel")
            .field("manifest", manifest)
            .field("flavor", flavor)
            .field("executor", executor)
            .field("reason", reason)
            .finish_non_exhaustive()
    }
}

/// Why a model cannot be loaded, or a flavor of it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file that the manifest names, or the manifest itself, is not there.
    #[error("the model has no file `{path}`")]
    FileMissing {
        /// Path inside the model directory.
        path: String,
    },
    /// The manifest cannot be read.
    #[error("`MLmodel` cannot be read")]
    Manifest(#[from] ManifestError),
    /// The flavor is well-formed, but something on its predict path is not understood. Another executor may run it.
    #[error("{reason}")]
    Unsupported {
        /// What, and where: `step 2 'clip': class __main__.Clip is user code`.
        reason: String,
    },
    /// The flavor's file is damaged, hostile or beyond a limit. No executor should run it.
    #[error("{reason}")]
    Malformed {
        /// What is wrong, without repeating the file's content.
        reason: String,
    },
    /// No flavor of the model can be run here.
    #[error("no flavor of the model can be run natively: {}", join(.passed_over))]
    NoFlavor {
        /// Every flavor of [`FLAVORS`], and each further one that the manifest names.
        passed_over: Vec<PassedOver>,
    },
}

impl LoadError {
    /// Whether the model is damaged or hostile, so that no other executor should be tried.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::FileMissing { .. } | Self::Manifest(_) | Self::Malformed { .. } => true,
            Self::Unsupported { .. } => false,
            Self::NoFlavor { passed_over } => passed_over.iter().any(|one| one.refused),
        }
    }
}

/// A flavor that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The flavor's key in `MLmodel`.
    pub flavor: String,
    /// Why it was not taken.
    pub reason: String,
    /// Whether there is native code for the flavor, which looked into the model.
    pub tried: bool,
    /// Whether it was refused as damaged or hostile, rather than as unknown.
    pub refused: bool,
}

/// How many flavors an error text lists.
const LISTED: usize = 12;

fn join(passed_over: &[PassedOver]) -> String {
    let listed = passed_over
        .iter()
        .take(LISTED)
        .map(|one| format!("`{}`: {}", one.flavor, one.reason));
    listed.collect::<Vec<_>>().join("; ")
}

/// Loads a model with the first flavor of [`FLAVORS`] that its manifest names and that can be run.
///
/// # Errors
/// [`LoadError::FileMissing`] or [`LoadError::Manifest`] for the manifest, [`LoadError::NoFlavor`] with the reason for
/// each flavor otherwise.
pub fn load(files: &ModelFiles) -> Result<LoadedModel, LoadError> {
    load_with(files, FLAVORS)
}

/// As [`load`], with a table of flavors of the caller's.
///
/// # Errors
/// As [`load`].
pub fn load_with(files: &ModelFiles, flavors: &[&dyn Flavor]) -> Result<LoadedModel, LoadError> {
    load_by(files, flavors, |flavor, manifest| flavor.load(manifest, files))
}

/// As [`load_with`], where `load` asks a flavor.
pub(crate) fn load_by(
    files: &ModelFiles,
    flavors: &[&dyn Flavor],
    mut load: impl FnMut(&dyn Flavor, &Manifest) -> Result<Arc<dyn Predictor>, LoadError>,
) -> Result<LoadedModel, LoadError> {
    let manifest_bytes = files.read(MANIFEST_PATH).ok_or_else(|| LoadError::FileMissing {
        path: MANIFEST_PATH.to_owned(),
    })?;
    let manifest = Manifest::parse(manifest_bytes)?;
    let mut passed_over = Vec::new();
    for flavor in flavors {
        let name = flavor.name();
        let outcome = match manifest.flavor(name) {
            None => Err(("`MLmodel` does not name it".to_owned(), false)),
            Some(_) => load(*flavor, &manifest).map_err(|error| (chain(&error), error.is_refusal())),
        };
        match outcome {
            Ok(predictor) => {
                return Ok(LoadedModel::native(predictor, manifest, name));
            }
            Err((reason, refused)) => passed_over.push(PassedOver {
                flavor: name.to_owned(),
                reason,
                tried: manifest.flavor(name).is_some(),
                refused,
            }),
        }
    }
    for name in manifest
        .flavor_names()
        .filter(|name| flavors.iter().all(|flavor| flavor.name() != *name))
    {
        let reason = "there is no native loader for it".to_owned();
        passed_over.push(PassedOver {
            flavor: name.to_owned(),
            reason,
            tried: false,
            refused: false,
        });
    }
    Err(LoadError::NoFlavor { passed_over })
}

/// The error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
