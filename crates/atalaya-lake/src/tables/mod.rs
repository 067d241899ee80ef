//! The tables that Atalaya itself writes; for each, schema, writer and names in one file.

pub mod inference;
