//! `sklearn.feature_extraction`.

use crate::flavors::sklearn::row::{Parity, Row};
use crate::flavors::sklearn::text::{MODULE, Vectorizer, weights};

pub(super) static ROWS: &[Row] = &[
    Row::transformer(MODULE, "CountVectorizer", Parity::Exact, Vectorizer::compile),
    Row::transformer(MODULE, "HashingVectorizer", Parity::Exact, Vectorizer::compile),
    Row::transformer(MODULE, "TfidfTransformer", Parity::Libm, weights),
    Row::transformer(MODULE, "TfidfVectorizer", Parity::Libm, Vectorizer::compile),
];
