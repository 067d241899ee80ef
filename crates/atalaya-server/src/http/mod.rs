//! The listener: one accept loop of our own, with a limit and a time for everything a peer can hold open.

mod accept;
mod activity;
mod body;
mod rewake;
mod stall;

pub use accept::Drained;
pub(crate) use accept::serve;
pub(crate) use body::{BodyError, read_body};
pub(crate) use rewake::yield_turn;

use std::time::Duration;

/// Limits and times of the listener.
#[derive(Debug, Clone)]
pub struct ListenerLimits {
    /// Connections open at once; above it the newest are refused at accept, never the established.
    pub max_connections: usize,
    /// A connection that has sent nothing is closed after this.
    pub first_byte: Duration,
    /// A request head must be complete within this; also how long a kept-alive connection may idle.
    pub request_head: Duration,
    /// Largest request head, in bytes.
    pub head_bytes: usize,
    /// Most header fields of a request.
    pub head_fields: usize,
    /// A body that makes no progress for this long is given up.
    pub body_stall: Duration,
    /// A response that makes no progress for this long is given up.
    pub write_stall: Duration,
    /// A whole body must be there within this.
    pub body_deadline: Duration,
    /// Requests under way at once on one HTTP/2 connection.
    pub h2_streams: u32,
    /// How long requests in work may go on after a shutdown was asked for.
    pub drain: Duration,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            first_byte: Duration::from_secs(10),
            request_head: Duration::from_secs(30),
            head_bytes: 16 * 1024,
            head_fields: 100,
            body_stall: Duration::from_secs(10),
            write_stall: Duration::from_secs(30),
            body_deadline: Duration::from_secs(120),
            h2_streams: 100,
            drain: Duration::from_secs(30),
        }
    }
}
