//! From a filter to bound SQL.
