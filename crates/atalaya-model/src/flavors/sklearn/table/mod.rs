//! The exact table of scikit-learn classes that run natively, one row per class, a file per package. A class that is not
//! here is unknown, whatever its name.

mod bayes;
mod boosters;
mod cluster;
mod compose;
mod decomposition;
mod dummy;
mod ensemble;
mod feature_selection;
mod impute;
mod lightgbm;
mod linear;
mod meta;
mod neighbors;
mod neural;
mod preprocessing;
mod svm;
mod text;
mod tree;

use super::row::Row;

/// Every row, package by package.
static TABLES: &[&[Row]] = &[
    compose::ROWS,
    preprocessing::ROWS,
    impute::ROWS,
    text::ROWS,
    feature_selection::ROWS,
    decomposition::ROWS,
    linear::ROWS,
    bayes::ROWS,
    neighbors::ROWS,
    svm::ROWS,
    neural::ROWS,
    cluster::ROWS,
    dummy::ROWS,
    tree::ROWS,
    ensemble::ROWS,
    boosters::ROWS,
    meta::ROWS,
    lightgbm::ROWS,
];

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().copied().flatten()
}
