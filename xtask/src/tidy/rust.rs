//! Just enough of Rust's syntax for tidy: text with comments and literals blanked out, which lines are tests, where
//! functions begin and end, what is defined. No parser crate: braces and words suffice, and the build stays small.

use std::ops::Range;

/// One Rust file, read once.
#[derive(Debug)]
pub(super) struct Rust {
    /// The source with comments, strings and characters replaced by spaces; same lines.
    code: String,
    /// Per line, whether it belongs to an item under `#[cfg(test)]`.
    test: Vec<bool>,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) asynchronous: bool,
    /// Line of `fn`, from 1.
    pub(super) line: usize,
    /// Lines from `fn` to the closing brace.
    pub(super) lines: usize,
}

/// A name that the file gives to something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// `struct`, `enum`, `trait`, `type`, `fn` or `field`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) line: usize,
}

impl Rust {
    /// Reads a file's text.
    pub(super) fn parse(text: &str) -> Self {
        let code = blank(text);
        let mut test = vec![false; code.lines().count()];
        for (first, last) in test_items(&code) {
            test[first..=last].fill(true);
        }
        Self { code, test }
    }

    /// Lines outside `#[cfg(test)]` items.
    pub(super) fn production_lines(&self) -> usize {
        self.test.iter().filter(|test| !**test).count()
    }

    /// Whether line `line` (from 1) is under `#[cfg(test)]`.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.test.get(line - 1).copied().unwrap_or(false)
    }

    /// The lines that contain the whole word or path `word`, from 1.
    pub(super) fn lines_with(&self, word: &str) -> Vec<usize> {
        let lines = self.code.lines().enumerate();
        lines
            .filter(|(_, line)| contains_word(line, word))
            .map(|(index, _)| index + 1)
            .collect()
    }

    /// Every function that has a body, in order.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (at, word) in words(&self.code).filter(|(_, word)| *word == "fn") {
            let rest = &self.code[at + word.len()..];
            let (Some((_, name)), Some(length)) = (words(rest).next(), item_length(rest)) else {
                continue;
            };
            if !rest.starts_with(char::is_whitespace) || !rest[..length].ends_with('}') {
                continue;
            }
            functions.push(Function {
                name: name.to_owned(),
                asynchronous: self.code[..at].trim_end().ends_with("async"),
                line: line_at(&self.code, at),
                lines: rest[..length].matches('\n').count() + 1,
            });
        }
        functions
    }

    /// Types, functions and fields of structs, in order; functions that a trait names are not this file's choice.
    pub(super) fn definitions(&self) -> Vec<Definition> {
        let named_by_traits = trait_impls(&self.code);
        let mut definitions = Vec::new();
        let mut words = words(&self.code).peekable();
        while let Some((_, word)) = words.next() {
            let Some(kind) = ["struct", "enum", "trait", "type", "fn"]
                .into_iter()
                .find(|kind| *kind == word)
            else {
                continue;
            };
            let Some(&(at, name)) = words.peek() else { break };
            if kind == "fn" && named_by_traits.iter().any(|block| block.contains(&at)) {
                continue;
            }
            definitions.push(Definition {
                kind,
                name: name.to_owned(),
                line: line_at(&self.code, at),
            });
            if kind == "struct" {
                definitions.extend(self.fields(at));
            }
        }
        definitions
    }

    /// The named fields of the struct whose name stands at `at`.
    fn fields(&self, at: usize) -> Vec<Definition> {
        let rest = &self.code[at..];
        let Some(body) = item_length(rest).map(|length| &rest[..length]) else {
            return Vec::new();
        };
        let Some(open) = body.find('{') else { return Vec::new() };
        let mut fields = Vec::new();
        let mut depth = 0usize;
        for (offset, character) in body.char_indices().skip_while(|(offset, _)| *offset < open) {
            match character {
                '{' | '(' | '[' | '<' => depth += 1,
                '}' | ')' | ']' | '>' => depth = depth.saturating_sub(1),
                ':' if depth == 1 && !body[offset + 1..].starts_with(':') && !body[..offset].ends_with(':') => {
                    let name = words(&body[..offset]).last().map_or("", |(_, name)| name);
                    let line = line_at(&self.code, at + offset);
                    fields.push(Definition {
                        kind: "field",
                        name: name.to_owned(),
                        line,
                    });
                }
                _ => {}
            }
        }
        fields
    }
}

/// Replaces comments, strings and characters by spaces and keeps every newline.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = literal_or_comment(&text[at..], out.last().copied());
        if length == 0 {
            // Identifiers may be any letters; their bytes do not matter here, their number does.
            let width = text[at..].chars().next().map_or(1, char::len_utf8);
            out.extend((0..width).map(|offset| if width == 1 { bytes[at + offset] } else { b'_' }));
            at += width;
            continue;
        }
        out.extend(
            bytes[at..at + length]
                .iter()
                .map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }),
        );
        at += length;
    }
    String::from_utf8(out).expect("only ASCII is pushed")
}

/// Length in bytes of the comment, string or character at the start of `rest`, or 0.
fn literal_or_comment(rest: &str, before: Option<u8>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let inside_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let prefix = if inside_word {
        0
    } else {
        rest.find(|c: char| !matches!(c, 'b' | 'r' | 'c')).unwrap_or(0).min(2)
    };
    let (raw, after) = (rest[..prefix].contains('r'), &rest[prefix..]);
    if after.starts_with('"') {
        let hashes = if raw { Some(0) } else { None };
        return prefix + string(after, hashes);
    }
    if raw && after.starts_with('#') {
        let hashes = after.find(|c| c != '#').unwrap_or(0);
        if after[hashes..].starts_with('"') {
            return prefix + hashes + string(&after[hashes..], Some(hashes));
        }
    }
    if after.starts_with('\'') {
        character(after).map_or(0, |length| prefix + length)
    } else {
        0
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a string that starts with `"`; `hashes` is `None` where backslashes escape.
fn string(rest: &str, hashes: Option<usize>) -> usize {
    let end = format!("\"{}", "#".repeat(hashes.unwrap_or(0)));
    let mut at = 1;
    while at < rest.len() {
        if hashes.is_none() && rest.as_bytes()[at] == b'\\' {
            at += 2;
        } else if rest.as_bytes()[at..].starts_with(end.as_bytes()) {
            return at + end.len();
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of a character literal, or `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut inside = rest[1..].chars();
    let first = inside.next()?;
    if first == '\\' {
        return rest[3..].find('\'').map(|offset| offset + 4);
    }
    (inside.next() == Some('\'')).then(|| first.len_utf8() + 2)
}

/// First and last line (from 0) of each item under `#[cfg(test)]`.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let starts = ["#[cfg(test)]", "#[cfg(all(test"];
    let found = starts.iter().flat_map(|start| code.match_indices(start));
    found
        .filter_map(|(at, _)| {
            let mut item = at;
            while code[item..].trim_start().starts_with("#[") {
                item += code[item..].find('[').unwrap_or(0);
                item += bracket_length(&code[item..])?;
            }
            let end = item + item_length(&code[item..])?;
            Some((line_at(code, at) - 1, line_at(code, end - 1) - 1))
        })
        .collect()
}

/// Where the blocks of `impl Trait for Type` are.
fn trait_impls(code: &str) -> Vec<Range<usize>> {
    let starts = words(code).filter(|(_, word)| *word == "impl");
    let blocks = starts.filter_map(|(at, _)| Some((at, item_length(&code[at..])?)));
    blocks
        .filter(|(at, length)| {
            let block = &code[*at..at + length];
            let head = block.split('{').next().unwrap_or(block);
            words(head).any(|(_, word)| word == "for")
        })
        .map(|(at, length)| at..at + length)
        .collect()
}

/// Bytes up to and including the `;` that ends an item or the `}` that closes its body.
fn item_length(rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (offset, character) in rest.char_indices() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            ';' if depth == 0 => return Some(offset + 1),
            '{' if depth == 0 => return Some(offset + bracket_length(&rest[offset..])?),
            _ => {}
        }
    }
    None
}

/// Bytes of the bracketed text at the start of `rest`.
fn bracket_length(rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (offset, character) in rest.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(offset + 1);
        }
    }
    None
}

fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + code[at..].find(in_word)?;
        let length = code[start..].find(|c| !in_word(c)).unwrap_or(code.len() - start);
        at = start + length;
        Some((start, &code[start..at]))
    })
}

fn in_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(in_word) && !line[at + word.len()..].starts_with(in_word))
}

/// Line of a byte offset, from 1.
fn line_at(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_kept() {
        let text =
            "let a = \"{ // \\\" \"; // {\n/* { /* { */ */ let b = r#\"{\"}\"#; let c = '{'; let d: &'a str = x;\n";
        let code = blank(text);
        assert_eq!(code.len(), text.len());
        assert!(!code.contains(['{', '}', '/', '"']), "{code}");
        assert!(code.contains("let d: &'a str"));
        assert_eq!(code.matches('\n').count(), 2);
    }

    #[test]
    fn escaped_and_byte_characters_are_blanked() {
        let code = blank("(b'{', '\\'', '\\u{7f}', b\"{\", 'é', br\"\\\", \"{\")");
        assert!(!code.contains(['{', '}', '"']), "{code}");
        assert_eq!(code.matches(',').count(), 6);
    }

    #[test]
    fn test_items_do_not_count_as_production() {
        let file = Rust::parse(
            "//! x\nfn a() {}\n#[cfg(test)]\n#[expect(x, reason = \"{\")]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n",
        );
        assert_eq!(file.production_lines(), 3);
        assert!(file.is_test(3) && file.is_test(7) && !file.is_test(8));
        assert_eq!(
            Rust::parse("#[cfg(test)]\nmod tests;\nfn a() {}\n").production_lines(),
            1
        );
    }

    #[test]
    fn functions_know_their_length() {
        let file = Rust::parse(
            "trait T { fn declared(&self); }\nasync fn a(\n  x: [u8; 2],\n) -> u8 {\n  { 1 }\n}\nfn b() {}\n",
        );
        let function = |name: &str, asynchronous, line, lines| Function {
            name: name.into(),
            asynchronous,
            line,
            lines,
        };
        assert_eq!(
            file.functions(),
            [function("a", true, 2, 5), function("b", false, 7, 1)]
        );
    }

    #[test]
    fn definitions_include_fields_but_not_paths() {
        let file = Rust::parse(
            "pub struct Row<T: Copy> {\n    is_new: bool,\n    at: std::time::Duration,\n}\nenum Kind { A { x: u8 } }\n",
        );
        let names: Vec<_> = file
            .definitions()
            .into_iter()
            .map(|d| (d.kind, d.name, d.line))
            .collect();
        let expected = [
            ("struct", "Row", 1),
            ("field", "is_new", 2),
            ("field", "at", 3),
            ("enum", "Kind", 5),
        ];
        assert_eq!(names, expected.map(|(kind, name, line)| (kind, name.to_owned(), line)));
    }

    #[test]
    fn functions_that_a_trait_names_are_not_this_file_s_choice() {
        let file = Rust::parse("impl Store for X {\n fn get_opts() {}\n}\nimpl X {\n fn get_y() {}\n}\n");
        let names: Vec<_> = file
            .definitions()
            .into_iter()
            .map(|definition| definition.name)
            .collect();
        assert_eq!(names, ["get_y"]);
    }

    #[test]
    fn words_are_whole() {
        let file = Rust::parse("asleep();\nsleep_less();\nthread::sleep(x);\n");
        assert_eq!(file.lines_with("sleep"), [3]);
    }
}
