//! Databricks' REST API.

mod host;
mod permissions;
mod serving_endpoints;
mod tokens;
