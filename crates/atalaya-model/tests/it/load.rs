//! Which flavor is taken, and how the ones that are not are explained.

use std::sync::Arc;

use arrow_array::{Float64Array, RecordBatch};
use atalaya_model::load::{PassedOver, load_with};
use atalaya_model::{
    Flavor, LoadError, Manifest, ModelFiles, Outline, PredictError, Predictions, Predictor, Signature, load,
};

/// A flavor whose file says what becomes of it; a file format of its own, as good as any.
struct Spoken(&'static str);

struct Zero(Signature);

impl Predictor for Zero {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn predict(&self, batch: &RecordBatch) -> Result<Predictions, PredictError> {
        Ok(Predictions {
            values: Arc::new(Float64Array::from(vec![0.0; batch.num_rows()])),
            probabilities: None,
        })
    }
}

impl Flavor for Spoken {
    fn name(&self) -> &'static str {
        self.0
    }

    fn load(&self, manifest: &Manifest, files: &ModelFiles) -> Result<Arc<dyn Predictor>, LoadError> {
        let path = manifest
            .flavor(self.0)
            .and_then(|flavor| flavor.get("data"))
            .unwrap_or("nothing");
        match files
            .read(path)
            .ok_or_else(|| LoadError::FileMissing { path: path.to_owned() })?
        {
            b"good" => Ok(Arc::new(Zero(Signature::of_doubles(["x"]).unwrap()))),
            b"unknown" => Err(LoadError::Unsupported {
                reason: "class a.B is user code".to_owned(),
            }),
            _ => Err(LoadError::Malformed {
                reason: "it is damaged".to_owned(),
            }),
        }
    }

    fn outline(&self, _: &Manifest, _: &ModelFiles) -> Result<Outline, LoadError> {
        Ok(Outline {
            file: "first".to_owned(),
            bytes: 4,
            format: "spoken".to_owned(),
            survey: None,
            parts: Vec::new(),
        })
    }
}

fn files(first: &str, second: &str) -> ModelFiles {
    let mlmodel = "flavors:\n  one: {data: first}\n  two: {data: second}\n  python_function: {loader_module: x}\n";
    let pairs = [("MLmodel", mlmodel), ("first", first), ("second", second)];
    ModelFiles::from_pairs(pairs.map(|(path, text)| (path, text.as_bytes()))).unwrap()
}

const TABLE: &[&dyn Flavor] = &[&Spoken("zero"), &Spoken("one"), &Spoken("two")];

#[test]
fn the_first_flavor_that_can_be_run_is_taken() {
    let model = load_with(&files("good", "good"), TABLE).unwrap();
    assert_eq!((model.flavor, model.executor), ("one", "native"));
    assert_eq!(model.signature().inputs().len(), 1);
    assert!(model.reason.contains("`one`"));
    assert_eq!(load_with(&files("unknown", "good"), TABLE).unwrap().flavor, "two");
}

#[test]
fn every_flavor_that_is_passed_over_is_explained() {
    let error = load_with(&files("unknown", "bad"), TABLE).unwrap_err();
    assert!(error.is_refusal());
    let LoadError::NoFlavor { passed_over } = &error else {
        panic!("{error:?}")
    };
    let over = |flavor: &str, reason: &str, tried, refused| PassedOver {
        flavor: flavor.to_owned(),
        reason: reason.to_owned(),
        tried,
        refused,
    };
    let wanted = [
        over("zero", "`MLmodel` does not name it", false, false),
        over("one", "class a.B is user code", true, false),
        over("two", "it is damaged", true, true),
        over("python_function", "there is no native loader for it", false, false),
    ];
    assert_eq!(passed_over, &wanted);
    assert_eq!(
        error.to_string(),
        "no flavor of the model can be run natively: `zero`: `MLmodel` does not name it; `one`: class a.B is user code; \
         `two`: it is damaged; `python_function`: there is no native loader for it"
    );
    assert!(!load_with(&files("unknown", "unknown"), TABLE).unwrap_err().is_refusal());
}

#[test]
fn a_model_without_a_readable_manifest_is_refused() {
    let none = load(&ModelFiles::default()).unwrap_err();
    assert!(matches!(&none, LoadError::FileMissing { path } if path == "MLmodel"));
    let bad = ModelFiles::from_pairs([("MLmodel", &b"flavors: 1"[..])]).unwrap();
    assert!(matches!(load(&bad), Err(LoadError::Manifest(_))));
    assert!(load(&bad).unwrap_err().is_refusal());
}
