//! The bytes of one prediction-log record: a small header, the outcome, then the request and response as sent.
//!
//! Nothing is re-encoded on the request path. The flusher decodes the request
//! again with the same payload reader, so features land in the tables exactly
//! as the model saw them. Layout, little endian, version 1:
//!
//! ```text
//! version u8 | content u8 | status u16 | flags u8 | cache_hit u8
//! time_us i64 | duration_us u32 | config_version u64 | model_version u32
//! request_id [16]
//! 5 × (len u16, utf-8): client_request_id, requester, served_entity, model, reason
//! outcome_len u32, outcome | request_len u32, request | response (to the end)
//! ```

/// Kind byte of a prediction record in the log.
pub(crate) const KIND_PREDICTION: u8 = 1;
/// Kind byte of a labels record in the log.
pub(crate) const KIND_LABELS: u8 = 2;

const VERSION: u8 = 1;
const FIXED: usize = 6 + 8 + 4 + 8 + 4 + 16;
/// Longest of the short texts that is kept; ids and names are far below it.
const TEXT_MAX: usize = 1024;

/// How the request's body was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// JSON in one of MLflow's shapes.
    Json,
    /// CSV with a header row.
    Csv,
    /// Not understood; kept as it came.
    Unknown,
}

/// Set when the request was too large to be kept.
pub(crate) const FLAG_REQUEST_DROPPED: u8 = 1;
/// Set when the response was too large to be kept.
pub(crate) const FLAG_RESPONSE_DROPPED: u8 = 2;

/// One invocation, as logged and as read back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PredictionRecord<'a> {
    pub(crate) content: Content,
    pub(crate) status: u16,
    pub(crate) flags: u8,
    pub(crate) cache_hit: bool,
    /// When the request was admitted, microseconds since the epoch.
    pub(crate) time_us: i64,
    pub(crate) duration_us: u32,
    pub(crate) config_version: u64,
    pub(crate) model_version: u32,
    pub(crate) request_id: [u8; 16],
    pub(crate) client_request_id: &'a str,
    pub(crate) requester: &'a str,
    pub(crate) served_entity: &'a str,
    pub(crate) model: &'a str,
    /// Why the request failed; empty when it did not.
    pub(crate) reason: &'a str,
    pub(crate) outcome: &'a [u8],
    pub(crate) request: &'a [u8],
    pub(crate) response: &'a [u8],
}

/// A record that could not be read back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum RecordError {
    /// Ends before its parts do.
    #[error("prediction record is cut short")]
    Short,
    /// Written by a newer program.
    #[error("prediction record has format {0}, newer than this program reads")]
    Version(u8),
    /// A text that is not UTF-8.
    #[error("prediction record has a text that is not UTF-8")]
    Text,
}

impl<'a> PredictionRecord<'a> {
    /// Appends everything but the request and the response, which follow as they are.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>) {
        out.reserve(FIXED + 64 + self.outcome.len());
        let content = match self.content {
            Content::Json => 0,
            Content::Csv => 1,
            Content::Unknown => 2,
        };
        out.extend_from_slice(&[VERSION, content]);
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&[self.flags, u8::from(self.cache_hit)]);
        out.extend_from_slice(&self.time_us.to_le_bytes());
        out.extend_from_slice(&self.duration_us.to_le_bytes());
        out.extend_from_slice(&self.config_version.to_le_bytes());
        out.extend_from_slice(&self.model_version.to_le_bytes());
        out.extend_from_slice(&self.request_id);
        for text in [
            self.client_request_id,
            self.requester,
            self.served_entity,
            self.model,
            self.reason,
        ] {
            let kept = clip(text);
            out.extend_from_slice(&u16::try_from(kept.len()).unwrap_or(0).to_le_bytes());
            out.extend_from_slice(kept.as_bytes());
        }
        out.extend_from_slice(&u32::try_from(self.outcome.len()).unwrap_or(0).to_le_bytes());
        out.extend_from_slice(self.outcome);
        out.extend_from_slice(&u32::try_from(self.request.len()).unwrap_or(0).to_le_bytes());
    }

    /// Reads a record back.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut rest = Reader(bytes);
        let [version, content] = rest.array()?;
        if version != VERSION {
            return Err(RecordError::Version(version));
        }
        let status = u16::from_le_bytes(rest.array()?);
        let [flags, cache_hit] = rest.array()?;
        let time_us = i64::from_le_bytes(rest.array()?);
        let duration_us = u32::from_le_bytes(rest.array()?);
        let config_version = u64::from_le_bytes(rest.array()?);
        let model_version = u32::from_le_bytes(rest.array()?);
        let request_id = rest.array()?;
        let client_request_id = rest.text()?;
        let requester = rest.text()?;
        let served_entity = rest.text()?;
        let model = rest.text()?;
        let reason = rest.text()?;
        let outcome = rest.long()?;
        let request = rest.long()?;
        Ok(Self {
            content: match content {
                0 => Content::Json,
                1 => Content::Csv,
                _ => Content::Unknown,
            },
            status,
            flags,
            cache_hit: cache_hit != 0,
            time_us,
            duration_us,
            config_version,
            model_version,
            request_id,
            client_request_id,
            requester,
            served_entity,
            model,
            reason,
            outcome,
            request,
            response: rest.0,
        })
    }
}

/// The longest prefix of whole characters within [`TEXT_MAX`] bytes.
fn clip(text: &str) -> &str {
    if text.len() <= TEXT_MAX {
        return text;
    }
    let end = (0..=TEXT_MAX).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    &text[..end]
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], RecordError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(RecordError::Short)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(RecordError::Short)?;
        self.0 = tail;
        Ok(*head)
    }

    fn text(&mut self) -> Result<&'a str, RecordError> {
        let len = usize::from(u16::from_le_bytes(self.array()?));
        std::str::from_utf8(self.take(len)?).map_err(|_| RecordError::Text)
    }

    fn long(&mut self) -> Result<&'a [u8], RecordError> {
        let len = u32::from_le_bytes(self.array()?) as usize;
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(record: &PredictionRecord<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        record.write_head(&mut bytes);
        bytes.extend_from_slice(record.request);
        bytes.extend_from_slice(record.response);
        bytes
    }

    fn sample<'a>(client: &'a str, outcome: &'a [u8], request: &'a [u8], response: &'a [u8]) -> PredictionRecord<'a> {
        PredictionRecord {
            content: Content::Json,
            status: 200,
            flags: 0,
            cache_hit: false,
            time_us: 1_795_438_240_356_000,
            duration_us: 41,
            config_version: 3,
            model_version: 2,
            request_id: [7; 16],
            client_request_id: client,
            requester: "ana",
            served_entity: "diabetes_predictor-2",
            model: "diabetes_predictor",
            reason: "",
            outcome,
            request,
            response,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(client in ".{0,40}", outcome: Vec<u8>, request: Vec<u8>, response: Vec<u8>) {
            let record = sample(&client, &outcome, &request, &response);
            let bytes = written(&record);
            prop_assert_eq!(PredictionRecord::parse(&bytes), Ok(record));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = PredictionRecord::parse(&bytes);
        }
    }

    #[test]
    fn a_record_cut_anywhere_before_its_response_is_refused() {
        let whole = written(&sample("c", b"oo", b"request", b""));
        for end in 0..whole.len() {
            assert!(PredictionRecord::parse(&whole[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_text_too_long_for_its_field_is_clipped_at_a_character() {
        let long = "ñ".repeat(1000);
        let record = sample(&long, b"", b"", b"");
        let bytes = written(&record);
        assert_eq!(
            PredictionRecord::parse(&bytes).expect("read").client_request_id,
            "ñ".repeat(512)
        );
    }
}
