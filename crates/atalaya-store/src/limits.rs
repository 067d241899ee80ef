//! Lengths of keys and values, as MLflow limits them.
