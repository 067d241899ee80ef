//! Column profiles: what a column looked like, in a few numbers, and moments that merge across windows and nodes.

mod column;
mod moments;

pub use column::{Category, ColumnProfile, NumericProfile, ProfileDetail, QUANTILES, TOP_CATEGORIES};
pub use moments::Moments;
