//! The data plane: immutable snapshots of endpoints, scoring, and the prediction log.
//!
//! An invocation reads one snapshot and appends to one log; it touches no SQL,
//! no Delta and no lock shared by all cores.

mod endpoints;
mod invoke;
pub(crate) mod log;
mod snapshot;

pub(crate) use endpoints::{EndpointSlot, Endpoints};
pub(crate) use invoke::{Invocation, Reply, invoke, request_id};
pub(crate) use log::flush::flush_all;
pub(crate) use snapshot::{LoadedEntity, Snapshot};
