//! A model that Python runs, behind the contract of native models.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch};
use atalaya_model::{
    ColumnSpec, ColumnType, LoadedModel, Manifest, Method, ParamValue, PredictError, Predictions, Predictor, Signature,
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::batch;
use crate::error::WorkerError;
use crate::events::Events;
use crate::options::Options;
use crate::pool::{Health, Pool};
use crate::process::{Features, Ready};

/// The flavor that every such model is loaded by.
const FLAVOR: &str = "python_function";
/// Longest `MLmodel` file, as the manifest's reader has it.
const MOST_MANIFEST_BYTES: u64 = atalaya_model::manifest::MAX_MANIFEST_BYTES as u64;
/// How long waiting requests are answered after the last user of a model has let go of it.
const DRAIN: Duration = Duration::from_secs(5);

/// A model whose workers are running.
pub struct PythonModel {
    signature: Signature,
    methods: Vec<Method>,
    ready: Ready,
    pool: Pool,
}

/// What [`load`] gives: the model, and what a loaded model says of itself.
pub struct LoadedPython {
    /// The model.
    pub model: Arc<PythonModel>,
    /// The `MLmodel` file, parsed.
    pub manifest: Manifest,
    /// Which Python and library run it, for a person to read.
    pub reason: String,
}

impl LoadedPython {
    /// The same in the form of native models, with `executor: "python"`.
    #[must_use]
    pub fn loaded_model(&self) -> LoadedModel {
        LoadedModel {
            predictor: Arc::clone(&self.model) as Arc<dyn Predictor>,
            manifest: self.manifest.clone(),
            flavor: FLAVOR,
            executor: "python",
            reason: self.reason.clone(),
        }
    }
}

/// Starts the workers of the model in `folder` and waits until the first has loaded it.
///
/// # Errors
/// [`WorkerError`]: the model's own ([`WorkerError::Load`], [`WorkerError::NoSignature`], …) or the machine's
/// ([`WorkerError::Start`], [`WorkerError::Sandbox`]).
pub fn load(folder: &Path, options: Options, events: Events) -> Result<LoadedPython, WorkerError> {
    let manifest = read_manifest(folder)?;
    let flavor = manifest.flavor(FLAVOR).ok_or(WorkerError::NoPyfunc)?;
    let loader = flavor.get("loader_module").unwrap_or("unknown").to_owned();
    // Before a process is started: what cannot be typed cannot be asked.
    let declared = manifest.signature().map_err(Clone::clone)?.cloned();
    let (pool, ready) = Pool::open(options, folder, events)?;
    let signature = match declared {
        Some(signature) => signature,
        None => from_features(&ready.features)?,
    };
    let version = |name: &str| ready.versions.get(name).map_or("unknown", String::as_str);
    let reason = format!(
        "flavor `{FLAVOR}` (loader `{}`) runs in Python {} with mlflow {}",
        crate::error::class_name(&loader),
        version("python"),
        version("mlflow")
    );
    let methods = ready.methods.iter().filter_map(|name| Method::parse(name));
    let methods = std::iter::once(Method::Predict).chain(methods.filter(|method| *method != Method::Predict));
    let model = Arc::new(PythonModel {
        signature,
        methods: methods.collect(),
        ready,
        pool,
    });
    Ok(LoadedPython {
        model,
        manifest,
        reason,
    })
}

fn read_manifest(folder: &Path) -> Result<Manifest, WorkerError> {
    let failed = |reason: String| WorkerError::Model { reason };
    let path = folder.join(atalaya_model::load::MANIFEST_PATH);
    let size = path
        .metadata()
        .map_err(|error| failed(format!("`MLmodel`: {error}")))?
        .len();
    if size > MOST_MANIFEST_BYTES {
        return Err(failed("`MLmodel` is too long".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(format!("`MLmodel`: {error}")))?;
    Manifest::parse(&bytes).map_err(|error| failed(format!("`MLmodel`: {error}")))
}

/// The columns of a fitted object: doubles, as scikit-learn's validation reads them.
fn from_features(features: &Features) -> Result<Signature, WorkerError> {
    match features {
        Features { names: Some(names), .. } => {
            let columns = names.iter().map(|name| ColumnSpec::required(name, ColumnType::Double));
            Ok(Signature::new(columns.collect(), Vec::new(), Vec::new())?)
        }
        Features { count: Some(count), .. } => Ok(Signature::of_array(ColumnType::Double, *count)?),
        _ => Err(WorkerError::NoSignature),
    }
}

/// Inference parameters, as a request's `params` has them.
pub type Params = Map<String, Value>;

impl PythonModel {
    /// One answer of `method` per row, with inference parameters and a time limit of the caller's.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn score(
        &self,
        method: Method,
        batch: &RecordBatch,
        params: Option<&Params>,
        timeout: Option<Duration>,
    ) -> Result<ArrayRef, WorkerError> {
        let meta: Arc<str> = serde_json::json!({ "method": method.name(), "params": params })
            .to_string()
            .into();
        let body = batch::encode(&meta, batch)?;
        let hash = Sha256::digest(&body).into();
        let timeout = timeout.unwrap_or(self.pool.options().request_timeout);
        self.pool.call(batch.clone(), body, meta, hash, timeout)
    }

    /// What the worker said when it had loaded the model.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// How the workers are.
    #[must_use]
    pub fn health(&self) -> Health {
        self.pool.health()
    }

    /// The last that each worker printed. Models print what they like: for their owner, not for the server's log.
    #[must_use]
    pub fn log_tails(&self) -> Vec<String> {
        self.pool.log_tails()
    }

    /// Forgets the deaths so far: workers are started at once, also in a crash loop.
    pub fn reset(&self) {
        self.pool.reset();
    }

    /// Takes no more requests, answers those that wait for `drain` at most, and ends the workers.
    pub fn close(&self, drain: Duration) {
        self.pool.close(drain);
    }

    /// The signature's columns of the batch, in the signature's order.
    fn columns(&self, batch: &RecordBatch) -> Result<RecordBatch, PredictError> {
        let schema = self.signature.arrow_schema();
        let missing = |name: &str, kind: &dyn std::fmt::Display| PredictError::Column {
            column: name.to_owned(),
            expected: format!("a column of type {kind}"),
        };
        let columns = schema.fields().iter().map(|field| {
            let column = batch.column_by_name(field.name());
            let fits = column.filter(|column| column.data_type() == field.data_type());
            fits.cloned().ok_or_else(|| missing(field.name(), field.data_type()))
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
        let rows = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(schema, columns, &rows)
            .map_err(|_| missing("a required one", &"no missing values"))
    }
}

impl Predictor for PythonModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, batch: &RecordBatch) -> Result<Predictions, PredictError> {
        Ok(Predictions {
            values: self.call(Method::Predict, batch)?,
            probabilities: None,
        })
    }

    fn predict_with(&self, batch: &RecordBatch, params: &atalaya_model::Params) -> Result<Predictions, PredictError> {
        let params = params.iter().map(|(name, value)| (name.to_owned(), as_json(value)));
        let params: Params = params.collect();
        Ok(Predictions {
            values: self.score(Method::Predict, &self.columns(batch)?, Some(&params), None)?,
            probabilities: None,
        })
    }

    fn methods(&self) -> Vec<Method> {
        self.methods.clone()
    }

    fn call(&self, method: Method, batch: &RecordBatch) -> Result<ArrayRef, PredictError> {
        if !self.methods.contains(&method) {
            return Err(PredictError::Method { method });
        }
        Ok(self.score(method, &self.columns(batch)?, None, None)?)
    }
}

/// A parameter as a request has it; MLflow reads it again by the type that the model declares. What cannot be written goes
/// as a value of another type, which MLflow refuses: nothing is passed on as missing that was given.
fn as_json(value: &ParamValue) -> Value {
    match value {
        ParamValue::Null => Value::Null,
        ParamValue::Boolean(value) => Value::from(*value),
        ParamValue::Long(value) => Value::from(*value),
        // Infinities and NaN have no JSON; none of them comes out of a request either.
        ParamValue::Double(value) => Value::from(*value),
        ParamValue::String(value) => Value::from(value.as_str()),
        ParamValue::Datetime(micros) => arrow_array::temporal_conversions::timestamp_us_to_datetime(*micros)
            .map_or(Value::from(*micros), |time| {
                Value::from(time.to_string().replace(' ', "T"))
            }),
        ParamValue::List(values) => values.iter().map(as_json).collect(),
        ParamValue::Object(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
    }
}

impl Drop for PythonModel {
    fn drop(&mut self) {
        self.pool.close(DRAIN);
    }
}
