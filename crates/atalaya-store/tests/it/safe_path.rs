//! A corpus of path traversals: none is accepted as anything but a plain path below its root.

use std::path::{Component, Path};

use atalaya_store::SafeRelPath;
use proptest::prelude::*;

/// Percent-encodes every byte that is not a letter or digit.
fn encoded(text: &str) -> String {
    let byte = |b: u8| {
        if b.is_ascii_alphanumeric() {
            char::from(b).to_string()
        } else {
            format!("%{b:02X}")
        }
    };
    text.bytes().map(byte).collect()
}

/// Whether the file system would stay below the root, whatever the string looks like.
fn stays_below(path: &str) -> bool {
    Path::new(path).components().all(|c| matches!(c, Component::Normal(_)))
}

#[test]
fn no_traversal_is_accepted() {
    let climbs = [
        "..",
        "../..",
        "../../../../../../etc",
        "....//",
        "..;/",
        ".",
        "./.",
        "..\u{0}",
        "..\\..",
        "\u{ff0e}\u{ff0e}/..",
        "..%c0%af",
    ];
    let heads = [
        "",
        "/",
        "//",
        "a/",
        "a/b/",
        "C:",
        "C:\\",
        "c:/",
        "\\\\host\\share\\",
        "file:",
        "file://",
        "file:///",
        "~/../",
        "\\\\?\\C:\\",
    ];
    let tails = [
        "",
        "/",
        "/x",
        "/etc/passwd",
        "\\x",
        "#x",
        "?x",
        "%00",
        "/.",
        "/..",
        " ",
        ".",
    ];
    let mut tried = 0;
    for head in heads {
        for climb in climbs {
            for tail in tails {
                tried += refuse_all_forms(format!("{head}{climb}{tail}"));
            }
        }
    }
    assert!(tried >= 2_000, "{tried}");
}

/// Tries a string as it is and encoded once, twice and three times; returns how many were tried.
fn refuse_all_forms(mut text: String) -> usize {
    const FORMS: usize = 4;
    for _ in 0..FORMS {
        if let Ok(path) = SafeRelPath::new(&text) {
            // Only names that merely look like climbing, such as `..;`, may be left.
            assert!(stays_below(path.as_str()), "{text:?}");
            assert!(
                !path.as_str().split(['/', '\\']).any(|s| s == ".." || s == "."),
                "{text:?}"
            );
            assert!(!path.as_str().contains(['%', '\\', '\0']), "{text:?}");
        }
        text = encoded(&text);
    }
    FORMS
}

proptest! {
    #[test]
    fn what_is_accepted_stays_below_and_is_what_was_given(text in "[a-z./\\\\%: \\x00-\\x1f~]{0,40}") {
        if let Ok(path) = SafeRelPath::new(&text) {
            prop_assert!(stays_below(&text));
            prop_assert_eq!(path.as_str(), &text);
            let joined = Path::new("/root").join(&text);
            prop_assert!(joined.starts_with("/root") && joined.components().count() == 2 + text.split('/').count());
        }
    }
}
