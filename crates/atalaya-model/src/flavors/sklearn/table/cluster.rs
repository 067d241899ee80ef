//! `sklearn.cluster` and `sklearn.mixture`.

use crate::flavors::sklearn::cluster::{Bisecting, KMeans, distances};
use crate::flavors::sklearn::mixture::Mixture;
use crate::flavors::sklearn::row::{Parity, Row};

const KMEANS: &str = "sklearn.cluster._kmeans";
const NEAREST: Parity = Parity::Bound("labels exact but for centres equally near, distances 1e-10");

pub(super) static ROWS: &[Row] = &[
    Row::both(KMEANS, "KMeans", NEAREST, distances, KMeans::compile),
    Row::both(KMEANS, "MiniBatchKMeans", NEAREST, distances, KMeans::compile),
    Row::both(
        "sklearn.cluster._bisect_k_means",
        "BisectingKMeans",
        NEAREST,
        distances,
        Bisecting::compile,
    ),
    Row::predictor(
        "sklearn.mixture._gaussian_mixture",
        "GaussianMixture",
        Parity::Bound("1e-11"),
        Mixture::compile,
    ),
];
