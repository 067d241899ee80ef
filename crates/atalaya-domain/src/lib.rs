//! Nouns and decisions of Atalaya: registry, endpoint, traffic, monitor, alert.
//!
//! Pure: no I/O, no clock, no dice. State, `now` and random draws come in as
//! arguments; values and actions go out.

pub mod access;
pub mod alert;
pub mod endpoint;
pub mod id;
pub mod monitor;
pub mod registry;
pub mod time;
pub mod tracking;

pub use id::{EndpointName, IdError, ModelName, ServedEntityName};
pub use time::Timestamp;
