//! A request body, from its top level down to the rows: which shape it has, and what stands beside the rows.
//!
//! | In the body | What becomes of it |
//! |---|---|
//! | `null`, an absent key in some records, an empty CSV field | a missing value where the type has one, else refused |
//! | `25` for a `double`, `"45"` or `45.0` for a `long`, `0`/`1` for a `boolean` | taken, since the value stays the same |
//! | `45.7` or `1e30` for a `long`, 2⁵³+1 for a `double`, `true` for a number | refused; MLflow's scorer changes them silently |
//! | `NaN`, `Infinity` for a number | refused, unless [`Options::allow_nan_literals`]; then NaN is a missing value |
//! | `"NaN"`, `1e400` for a number | refused |
//! | text in ISO 8601 or a number of nanoseconds for a `datetime` | taken; a time zone is reckoned in |
//! | base64 for `binary` | taken; line breaks are read over, other strange characters (which Python skips) refused |
//! | a name in `params` that the model does not declare | refused if it declares any; MLflow drops it with a warning |
//! | one key twice in a record, a shape or the top level | refused |
//! | columns that the signature does not have, other top-level keys | read over |
//! | bytes that are not UTF-8, lone surrogates, a byte order mark before JSON | refused |
//! | `\u0000` in a JSON string | kept |
//! | a byte order mark before CSV | read over; a NUL in CSV is refused |

use arrow_array::RecordBatch;

use super::columns::Columns;
use super::content_type::ContentType;
use super::error::PayloadError;
use super::json::{Scanner, Token};
use super::limits::{MAX_BODY_BYTES, MAX_CLIENT_REQUEST_ID_BYTES};
use super::{csv, params, shapes};
use crate::predictor::Params;
use crate::signature::Signature;

/// What a caller asks.
#[derive(Debug, Clone)]
pub struct Request {
    /// The rows, with exactly [`Signature::arrow_schema`]; at least one.
    pub batch: RecordBatch,
    /// The inference parameters that the model declares, each as sent or by default; empty when it declares none.
    pub params: Params,
    /// The caller's own id of the request.
    pub client_request_id: Option<String>,
    /// Whether the caller asked for the answer as a stream of events.
    pub stream: bool,
}

/// What a server may let callers do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Take `NaN`, `Infinity` and `-Infinity`, which are no JSON but which Python writes: NaN as a missing value, the
    /// others as they are.
    pub allow_nan_literals: bool,
}

/// As [`decode_with`], strictly.
///
/// # Errors
/// As [`decode_with`].
pub fn decode(content_type: ContentType, body: &[u8], signature: &Signature) -> Result<Request, PayloadError> {
    decode_with(content_type, body, signature, Options::default())
}

/// Reads a request body into a batch of the signature's columns.
///
/// # Errors
/// [`PayloadError`]; [`PayloadError::is_invalid_parameter`] tells its code.
pub fn decode_with(
    content_type: ContentType,
    body: &[u8],
    signature: &Signature,
    options: Options,
) -> Result<Request, PayloadError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(PayloadError::TooMany {
            what: "bytes",
            limit: MAX_BODY_BYTES,
        });
    }
    let text = std::str::from_utf8(body).map_err(|error| PayloadError::NotText {
        offset: error.valid_up_to(),
    })?;
    match content_type {
        ContentType::Json => decode_json(text, signature, options),
        ContentType::Csv => {
            let batch = csv::decode(text, signature)?;
            Ok(Request {
                batch,
                params: params::defaults(signature)?,
                client_request_id: None,
                stream: false,
            })
        }
    }
}

/// What the API calls the fields beside the rows.
const CLIENT_REQUEST_ID: &str = "client_request_id";
const PARAMS: &str = "params";
const STREAM: &str = "stream";

/// What has been seen at top level so far.
#[derive(Default)]
struct TopLevel {
    batch: Option<RecordBatch>,
    params: Option<Params>,
    client_request_id: Option<String>,
    stream: bool,
    /// One bit per field of [`TopLevel::FIELDS`].
    seen: u8,
    others: Vec<String>,
}

fn decode_json(text: &str, signature: &Signature, options: Options) -> Result<Request, PayloadError> {
    let mut scanner = Scanner::new(text);
    if options.allow_nan_literals {
        scanner.allow_nan_literals();
    }
    if scanner.peek() != Some(b'{') {
        // Bad JSON is told apart from good JSON of the wrong kind.
        scanner.skip_value()?;
        scanner.end()?;
        return Err(PayloadError::NotAnObject);
    }
    let mut top = TopLevel::default();
    let mut more = scanner.open_object()?;
    while more {
        let key = scanner.key()?;
        top.field(&key, &mut scanner, signature)?;
        more = scanner.next_field()?;
    }
    scanner.end()?;
    let TopLevel {
        batch,
        params,
        client_request_id,
        stream,
        ..
    } = top;
    Ok(Request {
        batch: batch.ok_or(PayloadError::NoShape)?,
        params: match params {
            Some(params) => params,
            None => params::defaults(signature)?,
        },
        client_request_id,
        stream,
    })
}

impl TopLevel {
    const FIELDS: [&str; 8] = [
        shapes::RECORDS,
        shapes::SPLIT,
        shapes::INSTANCES,
        shapes::INPUTS,
        PARAMS,
        CLIENT_REQUEST_ID,
        "usage_context",
        STREAM,
    ];

    /// Reads the value of a top-level field.
    fn field(&mut self, key: &str, scanner: &mut Scanner<'_>, signature: &Signature) -> Result<(), PayloadError> {
        let Some(position) = Self::FIELDS.iter().position(|field| *field == key) else {
            return self.other(key, scanner);
        };
        let field = Self::FIELDS[position];
        if self.seen & (1 << position) != 0 {
            return Err(PayloadError::DuplicateField { field });
        }
        self.seen |= 1 << position;
        match field {
            shapes::RECORDS | shapes::SPLIT | shapes::INSTANCES | shapes::INPUTS => {
                if self.batch.is_some() {
                    return Err(PayloadError::SeveralShapes);
                }
                self.batch = Some(shapes::decode(field, scanner, Columns::new(signature))?);
            }
            CLIENT_REQUEST_ID => self.client_request_id = client_request_id(scanner.token()?)?,
            STREAM => self.stream = stream(&scanner.token()?)?,
            PARAMS if scanner.peek() == Some(b'{') => self.params = Some(params::read(scanner, signature)?),
            // `usage_context`, and `params` that are none.
            _ => match scanner.peek() {
                Some(b'{' | b'n') => scanner.skip_value()?,
                _ => {
                    scanner.skip_value()?;
                    return Err(PayloadError::Field {
                        field,
                        expected: "an object",
                    });
                }
            },
        }
        Ok(())
    }

    /// Reads over a field that this API does not have, unless it stands twice.
    fn other(&mut self, key: &str, scanner: &mut Scanner<'_>) -> Result<(), PayloadError> {
        /// A linear search through more would be slow; no client sends more than a few.
        const MAX_OTHERS: usize = 64;
        if self.others.iter().any(|other| other == key) {
            return Err(PayloadError::DuplicateField {
                field: "a field that is not part of the API",
            });
        }
        if self.others.len() == MAX_OTHERS {
            return Err(PayloadError::TooMany {
                what: "unknown fields",
                limit: MAX_OTHERS,
            });
        }
        self.others.push(key.to_owned());
        scanner.skip_value()
    }
}

fn client_request_id(token: Token<'_>) -> Result<Option<String>, PayloadError> {
    let error = PayloadError::Field {
        field: CLIENT_REQUEST_ID,
        expected: "text of at most 256 bytes",
    };
    match token {
        Token::Null => Ok(None),
        Token::Text(text) if text.len() <= MAX_CLIENT_REQUEST_ID_BYTES => Ok(Some(text.into_owned())),
        _ => Err(error),
    }
}

fn stream(token: &Token<'_>) -> Result<bool, PayloadError> {
    match token {
        Token::Null => Ok(false),
        Token::Bool(stream) => Ok(*stream),
        _ => Err(PayloadError::Field {
            field: STREAM,
            expected: "`true` or `false`",
        }),
    }
}
