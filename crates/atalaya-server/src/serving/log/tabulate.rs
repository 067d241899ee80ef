//! From log records to the rows of the three tables.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use atalaya_domain::ModelName;
use atalaya_lake::LakeError;
use atalaya_lake::tables::inference::{LabelRow, PayloadRow, RequestRows, labels_batch, payload_batch, rows_batches};
use atalaya_log::FlushBatch;
use atalaya_model::payload::{self, ContentType};
use atalaya_model::{Predictions, Signature};

use super::labels::LabelsRecord;
use super::outcome;
use super::record::{
    Content, FLAG_REQUEST_DROPPED, FLAG_RESPONSE_DROPPED, KIND_LABELS, KIND_PREDICTION, PredictionRecord,
};
use crate::serving::request_id;

/// Longest request or response text in the payload table; Databricks' tables keep no longer ones either.
const PAYLOAD_TEXT_MAX: usize = 1 << 20;

/// The columns by which requests are read again, by model and version; `None` where they can no longer be told.
pub(crate) type Signatures = HashMap<(String, u32), Option<Signature>>;

/// The batches of one flush and what could not be tabulated.
#[derive(Debug, Default)]
pub(crate) struct Tabulated {
    pub(crate) payload: Vec<RecordBatch>,
    pub(crate) rows: Vec<RecordBatch>,
    pub(crate) labels: Vec<RecordBatch>,
    /// Answered requests whose rows could not be typed; their payload is kept.
    pub(crate) untyped: u64,
    /// Records that could not be read at all.
    pub(crate) unreadable: u64,
}

/// Last sequence numbers already in each table; records up to them are left out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    pub(crate) payload: Option<u64>,
    pub(crate) rows: Option<u64>,
    pub(crate) labels: Option<u64>,
}

/// Every model version whose requests are in `batch`.
pub(crate) fn versions_in(batch: &FlushBatch) -> Vec<(ModelName, u32)> {
    let mut found: Vec<(ModelName, u32)> = Vec::new();
    for record in batch.records().filter(|r| r.kind == KIND_PREDICTION) {
        let Ok(prediction) = PredictionRecord::parse(record.payload) else {
            continue;
        };
        let same = |(name, version): &(ModelName, u32)| {
            name.as_str() == prediction.model && *version == prediction.model_version
        };
        if !found.iter().any(same)
            && let Ok(name) = ModelName::new(prediction.model)
        {
            found.push((name, prediction.model_version));
        }
    }
    found
}

/// Turns the records of one flush into table batches. Pure and slow: belongs on a blocking thread.
pub(crate) fn tabulate(batch: &FlushBatch, signatures: &Signatures, done: Done) -> Result<Tabulated, LakeError> {
    let mut out = Tabulated::default();
    let mut predictions = Vec::new();
    let mut labels = Vec::new();
    for record in batch.records() {
        match record.kind {
            KIND_PREDICTION => match PredictionRecord::parse(record.payload) {
                Ok(prediction) => predictions.push((record.seq, prediction)),
                Err(_) => out.unreadable += 1,
            },
            KIND_LABELS if done.labels.is_none_or(|last| record.seq > last) => {
                match serde_json::from_slice::<LabelsRecord>(record.payload) {
                    Ok(record) => labels.push(record),
                    Err(_) => out.unreadable += 1,
                }
            }
            KIND_LABELS => {}
            _ => out.unreadable += 1,
        }
    }
    let new = |last: Option<u64>| move |seq: &u64| last.is_none_or(|last| *seq > last);
    let (is_new_payload, is_new_rows) = (new(done.payload), new(done.rows));
    out.payload = payload_rows(
        predictions
            .iter()
            .filter(|(seq, _)| is_new_payload(seq))
            .map(|(_, p)| p),
    )?;
    let typed: Vec<Typed<'_>> = predictions
        .iter()
        .filter(|(seq, p)| is_new_rows(seq) && p.status == 200)
        .filter_map(|(_, p)| {
            let typed = typed(p, signatures);
            out.untyped += u64::from(typed.is_none());
            typed
        })
        .collect();
    out.rows = rows_batches(&typed.iter().map(Typed::rows).collect::<Vec<_>>())?;
    let label_rows: Vec<LabelRow<'_>> = labels.iter().flat_map(label_rows).collect();
    if !label_rows.is_empty() {
        out.labels = vec![labels_batch(&label_rows)?];
    }
    Ok(out)
}

fn payload_rows<'a>(records: impl Iterator<Item = &'a PredictionRecord<'a>>) -> Result<Vec<RecordBatch>, LakeError> {
    let texts: Vec<_> = records.map(PayloadTexts::new).collect();
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![payload_batch(
        &texts.iter().map(PayloadTexts::row).collect::<Vec<_>>(),
    )?])
}

/// The texts that one payload row borrows.
struct PayloadTexts<'a> {
    record: &'a PredictionRecord<'a>,
    request_id: String,
    request: Option<std::borrow::Cow<'a, str>>,
    response: Option<std::borrow::Cow<'a, str>>,
    codes: Vec<&'a str>,
}

impl<'a> PayloadTexts<'a> {
    fn new(record: &'a PredictionRecord<'a>) -> Self {
        let mut codes = Vec::new();
        let mut kept = |bytes: &'a [u8], dropped: u8, code: &'a str| {
            if record.flags & dropped != 0 || bytes.len() > PAYLOAD_TEXT_MAX {
                codes.push(code);
                return None;
            }
            Some(String::from_utf8_lossy(bytes))
        };
        let request = kept(record.request, FLAG_REQUEST_DROPPED, "MAX_REQUEST_SIZE_EXCEEDED");
        let response = kept(record.response, FLAG_RESPONSE_DROPPED, "MAX_RESPONSE_SIZE_EXCEEDED");
        if !record.reason.is_empty() {
            codes.push(record.reason);
        }
        Self {
            record,
            request_id: request_id(record.request_id).to_string(),
            request,
            response,
            codes,
        }
    }

    fn row(&self) -> PayloadRow<'_> {
        PayloadRow {
            request_id: &self.request_id,
            client_request_id: some(self.record.client_request_id),
            request_time_us: self.record.time_us,
            status_code: i32::from(self.record.status),
            sampling_fraction: 1.0,
            execution_duration_ms: i64::from(self.record.duration_us.div_ceil(1000)),
            request: self.request.as_deref(),
            response: self.response.as_deref(),
            logging_error_codes: &self.codes,
            served_entity_id: some(self.record.served_entity),
            requester: some(self.record.requester),
        }
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// An answered request, its features read again and its answers as logged.
struct Typed<'a> {
    record: &'a PredictionRecord<'a>,
    request_id: String,
    model_version: String,
    features: RecordBatch,
    predictions: Predictions,
}

fn typed<'a>(record: &'a PredictionRecord<'a>, signatures: &Signatures) -> Option<Typed<'a>> {
    let columns = signatures
        .get(&(record.model.to_owned(), record.model_version))?
        .as_ref()?;
    let content = match record.content {
        Content::Json => ContentType::Json,
        Content::Csv => ContentType::Csv,
        Content::Unknown => return None,
    };
    let features = payload::decode(content, record.request, columns).ok()?.batch;
    let predictions = outcome::read(record.outcome)?;
    Some(Typed {
        record,
        request_id: request_id(record.request_id).to_string(),
        model_version: record.model_version.to_string(),
        features,
        predictions,
    })
}

impl Typed<'_> {
    fn rows(&self) -> RequestRows<'_> {
        RequestRows {
            request_id: &self.request_id,
            client_request_id: some(self.record.client_request_id),
            request_time_us: self.record.time_us,
            served_entity: self.record.served_entity,
            model_name: self.record.model,
            model_version: &self.model_version,
            endpoint_config_version: i64::try_from(self.record.config_version).unwrap_or(i64::MAX),
            latency_us: i64::from(self.record.duration_us),
            cache_hit: self.record.cache_hit,
            features: &self.features,
            predictions: &self.predictions,
        }
    }
}

fn label_rows(record: &LabelsRecord) -> impl Iterator<Item = LabelRow<'_>> {
    record.labels.iter().map(|label| LabelRow {
        row_id: label.row_id.as_deref(),
        request_id: label.request_id.as_deref(),
        label: label.number,
        label_text: label.text.as_deref(),
        labeled_at_us: record.labeled_at_us,
    })
}
