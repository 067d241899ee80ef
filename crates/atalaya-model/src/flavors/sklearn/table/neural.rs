//! `sklearn.neural_network`.

use crate::flavors::sklearn::row::Row;

pub(super) static ROWS: &[Row] = &[];
