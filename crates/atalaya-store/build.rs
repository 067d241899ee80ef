//! Rebuilds the crate when a migration is added: the embedding macro sees only the files it knew.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
