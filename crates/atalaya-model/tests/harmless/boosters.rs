//! XGBoost files (as JSON and as UBJSON) and LightGBM texts made to harm: indices out of range, circles, counts that lie,
//! and values that many places share.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Hostile, Verdict, folder};
use Verdict::{Loads, Malformed, Unsupported};

const JSON: &str = "flavors:\n  xgboost:\n    data: model.json\n";
const UBJ: &str = "flavors:\n  xgboost:\n    data: model.ubj\n";
const TEXT: &str = "flavors:\n  lightgbm:\n    data: model.lgb\n";

pub(crate) fn all() -> Vec<Hostile> {
    let mut all = changed_boosters();
    all.extend(syntax());
    all.extend(texts());
    all
}

fn xgboost(name: &str, manifest: &str, bytes: impl Into<Arc<[u8]>>, expected: Verdict, said: &'static str) -> Hostile {
    let path = if manifest == UBJ { "model.ubj" } else { "model.json" };
    Hostile::new(
        format!("xgboost {path} {name}"),
        folder(manifest, path, bytes),
        expected,
        said,
    )
}

/// Two trees of three splits.
fn booster() -> Value {
    let mut booster: Value = atalaya_testkit::json("hostile/xgb_child_range.json");
    booster["learner"]["gradient_booster"]["model"]["trees"][0]["left_children"][0] = json!(1);
    booster
}

/// UBJSON as XGBoost writes it: arrays of numbers of one type, sizes of 64 bits.
fn ubjson(value: &Value, out: &mut Vec<u8>) {
    let size = |out: &mut Vec<u8>, size: usize| out.extend([&b"L"[..], &(size as u64).to_be_bytes()].concat());
    match value {
        Value::Null => out.push(b'Z'),
        Value::Bool(value) => out.push(if *value { b'T' } else { b'F' }),
        Value::Number(number) => match number.as_i64() {
            Some(value) => out.extend([&b"L"[..], &value.to_be_bytes()].concat()),
            None => out.extend([&b"D"[..], &number.as_f64().unwrap().to_be_bytes()].concat()),
        },
        Value::String(text) => {
            out.push(b'S');
            size(out, text.len());
            out.extend(text.as_bytes());
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_i64) => {
            out.extend(b"[$L#");
            size(out, items.len());
            items
                .iter()
                .for_each(|item| out.extend(item.as_i64().unwrap().to_be_bytes()));
        }
        Value::Array(items) => {
            out.push(b'[');
            items.iter().for_each(|item| ubjson(item, out));
            out.push(b']');
        }
        Value::Object(entries) => {
            out.push(b'{');
            for (key, value) in entries {
                size(out, key.len());
                out.extend(key.as_bytes());
                ubjson(value, out);
            }
            out.push(b'}');
        }
    }
}

type Change = (&'static str, fn(&mut Value), Verdict, &'static str);

fn tree(booster: &mut Value) -> &mut Value {
    &mut booster["learner"]["gradient_booster"]["model"]["trees"][0]
}

fn model(booster: &mut Value) -> &mut Value {
    &mut booster["learner"]["gradient_booster"]["model"]
}

fn param(booster: &mut Value) -> &mut Value {
    &mut booster["learner"]["learner_model_param"]
}

/// Two outputs of vector leaves, all leaves with the same long vector.
fn shared_leaves(booster: &mut Value) {
    let (width, splits) = (50_000, 5_000);
    let count = 2 * splits + 1;
    let number = |node: usize, child: usize| {
        if node < splits {
            json!(2 * node + child)
        } else {
            json!(-1)
        }
    };
    let zeros = vec![0; count];
    param(booster)["num_target"] = json!(width.to_string());
    let tree = tree(booster);
    *tree = json!({
        "base_weights": [], "leaf_weights": vec![0; width], "categories": [], "categories_nodes": [],
        "categories_segments": [], "categories_sizes": [], "default_left": zeros, "id": 0,
        "left_children": (0..count).map(|node| number(node, 1)).collect::<Vec<_>>(),
        "right_children": (0..count).map(|node| if node < splits { number(node, 2) } else { json!(0) }).collect::<Vec<_>>(),
        "split_conditions": zeros, "split_indices": zeros, "split_type": zeros,
        "tree_param": {"num_nodes": count.to_string(), "size_leaf_vector": width.to_string()},
    });
}

/// Every node of a tree tests the same long list of categories.
fn shared_categories(booster: &mut Value) {
    booster["learner"]["feature_types"] = json!(vec!["c"; 8]);
    let splits = 5_000;
    let count = 2 * splits + 1;
    let nodes: Vec<usize> = (0..splits).collect();
    let child = |side: usize| {
        (0..count)
            .map(|node| {
                if node < splits {
                    json!(2 * node + side)
                } else {
                    json!(-1)
                }
            })
            .collect::<Vec<_>>()
    };
    let zeros = vec![0; count];
    *tree(booster) = json!({
        "base_weights": [], "categories": (0..20_000).collect::<Vec<_>>(), "categories_nodes": nodes,
        "categories_segments": vec![0; splits], "categories_sizes": vec![20_000; splits], "default_left": zeros, "id": 0,
        "left_children": child(1), "right_children": child(2),
        "split_conditions": zeros, "split_indices": zeros,
        "split_type": (0..count).map(|node| usize::from(node < splits)).collect::<Vec<_>>(),
        "tree_param": {"num_nodes": count.to_string(), "size_leaf_vector": "1"},
    });
}

const CHANGES: &[Change] = &[
    ("is whole", |_| (), Loads, ""),
    (
        "child of itself",
        |b| tree(b)["left_children"][0] = json!(0),
        Malformed,
        "child of two nodes",
    ),
    (
        "two children in a circle",
        |b| tree(b)["left_children"][1] = json!(0),
        Malformed,
        "",
    ),
    (
        "one child of two nodes",
        |b| tree(b)["left_children"][1] = json!(5),
        Malformed,
        "child of two nodes",
    ),
    (
        "one child twice",
        |b| tree(b)["right_children"][0] = json!(1),
        Malformed,
        "",
    ),
    (
        "a child beyond the tree",
        |b| tree(b)["right_children"][0] = json!(7),
        Malformed,
        "",
    ),
    (
        "a child of 2^31-1",
        |b| tree(b)["right_children"][0] = json!(i32::MAX),
        Malformed,
        "",
    ),
    (
        "a child of 2^63-1",
        |b| tree(b)["right_children"][0] = json!(i64::MAX),
        Malformed,
        "",
    ),
    (
        "a child below -1",
        |b| tree(b)["left_children"][0] = json!(-2),
        Malformed,
        "",
    ),
    (
        "a column beyond all",
        |b| tree(b)["split_indices"][0] = json!(8),
        Malformed,
        "column that does not exist",
    ),
    (
        "a column of -1",
        |b| tree(b)["split_indices"][0] = json!(-1),
        Malformed,
        "column that does not exist",
    ),
    (
        "fewer children than nodes",
        |b| tree(b)["left_children"] = json!([1, -1]),
        Malformed,
        "`left_children`",
    ),
    (
        "children that are text",
        |b| tree(b)["left_children"] = json!("x"),
        Malformed,
        "`left_children`",
    ),
    (
        "2^40 nodes",
        |b| tree(b)["tree_param"]["num_nodes"] = json!("1099511627776"),
        Malformed,
        "",
    ),
    (
        "-1 nodes",
        |b| tree(b)["tree_param"]["num_nodes"] = json!("-1"),
        Malformed,
        "`num_nodes`",
    ),
    (
        "no nodes",
        |b| tree(b)["tree_param"]["num_nodes"] = json!("0"),
        Malformed,
        "",
    ),
    (
        "leaves of 2^40 values",
        |b| tree(b)["tree_param"]["size_leaf_vector"] = json!("1099511627776"),
        Malformed,
        "`size_leaf_vector`",
    ),
    (
        "2^31-1 classes",
        |b| param(b)["num_class"] = json!("2147483647"),
        Malformed,
        "`num_class`",
    ),
    (
        "1,000,000 classes",
        |b| param(b)["num_class"] = json!("1000000"),
        Malformed,
        "",
    ),
    ("-1 classes", |b| param(b)["num_class"] = json!("-1"), Malformed, ""),
    (
        "2^62 columns",
        |b| param(b)["num_feature"] = json!("4611686018427387904"),
        Unsupported,
        "`num_feature`",
    ),
    ("no columns", |b| param(b)["num_feature"] = json!("0"), Malformed, ""),
    (
        "a group beyond all",
        |b| model(b)["tree_info"][1] = json!(1),
        Malformed,
        "group that does not exist",
    ),
    (
        "a group of -1",
        |b| model(b)["tree_info"][1] = json!(-1),
        Malformed,
        "group that does not exist",
    ),
    (
        "more trees than groups",
        |b| model(b)["tree_info"] = json!([0]),
        Malformed,
        "one group per tree",
    ),
    (
        "a tree that is a number",
        |b| model(b)["trees"][1] = json!(1),
        Malformed,
        "",
    ),
    (
        "trees that are no list",
        |b| model(b)["trees"] = json!({}),
        Malformed,
        "`trees`",
    ),
    (
        "a round beyond the last, which a Booster does not ask for",
        |b| {
            b["learner"]["attributes"] = json!({"best_iteration": "18446744073709551615", "scikit_learn": "{}"});
        },
        Loads,
        "",
    ),
    (
        "rounds that go back",
        |b| model(b)["iteration_indptr"] = json!([0, 9, 2]),
        Loads,
        "",
    ),
    (
        "a category of 2^40",
        |b| {
            let tree = tree(b);
            tree["split_type"][0] = json!(1);
            tree["categories"] = json!([1_i64 << 40]);
            (
                tree["categories_nodes"],
                tree["categories_segments"],
                tree["categories_sizes"],
            ) = (json!([0]), json!([0]), json!([1]));
        },
        Malformed,
        "",
    ),
    (
        "a category of -1",
        |b| {
            let tree = tree(b);
            tree["split_type"][0] = json!(1);
            tree["categories"] = json!([-1]);
            (
                tree["categories_nodes"],
                tree["categories_segments"],
                tree["categories_sizes"],
            ) = (json!([0]), json!([0]), json!([1]));
        },
        Malformed,
        "",
    ),
    (
        "categories beyond their list",
        |b| {
            let tree = tree(b);
            tree["split_type"][0] = json!(1);
            (
                tree["categories_nodes"],
                tree["categories_segments"],
                tree["categories_sizes"],
            ) = (json!([0]), json!([5]), json!([i64::MAX]));
        },
        Malformed,
        "contradict each other",
    ),
    (
        "leaves that share a vector",
        shared_leaves,
        Malformed,
        "beyond the limit",
    ),
    (
        "splits that share categories",
        shared_categories,
        Malformed,
        "beyond the limit",
    ),
    (
        "an objective of its own",
        |b| b["learner"]["objective"]["name"] = json!("os.system"),
        Unsupported,
        "objective",
    ),
    (
        "a booster of its own",
        |b| b["learner"]["gradient_booster"]["name"] = json!("evil"),
        Unsupported,
        "",
    ),
    (
        "a base score that is code",
        |b| param(b)["base_score"] = json!("__import__('os')"),
        Malformed,
        "`base_score`",
    ),
    (
        "a million base scores",
        |b| param(b)["base_score"] = json!(format!("[{}1]", "1,".repeat(1_000_000))),
        Malformed,
        "`base_score`",
    ),
    (
        "names for other columns",
        |b| b["learner"]["feature_names"] = json!(["a"]),
        Malformed,
        "`feature_names`",
    ),
    (
        "one name for all columns",
        |b| b["learner"]["feature_names"] = json!(vec!["a"; 8]),
        Unsupported,
        "",
    ),
    (
        "no learner",
        |b| *b = json!({"version": [3, 2, 0]}),
        Malformed,
        "learner",
    ),
    ("is a list", |b| *b = json!([1, 2, 3]), Malformed, ""),
];

fn changed_boosters() -> Vec<Hostile> {
    let whole = booster();
    let changed = CHANGES.iter().flat_map(|(name, change, expected, said)| {
        let mut booster = whole.clone();
        change(&mut booster);
        let mut binary = Vec::new();
        ubjson(&booster, &mut binary);
        [
            xgboost(name, JSON, booster.to_string().into_bytes(), *expected, said),
            xgboost(name, UBJ, binary, *expected, said),
        ]
    });
    changed.collect()
}

fn syntax() -> Vec<Hostile> {
    let whole = booster().to_string().into_bytes();
    let mut binary = Vec::new();
    ubjson(&booster(), &mut binary);
    let json = |name: &str, bytes: Vec<u8>, said| xgboost(name, JSON, bytes, Malformed, said);
    let ubj = |name: &str, bytes: &[u8], said| xgboost(name, UBJ, bytes.to_vec(), Malformed, said);
    let keys: Vec<String> = (0..300_000).map(|n| format!("\"{n}\":[]")).collect();
    let mut all = vec![
        json("100,000 lists deep", b"[".repeat(100_000), "nesting"),
        json("100,000 objects deep", b"{\"a\":".repeat(100_000), "nesting"),
        json("a key twice", b"{\"learner\":1,\"learner\":2}".to_vec(), ""),
        json("bytes behind the end", [&whole[..], b"{}"].concat(), "follows the end"),
        json("not text", b"{\"\xff\":1}".to_vec(), "UTF-8"),
        json("no end of a text", b"{\"learner".to_vec(), "no end"),
        json(
            "two million empty texts",
            [&b"{\"a\":[\"\""[..], &b",\"\"".repeat(2_000_000), b"]}"].concat(),
            "beyond the limit",
        ),
        json("300,000 keys", format!("{{{}}}", keys.join(",")).into_bytes(), ""),
        json(
            "ten million numbers",
            [&b"[1"[..], &b",1".repeat(10_000_000), b"]"].concat(),
            "",
        ),
        ubj("60,000 lists deep", &b"[".repeat(60_000), "nesting"),
        ubj("60,000 objects deep", &b"{i\x01a".repeat(60_000), "nesting"),
        ubj(
            "an array of 2^63-1 floats",
            b"{i\x01a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff",
            "beyond the end",
        ),
        ubj(
            "an array of 2^62 doubles",
            b"{i\x01a[$D#L\x40\0\0\0\0\0\0\0",
            "beyond the end",
        ),
        ubj("an array of -1 floats", b"{i\x01a[$d#i\xff", "negative"),
        ubj("a list of 2^40", b"{i\x01a[#L\0\0\x01\0\0\0\0\0Z", "too early"),
        ubj("a key of -1 bytes", b"{i\xff", "negative"),
        ubj(
            "a text of 2^63-1",
            b"{i\x01aSL\x7f\xff\xff\xff\xff\xff\xff\xff",
            "beyond the end",
        ),
        ubj("an array of texts", b"{i\x01a[$S#i\x01", ""),
        ubj(
            "an array of nothings",
            b"{i\x01a[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff}",
            "",
        ),
        ubj(
            "two million nulls",
            &[b"[", &b"Z".repeat(2_000_000)[..], b"]"].concat(),
            "beyond the limit",
        ),
        ubj("a marker that does not exist", b"{i\x01aQ}", "unknown marker"),
        ubj("no-ops", &[b"{", &b"N".repeat(100_000)[..]].concat(), ""),
        xgboost("of the binary format", UBJ, b"binf\0\0\0\0".to_vec(), Unsupported, ""),
    ];
    for part in 1..8 {
        let (end, binary_end) = (whole.len() * part / 8, binary.len() * part / 8);
        all.push(json(&format!("cut after byte {end}"), whole[..end].to_vec(), ""));
        all.push(ubj(&format!("cut after byte {binary_end}"), &binary[..binary_end], ""));
    }
    all
}

/// The lines of a model, those that start with `key=` in place of their value.
fn with(text: &str, key: &str, value: &str) -> String {
    let start = format!("{key}=");
    assert!(text.lines().any(|line| line.starts_with(&start)), "{key}");
    let lines = text.lines().map(|line| {
        if line.starts_with(&start) {
            format!("{start}{value}\n")
        } else {
            format!("{line}\n")
        }
    });
    lines.collect()
}

fn texts() -> Vec<Hostile> {
    let whole = atalaya_testkit::text("models/sk19_lgb_booster_sqrt/model_lgb/model.lgb");
    let whole = whole.as_str();
    let lightgbm = |name: &str, bytes: Vec<u8>, expected, said| {
        Hostile::new(
            format!("lightgbm {name}"),
            folder(TEXT, "model.lgb", bytes),
            expected,
            said,
        )
    };
    let changed = |key: &str, value: &str, said| {
        let name = format!("`{key}` of {}", value.chars().take(24).collect::<String>());
        lightgbm(&name, with(whole, key, value).into_bytes(), Malformed, said)
    };
    let first = |key: &str| {
        whole
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{key}=")))
            .unwrap()
    };
    let in_first = |key: &str, value: &str| {
        let mut numbers: Vec<&str> = first(key).split(' ').collect();
        numbers[0] = value;
        whole.replacen(
            &format!("{key}={}", first(key)),
            &format!("{key}={}", numbers.join(" ")),
            1,
        )
    };
    let one = |key: &'static str, value: &str, said| {
        lightgbm(
            &format!("first `{key}` of {value}"),
            in_first(key, value).into_bytes(),
            Malformed,
            said,
        )
    };
    let behind = |lines: &str| format!("{}\n{lines}", whole.trim_end()).into_bytes();
    let mut all = vec![
        lightgbm("is whole", whole.as_bytes().to_vec(), Loads, ""),
        one("left_child", "0", "child of two nodes"),
        one("left_child", "99999", "node that does not exist"),
        one("left_child", "-99999", "node that does not exist"),
        one("left_child", "2147483647", "node that does not exist"),
        one("left_child", "-2147483648", "node that does not exist"),
        one("left_child", "99999999999", ""),
        one("right_child", "0", ""),
        one("split_feature", "-1", "`split_feature`"),
        one("split_feature", "1000000", "column that does not exist"),
        one("threshold", "one", "not a number"),
        one("decision_type", "255", ""),
        one("decision_type", "1", ""),
        one("leaf_value", "x", "`leaf_value`"),
        changed("num_leaves", "2147483647", "not as many"),
        changed("num_leaves", "18446744073709551615", "not as many"),
        changed("num_leaves", "0", "`num_leaves`"),
        changed("num_leaves", "-1", "`num_leaves`"),
        changed("num_cat", "2147483647", ""),
        changed("leaf_value", "1 2", "not as many"),
        changed("num_class", "0", "`num_class`"),
        changed("num_class", "2147483647", ""),
        changed("num_tree_per_iteration", "7", "`num_class`"),
        changed("max_feature_idx", "18446744073709551615", "`feature_names`"),
        changed("max_feature_idx", "1000000", "`feature_names`"),
        changed("feature_names", "a", "`feature_names`"),
        changed("tree_sizes", "1 2 3", "`tree_sizes`"),
        changed("is_linear", "1", ""),
        lightgbm(
            "another version",
            with(whole, "version", "v9").into_bytes(),
            Unsupported,
            "version",
        ),
        lightgbm(
            "an objective of its own",
            with(whole, "objective", "os.system").into_bytes(),
            Unsupported,
            "",
        ),
        lightgbm(
            "a key twice",
            whole
                .replacen("num_class=1", "num_class=1\nnum_class=1", 1)
                .into_bytes(),
            Malformed,
            "twice",
        ),
        lightgbm(
            "a tree's number twice",
            whole.replacen("Tree=1", "Tree=0", 1).into_bytes(),
            Malformed,
            "next tree",
        ),
        lightgbm(
            "no first line",
            whole.as_bytes()[5..].to_vec(),
            Malformed,
            "starts with `tree`",
        ),
        lightgbm("not text", b"tree\nversion=\xff\n".to_vec(), Malformed, ""),
        lightgbm(
            "one line of 4 MB",
            [&b"tree\nfeature_names="[..], &b"a ".repeat(2_000_000)].concat(),
            Malformed,
            "",
        ),
        lightgbm(
            "a million lines",
            [&b"tree\n"[..], &b"a=1\n".repeat(1_000_000)].concat(),
            Malformed,
            "twice",
        ),
        lightgbm(
            "a million keys",
            (0..1_000_000)
                .fold("tree\n".to_owned(), |text, n| text + &format!("k{n}=1\n"))
                .into_bytes(),
            Malformed,
            "more keys",
        ),
        lightgbm(
            "200,000 trees of nothing",
            (0..200_000)
                .fold("tree\nversion=v4\n\n".to_owned(), |text, n| {
                    text + &format!("Tree={n}\n\n")
                })
                .into_bytes(),
            Malformed,
            "",
        ),
        lightgbm(
            "categories 100,000 deep",
            behind(&format!("pandas_categorical:{}", "[".repeat(100_000))),
            Malformed,
            "`pandas_categorical`",
        ),
        lightgbm(
            "categories that are code",
            behind("pandas_categorical:__import__('os')"),
            Malformed,
            "`pandas_categorical`",
        ),
        lightgbm(
            "a million lists of categories",
            behind(&format!("pandas_categorical:[[]{}]", ",[]".repeat(1_000_000))),
            Unsupported,
            "",
        ),
        lightgbm(
            "a category twice",
            behind("pandas_categorical:[[1, 1]]"),
            Unsupported,
            "categories",
        ),
        lightgbm("empty", Vec::new(), Malformed, ""),
    ];
    for part in 1..6 {
        let end = whole.find("end of trees").unwrap() * part / 6;
        all.push(lightgbm(
            &format!("cut after byte {end}"),
            whole.as_bytes()[..end].to_vec(),
            Malformed,
            "",
        ));
    }
    all
}
