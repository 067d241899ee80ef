//! `sklearn.decomposition` and `sklearn.random_projection`.

use crate::flavors::sklearn::projection::{Projection, sparse_projection};
use crate::flavors::sklearn::row::Parity::Dot;
use crate::flavors::sklearn::row::Row;

const RANDOM: &str = "sklearn.random_projection";

pub(super) static ROWS: &[Row] = &[
    Row::transformer("sklearn.decomposition._pca", "PCA", Dot, Projection::principal),
    Row::transformer(
        "sklearn.decomposition._incremental_pca",
        "IncrementalPCA",
        Dot,
        Projection::principal,
    ),
    Row::transformer(
        "sklearn.decomposition._truncated_svd",
        "TruncatedSVD",
        Dot,
        Projection::plain,
    ),
    Row::transformer("sklearn.decomposition._fastica", "FastICA", Dot, Projection::independent),
    Row::transformer(RANDOM, "GaussianRandomProjection", Dot, Projection::plain),
    Row::transformer(RANDOM, "SparseRandomProjection", Dot, sparse_projection),
];
