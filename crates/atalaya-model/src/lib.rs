//! Models: the `MLmodel` manifest, signatures, payload formats, and flavors turned into predictors.
//!
//! Pure: bytes and record batches in, predictions out. No file, socket, clock or environment.

pub mod predictor;
pub mod signature;

pub use predictor::{PredictError, Predictions, Predictor};
pub use signature::Signature;
