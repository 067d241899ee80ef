//! Everything of the crate that is seen from outside, against recorded files and against other implementations.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bad_requests;
mod compiled;
mod diabetes;
mod hostile;
mod inspect;
mod lightgbm;
mod load;
mod manifest;
mod mlflow_types;
mod numbers;
mod onnx;
mod params;
mod payload_shapes;
mod pickle_properties;
mod pickled;
mod properties;
mod serving;
mod sklearn;
mod sklearn_case;
mod sklearn_methods;
mod xgboost;
