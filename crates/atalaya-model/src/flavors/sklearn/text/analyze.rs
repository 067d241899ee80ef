//! From a text to its terms: scikit-learn's `_VectorizerMixin`, its analyzers `word`, `char` and `char_wb`.

use std::collections::HashSet;

use super::super::compiler::Compiler;
use super::super::error::SklearnError;
use super::super::part::{Part, length};
use super::stop_words::ENGLISH;
use super::unicode::{is_space, is_word, lower, strip_ascii, strip_unicode};

/// Longest n-gram that runs natively; a text has as many terms of each length as it has tokens.
const MAX_LENGTH: usize = 64;

#[derive(Debug, Clone, Copy)]
enum Accents {
    Keep,
    Ascii,
    Unicode,
}

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Class {
    Word,
    NotSpace,
    /// ASCII letters and digits: capitals, small ones, digits.
    Ascii(bool, bool, bool),
}

/// The token patterns that run natively: a run of one class, of some length at least.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pattern {
    class: Class,
    at_least: usize,
    /// Whether it stands between two `\b`.
    whole: bool,
}

#[derive(Debug)]
enum Unit {
    Word {
        pattern: Pattern,
        stop_words: HashSet<Box<str>>,
    },
    Char,
    CharInWord,
}

/// A vectorizer's analyzer.
#[derive(Debug)]
pub(super) struct Analyzer {
    lowercase: bool,
    accents: Accents,
    unit: Unit,
    shortest: usize,
    longest: usize,
}

impl Analyzer {
    pub(super) fn compile(compiler: &mut Compiler, part: &Part<'_, '_>) -> Result<Self, SklearnError> {
        for name in ["preprocessor", "tokenizer"] {
            if part.optional(name).is_some() {
                return part.unsupported(format!("attribute `{name}` is code of the user"));
            }
        }
        if part.text("input")? != "content" {
            return part.unsupported("attribute `input` is not `content`");
        }
        let accents = match part.optional("strip_accents").map(|view| view.as_str()) {
            None => Accents::Keep,
            Some(Some("ascii")) => Accents::Ascii,
            Some(Some("unicode")) => Accents::Unicode,
            Some(_) => return part.unsupported("attribute `strip_accents` is code of the user"),
        };
        let unit = match part.field("analyzer")?.as_str() {
            Some("word") => Unit::Word {
                pattern: pattern(part)?,
                stop_words: stop_words(compiler, part)?,
            },
            Some("char") => Unit::Char,
            Some("char_wb") => Unit::CharInWord,
            _ => return part.unsupported("attribute `analyzer` is code of the user"),
        };
        let range = part.field("ngram_range")?.ints();
        let range: Option<Vec<usize>> = range
            .into_iter()
            .flatten()
            .map(|length| usize::try_from(length).ok())
            .collect();
        let Some([shortest, longest]) = range.as_deref() else {
            return part.content("attribute `ngram_range` is not a pair of lengths");
        };
        let (shortest, longest) = (*shortest, *longest);
        if shortest < 1 || shortest > longest {
            return part.content("attribute `ngram_range` is not a range of lengths");
        }
        if longest > MAX_LENGTH {
            return part.unsupported(format!("attribute `ngram_range` goes beyond {MAX_LENGTH}"));
        }
        Ok(Self {
            lowercase: part.flag("lowercase", true)?,
            accents,
            unit,
            shortest,
            longest,
        })
    }

    /// Calls `visit` with each term of `text`, in no particular order.
    pub(super) fn terms(&self, text: &str, visit: &mut dyn FnMut(&str)) {
        let mut text = if self.lowercase { lower(text) } else { text.into() };
        match self.accents {
            Accents::Keep => {}
            Accents::Ascii => text = strip_ascii(&text).into(),
            Accents::Unicode => text = strip_unicode(&text).into(),
        }
        match &self.unit {
            Unit::Word { pattern, stop_words } => {
                let mut tokens = pattern.tokens(&text);
                tokens.retain(|token| !stop_words.contains(*token));
                self.words(&tokens, visit);
            }
            Unit::Char => {
                let text = narrow(&text);
                let ends = boundaries(&text);
                for length in self.shortest..=self.longest.min(ends.len() - 1) {
                    for (start, end) in ends.iter().zip(&ends[length..]) {
                        visit(&text[*start..*end]);
                    }
                }
            }
            Unit::CharInWord => {
                for word in text.split(is_space).filter(|word| !word.is_empty()) {
                    self.inside(&format!(" {word} "), visit);
                }
            }
        }
    }

    fn words(&self, tokens: &[&str], visit: &mut dyn FnMut(&str)) {
        let mut term = String::new();
        for length in self.shortest..=self.longest.min(tokens.len()) {
            if length == 1 {
                tokens.iter().for_each(|token| visit(token));
                continue;
            }
            for window in tokens.windows(length) {
                term.clear();
                for (position, token) in window.iter().enumerate() {
                    if position > 0 {
                        term.push(' ');
                    }
                    term.push_str(token);
                }
                visit(&term);
            }
        }
    }

    /// A word that is shorter than the n-gram counts once.
    fn inside(&self, word: &str, visit: &mut dyn FnMut(&str)) {
        let ends = boundaries(word);
        for length in self.shortest..=self.longest {
            if length + 1 >= ends.len() {
                visit(word);
                break;
            }
            for (start, end) in ends.iter().zip(&ends[length..]) {
                visit(&word[*start..*end]);
            }
        }
    }
}

/// Where each character starts, and where the last one ends.
fn boundaries(text: &str) -> Vec<usize> {
    let starts = text.char_indices().map(|(at, _)| at);
    starts.chain([text.len()]).collect()
}

/// Two or more characters of white space become one space; a single one stays what it is.
fn narrow(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if is_space(c) && chars.next_if(|next| is_space(*next)).is_some() {
            while chars.next_if(|next| is_space(*next)).is_some() {}
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    out
}

impl Class {
    fn has(self, c: char) -> bool {
        match self {
            Self::Word => is_word(c),
            Self::NotSpace => !is_space(c),
            Self::Ascii(capitals, small, digits) => {
                (capitals && c.is_ascii_uppercase())
                    || (small && c.is_ascii_lowercase())
                    || (digits && c.is_ascii_digit())
            }
        }
    }
}

impl Pattern {
    /// Reads `(?u)`, `\b`, a class once or more and repeated, `\b`; `None` for any other pattern.
    fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix("(?u)").unwrap_or(text);
        let inner = text.strip_prefix(r"\b").and_then(|text| text.strip_suffix(r"\b"));
        let whole = inner.is_some();
        let text = inner.unwrap_or(text);
        let classes = [
            (r"\w", Class::Word),
            (r"\S", Class::NotSpace),
            ("[a-z]", Class::Ascii(false, true, false)),
            ("[A-Z]", Class::Ascii(true, false, false)),
            ("[a-zA-Z]", Class::Ascii(true, true, false)),
            ("[A-Za-z]", Class::Ascii(true, true, false)),
            ("[a-z0-9]", Class::Ascii(false, true, true)),
            ("[a-zA-Z0-9]", Class::Ascii(true, true, true)),
            ("[A-Za-z0-9]", Class::Ascii(true, true, true)),
        ];
        let (spelled, class) = classes.into_iter().find(|(spelled, _)| text.starts_with(spelled))?;
        // Between boundaries, a run of characters some of which are no word characters may end early.
        if whole && class == Class::NotSpace {
            return None;
        }
        let mut at_least = 0;
        let mut rest = text;
        while let Some(after) = rest.strip_prefix(spelled) {
            rest = after;
            at_least += 1;
        }
        if rest != "+" {
            let count = rest.strip_prefix('{')?.strip_suffix(",}")?;
            let count = Some(count).filter(|count| count.bytes().all(|byte| byte.is_ascii_digit()))?;
            let count: usize = count.parse().ok().filter(|count| (1..=1000).contains(count))?;
            at_least += count - 1;
        }
        Some(Self { class, at_least, whole })
    }

    fn tokens<'t>(&self, text: &'t str) -> Vec<&'t str> {
        // A token between boundaries is all of a run of word characters.
        let run = if self.whole { Class::Word } else { self.class };
        text.split(|c| !run.has(c))
            .filter(|token| !token.is_empty() && token.chars().take(self.at_least).count() == self.at_least)
            .filter(|token| run == self.class || token.chars().all(|c| self.class.has(c)))
            .collect()
    }
}

fn pattern(part: &Part<'_, '_>) -> Result<Pattern, SklearnError> {
    match part.field("token_pattern")?.as_str().and_then(Pattern::read) {
        Some(pattern) => Ok(pattern),
        None => part.unsupported("attribute `token_pattern` is not one that runs natively"),
    }
}

fn stop_words(compiler: &mut Compiler, part: &Part<'_, '_>) -> Result<HashSet<Box<str>>, SklearnError> {
    let Some(view) = part.optional("stop_words") else {
        return Ok(HashSet::new());
    };
    if let Some(name) = view.as_str() {
        if name != "english" {
            return part.unsupported("attribute `stop_words` names a list that is not known");
        }
        return Ok(ENGLISH.iter().map(|word| Box::from(*word)).collect());
    }
    compiler.charge(length(view).saturating_mul(64))?;
    let mut words = HashSet::new();
    for word in part.items("stop_words")? {
        let Some(word) = word.as_str() else {
            return part.content("attribute `stop_words` is not a list of texts");
        };
        compiler.charge(word.len())?;
        words.insert(Box::from(word));
    }
    Ok(words)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn analyzer(unit: Unit, shortest: usize, longest: usize) -> Analyzer {
        Analyzer {
            lowercase: true,
            accents: Accents::Keep,
            unit,
            shortest,
            longest,
        }
    }

    fn words(pattern: &str) -> Unit {
        Unit::Word {
            pattern: Pattern::read(pattern).unwrap(),
            stop_words: HashSet::from([Box::from("the")]),
        }
    }

    fn terms(analyzer: &Analyzer, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        analyzer.terms(text, &mut |term| found.push(term.to_owned()));
        found
    }

    #[test]
    fn words_and_pairs_leave_stop_words_out() {
        let analyzer = analyzer(words(r"(?u)\b\w\w+\b"), 1, 2);
        let found = terms(&analyzer, "The Café, the x² a bar");
        assert_eq!(found, ["café", "x²", "bar", "café x²", "x² bar"]);
        assert!(terms(&analyzer, "").is_empty());
    }

    #[test]
    fn characters_narrow_white_space() {
        assert_eq!(
            terms(&analyzer(Unit::Char, 2, 2), "a \t b\tc"),
            ["a ", " b", "b\t", "\tc"]
        );
        assert_eq!(
            terms(&analyzer(Unit::CharInWord, 3, 4), " a\x1cbcd"),
            [" a ", " bc", "bcd", "cd ", " bcd", "bcd "]
        );
        assert!(terms(&analyzer(Unit::Char, 1, 3), "").is_empty());
    }

    #[test]
    fn known_patterns_are_read_and_others_are_not() {
        let tokens = |pattern: &str, text| Pattern::read(pattern).unwrap().tokens(text).join("|");
        assert_eq!(tokens(r"\w{3,}", "ab abc abcd"), "abc|abcd");
        assert_eq!(tokens(r"\b[a-z]+\b", "ab a1 b-c éa"), "ab|b|c");
        assert_eq!(tokens(r"[a-z]+", "ab a1 éa"), "ab|a|a");
        assert_eq!(tokens(r"\S+", "a-b c"), "a-b|c");
        for other in [
            r"(a+)+$", r"\w*", r"\w", r"\b\S+\b", r"\w{0,}", r"\w+|x", "", r"\b\w+", r"[^a]+", r"\w{+1,}",
        ] {
            assert_eq!(Pattern::read(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in any::<String>(), shortest in 1..4usize, more in 0..4usize) {
            for unit in [words(r"\w+"), Unit::Char, Unit::CharInWord] {
                for accents in [Accents::Keep, Accents::Ascii, Accents::Unicode] {
                    let analyzer = Analyzer { accents, ..analyzer(unit_of(&unit), shortest, shortest + more) };
                    prop_assert!(terms(&analyzer, &text).iter().all(|term| !term.is_empty()));
                }
            }
        }
    }

    fn unit_of(unit: &Unit) -> Unit {
        match unit {
            Unit::Word { .. } => words(r"\w+"),
            Unit::Char => Unit::Char,
            Unit::CharInWord => Unit::CharInWord,
        }
    }
}
