//! Declared input, output and params schema of a model, as in `MLmodel`; enforcing it before scoring.

/// What a model declares about its inputs and outputs. (Filled in with the manifest reader.)
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signature {}
