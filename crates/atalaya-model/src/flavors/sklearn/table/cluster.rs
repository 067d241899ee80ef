//! `sklearn.cluster` and `sklearn.mixture`.

use crate::flavors::sklearn::row::Row;

pub(super) static ROWS: &[Row] = &[];
