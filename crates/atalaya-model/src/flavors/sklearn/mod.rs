//! The `sklearn` flavor: estimators read as data from `model.pkl` or `model.skops`, checked, compiled, and run with
//! scikit-learn's own order of operations.
//!
//! # Adding an estimator
//! One file with its code, one `mod` line here, and one row in the file of its package below `table/`:
//! `Row::predictor(module, class, parity, compile)`, `Row::transformer(…)`, or `Row::both(…, transformer, predictor)`.
//!
//! - A predictor's `compile` is `fn(&mut Compiler, &Part, &Names) -> Result<Box<dyn Estimator>, SklearnError>`. It reads
//!   fitted attributes through `part` (`part.floats(compiler, "coef_")`, `part.text("loss")`, …), which charges their memory
//!   and says where an attribute is wrong; `part.unsupported(…)` is for what another executor may run, `part.content(…)` for
//!   what contradicts itself. Everything that evaluation indexes is checked here.
//! - `Estimator::evaluate(&Block, Wanted)` gives `predict` and, of what is wanted, probabilities and scores from one pass
//!   over the batch. `x.numbers(&self.names)?` is the batch as a matrix without a copy; estimators of sparse features match
//!   on `Block::Sparse` first, those of text on `Block::Columns`. Methods that an evaluation has no place for
//!   (`score_samples`, …) are added in `Estimator::call`, which passes the rest on to `call_evaluated`. `methods()` lists all
//!   that is answered.
//! - A classifier answers indices (`Output::labels`) into `classes()`; `Labels::read` reads them. With several outputs,
//!   `classes()` has one set per output (`Labels::read_several`), `Output::wide_labels` an index for each, and
//!   probabilities those of the first output, then of the second.
//! - A transformer's `compile` is `fn(&mut Compiler, &Part, &Names) -> Result<Compiled, SklearnError>`: a boxed `Transform`
//!   and, for each column that it gives, the name of the column that it came from.
//! - Members: `compiler.estimator(view, place, names)` and `compiler.transformer(view, place, names)` compile any class of
//!   the table, pipelines and searches included, within the limits on depth, number and memory. `None`, `"drop"` and
//!   `"passthrough"` are the caller's. Members are asked through `label_indices`, `probabilities`, `scores`, `numbers`
//!   or `evaluate`; whether they can be asked is checked when they are compiled, by `has(method)` and `classes()`.
//! - One compile function may serve several classes: `part.name` is the class's own name.

// What every estimator is built from.
mod arrays;
mod block;
mod columnar;
mod compiler;
mod error;
mod estimator;
mod labels;
mod model;
mod numeric;
mod outline;
mod part;
mod pipeline;
mod precision;
mod row;
mod sparse;
mod table;
mod transform;
mod weights;

// Transformers.
mod categories;
mod column_transformer;
mod discretize;
mod encode;
mod factor;
mod function;
mod importances;
mod impute;
mod iterative;
mod kept;
mod kernel_maps;
mod kernel_pca;
mod knn_impute;
mod missing;
mod normalizer;
mod onehot;
mod pointwise;
mod polynomial;
mod projection;
mod scale;
mod selection;
mod spline;
mod text;

// Predictors.
mod bayes;
mod centroid;
mod cluster;
mod discriminant;
mod distance;
mod gaussian_classifier;
mod gaussian_process;
mod linear;
mod linear_classifier;
mod mixture;
mod neighbor_tree;
mod neighbors;
mod neural;
mod pls;
mod posterior;
mod svm;

// Trees, and estimators made of others.
mod adaboost;
mod bagging;
mod boosters;
mod boosting;
mod calibrated;
mod chain;
mod dummy;
mod elimination;
mod embedding;
mod forest;
mod hist_boosting;
mod hist_columns;
mod hist_tree;
mod inverse;
mod isolation;
mod isotonic;
mod members;
mod multioutput;
mod normal;
mod one_vs_one;
mod one_vs_rest;
mod stacking;
mod target;
mod threshold;
mod tree;
mod ufunc;
mod union;
mod voting;
mod walk;

// Wrappers of other libraries.
mod lightgbm;

pub use error::SklearnError;
pub use model::SklearnModel;
pub use row::{Support, support};

use std::sync::Arc;

use crate::compiled::Form;
use crate::files::ModelFiles;
use crate::flavors::Flavor;
use crate::inspect::Outline;
use crate::load::LoadError;
use crate::manifest::Manifest;
use crate::object::{ObjectError, Tree, compact, read_pickle, read_skops};
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
        self.load_keeping(manifest, files, &mut Form::default())
    }

    fn load_keeping(
        &self,
        manifest: &Manifest,
        files: &ModelFiles,
        form: &mut Form,
    ) -> Result<Arc<dyn Predictor>, LoadError> {
        let (path, bytes) = file(manifest, files)?;
        let tree = read(manifest, path, bytes)?;
        let known = Known {
            file_bytes: bytes.len(),
            version: None,
        };
        Ok(Arc::new(compile(&tree, manifest, known, form)?))
    }

    fn wake(&self, manifest: &Manifest, rest: &[u8], form: &mut Form) -> Result<Arc<dyn Predictor>, LoadError> {
        Ok(Arc::new(wake(manifest, rest, None, form)?))
    }

    fn outline(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Outline, LoadError> {
        let (path, bytes) = file(manifest, files)?;
        let tree = read(manifest, path, bytes)?;
        Ok(outline::outline(&tree, path, bytes.len()))
    }
}

/// As [`Flavor::load`], for whoever needs [`SklearnModel`] itself.
///
/// # Errors
/// As [`Flavor::load`].
pub fn load(manifest: &Manifest, files: &ModelFiles) -> Result<SklearnModel, LoadError> {
    let (path, bytes) = file(manifest, files)?;
    let tree = read(manifest, path, bytes)?;
    let known = Known {
        file_bytes: bytes.len(),
        version: None,
    };
    Ok(compile(&tree, manifest, known, &mut Form::default())?)
}

/// What a model's file itself does not say.
#[derive(Debug, Clone, Copy)]
struct Known {
    file_bytes: usize,
    /// The minor version whose arithmetic it has, whatever it and `MLmodel` say.
    version: Option<u32>,
}

fn compile(tree: &Tree<'_>, manifest: &Manifest, known: Known, form: &mut Form) -> Result<SklearnModel, SklearnError> {
    let model = SklearnModel::compile(tree, manifest, known, form)?;
    if form.ensembles.are_kept() {
        let mut rest = (known.file_bytes as u64).to_le_bytes().to_vec();
        rest.extend(compact::write(tree, &form.instead));
        form.rest = Some(rest);
    }
    Ok(model)
}

/// The model whose `rest` [`compile`] left.
fn wake(manifest: &Manifest, rest: &[u8], version: Option<u32>, form: &mut Form) -> Result<SklearnModel, SklearnError> {
    let (file_bytes, rest) = rest.split_first_chunk().ok_or(ObjectError::Compact)?;
    let file_bytes = usize::try_from(u64::from_le_bytes(*file_bytes)).map_err(|_| ObjectError::Compact)?;
    SklearnModel::compile(&compact::read(rest)?, manifest, Known { file_bytes, version }, form)
}

/// [`Flavor::wake`] of what [`load_wrapper`] loads.
pub(super) fn wake_wrapper(manifest: &Manifest, rest: &[u8], form: &mut Form) -> Result<SklearnModel, LoadError> {
    Ok(wake(manifest, rest, Some(model::NEWEST), form)?)
}

/// Path and bytes of the estimator's file.
fn file<'a>(manifest: &'a Manifest, files: &'a ModelFiles) -> Result<(&'a str, &'a [u8]), LoadError> {
    let config = manifest.flavor("sklearn");
    let path = config
        .and_then(|config| config.get("pickled_model"))
        .unwrap_or("model.pkl");
    let bytes = files
        .read(path)
        .ok_or_else(|| LoadError::FileMissing { path: path.to_owned() })?;
    Ok((path, bytes))
}

fn read<'a>(manifest: &Manifest, path: &str, bytes: &'a [u8]) -> Result<Tree<'a>, LoadError> {
    let config = manifest.flavor("sklearn");
    let format = config.and_then(|config| config.get("serialization_format"));
    let skops = bytes.starts_with(b"PK\x03\x04");
    // Content decides; a name or a declaration that disagrees with it is not to be trusted with either reader.
    if skops != (format == Some("skops")) || skops != path.ends_with(".skops") {
        return Err(LoadError::Malformed {
            reason: "the model file is not of the format that `MLmodel` declares".to_owned(),
        });
    }
    let tree = if skops { read_skops(bytes) } else { read_pickle(bytes) }.map_err(SklearnError::from)?;
    Ok(tree)
}

/// What the file of a wrapper of another library holds, for people.
///
/// # Errors
/// [`LoadError::Malformed`] when it cannot be read.
pub(super) fn outline_wrapper(path: &str, bytes: &[u8]) -> Result<Outline, LoadError> {
    let skops = bytes.starts_with(b"PK\x03\x04");
    let tree = if skops { read_skops(bytes) } else { read_pickle(bytes) }.map_err(SklearnError::from)?;
    Ok(outline::outline(&tree, path, bytes.len()))
}

/// Another library's wrapper for scikit-learn, which is an instance of `class`, as its own flavor has it.
pub(super) fn load_wrapper(
    manifest: &Manifest,
    bytes: &[u8],
    skops: bool,
    (class, form): (&str, &mut Form),
) -> Result<SklearnModel, LoadError> {
    let tree = if skops { read_skops(bytes) } else { read_pickle(bytes) }.map_err(SklearnError::from)?;
    if tree.root().describe() != class {
        return Err(LoadError::Malformed {
            reason: "the model is not of the class that `MLmodel` declares".to_owned(),
        });
    }
    let known = Known {
        file_bytes: bytes.len(),
        version: Some(model::NEWEST),
    };
    Ok(compile(&tree, manifest, known, form)?)
}
