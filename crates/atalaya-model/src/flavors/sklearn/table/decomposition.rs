//! `sklearn.decomposition`, `sklearn.random_projection`, `sklearn.kernel_approximation` and
//! `sklearn.cross_decomposition`.

use crate::flavors::sklearn::kernel_maps::{nystroem, sampler};
use crate::flavors::sklearn::pls::{PartialLeastSquares, scores};
use crate::flavors::sklearn::projection::{Projection, sparse_projection};
use crate::flavors::sklearn::row::Parity::{Bound, Dot};
use crate::flavors::sklearn::row::Row;
use crate::flavors::sklearn::{factor, kernel_pca};

const LEAST_SQUARES: &str = "sklearn.cross_decomposition._pls";
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
    Row::transformer(
        "sklearn.decomposition._fastica",
        "FastICA",
        Dot,
        Projection::independent,
    ),
    Row::transformer(
        "sklearn.decomposition._factor_analysis",
        "FactorAnalysis",
        Bound("1e-10"),
        factor::compile,
    ),
    Row::transformer(
        "sklearn.decomposition._kernel_pca",
        "KernelPCA",
        Bound("1e-10"),
        kernel_pca::compile,
    ),
    Row::transformer("sklearn.kernel_approximation", "Nystroem", Bound("1e-10"), nystroem),
    Row::transformer("sklearn.kernel_approximation", "RBFSampler", Bound("1e-10"), sampler),
    Row::transformer(
        "sklearn.neighbors._nca",
        "NeighborhoodComponentsAnalysis",
        Dot,
        Projection::plain,
    ),
    Row::both(
        LEAST_SQUARES,
        "PLSRegression",
        Dot,
        scores,
        PartialLeastSquares::compile,
    ),
    Row::both(LEAST_SQUARES, "PLSCanonical", Dot, scores, PartialLeastSquares::compile),
    Row::both(LEAST_SQUARES, "CCA", Dot, scores, PartialLeastSquares::compile),
    Row::transformer(RANDOM, "GaussianRandomProjection", Dot, Projection::plain),
    Row::transformer(RANDOM, "SparseRandomProjection", Dot, sparse_projection),
];
