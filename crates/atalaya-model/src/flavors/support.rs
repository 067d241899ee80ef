//! The page that says what runs natively and how near to Python, made from the tables that decide it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{onnx, sklearn};

/// `docs/guide/native-models.md`.
#[must_use]
pub fn support_page() -> String {
    let mut page = String::from(
        "# What runs natively\n\n\
         Made from the code's own tables by `cargo run -p atalaya-model --example native_models > \
         docs/guide/native-models.md`; a test\ncompares. What is not here is named by `atalaya model inspect` and left to \
         Python.\n\n\
         \"Exact\" means every bit of the library's answer on x86-64 Linux; bounds are beside the largest difference that\n\
         Python shows against itself.\n\n\
         ## Other libraries\n\n\
         | Flavor | Native | Parity |\n|---|---|---|\n\
         | `xgboost` | Boosters in UBJSON and JSON, every scikit-learn wrapper; gbtree, dart, gblinear | exact up to the C \
         library's exp and log |\n\
         | `lightgbm` | text format v2 to v4, every scikit-learn wrapper; gbdt, dart, rf, linear trees | exact up to the C \
         library's exp and log |\n\
         | `onnx` | graphs of the operators below | within 1e-5 of onnxruntime |\n",
    );
    let _ = write!(
        page,
        "\n## scikit-learn\n\nscikit-learn 1.2 to 1.9, in pickle, cloudpickle and skops files. {} classes.\n\n\
         | Class | Module | Native | Parity |\n|---|---|---|---|\n",
        sklearn::support().len()
    );
    for class in sklearn::support() {
        let _ = writeln!(
            page,
            "| `{}` | `{}` | {} | {} |",
            class.class,
            class.module,
            class.native,
            class.parity.replace('|', "\\|")
        );
    }
    let mut operators: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (domain, operator) in onnx::operators() {
        operators.entry(domain).or_default().push(operator);
    }
    page.push_str("\n## ONNX operators\n");
    for (domain, mut names) in operators {
        names.sort_unstable();
        let domain = if domain.is_empty() { "ai.onnx" } else { domain };
        let _ = write!(page, "\n`{domain}`: {}.\n", names.join(", "));
    }
    page
}
