//! The `MLmodel` file: which flavors a model has, what it declares, where it came from.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::files::check_path;
use crate::signature::{Signature, SignatureError};

/// What an `MLmodel` file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Version of the MLflow that wrote the file.
    pub mlflow_version: Option<String>,
    /// The run that logged the model.
    pub run_id: Option<String>,
    /// The model's UUID, as written at logging time.
    pub model_uuid: Option<String>,
    /// `m-` and 32 hex digits, from MLflow 3 on.
    pub model_id: Option<String>,
    /// The path under which the run has the model.
    pub artifact_path: Option<String>,
    /// `2026-11-23 13:38:22.945209`, in UTC.
    pub utc_time_created: Option<String>,
    /// Path of the input example inside the model directory.
    pub input_example: Option<String>,
    pub(crate) signature: Option<Result<Signature, SignatureError>>,
    pub(crate) flavors: BTreeMap<String, FlavorConfig>,
}

/// The settings of one flavor: its scalar values, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlavorConfig {
    pub(crate) values: BTreeMap<String, String>,
}

/// Why an `MLmodel` file cannot be read. Never repeats the file's text.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ManifestError {
    /// Longer than [`MAX_MANIFEST_BYTES`].
    #[error("the file has more than {MAX_MANIFEST_BYTES} bytes")]
    TooLarge,
    /// Not UTF-8 text.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// Not YAML, not the shape of an `MLmodel` file, or beyond a limit of the YAML reader.
    #[error("{problem} at line {line}")]
    Yaml {
        /// What is wrong, without any of the text.
        problem: &'static str,
        /// Line of the file, from 1; 0 where it is not known.
        line: u64,
    },
    /// A path of the file leads out of the model directory.
    #[error("`{field}` is not a path inside the model directory: {reason}")]
    Path {
        /// The field.
        field: &'static str,
        /// What is wrong with the path.
        reason: &'static str,
    },
}

/// Longest `MLmodel` file that is read. Real ones have 1–30 KiB; a 10,000-column signature has about 1 MiB.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

impl FlavorConfig {
    /// The value of `key` as text; `None` when it is absent, null, or a list or map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

impl Manifest {
    /// The settings of the flavor called `name`, when the model has it.
    #[must_use]
    pub fn flavor(&self, name: &str) -> Option<&FlavorConfig> {
        self.flavors.get(name)
    }

    /// Every flavor's name, in byte order.
    pub fn flavor_names(&self) -> impl Iterator<Item = &str> {
        self.flavors.keys().map(String::as_str)
    }

    /// The declared signature; `Ok(None)` when there is none.
    ///
    /// # Errors
    /// [`SignatureError`] when one is declared that no native predictor can take. The rest of the manifest is usable.
    pub fn signature(&self) -> Result<Option<&Signature>, &SignatureError> {
        self.signature.as_ref().map(Result::as_ref).transpose()
    }

    /// The method that answers a request: `predict`, or what the model was logged with (`predict_proba`, …).
    #[must_use]
    pub fn predict_fn(&self) -> &str {
        self.flavor("python_function")
            .and_then(|flavor| flavor.get("predict_fn"))
            .unwrap_or("predict")
    }

    /// The scikit-learn that fitted the model.
    #[must_use]
    pub fn sklearn_version(&self) -> Option<&str> {
        self.flavor("sklearn").and_then(|flavor| flavor.get("sklearn_version"))
    }
}

/// Limits of the YAML reader, far above what MLflow writes: no anchors, some hundred nodes, depth under ten.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 200_000,
            max_aliases: 100,
            max_anchors: 100,
            max_recorded_anchor_events: 10_000,
            max_recorded_anchor_bytes: 1 << 20,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_documents: 1,
            max_nodes: 100_000,
            max_total_scalar_bytes: MAX_MANIFEST_BYTES,
            max_merge_keys: 100,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        with_snippet: false,
    }
}

impl Manifest {
    /// Reads an `MLmodel` file. Keys that are not known are skipped: each MLflow adds some.
    ///
    /// # Errors
    /// [`ManifestError`]; a signature that no native predictor can take is no error here, see [`Manifest::signature`].
    pub fn parse(mlmodel_yaml: &[u8]) -> Result<Self, ManifestError> {
        if mlmodel_yaml.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge);
        }
        let text = std::str::from_utf8(mlmodel_yaml).map_err(|_| ManifestError::NotText)?;
        let wire: Wire = serde_saphyr::from_str_with_options(text, options()).map_err(|error| yaml_error(&error))?;
        let flavors = wire
            .flavors
            .into_iter()
            .map(|(name, values)| (name, FlavorConfig { values: values.0 }))
            .collect();
        let manifest = Self {
            mlflow_version: wire.mlflow_version,
            run_id: wire.run_id,
            model_uuid: wire.model_uuid,
            model_id: wire.model_id,
            artifact_path: wire.artifact_path,
            utc_time_created: wire.utc_time_created,
            input_example: wire.saved_input_example_info.and_then(|example| example.artifact_path),
            signature: wire.signature.and_then(SignatureWire::parse),
            flavors,
        };
        manifest.check_paths()?;
        Ok(manifest)
    }

    fn check_paths(&self) -> Result<(), ManifestError> {
        let in_flavors = PATH_KEYS.into_iter().flat_map(|key| {
            let values = self.flavors.values().filter_map(move |flavor| flavor.get(key));
            values.map(move |path| (key, path))
        });
        for (field, path) in in_flavors.chain(
            self.input_example
                .as_deref()
                .map(|path| ("saved_input_example_info", path)),
        ) {
            check_path(path).map_err(|reason| ManifestError::Path { field, reason })?;
        }
        Ok(())
    }
}

/// Settings of flavors that are paths inside the model directory.
const PATH_KEYS: [&str; 6] = [
    "pickled_model",
    "data",
    "model_path",
    "python_model",
    "code",
    "model_code_path",
];

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    flavors: BTreeMap<String, Scalars>,
    signature: Option<SignatureWire>,
    mlflow_version: Option<String>,
    run_id: Option<String>,
    model_uuid: Option<String>,
    model_id: Option<String>,
    artifact_path: Option<String>,
    utc_time_created: Option<String>,
    saved_input_example_info: Option<ExampleWire>,
}

#[derive(Deserialize)]
struct SignatureWire {
    inputs: Option<String>,
    outputs: Option<String>,
    params: Option<String>,
}

#[derive(Deserialize)]
struct ExampleWire {
    artifact_path: Option<String>,
}

impl SignatureWire {
    /// `None` when no inputs are declared: then the model itself knows best what it takes.
    fn parse(self) -> Option<Result<Signature, SignatureError>> {
        let inputs = self.inputs?;
        Some(Signature::parse(
            &inputs,
            self.outputs.as_deref(),
            self.params.as_deref(),
        ))
    }
}

/// The scalar values of a map, as text; nulls, lists and maps are left out.
#[derive(Default)]
struct Scalars(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Scalars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values: Option<BTreeMap<String, Scalar>> = Deserialize::deserialize(deserializer)?;
        let values = values.unwrap_or_default().into_iter();
        Ok(Self(
            values
                .filter_map(|(key, value)| value.0.map(|text| (key, text)))
                .collect(),
        ))
    }
}

struct Scalar(Option<String>);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor).map(Self)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// The kind and line of a YAML error. The library's own texts can repeat the input, so none of them is passed on.
fn yaml_error(error: &serde_saphyr::Error) -> ManifestError {
    use serde_saphyr::Error;
    let problem = match error {
        Error::Eof { .. } => "the file ends too early",
        Error::MultipleDocuments { .. } => "the file has more than one document",
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => "the file is beyond the limits of an `MLmodel` file",
        Error::DuplicateMappingKey { .. } => "a key stands twice",
        Error::ExternalMessage { .. } => "the file is not YAML",
        _ => "the file has not the shape of an `MLmodel` file",
    };
    let line = error.location().map_or(0, |location| location.line());
    ManifestError::Yaml { problem, line }
}
