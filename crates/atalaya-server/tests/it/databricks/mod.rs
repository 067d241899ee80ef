//! Databricks' REST API.

mod endpoint_details;
mod host;
mod permissions;
mod serving_endpoints;
mod tokens;
