//! `sklearn.naive_bayes`.

use crate::flavors::sklearn::bayes::NaiveBayes;
use crate::flavors::sklearn::row::{Parity, Row};

const BAYES: &str = "sklearn.naive_bayes";

pub(super) static ROWS: &[Row] = &[
    Row::predictor(BAYES, "GaussianNB", Parity::Bound("1e-12"), NaiveBayes::gaussian),
    Row::predictor(BAYES, "MultinomialNB", Parity::Dot, NaiveBayes::multinomial),
    Row::predictor(BAYES, "ComplementNB", Parity::Dot, NaiveBayes::multinomial),
    Row::predictor(BAYES, "BernoulliNB", Parity::Dot, NaiveBayes::bernoulli),
    Row::predictor(BAYES, "CategoricalNB", Parity::Libm, NaiveBayes::categorical),
];
