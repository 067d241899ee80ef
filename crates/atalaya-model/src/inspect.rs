//! What a model folder holds and what would become of it, for people: read as data by the readers that load models, so that
//! what is shown is what runs.

use serde::Serialize;

use crate::files::ModelFiles;
use crate::flavors::FLAVORS;
use crate::load::{LoadError, LoadedModel, MANIFEST_PATH, PassedOver, load_with};
use crate::manifest::Manifest;
use crate::object::Survey;
use crate::predictor::Method;

/// Most parts that an outline shows; an ensemble of equal members takes one.
pub const OUTLINE_PARTS_MAX: usize = 2_000;
/// Deepest nesting that an outline shows.
pub const OUTLINE_DEPTH_MAX: usize = 32;

/// What one flavor's file holds.
#[derive(Debug, Clone, Serialize)]
pub struct Outline {
    /// The file that the flavor names.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its format, with the protocol or version where there is one.
    pub format: String,
    /// Instructions and names of a serialised Python object; `None` for other formats.
    pub survey: Option<Survey>,
    /// The estimators, outermost first.
    pub parts: Vec<OutlinePart>,
}

/// One estimator of a model, or several equal ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutlinePart {
    /// Its name inside what holds it: a step's name, an attribute.
    pub name: String,
    /// `module.Class`, or what else it is.
    pub class: String,
    /// How many of this class stand side by side here.
    pub count: usize,
    /// How near native answers are to Python's; `None` when there is no native code for the class.
    pub native: Option<&'static str>,
    /// Its size, in words.
    pub detail: String,
    /// Estimators inside.
    pub parts: Vec<OutlinePart>,
}

/// What would become of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is understood completely and runs natively; none of its code runs, if it has any.
    Native,
    /// It is well-formed, but something in it is code or unknown here: only Python can run it, in an isolated process.
    Python,
    /// It is damaged or hostile: nothing should run it.
    Refused,
}

/// What a model folder holds.
#[derive(Debug)]
pub struct Inspection {
    /// The `MLmodel` file.
    pub manifest: Manifest,
    /// Path and bytes of every file.
    pub files: Vec<(String, u64)>,
    /// What would become of it.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// The model, when it runs natively.
    pub loaded: Option<LoadedModel>,
    /// Flavors that were tried or have no native loader, and why they were not taken.
    pub passed_over: Vec<PassedOver>,
    /// What the file of each native flavor holds, or why it cannot be read.
    pub outlines: Vec<(&'static str, Result<Outline, String>)>,
}

impl Inspection {
    /// The methods that the model answers natively.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        self.loaded
            .as_ref()
            .map(|model| model.predictor.methods())
            .unwrap_or_default()
    }
}

/// Looks into a model folder. Runs nothing of it.
///
/// # Errors
/// [`LoadError::FileMissing`] or [`LoadError::Manifest`] when there is no readable `MLmodel`; everything else is part of what
/// is found.
pub fn inspect(files: &ModelFiles) -> Result<Inspection, LoadError> {
    let bytes = files.read(MANIFEST_PATH).ok_or_else(|| LoadError::FileMissing {
        path: MANIFEST_PATH.to_owned(),
    })?;
    let manifest = Manifest::parse(bytes)?;
    let outlines = FLAVORS
        .iter()
        .filter(|flavor| manifest.flavor(flavor.name()).is_some())
        .map(|flavor| {
            let outline = flavor.outline(&manifest, files);
            (flavor.name(), outline.map_err(|error| error.to_string()))
        })
        .collect::<Vec<_>>();
    let (verdict, reason, loaded, passed_over) = match load_with(files, FLAVORS) {
        Ok(model) => (Verdict::Native, model.reason.clone(), Some(model), Vec::new()),
        Err(error) => {
            let refused = error.is_refusal();
            let python = manifest.flavor("python_function").is_some();
            let passed_over = match error {
                LoadError::NoFlavor { passed_over } => passed_over,
                other => return Err(other),
            };
            let calls = dangerous(&outlines);
            let reason = if calls.is_empty() {
                reason(&passed_over, refused, python)
            } else {
                format!("loading it in Python would call {}", calls.join(", "))
            };
            let verdict = if refused || !python || !calls.is_empty() {
                Verdict::Refused
            } else {
                Verdict::Python
            };
            (verdict, reason, None, passed_over)
        }
    };
    Ok(Inspection {
        files: files
            .paths()
            .map(|path| (path.to_owned(), files.read(path).map_or(0, <[u8]>::len) as u64))
            .collect(),
        manifest,
        verdict,
        reason,
        loaded,
        passed_over,
        outlines,
    })
}

/// Calls of the system that a file would make in Python, in backquotes.
fn dangerous(outlines: &[(&str, Result<Outline, String>)]) -> Vec<String> {
    let surveys = outlines
        .iter()
        .filter_map(|(_, outline)| outline.as_ref().ok()?.survey.as_ref());
    surveys
        .flat_map(Survey::dangerous)
        .map(|name| format!("`{name}`"))
        .collect()
}

/// The sentence that says why a model does not run natively: that of the flavor that came nearest.
fn reason(passed_over: &[PassedOver], refused: bool, python: bool) -> String {
    let of_its_own = |one: &&PassedOver| FLAVORS.iter().all(|flavor| flavor.name() != one.flavor);
    let tried = passed_over
        .iter()
        .find(|one| one.refused)
        .or_else(|| passed_over.iter().find(|one| one.tried));
    let telling = match tried {
        Some(one) => one.reason.clone(),
        // None of the native flavors is named; those that are named are told.
        None => {
            let named = passed_over.iter().filter(of_its_own);
            let named: Vec<_> = named.map(|one| format!("`{}`", one.flavor)).collect();
            match named[..] {
                [] => "it has no flavor".to_owned(),
                _ => format!("there is no native loader for its flavors: {}", named.join(", ")),
            }
        }
    };
    match (refused, python) {
        (true, _) => telling,
        (false, true) => format!("{telling}; only Python can run it"),
        (false, false) => format!("{telling}; and it has no flavor `python_function` that Python could serve"),
    }
}
