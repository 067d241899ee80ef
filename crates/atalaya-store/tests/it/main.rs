//! The store against real files: every noun as a story, restarts, two processes' worth of handles, damage.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod alerts;
mod artifacts;
mod crash;
mod endpoints;
mod experiments;
mod filter;
mod home;
mod model_versions;
mod monitors;
mod opening;
mod registered_models;
mod runs;
mod safe_path;
mod tokens;
