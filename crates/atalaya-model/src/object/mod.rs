//! Readers of serialised Python objects that yield data and never run anything: pickles and skops archives become one
//! [`Tree`] of plain values, in which every class is only a name.

pub(crate) mod compact;
mod error;
mod globals;
mod json;
mod limits;
mod npy;
mod numpy;
mod pickle;
mod skops;
mod survey;
mod tree;
mod view;

pub use error::ObjectError;
pub use limits::MAX_FILE_BYTES;
pub use npy::read_npy;
pub use numpy::{Array, Dtype, Elements, Field, Scalar};
pub use pickle::read_pickle;
pub use skops::read_skops;
pub use survey::{SURVEY_GLOBALS_MAX, Survey};
pub use tree::{GlobalName, Node, NodeId, Object, Tree};
pub use view::View;
