//! The `atalaya` program: reads argv, the environment and the configuration, wires the crates together.

fn main() {}
