//! Estimators around others: `sklearn.model_selection`, `sklearn.multiclass`, `sklearn.multioutput`, `sklearn.calibration`,
//! `sklearn.semi_supervised`, `sklearn.frozen`.

use crate::flavors::sklearn::calibrated::Calibrated;
use crate::flavors::sklearn::chain::Chain;
use crate::flavors::sklearn::multioutput::MultiOutput;
use crate::flavors::sklearn::one_vs_one::OneVsOne;
use crate::flavors::sklearn::one_vs_rest::{OneVsRest, OutputCode};
use crate::flavors::sklearn::row::Parity::{Bound, Members};
use crate::flavors::sklearn::row::{Row, What};
use crate::flavors::sklearn::threshold::Threshold;

const SEARCH: &str = "sklearn.model_selection._search";
const HALVING: &str = "sklearn.model_selection._search_successive_halving";
const THRESHOLD: &str = "sklearn.model_selection._classification_threshold";
const MULTICLASS: &str = "sklearn.multiclass";
const MULTIOUTPUT: &str = "sklearn.multioutput";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(
        "sklearn.calibration",
        "CalibratedClassifierCV",
        Members,
        Calibrated::compile,
    ),
    Row::new(SEARCH, "GridSearchCV", Members, What::Delegate),
    Row::new(SEARCH, "RandomizedSearchCV", Members, What::Delegate),
    Row::new(HALVING, "HalvingGridSearchCV", Members, What::Delegate),
    Row::new(HALVING, "HalvingRandomSearchCV", Members, What::Delegate),
    Row::predictor(THRESHOLD, "FixedThresholdClassifier", Members, Threshold::compile),
    Row::predictor(THRESHOLD, "TunedThresholdClassifierCV", Members, Threshold::compile),
    Row::predictor(MULTICLASS, "OneVsRestClassifier", Members, OneVsRest::compile),
    Row::predictor(MULTICLASS, "OneVsOneClassifier", Members, OneVsOne::compile),
    Row::predictor(
        MULTICLASS,
        "OutputCodeClassifier",
        Bound("that of its members, but for rows equally far from two code words"),
        OutputCode::compile,
    ),
    Row::predictor(MULTIOUTPUT, "MultiOutputClassifier", Members, MultiOutput::compile),
    Row::predictor(MULTIOUTPUT, "MultiOutputRegressor", Members, MultiOutput::compile),
    Row::predictor(MULTIOUTPUT, "ClassifierChain", Members, Chain::compile),
    Row::predictor(MULTIOUTPUT, "RegressorChain", Members, Chain::compile),
    Row::new(
        "sklearn.semi_supervised._self_training",
        "SelfTrainingClassifier",
        Members,
        What::Delegate,
    ),
    Row::new("sklearn.frozen._frozen", "FrozenEstimator", Members, What::Delegate),
];
