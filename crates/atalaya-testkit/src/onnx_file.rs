//! A writer of ONNX files from the few messages that tests need: protobuf's wire format, field numbers of `onnx.proto`.

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// A field of bytes: a message, a text, packed numbers.
#[must_use]
pub fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | 2, &mut out);
    varint(content.len() as u64, &mut out);
    out.extend(content);
    out
}

/// A field of an integer.
#[must_use]
pub fn int(number: u64, value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3, &mut out);
    varint(value.cast_unsigned(), &mut out);
    out
}

/// A field of text.
#[must_use]
pub fn text(number: u64, content: &str) -> Vec<u8> {
    bytes(number, content.as_bytes())
}

/// `name` as float (1), int64 (7) or string (8), of some sizes; -1 is open.
#[must_use]
pub fn value(number: u64, name: &str, kind: i64, sizes: &[i64]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes
        .iter()
        .flat_map(|size| bytes(1, &if *size < 0 { text(2, "N") } else { int(1, *size) }))
        .collect();
    let tensor = [int(1, kind), bytes(2, &sizes)].concat();
    bytes(number, &[text(1, name), bytes(2, &bytes(1, &tensor))].concat())
}

/// A node `n` of a graph.
#[must_use]
pub fn node(domain: &str, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut content: Vec<u8> = inputs.iter().flat_map(|input| text(1, input)).collect();
    content.extend(outputs.iter().flat_map(|output| text(2, output)));
    content.extend([text(3, "n"), text(4, op), text(7, domain)].concat());
    content.extend(attributes.iter().flat_map(|attribute| bytes(5, attribute)));
    bytes(1, &content)
}

/// An attribute of integers, the content of a field 5 of a node.
#[must_use]
pub fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let mut out = text(1, name);
    values.iter().for_each(|value| out.extend(int(8, *value)));
    out
}

/// An attribute of floats.
#[must_use]
pub fn floats(name: &str, values: &[f32]) -> Vec<u8> {
    let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    [text(1, name), bytes(7, &packed)].concat()
}

/// An attribute of texts.
#[must_use]
pub fn texts(name: &str, values: &[&str]) -> Vec<u8> {
    let mut out = text(1, name);
    values.iter().for_each(|value| out.extend(text(9, value)));
    out
}

/// A stored tensor of floats.
#[must_use]
pub fn stored(name: &str, sizes: &[i64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let sizes: Vec<u8> = sizes.iter().flat_map(|size| int(1, *size)).collect();
    bytes(5, &[sizes, int(2, 1), text(8, name), bytes(9, &raw)].concat())
}

/// A stored list of int64.
#[must_use]
pub fn stored_ints(name: &str, values: &[i64]) -> Vec<u8> {
    let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    bytes(
        5,
        &[
            int(1, i64::try_from(values.len()).unwrap_or(i64::MAX)),
            int(2, 7),
            text(8, name),
            bytes(9, &packed),
        ]
        .concat(),
    )
}

/// A model of one graph, with version 17 of `ai.onnx` and 3 of `ai.onnx.ml`.
#[must_use]
pub fn file(parts: &[Vec<u8>]) -> Vec<u8> {
    let opset = |domain: &str, version| bytes(8, &[text(1, domain), int(2, version)].concat());
    [
        int(1, 8),
        bytes(7, &parts.concat()),
        opset("", 17),
        opset("ai.onnx.ml", 3),
    ]
    .concat()
}
