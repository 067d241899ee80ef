//! `MLmodel` files made to harm: bombs of YAML, tags, paths that lead out of the folder, and signatures that lie.

use std::fmt::Write as _;
use std::sync::Arc;

use atalaya_model::ModelFiles;

use super::{Hostile, Verdict};

/// A pickle of `posix.system('id')`.
const CALL: &[u8] = b"cposix\nsystem\n(S'id'\ntR.";

fn hostile(name: &str, manifest: impl Into<Vec<u8>>, expected: Verdict, said: &'static str) -> Hostile {
    let manifest: Arc<[u8]> = Arc::from(manifest.into());
    let files = ModelFiles::from_pairs([("MLmodel", manifest), ("model.pkl", Arc::from(CALL))]).unwrap();
    Hostile::new(format!("MLmodel {name}"), files, expected, said)
}

/// Each line holds the one before nine times.
fn laughs() -> String {
    let mut text = "a0: &a0 x\n".to_owned();
    for step in 1..10 {
        let before = format!("*a{}", step - 1);
        writeln!(text, "a{step}: &a{step} [{}]", vec![before; 9].join(", ")).unwrap();
    }
    text
}

pub(crate) fn all() -> Vec<Hostile> {
    use Verdict::{Manifest, Missing, Unsupported};
    let sklearn = |line: &str| format!("flavors:\n  sklearn:\n    {line}\n    sklearn_version: 1.9.1\n");
    let signature = |inputs: &str| {
        format!(
            "{}signature:\n  inputs: '{inputs}'\n",
            sklearn("pickled_model: model.pkl")
        )
    };
    let columns: Vec<String> = (0..20_000)
        .map(|n| format!(r#"{{"type":"double","name":"c{n}"}}"#))
        .collect();
    let merges: String = (0..1000).map(|n| format!("m{n}:\n  <<: *base\n")).collect();
    let anchors: String = (0..1000).map(|n| format!("k{n}: &k{n} 1\n")).collect();
    vec![
        hostile("is empty", "", Unsupported, ""),
        hostile("is not text", b"flavors: \xff\xfe".to_vec(), Manifest, "UTF-8"),
        hostile("of 5 MB", vec![b'#'; 5 << 20], Manifest, "more than"),
        hostile("billion laughs", laughs(), Manifest, ""),
        hostile(
            "billion laughs below a key",
            format!("{}flavors: {{sklearn: {{a: *a9}}}}\n", laughs()),
            Manifest,
            "",
        ),
        hostile(
            "a thousand merges",
            format!("base: &base {{a: 1}}\n{merges}"),
            Manifest,
            "",
        ),
        hostile("a thousand anchors", anchors, Manifest, ""),
        hostile("an alias of itself", "a: &a [*a]\n", Manifest, ""),
        hostile("an alias of nothing", "a: *nothing\n", Manifest, ""),
        hostile("100,000 lists deep", "[".repeat(100_000), Manifest, ""),
        hostile("100,000 maps deep", "{a: ".repeat(100_000), Manifest, ""),
        hostile(
            "10,000 dashes deep",
            format!("a:\n  {}x\n", "- ".repeat(10_000)),
            Manifest,
            "",
        ),
        hostile(
            "a million keys",
            (0..400_000).map(|n| format!("k{n}: 1\n")).collect::<String>(),
            Manifest,
            "",
        ),
        hostile("a key twice", "run_id: a\nrun_id: b\n", Manifest, ""),
        hostile("two documents", "run_id: a\n---\nrun_id: b\n", Manifest, ""),
        hostile(
            "a tag of Python",
            "flavors: !!python/object/apply:os.system ['id']\n",
            Manifest,
            "",
        ),
        hostile(
            "a tag of Python in a value",
            sklearn("pickled_model: !!python/name:os.system model.pkl"),
            Unsupported,
            "",
        ),
        hostile("a list for flavors", "flavors: [sklearn]\n", Manifest, ""),
        hostile("no end of a quote", "run_id: \"a\n", Manifest, ""),
        hostile(
            "a path upwards",
            sklearn("pickled_model: ../../etc/passwd"),
            Manifest,
            "`pickled_model`",
        ),
        hostile(
            "a path to the root",
            sklearn("pickled_model: /etc/passwd"),
            Manifest,
            "absolute",
        ),
        hostile(
            "a path of Windows",
            sklearn("pickled_model: C:\\windows"),
            Manifest,
            "backslash",
        ),
        hostile(
            "a path with a NUL",
            sklearn("pickled_model: \"a\\0b\""),
            Manifest,
            "NUL",
        ),
        hostile(
            "a path of code upwards",
            format!("{}    code: ../x\n", sklearn("pickled_model: model.pkl")),
            Manifest,
            "`code`",
        ),
        hostile("an empty path", sklearn("pickled_model: ''"), Manifest, "empty"),
        hostile(
            "a path that is not there",
            sklearn("pickled_model: other.pkl"),
            Missing,
            "other.pkl",
        ),
        hostile(
            "an example upwards",
            "saved_input_example_info:\n  artifact_path: ../../etc/passwd\nflavors: {}\n",
            Manifest,
            "saved_input_example_info",
        ),
        hostile(
            "a loader module",
            "flavors:\n  python_function:\n    loader_module: os\n",
            Unsupported,
            "",
        ),
        hostile(
            "a module of a model's code",
            "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    python_model: python_model.pkl\n",
            Unsupported,
            "",
        ),
        hostile(
            "a pickle of a call",
            sklearn("pickled_model: model.pkl"),
            Unsupported,
            "`posix.system`",
        ),
        hostile(
            "a signature that is code",
            signature("__import__(\"os\")"),
            Unsupported,
            "",
        ),
        hostile(
            "a signature of 20,000 columns",
            signature(&format!("[{}]", columns.join(","))),
            Unsupported,
            "",
        ),
        hostile(
            "a signature nested 100,000 deep",
            signature(&"[".repeat(100_000)),
            Unsupported,
            "",
        ),
        hostile(
            "a signature of one name twice",
            signature(r#"[{"type":"double","name":"a"},{"type":"double","name":"a"}]"#),
            Unsupported,
            "",
        ),
        hostile(
            "a signature of a huge tensor",
            signature(r#"[{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,9223372036854775807]}}]"#),
            Unsupported,
            "",
        ),
        hostile(
            "a scikit-learn that does not exist",
            "flavors:\n  sklearn:\n    pickled_model: model.pkl\n    sklearn_version: 99999999999999999999.1\n",
            Unsupported,
            "",
        ),
    ]
}
