//! Watching: what a monitor computes from tables, and what it makes of it.

mod compare;

pub use compare::{CompareError, Comparison, compare_batches};
