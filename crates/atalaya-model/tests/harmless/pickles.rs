//! Pickles made to harm: calls by every instruction that can make one, references outside of the file, lengths that lie,
//! bombs of memory and of time, circles, and estimators whose content contradicts itself.

use super::{Hostile, Verdict, folder, pickled_objects};
use Verdict::{Malformed, Unsupported};

const MANIFEST: &str = "flavors:\n  sklearn:\n    pickled_model: model.pkl\n    serialization_format: cloudpickle\n    sklearn_version: 1.9.1\n";

/// A case: name, bytes, what comes of it, and a part of the error.
pub(crate) type Case = (String, Vec<u8>, Verdict, &'static str);

pub(crate) fn case(name: &str, parts: &[&[u8]], expected: Verdict, said: &'static str) -> Case {
    (name.to_owned(), parts.concat(), expected, said)
}

pub(crate) fn all() -> Vec<Hostile> {
    let families = [
        calls(),
        other_calls(),
        calls_inside(),
        outside(),
        lengths(),
        truncated(),
        stacks(),
        pickled_objects::bombs(),
        pickled_objects::many(),
        pickled_objects::shared_bombs(),
        pickled_objects::circles(),
        pickled_objects::arrays(),
        pickled_objects::estimators(),
        other_formats(),
    ];
    let cases = families.into_iter().flatten();
    cases
        .map(|(name, bytes, expected, said)| {
            Hostile::new(
                format!("pickle {name}"),
                folder(MANIFEST, "model.pkl", bytes),
                expected,
                said,
            )
        })
        .collect()
}

/// SHORT_BINUNICODE.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [&[0x8c, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// A class or function, by STACK_GLOBAL.
pub(crate) fn global(module: &str, name: &str) -> Vec<u8> {
    [&text(module)[..], &text(name), b"\x93"].concat()
}

/// `module.name(argument)`, by REDUCE.
fn call(module: &str, name: &str, argument: &str) -> Vec<u8> {
    [&global(module, name)[..], &text(argument), b"\x85R"].concat()
}

/// Functions that run programs or code, open files or sockets, or load something that does.
const CALLED: &[(&str, &str)] = &[
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("os", "popen"),
    ("os", "execv"),
    ("posix", "fork"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "compile"),
    ("builtins", "open"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("__builtin__", "eval"),
    ("subprocess", "Popen"),
    ("subprocess", "check_output"),
    ("socket", "socket"),
    ("socket", "create_connection"),
    ("importlib", "import_module"),
    ("runpy", "run_path"),
    ("shutil", "rmtree"),
    ("ctypes", "CDLL"),
    ("pickle", "loads"),
    ("joblib", "load"),
    ("numpy", "load"),
    ("numpy", "fromfile"),
    ("pandas", "read_pickle"),
    ("urllib.request", "urlopen"),
    ("webbrowser", "open"),
    ("code", "interact"),
    ("operator", "methodcaller"),
    ("functools", "partial"),
    ("types", "CodeType"),
    ("types", "FunctionType"),
    ("cloudpickle.cloudpickle", "_make_function"),
    ("cloudpickle.cloudpickle", "_builtin_type"),
    ("sklearn.utils._testing", "assert_run_python_script_without_output"),
];

/// Calls, which become names: whoever knows the class decides, and nobody knows these.
fn calls() -> Vec<Case> {
    let mut cases = Vec::new();
    for (module, name) in CALLED {
        cases.push(case(
            &format!("calls {module}.{name}"),
            &[b"\x80\x04", &call(module, name, "x"), b"."],
            Unsupported,
            name,
        ));
    }
    cases
}

/// Calls by every instruction that makes one, and by names that are put together.
fn other_calls() -> Vec<Case> {
    let system = global("posix", "system");
    let getattr = [
        &global("builtins", "getattr")[..],
        &call("builtins", "__import__", "os"),
        &text("system"),
        b"\x86R",
    ]
    .concat();
    vec![
        case(
            "getattr chain",
            &[b"\x80\x04", &getattr, &text("id"), b"\x85R."],
            Unsupported,
            "the model",
        ),
        case(
            "GLOBAL of protocol 0",
            &[b"cos\nsystem\n(S'id'\ntR."],
            Unsupported,
            "`os.system`",
        ),
        case("INST", &[b"(S'id'\nios\nsystem\n."], Malformed, "by calling a class"),
        case(
            "OBJ",
            &[b"\x80\x01(cos\nsystem\nS'id'\no."],
            Malformed,
            "by calling a class",
        ),
        case(
            "NEWOBJ",
            &[b"\x80\x04", &system, &text("id"), b"\x85\x81."],
            Unsupported,
            "`posix.system`",
        ),
        case(
            "NEWOBJ_EX with keywords",
            &[
                b"\x80\x04",
                &global("subprocess", "Popen"),
                b")}",
                &text("args"),
                &text("id"),
                b"s\x92.",
            ],
            Malformed,
            "keyword arguments",
        ),
        case(
            "NEWOBJ_EX",
            &[b"\x80\x04", &global("subprocess", "Popen"), &text("id"), b"\x85}\x92."],
            Unsupported,
            "`subprocess.Popen`",
        ),
        case(
            "STACK_GLOBAL of memo slots",
            &[
                b"\x80\x04",
                &text("system"),
                b"\x940",
                &text("posix"),
                b"\x94h\x00\x93",
                &text("id"),
                b"\x85R.",
            ],
            Unsupported,
            "`posix.system`",
        ),
        case(
            "a module by STRING and a name by UNICODE",
            &[b"\x80\x04S'posix'\nVsystem\n\x93S'id'\n\x85R."],
            Unsupported,
            "`posix.system`",
        ),
        case(
            "a name spelled with escapes",
            &[b"\x80\x04Vp\\u006fsix\nVsyst\\u0065m\n\x93S'id'\n\x85R."],
            Unsupported,
            "`posix.system`",
        ),
    ]
}

/// Calls in what an object is made of.
fn calls_inside() -> Vec<Case> {
    let system = global("posix", "system");
    vec![
        case(
            "BUILD with a callable as __setstate__",
            &[
                b"\x80\x04",
                &global("sklearn.linear_model._base", "LinearRegression"),
                b")\x81}",
                &text("__setstate__"),
                &system,
                b"sb.",
            ],
            Malformed,
            "LinearRegression",
        ),
        case(
            "BUILD of a module's attributes",
            &[
                b"\x80\x04",
                &global("os", "path"),
                b"}",
                &text("sep"),
                &text("x"),
                b"sb.",
            ],
            Malformed,
            "a plain value is given a state",
        ),
        case(
            "BUILD twice",
            &[b"\x80\x04", &global("a", "B"), b")\x81}b}b."],
            Malformed,
            "its state twice",
        ),
        case(
            "a callable that is an object",
            &[b"\x80\x04", &call("posix", "system", "id"), b")R."],
            Unsupported,
            "the model",
        ),
        case("a call of a number", &[b"\x80\x04K\x01)R."], Unsupported, "the model"),
        case(
            "arguments that are a list",
            &[b"\x80\x04", &system, b"]R."],
            Malformed,
            "not a tuple",
        ),
        case(
            "a dotted name",
            &[b"\x80\x04", &global("sklearn", "os.system"), b")R."],
            Unsupported,
            "os.system",
        ),
        case(
            "a module of sklearn that is none",
            &[b"\x80\x04", &global("sklearn.linear_model._base.os", "system"), b")R."],
            Unsupported,
            "system",
        ),
        case(
            "a call inside of a known estimator",
            &[
                b"\x80\x04",
                &global("sklearn.linear_model._base", "LinearRegression"),
                b")\x81}(",
                &text("n_features_in_"),
                b"K\x01",
                &text("coef_"),
                &call("posix", "system", "id"),
                &text("intercept_"),
                b"G\x3f\xf0\0\0\0\0\0\0ub.",
            ],
            Unsupported,
            "LinearRegression",
        ),
        case(
            "a dtype of code",
            &[
                b"\x80\x04",
                &global("numpy", "dtype"),
                &call("posix", "system", "id"),
                b"\x85R.",
            ],
            Malformed,
            "a dtype whose code is not text",
        ),
    ]
}

/// References to what is not in the file.
fn outside() -> Vec<Case> {
    vec![
        case("PERSID", &[b"P/etc/passwd\n."], Malformed, "a persistent id"),
        case(
            "BINPERSID",
            &[b"\x80\x04", &text("x"), b"Q."],
            Malformed,
            "a persistent id",
        ),
        case("EXT1", &[b"\x80\x04\x82\x01)R."], Malformed, "an extension code"),
        case("EXT2", &[b"\x80\x04\x83\x01\x00)R."], Malformed, "an extension code"),
        case("EXT4", &[b"\x80\x04\x84\x01\0\0\0)R."], Malformed, "an extension code"),
        case(
            "NEXT_BUFFER",
            &[b"\x80\x05\x97."],
            Malformed,
            "a buffer outside the file",
        ),
        case(
            "READONLY_BUFFER",
            &[b"\x80\x05N\x98."],
            Malformed,
            "a buffer outside the file",
        ),
        case(
            "an empty memo slot",
            &[b"\x80\x04h\x07."],
            Malformed,
            "an empty memo slot",
        ),
        case(
            "a text memo slot beyond 32 bits",
            &[b"g99999999999\n."],
            Malformed,
            "a memo slot",
        ),
        case("a negative memo slot", &[b"Np-1\n."], Malformed, "a memo slot"),
    ]
}

/// Lengths that lie, and other arguments out of range.
fn lengths() -> Vec<Case> {
    let ends = "the file ends inside an instruction";
    vec![
        case(
            "BINBYTES8 of 2^63",
            &[b"\x80\x04\x8e\0\0\0\0\0\0\0\x80."],
            Malformed,
            ends,
        ),
        case(
            "BINBYTES8 of 2^64-1",
            &[b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff."],
            Malformed,
            ends,
        ),
        case(
            "BINUNICODE8 of 2^40",
            &[b"\x80\x04\x8d\0\0\0\0\0\x01\0\0."],
            Malformed,
            ends,
        ),
        case(
            "BYTEARRAY8 of 2^40",
            &[b"\x80\x05\x96\0\0\0\0\0\x01\0\0."],
            Malformed,
            ends,
        ),
        case(
            "BINUNICODE of 2^32-1",
            &[b"\x80\x04X\xff\xff\xff\xff."],
            Malformed,
            ends,
        ),
        case("BINBYTES of 2^32-1", &[b"\x80\x04B\xff\xff\xff\xff."], Malformed, ends),
        case("BINSTRING of 2^31-1", &[b"\x80\x01T\xff\xff\xff\x7f."], Malformed, ends),
        case("LONG4 of 2^31-1", &[b"\x80\x04\x8b\xff\xff\xff\x7f."], Malformed, ends),
        case(
            "LONG4 of -1",
            &[b"\x80\x04\x8b\xff\xff\xff\xff."],
            Malformed,
            "negative length",
        ),
        case(
            "FRAME of 2^62",
            &[b"\x80\x04\x95\0\0\0\0\0\0\0\x40N."],
            Malformed,
            "longer than the file",
        ),
        case(
            "FRAME in a FRAME",
            &[b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x95\x01\0\0\0\0\0\0\0NN."],
            Malformed,
            "a frame inside a frame",
        ),
        case("a protocol to come", &[b"\x80\x09N."], Malformed, "does not exist yet"),
        case(
            "text that is not UTF-8",
            &[b"\x80\x04\x8c\x02\xff\xfe."],
            Malformed,
            "not UTF-8",
        ),
        case(
            "half a surrogate pair",
            &[b"\x80\x04V\\ud800\n."],
            Malformed,
            "no character",
        ),
        case(
            "an integer of 100000 digits",
            &[b"I", &b"9".repeat(100_000), b"\n."],
            Malformed,
            "digits",
        ),
        case(
            "a float that is a word",
            &[b"Fone\n."],
            Malformed,
            "a float that is none",
        ),
        case(
            "an integer with a sign in it",
            &[b"I1-1\n."],
            Malformed,
            "an integer that is none",
        ),
    ]
}

/// A whole small model, cut at every kind of place.
fn truncated() -> Vec<Case> {
    let model = atalaya_testkit::read("models/sk19_logreg_binary/model_pickle/model.pkl");
    let middle = model.len() / 2;
    let cuts = (1..16).chain([middle - 1, middle, middle + 1, model.len() - 2, model.len() - 1]);
    cuts.map(|end| {
        let said = "";
        (format!("cut after byte {end}"), model[..end].to_vec(), Malformed, said)
    })
    .chain([case(
        "bytes behind the end",
        &[&model, b"cos\nsystem\n(S'id'\ntR."],
        Malformed,
        "bytes follow the end",
    )])
    .collect()
}

/// A stack that is not as the instructions need it.
fn stacks() -> Vec<Case> {
    vec![
        case("nothing", &[b""], Malformed, "ends inside"),
        case("a stop alone", &[b"."], Malformed, "too few values"),
        case("POP of nothing", &[b"\x80\x040."], Malformed, "too few values"),
        case("DUP of nothing", &[b"\x80\x042."], Malformed, "too few values"),
        case("TUPLE without a mark", &[b"\x80\x04Nt."], Malformed, "no mark"),
        case(
            "TUPLE3 below a mark",
            &[b"\x80\x04NN(N\x87."],
            Malformed,
            "too few values",
        ),
        case(
            "REDUCE below a mark",
            &[b"\x80\x04", &global("a", "b"), b"()R."],
            Malformed,
            "too few values",
        ),
        case("values left over", &[b"\x80\x04NN."], Malformed, "left on the stack"),
        case("a mark left over", &[b"\x80\x04(N."], Malformed, "left on the stack"),
        case(
            "APPEND to text",
            &[b"\x80\x04", &text("a"), b"Na."],
            Malformed,
            "not a list",
        ),
        case("SETITEM on a list", &[b"\x80\x04]NNs."], Malformed, "not a dict"),
        case("ADDITEMS to a dict", &[b"\x80\x04}(N\x90."], Malformed, "not a set"),
        case(
            "SETITEMS with a key alone",
            &[b"\x80\x04}(Nu."],
            Malformed,
            "without a value",
        ),
        case("a list as a key", &[b"\x80\x04}]Ns."], Malformed, "cannot be one"),
        case(
            "an unknown instruction",
            &[b"\x80\x04\xff."],
            Malformed,
            "an unknown instruction",
        ),
    ]
}

/// What is no plain pickle, under its name.
fn other_formats() -> Vec<Case> {
    vec![
        case(
            "a zlib stream, as joblib compresses",
            &[b"\x78\x9c\x4b\x04\x00\x00\x62\x00\x62"],
            Malformed,
            "",
        ),
        case(
            "a gzip stream",
            &[b"\x1f\x8b\x08\x00\0\0\0\0\x00\x03\x4b\x04\x00"],
            Malformed,
            "",
        ),
        case("an xz stream", &[b"\xfd7zXZ\x00\x00\x04"], Malformed, ""),
        case(
            "a skops archive",
            &[&atalaya_testkit::read("hostile/traversal.skops")],
            Malformed,
            "the format",
        ),
        case("an ELF program", &[b"\x7fELF\x02\x01\x01\x00"], Malformed, ""),
        case("a script", &[b"#!/bin/sh\nid\n"], Malformed, ""),
        case(
            "joblib's array, whose bytes follow the pickle",
            &[
                b"\x80\x04",
                &global("joblib.numpy_pickle", "NumpyArrayWrapper"),
                b")\x81}b",
                &[0; 64],
                b".",
            ],
            Malformed,
            "",
        ),
    ]
}
