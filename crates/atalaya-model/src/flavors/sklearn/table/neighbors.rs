//! `sklearn.neighbors`.

use crate::flavors::sklearn::row::Row;

pub(super) static ROWS: &[Row] = &[];
