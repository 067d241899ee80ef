//! The operators of `ai.onnx.ml`: what converters of scikit-learn, XGBoost and LightGBM write. Their outputs are float32.

mod encode;
mod features;
mod linear;
mod scores;
mod svm;
mod trees;

use std::sync::Arc;

use super::attributes::Spec;
use super::error::OnnxError;
use super::graph::Keys;
use super::ops::{Row, row};
use super::tensor::Elements;

pub(super) static OPERATORS: &[Row] = &[
    row("ArrayFeatureExtractor", features::extractor),
    row("Binarizer", features::binarizer),
    row("CategoryMapper", encode::category_mapper),
    row("FeatureVectorizer", features::vectorizer),
    row("Imputer", features::imputer),
    row("LabelEncoder", encode::label_encoder),
    row("LinearClassifier", linear::classifier),
    row("LinearRegressor", linear::regressor),
    row("Normalizer", features::normalizer),
    row("OneHotEncoder", encode::one_hot),
    row("SVMClassifier", svm::classifier),
    row("SVMRegressor", svm::regressor),
    row("Scaler", features::scaler),
    row("TreeEnsemble", trees::ensemble),
    row("TreeEnsembleClassifier", trees::classifier),
    row("TreeEnsembleRegressor", trees::regressor),
    row("ZipMap", features::zip_map),
];

/// The names of a `ZipMap`'s classes, as Python prints the keys.
pub(super) fn zip_map_keys(spec: &Spec<'_>) -> Result<Keys, OnnxError> {
    let (texts, ints) = (spec.texts("classlabels_strings"), spec.ints("classlabels_int64s"));
    match (texts.is_empty(), ints.is_empty()) {
        (false, true) => Ok(Keys(texts)),
        (true, false) => Ok(Keys(ints.iter().map(|key| Arc::from(key.to_string())).collect())),
        _ => spec.content("it has no class labels, or two kinds of them"),
    }
}

/// Class labels, of either type.
#[derive(Debug, Clone)]
pub(super) enum Classes {
    Ints(Vec<i64>),
    Texts(Vec<Arc<str>>),
}

impl Classes {
    fn read(spec: &Spec<'_>, texts: &str, ints: &str) -> Result<Self, OnnxError> {
        let (texts, ints) = (spec.texts(texts), spec.ints(ints));
        match (texts.is_empty(), ints.is_empty()) {
            (false, _) => Ok(Self::Texts(texts)),
            (true, false) => Ok(Self::Ints(ints)),
            (true, true) => spec.content("it has no class labels"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Ints(labels) => labels.len(),
            Self::Texts(labels) => labels.len(),
        }
    }

    /// The labels at these places, each of which is below [`Classes::len`].
    fn take(&self, places: &[usize]) -> Elements {
        match self {
            Self::Ints(labels) => places.iter().map(|place| labels[*place]).collect::<Vec<_>>().into(),
            Self::Texts(labels) => {
                let labels = places.iter().map(|place| Arc::clone(&labels[*place]));
                labels.collect::<Vec<_>>().into()
            }
        }
    }
}
