//! The inference tables of an endpoint: `payload` (a row per request), `rows` (a row per record,
//! features as typed columns) and `labels` (what turned out to be true).
//!
//! `payload` has the columns of the Databricks AI gateway's inference table. Names and types are
//! a promise to everybody who reads these tables: columns may be added, never renamed or retyped.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanBuilder, Date32Builder, Float64Array, Float64Builder, Int32Builder,
    Int64Builder, ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use atalaya_model::Predictions;

use crate::error::LakeError;
use crate::schema::plain_schema;

/// Partition column of `payload` and `rows`.
pub const REQUEST_DATE: &str = "request_date";
/// Partition column of `labels`.
pub const LABEL_DATE: &str = "label_date";
/// Columns of `rows` before the features, in order. A feature of such a name is stored under
/// `feature_<name>`.
pub const ROWS_COLUMNS: [&str; 15] = [
    "row_id",
    "databricks_request_id",
    "client_request_id",
    "row_index",
    REQUEST_DATE,
    "request_time",
    "served_entity",
    "model_name",
    "model_version",
    "endpoint_config_version",
    "prediction",
    "prediction_text",
    "probabilities",
    "latency_us",
    "cache_hit",
];

/// Columns that a window adds from `labels`; reserved for the same reason.
const LABEL_COLUMNS: [&str; 2] = ["label", "label_text"];
const DAY_US: i64 = 86_400_000_000;

/// Path of the endpoint's `payload` table.
pub fn payload_table(endpoint: &str) -> String {
    format!("{endpoint}/payload")
}

/// Path of the endpoint's `rows` table.
pub fn rows_table(endpoint: &str) -> String {
    format!("{endpoint}/rows")
}

/// Path of the endpoint's `labels` table.
pub fn labels_table(endpoint: &str) -> String {
    format!("{endpoint}/labels")
}

/// Identity of the record `index` of a request: `<request id>#<index>`.
pub fn row_id(request_id: &str, index: usize) -> String {
    format!("{request_id}#{index}")
}

/// One request, answered or refused.
#[derive(Debug, Clone)]
pub struct PayloadRow<'a> {
    /// Assigned by the server before the model runs.
    pub request_id: &'a str,
    /// Sent by the client; not unique.
    pub client_request_id: Option<&'a str>,
    /// When the request arrived, microseconds since 1970 UTC.
    pub request_time_us: i64,
    /// HTTP status of the answer.
    pub status_code: i32,
    /// Share of requests that are logged, 0 to 1.
    pub sampling_fraction: f64,
    /// Time in the model, without the network.
    pub execution_duration_ms: i64,
    /// Request body; `None` when it was too large to log.
    pub request: Option<&'a str>,
    /// Response body; `None` when it was too large to log.
    pub response: Option<&'a str>,
    /// Such as `MAX_REQUEST_SIZE_EXCEEDED`.
    pub logging_error_codes: &'a [&'a str],
    /// Which served entity answered.
    pub served_entity_id: Option<&'a str>,
    /// Who asked.
    pub requester: Option<&'a str>,
}

/// One answered request with its records.
#[derive(Debug, Clone)]
pub struct RequestRows<'a> {
    /// As in [`PayloadRow`].
    pub request_id: &'a str,
    /// As in [`PayloadRow`].
    pub client_request_id: Option<&'a str>,
    /// As in [`PayloadRow`].
    pub request_time_us: i64,
    /// Name of the served entity.
    pub served_entity: &'a str,
    /// Registered model.
    pub model_name: &'a str,
    /// Its version.
    pub model_version: &'a str,
    /// Version of the endpoint's configuration.
    pub endpoint_config_version: i64,
    /// Time in the model for the whole request.
    pub latency_us: i64,
    /// Answered from the cache.
    pub cache_hit: bool,
    /// The model's input, one row per record.
    pub features: &'a RecordBatch,
    /// The answers, one element per record.
    pub predictions: &'a Predictions,
}

/// What turned out to be true for a record, or for a request of one record.
#[derive(Debug, Clone)]
pub struct LabelRow<'a> {
    /// The record; `None` where `request_id` names a request of one record.
    pub row_id: Option<&'a str>,
    /// The request.
    pub request_id: Option<&'a str>,
    /// A number or class number.
    pub label: Option<f64>,
    /// A class name.
    pub label_text: Option<&'a str>,
    /// Of several labels of a record the latest counts. Microseconds since 1970 UTC.
    pub labeled_at_us: i64,
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", element, true)))
}

fn schema_of(columns: Vec<(&str, DataType)>) -> SchemaRef {
    Arc::new(Schema::new(
        columns
            .into_iter()
            .map(|(name, kind)| Field::new(name, kind, true))
            .collect::<Vec<_>>(),
    ))
}

/// Columns of `payload`.
pub fn payload_schema() -> SchemaRef {
    schema_of(vec![
        ("databricks_request_id", DataType::Utf8),
        (REQUEST_DATE, DataType::Date32),
        ("client_request_id", DataType::Utf8),
        ("request_time", timestamp()),
        ("status_code", DataType::Int32),
        ("sampling_fraction", DataType::Float64),
        ("execution_duration_ms", DataType::Int64),
        ("request", DataType::Utf8),
        ("response", DataType::Utf8),
        ("logging_error_codes", list_of(DataType::Utf8)),
        ("served_entity_id", DataType::Utf8),
        ("requester", DataType::Utf8),
    ])
}

/// Columns of `rows` for a model with these features, in order: [`ROWS_COLUMNS`], then one per feature.
///
/// Integers are stored as 64-bit and floats as double, whatever the signature says, so that the
/// next model version finds a column it fits into.
///
/// # Errors
/// [`LakeError::Column`] for a feature of a type that Delta cannot store.
pub fn rows_schema(features: &Schema) -> Result<SchemaRef, LakeError> {
    let kinds = [
        DataType::Utf8,
        DataType::Utf8,
        DataType::Utf8,
        DataType::Int32,
        DataType::Date32,
        timestamp(),
        DataType::Utf8,
        DataType::Utf8,
        DataType::Utf8,
        DataType::Int64,
        DataType::Float64,
        DataType::Utf8,
        list_of(DataType::Float64),
        DataType::Int64,
        DataType::Boolean,
    ];
    let mut fields: Vec<Field> = ROWS_COLUMNS
        .iter()
        .zip(kinds)
        .map(|(name, kind)| Field::new(*name, kind, true))
        .collect();
    for (name, field) in feature_columns(features)
        .into_iter()
        .zip(plain_schema(features)?.fields())
    {
        let kind = match field.data_type() {
            kind if kind.is_integer() => DataType::Int64,
            DataType::Float32 => DataType::Float64,
            kind => kind.clone(),
        };
        fields.push(Field::new(name, kind, true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Columns of `labels`.
pub fn labels_schema() -> SchemaRef {
    schema_of(vec![
        ("row_id", DataType::Utf8),
        ("databricks_request_id", DataType::Utf8),
        ("label", DataType::Float64),
        ("label_text", DataType::Utf8),
        ("labeled_at", timestamp()),
        (LABEL_DATE, DataType::Date32),
    ])
}

/// The column of `rows` for each feature: its own name, or `feature_<name>` where that is taken.
///
/// Delta does not tell `Age` from `age`, so a second such name gets `_2`, `_3`, … appended.
pub fn feature_columns(features: &Schema) -> Vec<String> {
    let mut taken: Vec<String> = ROWS_COLUMNS
        .iter()
        .chain(&LABEL_COLUMNS)
        .map(|&name| name.to_owned())
        .collect();
    let own = |name: &String| {
        !ROWS_COLUMNS
            .iter()
            .chain(&LABEL_COLUMNS)
            .any(|taken| taken.eq_ignore_ascii_case(name))
    };
    let mut columns = Vec::with_capacity(features.fields().len());
    for field in features.fields() {
        let plain = if own(field.name()) {
            field.name().clone()
        } else {
            format!("feature_{}", field.name())
        };
        let mut column = plain.clone();
        let mut next = 2;
        while taken.contains(&column.to_ascii_lowercase()) {
            column = format!("{plain}_{next}");
            next += 1;
        }
        taken.push(column.to_ascii_lowercase());
        columns.push(column);
    }
    columns
}

/// The batch of `payload` for these requests.
///
/// # Errors
/// When Arrow cannot hold the text (2 GiB and more in one batch).
pub fn payload_batch(requests: &[PayloadRow<'_>]) -> Result<RecordBatch, LakeError> {
    let text = |value: for<'a> fn(&'a PayloadRow<'a>) -> Option<&'a str>| -> ArrayRef {
        let mut column = StringBuilder::with_capacity(requests.len(), 0);
        requests.iter().for_each(|request| column.append_option(value(request)));
        Arc::new(column.finish())
    };
    let (mut dates, mut times) = (
        Date32Builder::new(),
        TimestampMicrosecondBuilder::new().with_timezone("UTC"),
    );
    let (mut status, mut sampling, mut duration) = (Int32Builder::new(), Float64Builder::new(), Int64Builder::new());
    let mut codes = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
    for request in requests {
        dates.append_value(day(request.request_time_us));
        times.append_value(request.request_time_us);
        status.append_value(request.status_code);
        sampling.append_value(request.sampling_fraction);
        duration.append_value(request.execution_duration_ms);
        request
            .logging_error_codes
            .iter()
            .for_each(|code| codes.values().append_value(code));
        codes.append(true);
    }
    let columns: Vec<ArrayRef> = vec![
        text(|r| Some(r.request_id)),
        Arc::new(dates.finish()),
        text(|r| r.client_request_id),
        Arc::new(times.finish()),
        Arc::new(status.finish()),
        Arc::new(sampling.finish()),
        Arc::new(duration.finish()),
        text(|r| r.request),
        text(|r| r.response),
        Arc::new(codes.finish()),
        text(|r| r.served_entity_id),
        text(|r| r.requester),
    ];
    Ok(RecordBatch::try_new(payload_schema(), columns)?)
}

/// The batches of `rows` for these requests: one for each run of requests with the same features.
///
/// # Errors
/// [`LakeError::Column`] when features and answers of a request differ in length, or a feature
/// has a type that Delta cannot store.
pub fn rows_batches(requests: &[RequestRows<'_>]) -> Result<Vec<RecordBatch>, LakeError> {
    let same = |a: &RequestRows<'_>, b: &RequestRows<'_>| a.features.schema_ref() == b.features.schema_ref();
    requests.chunk_by(same).map(rows_batch).collect()
}

/// The batch of `labels`.
///
/// # Errors
/// When Arrow cannot hold the text (2 GiB and more in one batch).
pub fn labels_batch(labels: &[LabelRow<'_>]) -> Result<RecordBatch, LakeError> {
    let mut times = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    labels.iter().for_each(|label| times.append_value(label.labeled_at_us));
    let mut dates = Date32Builder::new();
    labels
        .iter()
        .for_each(|label| dates.append_value(day(label.labeled_at_us)));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(labels.iter().map(|label| label.row_id).collect::<StringArray>()),
        Arc::new(labels.iter().map(|label| label.request_id).collect::<StringArray>()),
        Arc::new(labels.iter().map(|label| label.label).collect::<Float64Array>()),
        Arc::new(labels.iter().map(|label| label.label_text).collect::<StringArray>()),
        Arc::new(times.finish()),
        Arc::new(dates.finish()),
    ];
    Ok(RecordBatch::try_new(labels_schema(), columns)?)
}

/// Days since 1970 of a time in microseconds.
pub(crate) fn day(time_us: i64) -> i32 {
    i32::try_from(time_us.div_euclid(DAY_US)).unwrap_or(i32::MAX)
}

fn rows_batch(requests: &[RequestRows<'_>]) -> Result<RecordBatch, LakeError> {
    let features = concat_batches(requests[0].features.schema_ref(), requests.iter().map(|r| r.features))?;
    let text = |value: &dyn Fn(&RequestRows<'_>, usize, &mut StringBuilder)| -> ArrayRef {
        let mut column = StringBuilder::with_capacity(features.num_rows(), 0);
        for request in requests {
            (0..request.features.num_rows()).for_each(|row| value(request, row, &mut column));
        }
        Arc::new(column.finish())
    };
    let mut index = Int32Builder::new();
    let (mut dates, mut times) = (
        Date32Builder::new(),
        TimestampMicrosecondBuilder::new().with_timezone("UTC"),
    );
    let (mut config, mut latency, mut cached) = (Int64Builder::new(), Int64Builder::new(), BooleanBuilder::new());
    let mut answers = Answers::default();
    for request in requests {
        let rows = request.features.num_rows();
        answers.push(request.predictions, rows)?;
        for row in 0..rows {
            index.append_value(
                i32::try_from(row).map_err(|_| LakeError::column("row_index", "the request is too long"))?,
            );
            dates.append_value(day(request.request_time_us));
            times.append_value(request.request_time_us);
            config.append_value(request.endpoint_config_version);
            latency.append_value(request.latency_us);
            cached.append_value(request.cache_hit);
        }
    }
    let (prediction, prediction_text, probabilities) = answers.finish()?;
    let schema = rows_schema(features.schema_ref())?;
    let mut columns: Vec<ArrayRef> = vec![
        text(&|r, row, column| column.append_value(row_id(r.request_id, row))),
        text(&|r, _, column| column.append_value(r.request_id)),
        text(&|r, _, column| column.append_option(r.client_request_id)),
        Arc::new(index.finish()),
        Arc::new(dates.finish()),
        Arc::new(times.finish()),
        text(&|r, _, column| column.append_value(r.served_entity)),
        text(&|r, _, column| column.append_value(r.model_name)),
        text(&|r, _, column| column.append_value(r.model_version)),
        Arc::new(config.finish()),
        prediction,
        prediction_text,
        probabilities,
        Arc::new(latency.finish()),
        Arc::new(cached.finish()),
    ];
    for (column, field) in features.columns().iter().zip(&schema.fields()[ROWS_COLUMNS.len()..]) {
        columns.push(cast(column, field.data_type())?);
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// Collects the answers of several requests as the three columns of `rows`.
#[derive(Default)]
struct Answers {
    numbers: Vec<ArrayRef>,
    texts: Vec<ArrayRef>,
    probabilities: Vec<ArrayRef>,
}

impl Answers {
    fn push(&mut self, predictions: &Predictions, rows: usize) -> Result<(), LakeError> {
        let values = &predictions.values;
        if values.len() != rows || predictions.probabilities.as_ref().is_some_and(|p| p.len() != rows) {
            return Err(LakeError::column(
                "prediction",
                "a request has not as many answers as records",
            ));
        }
        let no = |kind: &DataType| new_null_array(kind, rows);
        let (number, text) = match values.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                (no(&DataType::Float64), cast(values, &DataType::Utf8)?)
            }
            DataType::FixedSizeList(..) | DataType::List(_) => (no(&DataType::Float64), json_lists(values)?),
            _ => (cast(values, &DataType::Float64)?, no(&DataType::Utf8)),
        };
        self.numbers.push(number);
        self.texts.push(text);
        let kind = list_of(DataType::Float64);
        self.probabilities.push(match &predictions.probabilities {
            Some(probabilities) => cast(probabilities, &kind)?,
            None => new_null_array(&kind, rows),
        });
        Ok(())
    }

    fn finish(self) -> Result<(ArrayRef, ArrayRef, ArrayRef), LakeError> {
        let join = |parts: Vec<ArrayRef>| {
            arrow::compute::concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())
        };
        Ok((join(self.numbers)?, join(self.texts)?, join(self.probabilities)?))
    }
}

/// Several outputs of a row as a JSON array, since `prediction` holds one number.
fn json_lists(values: &ArrayRef) -> Result<ArrayRef, LakeError> {
    let lists = cast(values, &list_of(DataType::Float64))?;
    let texts = lists.as_list::<i32>().iter().map(|list| {
        let list = list?;
        let numbers: Vec<Option<f64>> = list.as_primitive::<arrow::datatypes::Float64Type>().iter().collect();
        serde_json::to_string(&numbers).ok()
    });
    Ok(Arc::new(texts.collect::<StringArray>()))
}
