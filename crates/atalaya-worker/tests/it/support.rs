//! What the tests share: models made on the spot, options that start the helper launcher, batches.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use atalaya_model::{Method, Predictions};
use atalaya_worker::{Event, Launcher, LoadedPython, Options, PythonModel, WorkerError, load};

pub(crate) const COLUMNS: &str =
    r#"[{"type": "string", "name": "act", "required": true}, {"type": "double", "name": "x", "required": true}]"#;

/// A folder with a model that does what its input says, and room for its workers.
pub(crate) struct Stage {
    pub(crate) python: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl Stage {
    /// `None`, said aloud, where there is no Python.
    pub(crate) fn set(test: &str) -> Option<Self> {
        let python = atalaya_testkit::test_python(test)?;
        let stage = Self {
            python,
            folder: tempfile::tempdir().unwrap(),
            events: Arc::default(),
        };
        stage.write("model/code/acts.py", include_str!("acts.py"));
        stage.manifest(COLUMNS, "");
        Some(stage)
    }

    /// As [`Stage::set`], with the model that answers in every kind.
    pub(crate) fn of_outputs(test: &str) -> Option<Self> {
        let stage = Self::set(test)?;
        stage.write("model/code/outputs", "");
        Some(stage)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes `MLmodel` with these inputs and further lines of the signature.
    pub(crate) fn manifest(&self, inputs: &str, more: &str) {
        let text = format!(
            "flavors:\n  python_function:\n    code: code\n    loader_module: acts\n    python_version: 3.11.7\n\
             mlflow_version: 3.17.2\nsignature:\n  inputs: '{inputs}'\n{more}"
        );
        self.write("model/MLmodel", &text);
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.folder.path().join("model")
    }

    pub(crate) fn options(&self) -> Options {
        let launcher = Launcher {
            program: env!("CARGO_BIN_EXE_atalaya-worker-launcher").into(),
            arguments: Vec::new(),
        };
        let mut options = Options::new(launcher, &self.python, self.folder.path().join("run"));
        options.workers = 1;
        options
    }

    pub(crate) fn load(&self, options: Options) -> Arc<PythonModel> {
        self.try_load(&self.model(), options)
            .unwrap_or_else(|error| fail(&error))
            .model
    }

    pub(crate) fn try_load(&self, folder: &Path, options: Options) -> Result<LoadedPython, WorkerError> {
        let events = Arc::clone(&self.events);
        load(
            folder,
            options,
            Arc::new(move |event| events.lock().unwrap().push(event)),
        )
    }

    pub(crate) fn saw(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.lock().unwrap().iter().any(wanted)
    }
}

pub(crate) fn fail(error: &WorkerError) -> ! {
    panic!("{error}: {}", error.python_message().unwrap_or_default())
}

/// One act with an argument per row.
pub(crate) fn acts(act: &str, x: &[f64]) -> RecordBatch {
    let acts: ArrayRef = Arc::new(StringArray::from(vec![act; x.len()]));
    let x: ArrayRef = Arc::new(Float64Array::from(x.to_vec()));
    RecordBatch::try_from_iter([("act", acts), ("x", x)]).unwrap()
}

pub(crate) fn ask(model: &PythonModel, act: &str, x: &[f64]) -> Result<ArrayRef, WorkerError> {
    ask_for(model, act, x, Duration::from_secs(120))
}

pub(crate) fn ask_for(model: &PythonModel, act: &str, x: &[f64], time: Duration) -> Result<ArrayRef, WorkerError> {
    model.score(Method::Predict, &acts(act, x), None, Some(time))
}

/// The answer as MLflow's scoring server writes it, without `{"predictions": …}`.
pub(crate) fn text(values: ArrayRef) -> String {
    let mut out = Vec::new();
    let predictions = Predictions {
        values,
        probabilities: None,
    };
    atalaya_model::payload::encode_predictions(&predictions, &mut out);
    let text = String::from_utf8(out).unwrap();
    let inner = text
        .strip_prefix("{\"predictions\": ")
        .and_then(|text| text.strip_suffix('}'));
    inner.unwrap().to_owned()
}

/// Looks until it is so; a state that other processes reach in their own time.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !so() {
        assert!(Instant::now() < deadline, "not within two minutes: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

pub(crate) fn alive(pid: u32) -> bool {
    // A zombie has ended; its parent has not asked yet.
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status
        .rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}
