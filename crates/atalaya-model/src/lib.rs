//! Models: the `MLmodel` manifest, signatures, payload formats, and flavors turned into predictors.
//!
//! Pure: bytes and record batches in, predictions out. No file, socket, clock or environment.

pub mod compiled;
pub mod ensemble;
mod exp;
pub mod files;
pub mod flavors;
pub mod inspect;
pub mod load;
pub mod manifest;
pub mod object;
pub mod payload;
pub mod predictor;
mod product;
pub mod signature;
mod simd;
mod wire;

pub use compiled::{NotCompiled, load_compiling, load_through, wake};
pub use files::{FilesError, ModelFiles};
pub use flavors::{FLAVORS, Flavor};
pub use inspect::{Inspection, Outline, OutlinePart, Verdict, inspect};
pub use load::{LoadError, LoadedModel, load};
pub use manifest::{FlavorConfig, Manifest, ManifestError};
pub use predictor::{
    COLUMNS_LAYOUT, ExecutorFailure, Method, NamedOutput, NamedOutputs, ParamValue, Params, PredictError, Predictions,
    Predictor,
};
pub use signature::{ColumnSpec, ColumnType, Signature, SignatureError};
