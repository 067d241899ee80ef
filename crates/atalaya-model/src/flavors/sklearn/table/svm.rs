//! `sklearn.svm`, but for its linear machines, `sklearn.gaussian_process` and `sklearn.kernel_ridge`.

use crate::flavors::sklearn::gaussian_classifier::{Laplace, classifier};
use crate::flavors::sklearn::gaussian_process::GaussianProcess;
use crate::flavors::sklearn::kernel_maps::KernelRidge;
use crate::flavors::sklearn::row::{Parity, Row};
use crate::flavors::sklearn::svm::{SupportClassifier, SupportOneClass, SupportRegressor};

const SVM: &str = "sklearn.svm._classes";
/// libsvm adds up one by one below 32 columns; from there on BLAS decides how a kernel's sum is grouped.
const KERNEL: Parity = Parity::Bound("exact up to the C library's exp and tanh below 32 columns, else 1e-10");

const PROCESS: Parity = Parity::Bound("labels exact but for scores near 0, probabilities 1e-8");

pub(super) static ROWS: &[Row] = &[
    Row::predictor(SVM, "SVC", KERNEL, SupportClassifier::compile),
    Row::predictor(SVM, "NuSVC", KERNEL, SupportClassifier::compile),
    Row::predictor(SVM, "SVR", KERNEL, SupportRegressor::compile),
    Row::predictor(SVM, "NuSVR", KERNEL, SupportRegressor::compile),
    Row::predictor(SVM, "OneClassSVM", KERNEL, SupportOneClass::compile),
    Row::predictor(
        "sklearn.gaussian_process._gpc",
        "GaussianProcessClassifier",
        PROCESS,
        classifier,
    ),
    Row::predictor(
        "sklearn.gaussian_process._gpc",
        "_BinaryGaussianProcessClassifierLaplace",
        PROCESS,
        Laplace::compile,
    ),
    Row::predictor(
        "sklearn.kernel_ridge",
        "KernelRidge",
        Parity::Bound("1e-10 of the largest kernel value times its weight"),
        KernelRidge::compile,
    ),
    Row::predictor(
        "sklearn.gaussian_process._gpr",
        "GaussianProcessRegressor",
        Parity::Bound("1e-8"),
        GaussianProcess::compile,
    ),
];
