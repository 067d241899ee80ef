//! `sklearn.naive_bayes`.

use crate::flavors::sklearn::row::Row;

pub(super) static ROWS: &[Row] = &[];
