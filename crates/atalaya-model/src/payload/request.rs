//! A decoded request.

use arrow_array::RecordBatch;

use super::content_type::ContentType;
use super::error::PayloadError;
use crate::signature::Signature;

/// What a caller asks.
#[derive(Debug, Clone)]
pub struct Request {
    /// The rows, with exactly [`Signature::arrow_schema`]; at least one.
    pub batch: RecordBatch,
    /// The caller's own id of the request.
    pub client_request_id: Option<String>,
    /// Whether the caller asked for the answer as a stream of events.
    pub stream: bool,
}

/// Reads a request body into a batch of the signature's columns.
///
/// # Errors
/// [`PayloadError`]; [`PayloadError::is_invalid_parameter`] tells its code.
pub fn decode(content_type: ContentType, body: &[u8], signature: &Signature) -> Result<Request, PayloadError> {
    let _ = (content_type, body, signature);
    Err(PayloadError::NoShape)
}
