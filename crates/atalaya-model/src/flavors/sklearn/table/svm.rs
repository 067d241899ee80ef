//! `sklearn.svm`.

use crate::flavors::sklearn::row::Row;

pub(super) static ROWS: &[Row] = &[];
