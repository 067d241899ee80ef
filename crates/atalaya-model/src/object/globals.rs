//! The exact table of globals that the readers give a meaning as data. Whatever is not here stays a name.

/// What a global makes of its arguments, without anything being called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Construct {
    /// An array that its state will fill.
    EmptyArray,
    /// An array over bytes.
    BufferArray,
    /// A numpy scalar.
    Scalar,
    /// A numpy dtype.
    Dtype,
    /// Bytes spelled as Latin-1 text, in protocols 0 to 2.
    Latin1Bytes,
    /// An instance of the class that is its first argument, in protocols 0 and 1.
    Instance,
    /// `bytes` or `bytearray`.
    Bytes,
    /// A list, possibly of the elements of its argument.
    List,
    /// A tuple of the elements of its argument.
    Tuple,
    /// A set of the elements of its argument.
    Set,
    /// An empty dict.
    Dict,
}

/// Exact module and name; there are no prefixes or patterns.
static TABLE: &[(&str, &str, Construct)] = &[
    ("numpy._core.multiarray", "_reconstruct", Construct::EmptyArray),
    ("numpy.core.multiarray", "_reconstruct", Construct::EmptyArray),
    ("numpy._core.numeric", "_frombuffer", Construct::BufferArray),
    ("numpy.core.numeric", "_frombuffer", Construct::BufferArray),
    ("numpy._core.multiarray", "scalar", Construct::Scalar),
    ("numpy.core.multiarray", "scalar", Construct::Scalar),
    ("numpy", "dtype", Construct::Dtype),
    ("_codecs", "encode", Construct::Latin1Bytes),
    ("copy_reg", "_reconstructor", Construct::Instance),
    ("copyreg", "_reconstructor", Construct::Instance),
    ("__builtin__", "bytes", Construct::Bytes),
    ("builtins", "bytes", Construct::Bytes),
    ("__builtin__", "bytearray", Construct::Bytes),
    ("builtins", "bytearray", Construct::Bytes),
    ("__builtin__", "list", Construct::List),
    ("builtins", "list", Construct::List),
    ("__builtin__", "tuple", Construct::Tuple),
    ("builtins", "tuple", Construct::Tuple),
    ("__builtin__", "set", Construct::Set),
    ("builtins", "set", Construct::Set),
    ("__builtin__", "frozenset", Construct::Set),
    ("builtins", "frozenset", Construct::Set),
    ("__builtin__", "dict", Construct::Dict),
    ("builtins", "dict", Construct::Dict),
    ("collections", "OrderedDict", Construct::Dict),
    ("collections", "defaultdict", Construct::Dict),
];

/// The meaning of `module.name`, when it has one.
pub(super) fn construct(module: &str, name: &str) -> Option<Construct> {
    TABLE
        .iter()
        .find(|(m, n, _)| *n == name && *m == module)
        .map(|(_, _, construct)| *construct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_have_a_meaning() {
        assert_eq!(construct("numpy", "dtype"), Some(Construct::Dtype));
        for (module, name) in [
            ("numpy.dtype", ""),
            ("numpy", "load"),
            ("posix", "system"),
            ("builtins", "eval"),
            ("", ""),
        ] {
            assert_eq!(construct(module, name), None);
        }
    }
}
