//! Model quality from predictions and the labels that arrived for them, equal to scikit-learn's metrics.

mod classification;
mod regression;

pub use classification::{
    Averages, ClassQuality, ClassificationQuality, MAX_CLASSES, classification, classification_numeric,
};
pub use regression::{RegressionQuality, regression};
