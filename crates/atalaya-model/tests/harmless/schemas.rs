//! skops archives made to harm: bombs of the ZIP format, members that are not what their names say, schemas that call,
//! go in circles or nest, and headers of arrays that lie.

use std::io::{Cursor, Write};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Hostile, Verdict, folder};
use Verdict::{Malformed, Unsupported};

const MANIFEST: &str = "flavors:\n  sklearn:\n    pickled_model: model.skops\n    serialization_format: skops\n    sklearn_version: 1.9.1\n";

pub(crate) fn all() -> Vec<Hostile> {
    let families = [archives(), nested_archives(), loaders(), shapes(), bombs(), damaged()];
    let cases = families.into_iter().flatten();
    cases
        .map(|(name, bytes, expected, said)| {
            Hostile::new(
                format!("skops {name}"),
                folder(MANIFEST, "model.skops", bytes),
                expected,
                said,
            )
        })
        .collect()
}

type Case = (String, Vec<u8>, Verdict, &'static str);

fn case(name: &str, bytes: Vec<u8>, expected: Verdict, said: &'static str) -> Case {
    (name.to_owned(), bytes, expected, said)
}

fn zip(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An archive of a schema and further members.
fn skops(root: &Value, members: &[(&str, &[u8])]) -> Vec<u8> {
    let schema = root.to_string();
    let all: Vec<_> = [("schema.json", schema.as_bytes())]
        .into_iter()
        .chain(members.iter().copied())
        .collect();
    zip(&all, CompressionMethod::Stored)
}

/// A node with the protocol, as the root has it.
fn root(mut node: Value) -> Value {
    node["protocol"] = json!(2);
    node["_skops_version"] = json!("0.13.0");
    node
}

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let size = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &size[..], header.as_bytes(), data].concat()
}

fn array_node(file: &str) -> Value {
    json!({"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "numpy", "file": file})
}

fn array_file(header: &str, data: &[u8]) -> Vec<u8> {
    skops(&root(array_node("a.npy")), &[("a.npy", &npy(header, data))])
}

/// Places of the archive's own numbers, overwritten.
fn patched(mut bytes: Vec<u8>, signature: &[u8], offset: usize, value: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(signature.len())
        .rposition(|window| window == signature)
        .unwrap()
        + offset;
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const END: &[u8] = b"PK\x05\x06";

fn archives() -> Vec<Case> {
    let none = root(json!({"__class__": "A", "__module__": "b", "__loader__": "TypeNode"}));
    let plain = skops(&none, &[]);
    let zeros = vec![0; 8 << 20];
    let deflated = |size: usize| {
        zip(
            &[("schema.json", none.to_string().as_bytes()), ("a.npy", &zeros[..size])],
            CompressionMethod::Deflated,
        )
    };
    let members: Vec<String> = (0..30_000).map(|n| n.to_string()).collect();
    let many: Vec<(&str, &[u8])> = [("schema.json", &b"{}"[..])]
        .into_iter()
        .chain(members.iter().map(|name| (name.as_str(), &b""[..])))
        .collect();
    let blank_schema = zip(&[("schema.json", &vec![b' '; 8 << 20])], CompressionMethod::Deflated);
    let array = root(array_node("a.npy"));
    let named = |name: &str| skops(&root(array_node(name)), &[("b.npy", b"")]);
    vec![
        case("no members", zip(&[], CompressionMethod::Stored), Malformed, ""),
        case(
            "no schema",
            zip(&[("schema.txt", b"{}")], CompressionMethod::Stored),
            Malformed,
            "missing",
        ),
        case(
            "a schema that inflates to 8 MB",
            blank_schema,
            Malformed,
            "beyond the limit",
        ),
        case(
            "an array that inflates to 8 MB",
            {
                let schema = array.to_string();
                zip(
                    &[("schema.json", schema.as_bytes()), ("a.npy", &zeros)],
                    CompressionMethod::Deflated,
                )
            },
            Malformed,
            "beyond the limit",
        ),
        case("a bomb that nobody asks for", deflated(8 << 20), Unsupported, "`b.A`"),
        case("30,000 members", zip(&many, CompressionMethod::Stored), Malformed, ""),
        case("a path to the root", named("/etc/passwd"), Malformed, "missing"),
        case("a path upwards", named("../../etc/passwd"), Malformed, "missing"),
        case("a path of Windows", named("C:\\windows\\win.ini"), Malformed, "missing"),
        case(
            "a member upwards that is there",
            skops(&root(array_node("../a.npy")), &[("../a.npy", b"")]),
            Malformed,
            "not `.npy`",
        ),
        case(
            "a wrong checksum",
            patched(plain.clone(), CENTRAL, 16, &[1, 2, 3, 4]),
            Malformed,
            "",
        ),
        case(
            "a size beyond the file",
            patched(plain.clone(), CENTRAL, 20, &[0, 0, 0, 0x7f]),
            Malformed,
            "",
        ),
        case(
            "an inflated size of 4 GB",
            patched(plain.clone(), CENTRAL, 24, &[0xfe, 0xff, 0xff, 0xff]),
            Malformed,
            "",
        ),
        case(
            "a local size of its own",
            patched(plain.clone(), LOCAL, 18, &[9, 0, 0, 0]),
            Malformed,
            "",
        ),
        case(
            "a local name of its own",
            patched(plain.clone(), LOCAL, 30, b"SCHEMA"),
            Malformed,
            "",
        ),
        case(
            "a member that starts beyond the file",
            patched(plain.clone(), CENTRAL, 42, &[0, 0, 0, 0x7f]),
            Malformed,
            "",
        ),
        case(
            "an encrypted member",
            patched(plain.clone(), CENTRAL, 8, &[1, 0]),
            Malformed,
            "",
        ),
        case(
            "a method that does not exist",
            patched(plain.clone(), CENTRAL, 10, &[77, 0]),
            Malformed,
            "",
        ),
        case(
            "65535 members that are not there",
            patched(plain.clone(), END, 8, &[0xff; 4]),
            Malformed,
            "",
        ),
        case(
            "a directory of 4 GB",
            patched(plain.clone(), END, 12, &[0xff, 0xff, 0xff, 0x7f]),
            Unsupported,
            "",
        ),
        case(
            "a directory beyond the file",
            patched(plain.clone(), END, 16, &[0xff, 0xff, 0xff, 0x7f]),
            Malformed,
            "",
        ),
        case(
            "a comment beyond the file",
            patched(plain, END, 20, &[0xff, 0xff]),
            Malformed,
            "",
        ),
    ]
}

/// Sparse matrices, which are archives inside of the archive.
fn nested_archives() -> Vec<Case> {
    let node = root(json!({
        "__class__": "csr_matrix", "__module__": "scipy.sparse._csr", "__loader__": "SparseMatrixNode",
        "type": "scipy", "file": "m.npz",
    }));
    let members: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
    let many: Vec<(&str, &[u8])> = members.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let many = zip(&many, CompressionMethod::Stored);
    let schema = node.to_string();
    let packed = zip(
        &[("schema.json", schema.as_bytes()), ("m.npz", &many)],
        CompressionMethod::Deflated,
    );
    let zeros = vec![0; 8 << 20];
    let bomb = zip(&[("data.npy", &zeros)], CompressionMethod::Deflated);
    let doubled = zip(
        &[
            ("schema.json", schema.as_bytes()),
            ("m.npz", &zip(&[("data.npy", &bomb)], CompressionMethod::Deflated)),
        ],
        CompressionMethod::Deflated,
    );
    vec![
        case(
            "a sparse matrix of 50,000 members",
            skops(&node, &[("m.npz", &many)]),
            Malformed,
            "",
        ),
        case("a sparse matrix of 50,000 packed members", packed, Malformed, ""),
        case(
            "a sparse matrix that inflates to 8 MB",
            skops(&node, &[("m.npz", &bomb)]),
            Malformed,
            "beyond the limit",
        ),
        case("a sparse matrix of a bomb in an archive", doubled, Malformed, ""),
        case(
            "a sparse matrix that is no archive",
            skops(&node, &[("m.npz", b"PK")]),
            Malformed,
            "no archive",
        ),
    ]
}

/// Loaders that would call something in Python.
fn loaders() -> Vec<Case> {
    let node = |loader: &str, module: &str, class: &str, content: Value| {
        root(json!({"__class__": class, "__module__": module, "__loader__": loader, "content": content}))
    };
    let system = json!({"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": {}});
    let list = |items: Vec<Value>| node("ListNode", "builtins", "list", Value::Array(items));
    let mut cases = Vec::new();
    for (loader, module, class) in [
        ("FunctionNode", "os", "system"),
        ("TypeNode", "subprocess", "Popen"),
        ("MethodNode", "builtins", "eval"),
        ("PartialNode", "functools", "partial"),
        ("OperatorFuncNode", "operator", "methodcaller"),
        ("ConstructorFromReduceNode", "builtins", "exec"),
        ("ObjectNode", "os", "_wrap_close"),
        ("RandomStateNode", "numpy.random", "RandomState"),
        ("SliceNode", "builtins", "slice"),
    ] {
        let bytes = skops(
            &node(
                loader,
                module,
                class,
                json!({"__loader__": "TypeNode", "__module__": "a", "__class__": "B"}),
            ),
            &[],
        );
        cases.push(case(&format!("a {loader}"), bytes, Unsupported, ""));
    }
    cases.extend([
        case("a loader that does not exist", skops(&node("EvalNode", "a", "b", json!("1")), &[]), Malformed, "does not exist"),
        case("no loader", skops(&root(json!({"content": 1})), &[]), Malformed, "without a loader"),
        case(
            "a reference to nothing",
            skops(&root(json!({"__loader__": "CachedNode", "__id__": 7, "__class__": "a", "__module__": "b"})), &[]),
            Malformed,
            "not read before",
        ),
        case(
            "a node that is its own content by its id",
            skops(
                &root(json!({"__loader__": "ListNode", "__id__": 7, "__class__": "list", "__module__": "builtins", "content": [
                    {"__loader__": "CachedNode", "__id__": 7, "__class__": "list", "__module__": "builtins"},
                ]})),
                &[],
            ),
            Malformed,
            "not read before",
        ),
        case("a call inside of a known estimator", {
            let state = json!({"__loader__": "DictNode", "__class__": "dict", "__module__": "builtins",
                "content": {"coef_": system}, "key_types": {"content": [{"__class__": "str"}]}});
            skops(&node("ObjectNode", "sklearn.linear_model._base", "LinearRegression", state), &[])
        }, Malformed, "LinearRegression"),
        case("a list of calls", skops(&list(vec![system; 10]), &[]), Unsupported, ""),
        case("a protocol to come", skops(&json!({"protocol": 99}), &[]), Malformed, "protocol"),
        case("a protocol below zero", skops(&json!({"protocol": -1}), &[]), Malformed, "protocol"),
        case("a schema that is a list", skops(&json!([1, 2]), &[]), Malformed, "protocol"),
        case("a dict without types of keys", skops(&root(json!({"__loader__": "DictNode", "content": {"a": 1}})), &[]), Malformed, "no types"),
        case("a key that is no number", skops(&root(json!({"__loader__": "DictNode", "content": {"a": {}},
            "key_types": {"content": [{"__class__": "int"}]}})), &[]), Malformed, "not of its type"),
        case("a plain value that is code", skops(&root(json!({"__loader__": "JsonNode", "content": "__import__('os')"})), &[]), Malformed, "none"),
        case("a plain value of plain values", skops(&root(json!({"__loader__": "JsonNode", "content": "[".repeat(100_000)})), &[]), Malformed, "none"),
        case("bytes of no member", skops(&root(json!({"__loader__": "BytesNode", "file": "x"})), &[]), Malformed, "missing"),
    ]);
    cases
}

fn shapes() -> Vec<Case> {
    let header =
        |descr: &str, shape: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let lies = |name: &str, descr: &str, shape: &str| {
        case(
            &format!("an array of {name}"),
            array_file(&header(descr, shape), &[0; 8]),
            Malformed,
            "",
        )
    };
    vec![
        lies("2^60 elements", "'<f8'", "(1152921504606846976,)"),
        lies(
            "a product that overflows",
            "'<f8'",
            "(4294967296, 4294967296, 4294967296)",
        ),
        lies("a size beyond 64 bits", "'<f8'", "(99999999999999999999999,)"),
        lies("negative size", "'<f8'", "(-1,)"),
        lies("objects", "'|O'", "(1,)"),
        lies("nested fields", "[('a', [('b', '<f8')])]", "(1,)"),
        lies("a type of 2^60 bytes", "'|V1152921504606846976'", "(1,)"),
        lies(
            "fields that overflow together",
            "[('a', 'V9223372036854775807'), ('b', 'V9223372036854775807'), ('c', 'V9')]",
            "(1,)",
        ),
        lies("33 dimensions", "'<f8'", &format!("({})", "1,".repeat(33))),
        lies("code as its shape", "'<f8'", "(__import__('os').system('id'),)"),
        lies("nested parentheses", "'<f8'", &"(".repeat(5000)),
        case(
            "an array with a header of 4 GB",
            {
                let member = [b"\x93NUMPY\x02\x00\xff\xff\xff\xff".as_slice(), &[b' '; 100]].concat();
                skops(&root(array_node("a.npy")), &[("a.npy", &member)])
            },
            Malformed,
            "beyond the limit",
        ),
        case(
            "an array that ends in its magic",
            skops(&root(array_node("a.npy")), &[("a.npy", b"\x93NUM")]),
            Malformed,
            "not `.npy`",
        ),
        case(
            "an array of nodes with a shape of 2^40",
            skops(
                &root(json!({
                    "__loader__": "NdArrayNode", "type": "json", "content": [],
                    "shape": {"__loader__": "TupleNode", "content": [{"__loader__": "JsonNode", "content": "1099511627776"}]},
                })),
                &[],
            ),
            Malformed,
            "numpy array",
        ),
    ]
}

fn bombs() -> Vec<Case> {
    let deep = |open: &str, close: &str, times: usize| {
        let schema = format!("{}1{}", open.repeat(times), close.repeat(times));
        zip(&[("schema.json", schema.as_bytes())], CompressionMethod::Stored)
    };
    let type_node = r#"{"__loader__":"TypeNode","__class__":"a","__module__":"b"}"#;
    let list = |item: &str, times: usize| {
        let items = vec![item; times].join(",");
        let schema = format!(r#"{{"protocol":2,"__loader__":"ListNode","content":[{items}]}}"#);
        zip(&[("schema.json", schema.as_bytes())], CompressionMethod::Stored)
    };
    // One member of 1 MB, as an array again and again.
    let again = |method: CompressionMethod| {
        let member = npy(
            "{'descr': '<f8', 'fortran_order': False, 'shape': (125000,), }\n",
            &vec![0; 1_000_000],
        );
        let items = vec![r#"{"__loader__":"NdArrayNode","type":"numpy","file":"a.npy"}"#; 2000].join(",");
        let schema = format!(r#"{{"protocol":2,"__loader__":"ListNode","content":[{items}]}}"#);
        zip(&[("schema.json", schema.as_bytes()), ("a.npy", &member)], method)
    };
    vec![
        case("100,000 lists deep", deep("[", "]", 100_000), Malformed, "not JSON"),
        case(
            "100,000 objects deep",
            deep("{\"a\":", "}", 100_000),
            Malformed,
            "not JSON",
        ),
        case(
            "nodes of depth 100",
            deep("{\"__loader__\":\"ListNode\",\"protocol\":2,\"content\":[", "]}", 60),
            Malformed,
            "",
        ),
        case("two million numbers", list("1", 2_000_000), Malformed, "not JSON"),
        case("300,000 nodes", list(type_node, 300_000), Unsupported, ""),
        case(
            "one array 2000 times",
            again(CompressionMethod::Stored),
            Malformed,
            "beyond the limit",
        ),
        case(
            "one packed array 2000 times",
            again(CompressionMethod::Deflated),
            Malformed,
            "beyond the limit",
        ),
        case(
            "an object of 500,000 keys",
            {
                let keys: Vec<String> = (0..500_000).map(|n| format!("\"{n}\":1")).collect();
                zip(
                    &[("schema.json", format!("{{{}}}", keys.join(",")).as_bytes())],
                    CompressionMethod::Stored,
                )
            },
            Malformed,
            "",
        ),
        case(
            "a key twice",
            zip(
                &[("schema.json", br#"{"protocol":2,"protocol":1}"#)],
                CompressionMethod::Stored,
            ),
            Malformed,
            "not JSON",
        ),
    ]
}

/// A whole small model, cut or overwritten.
fn damaged() -> Vec<Case> {
    let model = atalaya_testkit::read("models/sk19_logreg_binary/model_skops/model.skops");
    let mut cases: Vec<Case> = (1..8)
        .map(|part| {
            let end = model.len() * part / 8;
            (format!("cut after byte {end}"), model[..end].to_vec(), Malformed, "")
        })
        .collect();
    cases.push(case(
        "cut before its last byte",
        model[..model.len() - 1].to_vec(),
        Malformed,
        "",
    ));
    cases.push(case(
        "a pickle",
        b"cos\nsystem\n(S'id'\ntR.".to_vec(),
        Malformed,
        "the format",
    ));
    cases
}
