//! Real Python processes: answers, isolation, the protocol under attack, the pool, environments.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod environments;
mod isolation;
mod pool;
mod protocol;
mod recorded;
mod support;
