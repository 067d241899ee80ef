//! SQL metadata and artifact bytes: domain values in rows and files.
//!
//! [`Store`] is the metadata database, with one file of methods per noun; [`Artifacts`] is the
//! content-addressed folder of model files. Both may be opened by several processes at once.
//! Time and random bytes come in as arguments; domain values and [`StoreError`] come out.

mod alerts;
mod aliases;
mod artifacts;
mod blobs;
mod compiled_forms;
mod digest;
mod endpoint_row;
mod endpoints;
mod error;
mod experiments;
mod filter;
mod filter_parse;
mod filter_sql;
mod limits;
mod manifest;
mod map;
mod model_versions;
mod monitor_runs;
mod monitors;
mod notifiers;
mod outbox;
mod pairs;
mod registered_models;
mod run_log;
mod run_name;
mod run_row;
mod run_search;
mod runs;
mod safe_path;
mod search;
mod stages;
mod store;
mod token;
mod tokens;
mod version_row;

pub use alerts::{AlertQuery, Outgoing};
pub use artifacts::{ArtifactEntry, ArtifactError, Artifacts, FILE_BYTES_MAX, TOTAL_BYTES_MAX};
pub use compiled_forms::CompiledForms;
pub use digest::{Digest, DigestError};
pub use endpoints::NewEndpoint;
pub use error::{Noun, StoreError};
pub use experiments::{NewExperiment, View};
pub use filter::{Comparison, Entity, Filter, FilterError, Operator, Value};
pub use manifest::{ArtifactFile, FILES_MAX};
pub use model_versions::NewModelVersion;
pub use monitor_runs::{MonitorRun, NewMonitorRun};
pub use outbox::OutboxCounts;
pub use registered_models::NewRegisteredModel;
pub use run_log::LogBatch;
pub use runs::{NewRun, RunUpdate};
pub use safe_path::{PATH_BYTES_MAX, PathError, SafeRelPath};
pub use search::{Page, Search};
pub use stages::{StageChange, Transit};
pub use store::Store;
pub use token::{Pepper, TOKEN_RANDOM_BYTES, Token, TokenError, TokenKind};
pub use tokens::{NewToken, TOKEN_LIFETIME_DEFAULT_MS, TokenRecord, Verification};
