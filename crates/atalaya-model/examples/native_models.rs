//! Prints `docs/guide/native-models.md`.

fn main() {
    print!("{}", atalaya_model::flavors::support_page());
}
