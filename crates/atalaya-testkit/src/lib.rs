//! What the tests of every crate share and nobody ships: the repository's fixtures as bytes, a reader of numpy's
//! files, and a writer of ONNX files. Pure crates may not touch files, so their tests come here for them. Everything panics with the path and the
//! reason, because a test has nothing better to do.

pub mod npy;
pub mod onnx_file;

mod fixtures;

pub use fixtures::{case_part, fixture, fixtures, json, large_fixtures, read, read_folder, test_python, text};
