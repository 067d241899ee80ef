//! One recorded model: its files, its input, and what Python answered, with the tolerance that Python itself keeps.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use atalaya_model::{FLAVORS, Flavor, LoadError, Manifest, Method, ModelFiles, PredictError, Predictor};
use atalaya_testkit::npy::{self, Values};
use serde_json::Value;

/// A folder with `case.json`.
pub(crate) struct Case {
    pub(crate) name: String,
    spec: Value,
    files: BTreeMap<String, Vec<u8>>,
    pub(crate) input: RecordBatch,
}

/// What became of one model folder of a case.
pub(crate) enum Outcome {
    /// The recorded methods that were compared, and the places where they differ.
    Ran { compared: usize, differences: Vec<String> },
    /// It was not loaded.
    Refused(LoadError),
}

/// Elements of an answer, row after row.
#[derive(Debug, PartialEq)]
pub(crate) enum Flat {
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

impl Case {
    pub(crate) fn read(folder: &Path) -> Self {
        let files = atalaya_testkit::read_folder(folder);
        let spec: Value = serde_json::from_slice(&files["case.json"]).expect("case.json is JSON");
        let reader =
            arrow_ipc::reader::FileReader::try_new(Cursor::new(&files["input.arrow"]), None).expect("Arrow file");
        let schema = reader.schema();
        let batches: Vec<_> = reader.map(|batch| batch.expect("Arrow batch")).collect();
        assert_eq!(batches.len(), 1, "one batch of {schema:?}");
        let name = format!(
            "{}/{}",
            spec["profile"].as_str().unwrap_or("?"),
            spec["case"].as_str().unwrap_or("?")
        );
        Self {
            name,
            spec,
            files,
            input: batches.into_iter().next().expect("one batch"),
        }
    }

    /// Every model folder: the same model in each format.
    pub(crate) fn variants(&self) -> Vec<&str> {
        let variants = self.spec["variants"].as_object().into_iter().flatten();
        variants.filter_map(|(_, variant)| variant["dir"].as_str()).collect()
    }

    /// The recorded request to MLflow's scoring server, what it was answered, and by which model folder; `None` when none
    /// was recorded or it was refused.
    pub(crate) fn serving(&self) -> Option<(String, String, &str)> {
        let variant = self.spec["serving"]["variant"].as_str()?;
        let folder = self.spec["variants"][variant]["dir"].as_str()?;
        let serving: Value = serde_json::from_slice(self.files.get("serving.json")?).expect("serving.json is JSON");
        let text = serving["response_text"].as_str().filter(|_| serving["status"] == 200)?;
        Some((serving["request"].to_string(), text.to_owned(), folder))
    }

    pub(crate) fn manifest_text(&self, variant: &str) -> String {
        String::from_utf8_lossy(&self.files[&format!("{variant}/MLmodel")]).into_owned()
    }

    /// The files of a model folder.
    pub(crate) fn model(&self, variant: &str) -> ModelFiles {
        let prefix = format!("{variant}/");
        let files = self
            .files
            .iter()
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&prefix)?.to_owned(), Arc::from(&**bytes))));
        ModelFiles::from_pairs::<String, Arc<[u8]>>(files).expect("the files of a model")
    }

    /// The flavor that runs a model folder natively, when there is one.
    pub(crate) fn flavor(&self, variant: &str) -> Option<&'static dyn Flavor> {
        let manifest = Manifest::parse(self.manifest_text(variant).as_bytes()).expect("a manifest");
        FLAVORS
            .iter()
            .copied()
            .find(|flavor| manifest.flavor(flavor.name()).is_some())
    }

    /// The recorded input as the model takes it.
    pub(crate) fn batch(&self, model: &dyn Predictor) -> RecordBatch {
        let batch = model
            .signature()
            .enforce(&self.input)
            .expect("the recorded input fits the signature");
        match model.predict(&batch) {
            // Text in a column of categories that the model knows by their codes alone.
            Err(PredictError::Column { .. }) => self.with_categories(&batch),
            _ => batch,
        }
    }

    /// `batch` with its columns of categories as they were recorded, with the codes that pandas had.
    pub(crate) fn with_categories(&self, batch: &RecordBatch) -> RecordBatch {
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let recorded = self.input.column_by_name(field.name()).unwrap_or(column);
            let kept = if matches!(recorded.data_type(), DataType::Dictionary(..)) {
                recorded
            } else {
                column
            };
            fields.push(
                field
                    .as_ref()
                    .clone()
                    .with_data_type(kept.data_type().clone())
                    .with_nullable(true),
            );
            columns.push(Arc::clone(kept));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("the same columns")
    }

    /// Loads one model folder, and asks it for everything that was recorded.
    pub(crate) fn run(&self, variant: &str) -> Outcome {
        let files = self.model(variant);
        let manifest = Manifest::parse(files.read("MLmodel").expect("MLmodel")).expect("a manifest");
        let flavor = self.flavor(variant).expect("a flavor that runs natively");
        let model = match flavor.load(&manifest, &files) {
            Ok(model) => model,
            Err(error) => return Outcome::Refused(error),
        };
        let batch = self.batch(&*model);
        let mut differences = Vec::new();
        let mut compared = 0;
        for (name, spec) in self.spec["methods"].as_object().into_iter().flatten() {
            let method = Method::parse(name).unwrap_or_else(|| panic!("{}: unknown method {name}", self.name));
            let found = match model.call(method, &batch) {
                Ok(found) => flat(&found),
                Err(error) => {
                    differences.push(format!("{name}: {error}"));
                    continue;
                }
            };
            let what = compare(spec, self.input.num_rows(), &self.expected(spec), &found);
            differences.extend(what.map(|what| format!("{name}: {what}")));
            compared += 1;
        }
        Outcome::Ran { compared, differences }
    }

    fn expected(&self, spec: &Value) -> Flat {
        let bytes = &self.files[spec["file"].as_str().expect("a file")];
        if spec["dtype"] == "string" {
            return Flat::Texts(serde_json::from_slice(bytes).expect("a list of texts"));
        }
        let array = npy::parse(bytes);
        #[expect(clippy::cast_precision_loss, reason = "recorded labels are small")]
        let numbers = match array.values {
            Values::F64(values) => Flat::Numbers(values),
            Values::F32(values) => Flat::Numbers(values.into_iter().map(f64::from).collect()),
            Values::I64(values) => Flat::Numbers(values.into_iter().map(|value| value as f64).collect()),
            Values::I32(values) => Flat::Numbers(values.into_iter().map(f64::from).collect()),
            Values::Bool(values) => Flat::Numbers(values.into_iter().map(|value| f64::from(u8::from(value))).collect()),
            Values::Text(values) => Flat::Texts(values),
        };
        match (numbers, &array.shape[..]) {
            (Flat::Numbers(values), [outputs, rows, width]) => Flat::Numbers(by_row(&values, *outputs, *rows, *width)),
            (flat, _) => flat,
        }
    }
}

/// One array per output, stacked: all outputs of a row together.
fn by_row(values: &[f64], outputs: usize, rows: usize, width: usize) -> Vec<f64> {
    let places = (0..rows).flat_map(|row| (0..outputs).map(move |output| (output * rows + row) * width));
    places
        .flat_map(|start| &values[start..start + width])
        .copied()
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "recorded labels are small")]
pub(crate) fn flat(values: &ArrayRef) -> Flat {
    match values.data_type() {
        DataType::Float64 => Flat::Numbers(values.as_primitive::<Float64Type>().values().to_vec()),
        DataType::Int64 => Flat::Numbers(
            values
                .as_primitive::<Int64Type>()
                .values()
                .iter()
                .map(|v| *v as f64)
                .collect(),
        ),
        DataType::Boolean => Flat::Numbers(
            values
                .as_boolean()
                .iter()
                .map(|v| f64::from(u8::from(v == Some(true))))
                .collect(),
        ),
        DataType::Utf8 => Flat::Texts(values.as_string::<i32>().iter().flatten().map(str::to_owned).collect()),
        DataType::FixedSizeList(..) => flat(values.as_fixed_size_list().values()),
        other => panic!("predictions of type {other}"),
    }
}

/// What differs beyond the tolerance of `spec`, in one line.
fn compare(spec: &Value, rows: usize, expected: &Flat, found: &Flat) -> Option<String> {
    let skipped: Vec<u64> = spec["skip_rows"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    let skip = |position: usize, width: usize| skipped.contains(&((position / width.max(1)) as u64));
    match (expected, found) {
        (Flat::Texts(expected), Flat::Texts(found)) => (expected != found).then(|| "texts differ".to_owned()),
        (Flat::Numbers(expected), Flat::Numbers(found)) if expected.len() == found.len() => {
            let width = expected.len() / rows.max(1);
            let pairs = expected.iter().zip(found).enumerate();
            let wrong: Vec<_> = pairs
                .filter(|(at, (e, f))| !skip(*at, width) && !agrees(spec, **e, **f))
                .collect();
            let (at, (expected, found)) = wrong.first()?;
            Some(format!(
                "{} of {} differ, first at {at}: {expected:?} became {found:?}",
                wrong.len(),
                rows * width
            ))
        }
        (Flat::Numbers(expected), Flat::Numbers(found)) => {
            Some(format!("{} numbers became {}", expected.len(), found.len()))
        }
        _ => Some("another type".to_owned()),
    }
}

fn agrees(spec: &Value, expected: f64, found: f64) -> bool {
    if expected.to_bits() == found.to_bits() || (expected.is_nan() && found.is_nan()) {
        return true;
    }
    match spec["parity"].as_str() {
        Some("close") => {
            let (rtol, atol) = (
                spec["rtol"].as_f64().unwrap_or(0.0),
                spec["atol"].as_f64().unwrap_or(0.0),
            );
            (expected - found).abs() <= atol + rtol * expected.abs()
        }
        Some("ulp") => {
            let order = |x: f64| {
                if x.is_sign_negative() {
                    -((x.to_bits() << 1 >> 1).cast_signed())
                } else {
                    x.to_bits().cast_signed()
                }
            };
            spec["max_ulp"]
                .as_u64()
                .is_some_and(|most| order(expected).abs_diff(order(found)) <= most)
        }
        _ => false,
    }
}
