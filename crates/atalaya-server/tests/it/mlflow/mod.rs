//! MLflow's REST API.

mod artifacts;
mod experiments;
mod model_versions;
mod registered_models;
mod runs;
