//! Telling people: one table of channels, a durable outbox, and the one client that leaves the server.
//!
//! A notification is made in the transaction that moves its alert and sent afterwards, at least once, each attempt
//! under the same key.

mod address;
mod channel;
mod console;
mod egress;
mod outbox;
mod slack;
mod webhook;

pub use address::{EgressRule, EgressRuleError};
pub(crate) use channel::{DeliveryError, Notice, Parcel, channel};
pub(crate) use egress::{Egress, Target};
pub use outbox::Deliveries;
pub(crate) use outbox::deliver_due;
