//! Text as Python's `str` and `unicodedata` see it: lower case, accents, word characters, white space. Unicode 14 (Python
//! 3.11) decides; characters assigned later have no case and no decomposition.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::word::WORD;

/// Whether Python's `\w` matches.
pub(super) fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    is_within(WORD, c)
}

/// Python's `str.isspace` and `\s`: Unicode's white space and four ASCII separators.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// First and last of each range of characters with a case, or that casing looks past, that later versions of Unicode added,
/// up to 17, ascending.
#[rustfmt::skip]
const LATER_CASED: &[(u32, u32)] = &[
    (0x295, 0x295), (0x897, 0x897), (0xece, 0xece), (0x1acf, 0x1add), (0x1ae0, 0x1aeb), (0x1c89, 0x1c8a),
    (0xa7cb, 0xa7cf), (0xa7d2, 0xa7d2), (0xa7d4, 0xa7d4), (0xa7da, 0xa7dc), (0xa7f1, 0xa7f1), (0x10d4e, 0x10d4e),
    (0x10d50, 0x10d65), (0x10d69, 0x10d6d), (0x10d6f, 0x10d85), (0x10ec5, 0x10ec5), (0x10efa, 0x10eff),
    (0x11241, 0x11241), (0x113bb, 0x113c0), (0x113ce, 0x113ce), (0x113d0, 0x113d0), (0x113d2, 0x113d2),
    (0x113e1, 0x113e2), (0x1171e, 0x1171e), (0x11b60, 0x11b60), (0x11b62, 0x11b64), (0x11b66, 0x11b66),
    (0x11dd9, 0x11dd9), (0x11f00, 0x11f01), (0x11f36, 0x11f3a), (0x11f40, 0x11f40), (0x11f42, 0x11f42),
    (0x11f5a, 0x11f5a), (0x13439, 0x13440), (0x13447, 0x13455), (0x1611e, 0x16129), (0x1612d, 0x1612f),
    (0x16d40, 0x16d42), (0x16d6b, 0x16d6c), (0x16ea0, 0x16eb8), (0x16ebb, 0x16ed3), (0x16ff2, 0x16ff3),
    (0x1df25, 0x1df2a), (0x1e030, 0x1e06d), (0x1e08f, 0x1e08f), (0x1e4eb, 0x1e4ef), (0x1e5ee, 0x1e5ef),
    (0x1e6e3, 0x1e6e3), (0x1e6e6, 0x1e6e6), (0x1e6ee, 0x1e6ef), (0x1e6f5, 0x1e6f5), (0x1e6ff, 0x1e6ff),
];

/// Python's `str.lower`.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let capital = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if capital {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    // To Python such a character is no part of a word, so a sigma before it is final.
    Cow::Owned(apart(
        text,
        |c| is_within(LATER_CASED, c),
        |part, out| out.push_str(&part.to_lowercase()),
    ))
}

/// First and last of each range of characters with a decomposition or a combining class that later versions of Unicode
/// added, up to 17, ascending.
#[rustfmt::skip]
const LATER_MARKS: &[(u32, u32)] = &[
    (0x558, 0x558), (0x58b, 0x58c), (0x5c8, 0x5c9), (0x897, 0x897), (0x1acf, 0x1af0), (0x209d, 0x209f),
    (0xa7f1, 0xa7f1), (0x105c9, 0x105c9), (0x105e4, 0x105e4), (0x107bb, 0x107bf), (0x10d69, 0x10d6d),
    (0x10ecb, 0x10ecf), (0x10ef0, 0x10efb), (0x10efd, 0x10eff), (0x11383, 0x11383), (0x11385, 0x11385),
    (0x1138e, 0x1138e), (0x11391, 0x11391), (0x113c5, 0x113c5), (0x113c7, 0x113c8), (0x113ce, 0x113d0),
    (0x11f41, 0x11f42), (0x16121, 0x16128), (0x1612f, 0x1612f), (0x16d68, 0x16d6a), (0x1b123, 0x1b126),
    (0x1ccd6, 0x1ccf9), (0x1d127, 0x1d128), (0x1d250, 0x1d252), (0x1d25b, 0x1d25c), (0x1d25f, 0x1d25f),
    (0x1d280, 0x1d281), (0x1d6a6, 0x1d6a6), (0x1df95, 0x1df95), (0x1dfcd, 0x1dfff), (0x1e030, 0x1e06d),
    (0x1e08f, 0x1e08f), (0x1e4ec, 0x1e4ef), (0x1e5ee, 0x1e5ef), (0x1e6e3, 0x1e6e3), (0x1e6e6, 0x1e6e6),
    (0x1e6ee, 0x1e6ef), (0x1e6f5, 0x1e6f5),
];

fn is_later_mark(c: char) -> bool {
    is_within(LATER_MARKS, c)
}

fn is_within(ranges: &[(u32, u32)], c: char) -> bool {
    let code = u32::from(c);
    let after = ranges.partition_point(|(first, _)| *first <= code);
    after > 0 && code <= ranges[after - 1].1
}

/// Applies `change` to what is between the characters that stay as they are.
fn apart(text: &str, stays: impl Fn(char) -> bool, change: impl Fn(&str, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| stays(*c)) {
        change(&text[start..at], &mut out);
        out.push(c);
        start = at + c.len_utf8();
    }
    change(&text[start..], &mut out);
    out
}

/// `strip_accents='unicode'`: NFKD without combining characters.
pub(super) fn strip_unicode(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    apart(text, is_later_mark, |part, out| {
        out.extend(part.nfkd().filter(|c| canonical_combining_class(*c) == 0));
    })
}

/// `strip_accents='ascii'`: NFKD, of which ASCII is left.
pub(super) fn strip_ascii(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    text.chars()
        .filter(|c| !is_later_mark(*c))
        .nfkd()
        .filter(char::is_ascii)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_characters_are_pythons() {
        for c in ['a', '_', '9', 'é', '²', '½', 'Ⅷ', '१', '東', 'ª'] {
            assert!(is_word(c), "{c:?}");
        }
        for c in ['-', '\u{301}', '\u{903}', '‿', '€', ' ', '\u{10ffff}', '\u{1e030}'] {
            assert!(!is_word(c), "{c:?}");
        }
    }

    #[test]
    fn lower_case_is_pythons() {
        assert_eq!(lower("ΣΊΣΥΦΟΣ"), "σίσυφος");
        assert_eq!(lower("İSTANBUL STRAẞE"), "i\u{307}stanbul straße");
        assert_eq!(lower("AΣ\u{a7cb}B"), "aς\u{a7cb}b");
        assert_eq!(lower("AΣ\u{897}Σ"), "aς\u{897}σ");
        assert_eq!(lower("Plain"), "plain");
    }

    #[test]
    fn accents_are_stripped_in_both_ways() {
        assert_eq!(strip_unicode("Zürich naïve x² ﬁ 東"), "Zurich naive x2 fi 東");
        assert_eq!(strip_ascii("Zürich naïve x² ﬁ 東"), "Zurich naive x2 fi ");
    }
}
