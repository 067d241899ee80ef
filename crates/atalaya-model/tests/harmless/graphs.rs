//! ONNX files made to harm: messages whose lengths lie, tensors that are not their shape, data outside of the folder,
//! circles in graphs and trees, and operators that make much of little.

use std::sync::Arc;

use atalaya_model::ModelFiles;
use atalaya_testkit::onnx_file::{bytes, file, floats, int, ints, node, stored, stored_ints, text, texts, value};

use super::{Hostile, Verdict};
use Verdict::{Malformed, Unsupported};

const MANIFEST: &str = "flavors:\n  onnx:\n    data: onnx/model.onnx\n";

fn hostile(name: &str, model: Vec<u8>, expected: Verdict, said: &'static str) -> Hostile {
    let files: [(&str, Arc<[u8]>); 3] = [
        ("MLmodel", Arc::from(MANIFEST.as_bytes())),
        ("onnx/model.onnx", Arc::from(model)),
        ("onnx/weights.bin", Arc::from([0; 8])),
    ];
    Hostile::new(
        format!("onnx {name}"),
        ModelFiles::from_pairs(files).unwrap(),
        expected,
        said,
    )
}

pub(crate) fn all() -> Vec<Hostile> {
    [wires(), tensors(), external(), circles(), trees(), bombs(), cut()]
        .into_iter()
        .flatten()
        .collect()
}

fn x(width: i64) -> Vec<u8> {
    value(11, "x", 1, &[-1, width])
}

fn y() -> Vec<u8> {
    value(12, "y", 1, &[-1, 1])
}

fn neg(from: &str, to: &str) -> Vec<u8> {
    node("", "Neg", &[from], &[to], &[])
}

/// A number of up to ten bytes, as protobuf has it.
fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
    out
}

fn wires() -> Vec<Hostile> {
    let long = |length: u64| [&b"\x3a"[..], &varint(length), b"x"].concat();
    let deep = |times: usize| (0..times).fold(vec![], |inner: Vec<u8>, _| bytes(7, &inner));
    vec![
        hostile("empty", vec![], Malformed, ""),
        hostile(
            "a graph of 2^63 bytes",
            long(1 << 63),
            Malformed,
            "longer than what holds it",
        ),
        hostile(
            "a graph of 2^64-1 bytes",
            long(u64::MAX),
            Malformed,
            "longer than what holds it",
        ),
        hostile(
            "a graph of 2^32 bytes",
            long(1 << 32),
            Malformed,
            "longer than what holds it",
        ),
        hostile(
            "a number of forty bytes",
            vec![0xff; 40],
            Malformed,
            "more than 64 bits",
        ),
        hostile("field 0", vec![0, 0], Malformed, "field number"),
        hostile("a group", vec![0x3b, 0x3c], Malformed, "field of a type"),
        hostile("a graph that is a number", int(7, 1), Malformed, ""),
        hostile("a fixed number that ends early", b"\x09\x01".to_vec(), Malformed, ""),
        hostile("1000 messages deep", deep(1000), Malformed, ""),
        hostile(
            "a graph twice",
            [file(&[x(1), y(), neg("x", "y")]), bytes(7, b"")].concat(),
            Malformed,
            "",
        ),
        hostile(
            "text that is not UTF-8",
            file(&[x(1), y(), bytes(1, &bytes(4, b"\xff\xfe"))]),
            Malformed,
            "",
        ),
        hostile("no outputs", file(&[x(1), neg("x", "y")]), Malformed, ""),
        hostile(
            "no inputs",
            file(&[y(), stored("w", &[1], &[1.0]), neg("w", "y")]),
            Unsupported,
            "",
        ),
        hostile("not protobuf", b"#!/bin/sh\nid\n".to_vec(), Malformed, ""),
    ]
}

fn tensors() -> Vec<Hostile> {
    let with = |name: &str, tensor: Vec<u8>, said| {
        hostile(
            name,
            file(&[x(1), y(), tensor, node("", "Mul", &["x", "w"], &["y"], &[])]),
            Malformed,
            said,
        )
    };
    let raw = |kind: i64, dims: &[i64], data: &[u8]| {
        let dims: Vec<u8> = dims.iter().flat_map(|size| int(1, *size)).collect();
        bytes(5, &[dims, int(2, kind), text(8, "w"), bytes(9, data)].concat())
    };
    vec![
        with(
            "a tensor of 2^62 elements",
            stored("w", &[1 << 62], &[1.0]),
            "tensor `w`",
        ),
        with(
            "a tensor whose product overflows",
            stored("w", &[1 << 40, 1 << 40], &[1.0]),
            "tensor `w`",
        ),
        with("a tensor of negative size", stored("w", &[-1], &[1.0]), "tensor `w`"),
        with("a tensor of 17 dimensions", stored("w", &[1; 17], &[1.0]), "tensor `w`"),
        with(
            "a tensor of a thousand dimensions",
            stored("w", &[1; 1000], &[1.0]),
            "tensor `w`",
        ),
        with("a tensor of fewer bytes", raw(1, &[2], &[0; 4]), "tensor `w`"),
        with("a tensor of more bytes", raw(1, &[1], &[0; 5]), "tensor `w`"),
        with(
            "a tensor of no bytes and 2^40 rows of no elements",
            raw(1, &[1 << 40, 1 << 40, 0], &[]),
            "",
        ),
        with(
            "a tensor twice",
            [stored("w", &[1], &[1.0]), stored("w", &[1], &[2.0])].concat(),
            "one name",
        ),
        hostile(
            "a tensor of an unknown type",
            file(&[
                x(1),
                y(),
                raw(99, &[1], &[0; 8]),
                node("", "Mul", &["x", "w"], &["y"], &[]),
            ]),
            Unsupported,
            "",
        ),
    ]
}

fn external() -> Vec<Hostile> {
    let entry = |key: &str, value: &str| bytes(13, &[text(1, key), text(2, value)].concat());
    let with = |location: &str, offset: &str, length: &str, said| {
        let entries = [
            entry("location", location),
            entry("offset", offset),
            entry("length", length),
        ]
        .concat();
        let tensor = bytes(5, &[int(1, 1), int(2, 1), text(8, "w"), int(14, 1), entries].concat());
        hostile(
            &format!("data in {location} from {offset}, {length}"),
            file(&[x(1), y(), tensor, node("", "Mul", &["x", "w"], &["y"], &[])]),
            Malformed,
            said,
        )
    };
    vec![
        with("../../etc/passwd", "0", "4", "outside of the model directory"),
        with("../MLmodel/../../x", "0", "4", "outside of the model directory"),
        with("/etc/passwd", "0", "4", "outside of the model directory"),
        with("/dev/zero", "0", "4", "outside of the model directory"),
        with("C:\\windows\\win.ini", "0", "4", ""),
        with("file:///etc/passwd", "0", "4", ""),
        with("absent.bin", "0", "4", "not in the model directory"),
        with("weights.bin", "18446744073709551615", "4", "beyond the end"),
        with("weights.bin", "5", "4", "beyond the end"),
        with("weights.bin", "0", "18446744073709551615", ""),
        with("weights.bin", "-1", "4", "no number"),
    ]
}

fn circles() -> Vec<Hostile> {
    let chain = |count: usize| {
        let mut parts = vec![x(1), y(), neg("x", "t0")];
        parts.extend((1..count).map(|n| neg(&format!("t{}", n - 1), &format!("t{n}"))));
        parts.push(neg(&format!("t{}", count - 1), "y"));
        parts
    };
    let mut circle = chain(2000);
    circle[2] = node("", "Add", &["x", "y"], &["t0"], &[]);
    vec![
        hostile(
            "a node of its own output",
            file(&[x(1), y(), neg("y", "y")]),
            Malformed,
            "cycle",
        ),
        hostile("a circle of two thousand nodes", file(&circle), Malformed, "cycle"),
        hostile(
            "a name that nobody gives",
            file(&[x(1), y(), neg("z", "y")]),
            Malformed,
            "unknown name",
        ),
        hostile(
            "two nodes of one output",
            file(&[x(1), y(), neg("x", "y"), neg("x", "y")]),
            Malformed,
            "one name",
        ),
        hostile("an output that is nowhere", file(&[x(1), y()]), Malformed, ""),
        hostile("a chain of 99,000 nodes", file(&chain(99_000)), Verdict::Loads, ""),
        hostile("a chain of 101,000 nodes", file(&chain(101_000)), Malformed, ""),
    ]
}

/// A regressor of one tree: its children, columns and modes.
fn tree(children: &[(i64, i64)], columns: &[i64], modes: &[&str], weights: &[i64]) -> Vec<u8> {
    let count = children.len();
    let (yes, no): (Vec<i64>, Vec<i64>) = children.iter().copied().unzip();
    let zeros = vec![0i64; count];
    let ids: Vec<i64> = (0i64..).take(count).collect();
    let attributes = [
        ints("nodes_treeids", &zeros),
        ints("nodes_nodeids", &ids),
        ints("nodes_featureids", columns),
        ints("nodes_truenodeids", &yes),
        ints("nodes_falsenodeids", &no),
        texts("nodes_modes", modes),
        floats("nodes_values", &vec![0.5; count]),
        ints("target_ids", &vec![0; weights.len()]),
        ints("target_treeids", &vec![0; weights.len()]),
        ints("target_nodeids", weights),
        floats("target_weights", &vec![1.0; weights.len()]),
        [text(1, "n_targets"), int(3, 1)].concat(),
    ];
    let ensemble = node("ai.onnx.ml", "TreeEnsembleRegressor", &["x"], &["y"], &attributes);
    file(&[x(2), y(), ensemble])
}

/// A tree with 2^60 ways to its leaf.
fn sixty_deep() -> Vec<u8> {
    let children: Vec<(i64, i64)> = (1..=60).map(|next| (next, next)).chain([(0, 0)]).collect();
    let modes: Vec<&str> = (0..60).map(|_| "BRANCH_LEQ").chain(["LEAF"]).collect();
    tree(&children, &[0; 61], &modes, &[60])
}

fn trees() -> Vec<Hostile> {
    let leaf = ["BRANCH_LEQ", "LEAF", "LEAF"];
    let one = |name: &str, children: [(i64, i64); 3], columns: [i64; 3], said| {
        hostile(
            &format!("tree of {name}"),
            tree(&children, &columns, &leaf, &[1, 2]),
            Malformed,
            said,
        )
    };
    let none = (0, 0);
    vec![
        one(
            "a node that is its child",
            [(0, 2), none, none],
            [0; 3],
            "back to itself",
        ),
        hostile("tree of one child twice, sixty deep", sixty_deep(), Verdict::Loads, ""),
        one(
            "a child beyond",
            [(1, 9), none, none],
            [0; 3],
            "child that does not exist",
        ),
        one(
            "a child of -1",
            [(1, -1), none, none],
            [0; 3],
            "child that does not exist",
        ),
        one(
            "a child of 2^63-1",
            [(1, i64::MAX), none, none],
            [0; 3],
            "child that does not exist",
        ),
        one("a column of -1", [(1, 2), none, none], [-1, 0, 0], "out of range"),
        one(
            "a column of 2^63-1",
            [(1, 2), none, none],
            [i64::MAX, 0, 0],
            "out of range",
        ),
        hostile(
            "tree of a circle of two",
            tree(
                &[(1, 2), (0, 2), none],
                &[0; 3],
                &["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"],
                &[2],
            ),
            Malformed,
            "back to itself",
        ),
        hostile(
            "tree of fewer columns",
            tree(&[(1, 2), none, none], &[0], &leaf, &[1, 2]),
            Malformed,
            "",
        ),
        hostile(
            "tree of an unknown mode",
            tree(&[(1, 2), none, none], &[0; 3], &["EVAL", "LEAF", "LEAF"], &[1]),
            Unsupported,
            "",
        ),
        hostile(
            "tree of a leaf beyond",
            tree(&[(1, 2), none, none], &[0; 3], &leaf, &[7]),
            Malformed,
            "",
        ),
        hostile(
            "tree of a leaf of -1",
            tree(&[(1, 2), none, none], &[0; 3], &leaf, &[-1]),
            Malformed,
            "",
        ),
        hostile("tree of no nodes", tree(&[], &[], &[], &[]), Malformed, ""),
    ]
}

fn bombs() -> Vec<Hostile> {
    let mut tiles = vec![x(1), y(), stored_ints("r", &[1, 4096])];
    for step in 0..8 {
        let from = if step == 0 {
            "x".to_owned()
        } else {
            format!("t{}", step - 1)
        };
        tiles.push(node("", "Tile", &[&from, "r"], &[&format!("t{step}")], &[]));
    }
    tiles.push(node("", "ReduceMax", &["t7"], &["y"], &[ints("axes", &[1])]));
    // Each node joins what the one before gave with itself.
    let mut doubled = vec![x(1), y()];
    for step in 0..64 {
        let from = if step == 0 {
            "x".to_owned()
        } else {
            format!("t{}", step - 1)
        };
        doubled.push(node(
            "",
            "Concat",
            &[&from, &from],
            &[&format!("t{step}")],
            &[[text(1, "axis"), int(3, 1)].concat()],
        ));
    }
    doubled.push(node("", "ReduceMax", &["t63"], &["y"], &[ints("axes", &[1])]));
    let fill = |sizes: &[i64]| {
        file(&[
            x(1),
            y(),
            stored_ints("s", sizes),
            node("", "ConstantOfShape", &["s"], &["c"], &[]),
            node("", "Add", &["x", "c"], &["y"], &[]),
        ])
    };
    let attributes: Vec<Vec<u8>> = (0..20_000)
        .map(|n| [text(1, &format!("a{n}")), int(3, 1)].concat())
        .collect();
    let body = |inner: &[u8]| bytes(5, &[text(1, "body"), bytes(6, inner), int(20, 5)].concat());
    let nested = (0..200).fold(Vec::new(), |inner: Vec<u8>, _| {
        bytes(1, &[text(1, "x"), text(2, "y"), text(4, "Scan"), body(&inner)].concat())
    });
    let squares = (0..200).fold(vec![x(1), y()], |mut parts, _| {
        parts.push(stored("w", &[0], &[]));
        parts
    });
    vec![
        hostile(
            "repetitions of repetitions",
            file(&tiles),
            Unsupported,
            "more memory or time",
        ),
        hostile(
            "2^64 copies by joining",
            file(&doubled),
            Unsupported,
            "more memory or time",
        ),
        hostile(
            "a constant of 2^80 elements",
            fill(&[1 << 40, 1 << 40]),
            Unsupported,
            "more memory or time",
        ),
        hostile(
            "a constant of 2^62 elements",
            fill(&[1 << 62]),
            Unsupported,
            "more memory or time",
        ),
        hostile(
            "a constant of 2^26 elements",
            fill(&[1, 1 << 26]),
            Unsupported,
            "more memory or time",
        ),
        hostile("a constant of negative size", fill(&[-5]), Unsupported, ""),
        hostile(
            "20,000 attributes",
            file(&[x(1), y(), node("", "Neg", &["x"], &["y"], &attributes)]),
            Malformed,
            "",
        ),
        hostile(
            "20,000 inputs",
            file(&[x(1), y(), node("", "Sum", &["x"; 20_000], &["y"], &[])]),
            Malformed,
            "",
        ),
        hostile("bodies 200 deep", file(&[x(1), y(), nested]), Malformed, ""),
        hostile(
            "an unknown operator",
            file(&[x(1), y(), node("evil", "RunPython", &["x"], &["y"], &[])]),
            Unsupported,
            "`evil.RunPython`",
        ),
        hostile(
            "an operator that loads",
            file(&[x(1), y(), node("", "ImageDecoder", &["x"], &["y"], &[])]),
            Unsupported,
            "ImageDecoder",
        ),
        hostile("200 tensors of one name", file(&squares), Malformed, ""),
        hostile(
            "a shape of 2^62 by -1",
            file(&[
                x(1),
                y(),
                stored_ints("s", &[1 << 62, -1]),
                node("", "Reshape", &["x", "s"], &["y"], &[]),
            ]),
            Unsupported,
            "",
        ),
    ]
}

/// A whole small model, cut.
fn cut() -> Vec<Hostile> {
    let model = atalaya_testkit::read("onnx/onnx_rf/model_onnx/model.onnx");
    let cuts = (1..8).map(|part| model.len() * part / 8);
    cuts.map(|end| hostile(&format!("cut after byte {end}"), model[..end].to_vec(), Malformed, ""))
        .collect()
}
