//! Pickles of objects made to harm: bombs of memory and of time, values that many places share or that hold themselves,
//! arrays that are not their shape, and estimators whose content contradicts itself.

use super::Verdict;
use super::pickles::{Case, case, global, text};
use Verdict::{Malformed, Unsupported};

/// Files that grow: every step is paid from a budget that the file's size sets.
pub(crate) fn bombs() -> Vec<Case> {
    let limit = "beyond the limit";
    // A list of 100,000 elements, copied again and again by `list(…)`.
    let copies = [
        &b"\x80\x04]("[..],
        &b"N".repeat(100_000),
        b"e\x94",
        &global("builtins", "list"),
        b"\x94",
        &b"h\x01h\x00\x85R0".repeat(20_000),
        b"h\x00.",
    ]
    .concat();
    // The same bytes as an array, by a reference of two bytes.
    let arrays = [
        &b"\x80\x04\x8e"[..],
        &800_000u64.to_le_bytes(),
        &vec![0; 800_000],
        b"\x94",
        &global("numpy", "dtype"),
        &text("f8"),
        b"\x85R\x94J\xa0\x86\x01\x00\x85\x94",
        &text("C"),
        b"\x94",
        &global("numpy._core.numeric", "_frombuffer"),
        b"\x94",
        &b"h\x04(h\x00h\x01h\x02h\x03tR0".repeat(50_000),
        b"N.",
    ]
    .concat();
    let latin = [
        &b"\x80\x04X"[..],
        &500_000u32.to_le_bytes(),
        &b"a".repeat(500_000),
        b"\x94",
        &global("_codecs", "encode"),
        b"\x94",
        &text("latin1"),
        b"\x94",
        &b"h\x01h\x00h\x02\x86R0".repeat(50_000),
        b"N.",
    ]
    .concat();
    let names = [
        &b"\x80\x04Va\\u0061"[..],
        &b"a".repeat(500_000),
        b"\n\x94",
        &b"h\x00h\x00\x930".repeat(50_000),
        b"N.",
    ]
    .concat();
    vec![
        case("copies of a list", &[&copies], Malformed, limit),
        case("arrays over the same bytes", &[&arrays], Malformed, limit),
        case("bytes of the same text", &[&latin], Malformed, limit),
        case("names of the same text", &[&names], Malformed, limit),
    ]
}

/// Files of one instruction, many times.
pub(crate) fn many() -> Vec<Case> {
    let limit = "beyond the limit";
    let million = 1_000_000;
    vec![
        case(
            "a million marks",
            &[b"\x80\x04", &b"(".repeat(million), b"."],
            Malformed,
            "too few values",
        ),
        case(
            "ten million marks",
            &[b"\x80\x04", &b"(".repeat(10 * million), b"."],
            Malformed,
            "",
        ),
        case(
            "four million DUPs",
            &[b"\x80\x04N", &b"2".repeat(4 * million), b"."],
            Malformed,
            "left on the stack",
        ),
        case(
            "four million empty lists",
            &[b"\x80\x04(", &b"]".repeat(4 * million), b"l."],
            Malformed,
            limit,
        ),
        case(
            "four million empty dicts",
            &[b"\x80\x04(", &b"}".repeat(4 * million), b"l."],
            Malformed,
            limit,
        ),
        case(
            "two million empty lists, each of a mark of its own",
            &[b"\x80\x04N", &b"2".repeat(100_000), &b"(l0".repeat(2 * million), b"."],
            Malformed,
            "",
        ),
        case(
            "a million objects",
            &[
                b"\x80\x04",
                &global("a", "b"),
                b"\x94(",
                &b"h\x00)R".repeat(million),
                b"l.",
            ],
            Malformed,
            limit,
        ),
        case(
            "a million names",
            &[b"\x80\x04(", &b"ca\nb\n".repeat(million), b"l."],
            Unsupported,
            "",
        ),
        case(
            "sparse memo slots",
            &[b"\x80\x04N", &sparse_slots(500_000), b"."],
            Unsupported,
            "",
        ),
        case(
            "one memo slot a million times",
            &[b"\x80\x04N", &b"q\x00".repeat(4 * million), b"."],
            Unsupported,
            "",
        ),
        case(
            "a tuple in a tuple, a million times",
            &[b"\x80\x04N", &b"\x85".repeat(million), b"."],
            Unsupported,
            "",
        ),
        case(
            "a list in a list, a million times",
            &[b"\x80\x04", &b"]".repeat(million), &b"a".repeat(million - 1), b"."],
            Unsupported,
            "",
        ),
        case(
            "calls of calls, a hundred thousand times",
            &[b"\x80\x04", &global("a", "b"), &b")R".repeat(100_000), b"."],
            Unsupported,
            "",
        ),
    ]
}

fn sparse_slots(count: u32) -> Vec<u8> {
    (1..=count)
        .flat_map(|slot| [&b"r"[..], &(slot * 7919).to_le_bytes()].concat())
        .collect()
}

/// A known estimator with these attributes; its class and state come last.
fn estimator(module: &str, name: &str, attributes: &[&[u8]]) -> Vec<u8> {
    [&global(module, name)[..], b")\x81}(", &attributes.concat(), b"ub"].concat()
}

fn attribute(name: &str, value: &[u8]) -> Vec<u8> {
    [&text(name)[..], value].concat()
}

/// One shared value asked for again and again: small files whose reading by name would take forever.
pub(crate) fn shared_bombs() -> Vec<Case> {
    // Each list holds the one before twice.
    let mut laughs = b"\x80\x04]\x94".to_vec();
    for step in 0..60u8 {
        laughs.extend([&b"0](h"[..], &[step], b"h", &[step], b"e\x94"].concat());
    }
    laughs.extend(b".");
    // An estimator of many attributes stands in an ensemble many times.
    let many = |count: u32| -> Vec<u8> { (0..count).flat_map(|n| attribute(&format!("x{n}"), b"N")).collect() };
    let tree = estimator("sklearn.tree._classes", "DecisionTreeRegressor", &[&many(100_000)]);
    let line = estimator(
        "sklearn.linear_model._base",
        "LinearRegression",
        &[
            &attribute("n_features_in_", b"K\x02"),
            &attribute("coef_", &array(&[0; 16], "f8", b"K\x02\x85")),
            &attribute("intercept_", b"G\0\0\0\0\0\0\0\0"),
            &many(100_000),
        ],
    );
    let votes = |member: &[u8], module: &str, name: &str, times: usize| {
        [
            &b"\x80\x04"[..],
            member,
            b"\x940",
            &estimator(
                module,
                name,
                &[
                    &attribute("n_features_in_", b"K\x02"),
                    &attribute("n_outputs_", b"K\x01"),
                    &attribute("estimators_", &[b"](", &b"h\x00".repeat(times)[..], b"e"].concat()),
                ],
            ),
            b".",
        ]
        .concat()
    };
    // Pipelines whose steps are the pipeline before, twice.
    let mut pipelines = [
        b"\x80\x04",
        &estimator("sklearn.preprocessing._data", "StandardScaler", &[])[..],
        b"\x94",
    ]
    .concat();
    for step in 0..40u8 {
        let pair = |name: &str| [&text(name)[..], b"h", &[step], b"\x86"].concat();
        let steps = [&b"]("[..], &pair("a"), &pair("b"), b"e"].concat();
        pipelines.extend(b"0");
        pipelines.extend(estimator(
            "sklearn.pipeline",
            "Pipeline",
            &[&attribute("steps", &steps)],
        ));
        pipelines.extend(b"\x94");
    }
    pipelines.extend(b".");
    vec![
        case("billion laughs", &[&laughs], Unsupported, ""),
        case("pipelines of the same pipeline", &[&pipelines], Malformed, ""),
        case(
            "votes of one linear model of many attributes",
            &[&votes(&line, "sklearn.ensemble._voting", "VotingRegressor", 100_000)],
            Malformed,
            "",
        ),
        case(
            "a forest of one tree of many attributes",
            &[&votes(
                &tree,
                "sklearn.ensemble._forest",
                "RandomForestRegressor",
                100_000,
            )],
            Malformed,
            "",
        ),
        case(
            "a bag of one tree of many attributes",
            &[&votes(&tree, "sklearn.ensemble._bagging", "BaggingRegressor", 100_000)],
            Malformed,
            "",
        ),
        case(
            "votes of one tree of many attributes",
            &[&votes(&tree, "sklearn.ensemble._voting", "VotingRegressor", 100_000)],
            Malformed,
            "",
        ),
    ]
}

/// Values that hold themselves.
pub(crate) fn circles() -> Vec<Case> {
    // PUT 0 on the object before its state is built, GET 0 inside.
    let own = |module: &str, name: &str, attribute: &str, held: &[u8]| {
        [
            &b"\x80\x04"[..],
            &global(module, name),
            b")\x81\x94}",
            &text(attribute),
            held,
            b"sb.",
        ]
        .concat()
    };
    let ten = [&b"]("[..], &b"h\x00".repeat(10), b"e"].concat();
    let million = [&b"]("[..], &b"h\x00".repeat(1_000_000), b"e"].concat();
    let steps = [&b"]"[..], &text("a"), b"h\x00\x86a"].concat();
    let mut cases = vec![
        case("a list in itself", &[b"\x80\x04]\x94h\x00a."], Unsupported, ""),
        case("a dict in itself", &[b"\x80\x04}\x94Nh\x00s."], Unsupported, ""),
        case(
            "a dict as its own state",
            &[b"\x80\x04", &global("a", "B"), b")\x81}\x94Nh\x00sb."],
            Unsupported,
            "`a.B`",
        ),
        case(
            "an object as its own state",
            &[b"\x80\x04", &global("a", "B"), b")\x81\x94h\x00b."],
            Unsupported,
            "`a.B`",
        ),
        case(
            "a class that is its object",
            &[b"\x80\x04]\x94h\x00)R\x94a0h\x01."],
            Unsupported,
            "",
        ),
    ];
    for (module, name, attribute, held) in [
        ("sklearn.pipeline", "Pipeline", "steps", &steps),
        ("sklearn.ensemble._voting", "VotingClassifier", "estimators_", &ten),
        ("sklearn.ensemble._bagging", "BaggingRegressor", "estimators_", &ten),
        ("sklearn.ensemble._bagging", "BaggingRegressor", "estimators_", &million),
        (
            "sklearn.ensemble._forest",
            "RandomForestClassifier",
            "estimators_",
            &ten,
        ),
        ("sklearn.ensemble._stacking", "StackingRegressor", "estimators_", &ten),
        ("sklearn.multioutput", "MultiOutputRegressor", "estimators_", &ten),
        (
            "sklearn.model_selection._search",
            "GridSearchCV",
            "best_estimator_",
            &b"h\x00".to_vec(),
        ),
        (
            "sklearn.compose._target",
            "TransformedTargetRegressor",
            "regressor_",
            &b"h\x00".to_vec(),
        ),
        (
            "sklearn.calibration",
            "CalibratedClassifierCV",
            "calibrated_classifiers_",
            &ten,
        ),
    ] {
        cases.push(case(
            &format!("{name} of {} bytes in itself", held.len()),
            &[&own(module, name, attribute, held)],
            Malformed,
            "",
        ));
    }
    cases
}

/// A numpy array by `_frombuffer`: bytes, code of the dtype, and the shape as instructions.
fn array(bytes: &[u8], code: &str, shape: &[u8]) -> Vec<u8> {
    [
        &global("numpy._core.numeric", "_frombuffer")[..],
        b"(\x8e",
        &(bytes.len() as u64).to_le_bytes(),
        bytes,
        &global("numpy", "dtype"),
        &text(code),
        b"\x85R",
        shape,
        &text("C"),
        b"tR",
    ]
    .concat()
}

pub(crate) fn arrays() -> Vec<Case> {
    let one = |name: &str, bytes: &[u8], code: &str, shape: &[u8]| {
        case(name, &[b"\x80\x04", &array(bytes, code, shape), b"."], Malformed, "")
    };
    vec![
        one(
            "a shape of 2^63-1",
            &[0; 8],
            "f8",
            b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85",
        ),
        one(
            "a shape whose product overflows",
            &[0; 8],
            "f8",
            b"\x8a\x05\0\0\0\0\x01\x8a\x05\0\0\0\0\x01\x86",
        ),
        one("a negative size", &[0; 8], "f8", b"J\xff\xff\xff\xff\x85"),
        one("a size that is text", &[0; 8], "f8", b"\x8c\x01x\x85"),
        one("too few bytes", &[0; 7], "f8", b"K\x01\x85"),
        one("too many bytes", &[0; 9], "f8", b"K\x01\x85"),
        one("a dtype of 2^60 bytes", &[0; 8], "V1152921504606846976", b"K\x01\x85"),
        one(
            "a text dtype of 2^62 characters",
            &[0; 8],
            "U4611686018427387904",
            b"K\x01\x85",
        ),
        one(
            "a dtype of no size",
            &[],
            "V0",
            b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85",
        ),
        one(
            "33 dimensions",
            &[0; 8],
            "f8",
            &[&b"("[..], &b"K\x01".repeat(33), b"t"].concat(),
        ),
        case(
            "a shape of no elements but one size of 2^62",
            &[
                b"\x80\x04",
                &array(&[], "f8", b"\x8a\x08\0\0\0\0\0\0\0\x40K\0K\x09\x87"),
                b".",
            ],
            Unsupported,
            "numpy array",
        ),
        case(
            "objects over bytes",
            &[b"\x80\x04", &array(&[0; 8], "O", b"K\x01\x85"), b"."],
            Malformed,
            "",
        ),
    ]
}

/// Real estimators whose numbers were changed so that an index, a child or a size is wrong.
pub(crate) fn estimators() -> Vec<Case> {
    let mut cases = Vec::new();
    for (file, said) in [
        ("tree_cycle.pkl", "child"),
        ("tree_left_child_1000000.pkl", "it does not exist"),
        ("tree_feature_1000000.pkl", "column that does not exist"),
    ] {
        cases.push((
            format!("estimator {file}"),
            atalaya_testkit::read(&format!("hostile/{file}")),
            Malformed,
            said,
        ));
    }
    let linear = |name: &str, coef: &[u8], intercept: &[u8], columns: &[u8]| {
        let content = estimator(
            "sklearn.linear_model._base",
            "LinearRegression",
            &[
                &attribute("n_features_in_", columns),
                &attribute("coef_", coef),
                &attribute("intercept_", intercept),
            ],
        );
        case(name, &[b"\x80\x04", &content, b"."], Malformed, "")
    };
    let two = array(&[0; 16], "f8", b"K\x02\x85");
    let wide = array(&[0; 16], "f8", b"K\x01K\x02\x86");
    cases.extend([
        linear("more columns than coefficients", &two, b"K\x00", b"K\x03"),
        linear("2^40 columns", &two, b"K\x00", b"\x8a\x06\0\0\0\0\0\x01"),
        linear("a negative number of columns", &two, b"K\x00", b"J\xff\xff\xff\xff"),
        linear("a coefficient that is text", b"\x8c\x01x", b"K\x00", b"K\x02"),
        linear("an intercept for each of two outputs of one", &wide, &two, b"K\x02"),
    ]);
    cases
}
