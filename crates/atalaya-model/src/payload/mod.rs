//! What a request body may look like, and what the answer looks like: bytes → record batch → bytes.
//!
//! HTTP, streams, the command line and the Python wheel all read and write payloads here and nowhere else.

mod columns;
mod content_type;
mod csv;
mod encode;
mod error;
mod json;
pub mod limits;
mod number;
mod params;
mod request;
mod shapes;

pub use content_type::ContentType;
pub use encode::{encode_named, encode_predictions};
pub use error::{ContentTypeError, MAX_ERROR_BYTES, ParamProblem, PayloadError, ValueProblem};
pub use request::{Options, Request, decode, decode_with};
