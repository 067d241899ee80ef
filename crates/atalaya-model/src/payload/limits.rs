//! How large a body's parts may be. The body itself is limited by whoever reads it from the network.

/// Rows of one request: the size of a batch that one predictor call should see; more belongs into batch scoring.
pub const MAX_ROWS: usize = 100_000;
/// Values of one decoded batch, rows × columns of the signature: at 8 bytes each 80 MB, whatever the body's size,
/// so that rows that leave out optional columns do not blow up.
pub const MAX_CELLS: usize = 10_000_000;
/// Keys of one record, or values of one row: twice the columns that a signature may have, for extra ones.
pub const MAX_FIELDS: usize = 2 * crate::signature::MAX_COLUMNS;
/// Nesting depth of JSON, as `serde_json` has it; legal payloads need 4.
pub const MAX_DEPTH: u32 = 128;
/// Bytes of one text value.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// Bytes of one number: no double needs more than 767 digits to be told from its neighbours.
pub const MAX_NUMBER_BYTES: usize = 1_100;
/// Bytes of a client's request id.
pub const MAX_CLIENT_REQUEST_ID_BYTES: usize = 256;
/// Bytes of a body at all: offsets into text columns have 31 bits. A server's own limit is far lower.
pub const MAX_BODY_BYTES: usize = i32::MAX as usize;
