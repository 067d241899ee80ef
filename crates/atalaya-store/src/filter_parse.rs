//! Reading a filter or an order: a lexer and a parser by hand, with bounds and with places in the errors.

use crate::filter::{Comparison, Entity, Filter, FilterError, Operator, Value};

/// Longest filter, in bytes: room for a thousand run ids, not for a denial of service.
const FILTER_BYTES_MAX: usize = 65_536;
/// Most conditions; each becomes a subquery.
const COMPARISONS_MAX: usize = 64;
/// Most members of one list.
const LIST_MAX: usize = 1_000;

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`FilterError`] with the place and what was expected.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser::new(text)?;
        let mut comparisons = Vec::new();
        if parser.done() {
            return Ok(Self(comparisons));
        }
        loop {
            if comparisons.len() == COMPARISONS_MAX {
                return Err(parser.error("there may be at most 64 conditions"));
            }
            comparisons.push(parser.comparison()?);
            if parser.done() {
                return Ok(Self(comparisons));
            }
            if !parser.keyword("and") {
                return Err(parser.error("expected `and` or the end; conditions can only be joined by `and`"));
            }
        }
    }
}

/// One key of an order, with its direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderKey {
    pub(crate) entity: Entity,
    pub(crate) key: String,
    pub(crate) descending: bool,
}

impl OrderKey {
    /// Reads `key`, `key ASC` or `key DESC`.
    pub(crate) fn parse(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser::new(text)?;
        let (entity, key) = parser.key()?;
        let descending = parser.keyword("desc");
        if !descending {
            parser.keyword("asc");
        }
        if !parser.done() {
            return Err(parser.error("expected `ASC`, `DESC` or the end"));
        }
        Ok(Self {
            entity,
            key,
            descending,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// Anything unquoted that is not punctuation.
    Word(String),
    /// In single quotes: a value.
    Single(String),
    /// In double quotes: a value, or a key where a key is expected.
    Double(String),
    /// In backticks: a key.
    Backtick(String),
    Compare(Operator),
    Open,
    Close,
    Comma,
}

struct Parser {
    /// Tokens with the character, from 1, where each starts, and whether it touches the one before.
    tokens: Vec<(Token, usize, bool)>,
    next: usize,
    end: usize,
}

impl Parser {
    fn new(text: &str) -> Result<Self, FilterError> {
        if text.len() > FILTER_BYTES_MAX {
            return Err(FilterError {
                position: 1,
                message: "longer than 65536 bytes",
            });
        }
        let characters: Vec<char> = text.chars().collect();
        let mut tokens = Vec::new();
        let (mut at, mut spaced) = (0, true);
        while at < characters.len() {
            if characters[at].is_whitespace() {
                (at, spaced) = (at + 1, true);
                continue;
            }
            let start = at;
            let token = lex(&characters, &mut at)?;
            tokens.push((token, start + 1, !spaced));
            spaced = false;
        }
        Ok(Self {
            tokens,
            next: 0,
            end: characters.len() + 1,
        })
    }

    fn done(&self) -> bool {
        self.next == self.tokens.len()
    }

    fn error(&self, message: &'static str) -> FilterError {
        FilterError {
            position: self.tokens.get(self.next).map_or(self.end, |t| t.1),
            message,
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|t| &t.0)
    }

    /// Takes the next token if it is this word, in any case.
    fn keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn comparison(&mut self) -> Result<Comparison, FilterError> {
        let (entity, key) = self.key()?;
        let operator = self.operator()?;
        let value = match operator {
            Operator::Absent | Operator::Present => Value::Nothing,
            Operator::In | Operator::NotIn => Value::List(self.list()?),
            Operator::Like | Operator::Ilike => Value::Text(self.text()?),
            _ => self.value()?,
        };
        Ok(Comparison {
            entity,
            key,
            operator,
            value,
        })
    }

    /// `name`, `entity.key`, or `entity.` followed at once by a quoted key.
    fn key(&mut self) -> Result<(Entity, String), FilterError> {
        const EXPECTED: &str = "expected a key: an attribute, or `metrics.`, `params.`, `tags.` and a name";
        let (entity, key) = match self.peek() {
            Some(Token::Backtick(key) | Token::Double(key)) => (Entity::Attribute, key.clone()),
            Some(Token::Word(word)) => match word.split_once('.') {
                None => (Entity::Attribute, word.clone()),
                Some((prefix, rest)) => {
                    let entity = Entity::from_prefix(prefix).ok_or_else(|| self.error(EXPECTED))?;
                    if rest.is_empty() {
                        self.next += 1;
                        (entity, self.quoted_key()?)
                    } else {
                        (entity, rest.to_owned())
                    }
                }
            },
            _ => return Err(self.error(EXPECTED)),
        };
        if key.is_empty() {
            return Err(self.error("a key must not be empty"));
        }
        self.next += 1;
        Ok((entity, key))
    }

    fn quoted_key(&self) -> Result<String, FilterError> {
        match self.tokens.get(self.next) {
            Some((Token::Backtick(key) | Token::Double(key), _, true)) => Ok(key.clone()),
            _ => Err(self.error("expected a key right after the dot, in backticks if it is not one word")),
        }
    }

    fn operator(&mut self) -> Result<Operator, FilterError> {
        if let Some(Token::Compare(operator)) = self.peek() {
            let operator = *operator;
            self.next += 1;
            return Ok(operator);
        }
        if self.keyword("like") {
            return Ok(Operator::Like);
        }
        if self.keyword("ilike") {
            return Ok(Operator::Ilike);
        }
        if self.keyword("in") {
            return Ok(Operator::In);
        }
        if self.keyword("not") {
            return if self.keyword("in") {
                Ok(Operator::NotIn)
            } else {
                Err(self.error("expected `IN` after `NOT`"))
            };
        }
        if self.keyword("is") {
            let absent = !self.keyword("not");
            if !self.keyword("null") {
                return Err(self.error("expected `NULL` or `NOT NULL` after `IS`"));
            }
            return Ok(if absent { Operator::Absent } else { Operator::Present });
        }
        Err(self.error("expected =, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN, IS NULL or IS NOT NULL"))
    }

    fn value(&mut self) -> Result<Value, FilterError> {
        if let Some(Token::Word(word)) = self.peek() {
            let number = word.parse::<f64>().ok().filter(|n| n.is_finite());
            let number = number.ok_or_else(|| self.error("expected a number or a text in quotes"))?;
            self.next += 1;
            return Ok(Value::Number(number));
        }
        self.text().map(Value::Text)
    }

    fn text(&mut self) -> Result<String, FilterError> {
        match self.peek() {
            Some(Token::Single(text) | Token::Double(text)) => {
                let text = text.clone();
                self.next += 1;
                Ok(text)
            }
            _ => Err(self.error("expected a text in quotes")),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, FilterError> {
        self.punctuation(&Token::Open, "expected `(` and texts in quotes")?;
        let mut texts = vec![self.text()?];
        while self.peek() == Some(&Token::Comma) {
            self.next += 1;
            if texts.len() == LIST_MAX {
                return Err(self.error("a list may have at most 1000 members"));
            }
            texts.push(self.text()?);
        }
        self.punctuation(&Token::Close, "expected `,` or `)`")?;
        Ok(texts)
    }

    fn punctuation(&mut self, token: &Token, message: &'static str) -> Result<(), FilterError> {
        if self.peek() != Some(token) {
            return Err(self.error(message));
        }
        self.next += 1;
        Ok(())
    }
}

/// One token starting at `at`, which moves behind it.
fn lex(characters: &[char], at: &mut usize) -> Result<Token, FilterError> {
    let follows = |offset: usize, c: char| characters.get(*at + offset) == Some(&c);
    let (token, length) = match characters[*at] {
        '(' => (Token::Open, 1),
        ')' => (Token::Close, 1),
        ',' => (Token::Comma, 1),
        '=' => (Token::Compare(Operator::Equal), 1),
        '!' if follows(1, '=') => (Token::Compare(Operator::NotEqual), 2),
        '!' => {
            return Err(FilterError {
                position: *at + 1,
                message: "expected `!=`",
            });
        }
        '<' if follows(1, '=') => (Token::Compare(Operator::LessOrEqual), 2),
        '<' => (Token::Compare(Operator::Less), 1),
        '>' if follows(1, '=') => (Token::Compare(Operator::GreaterOrEqual), 2),
        '>' => (Token::Compare(Operator::Greater), 1),
        quote @ ('\'' | '"' | '`') => {
            let text = lex_quoted(characters, at, quote)?;
            return Ok(match quote {
                '\'' => Token::Single(text),
                '"' => Token::Double(text),
                _ => Token::Backtick(text),
            });
        }
        _ => {
            let ends = |c: &char| c.is_whitespace() || "()=!<>,'\"`".contains(*c);
            let length = characters[*at..]
                .iter()
                .position(ends)
                .unwrap_or(characters.len() - *at);
            (Token::Word(characters[*at..*at + length].iter().collect()), length)
        }
    };
    *at += length;
    Ok(token)
}

/// Text up to the closing quote; a doubled quote stands for one.
fn lex_quoted(characters: &[char], at: &mut usize, quote: char) -> Result<String, FilterError> {
    let start = *at;
    let mut text = String::new();
    *at += 1;
    while let Some(&c) = characters.get(*at) {
        *at += 1;
        if c != quote {
            text.push(c);
        } else if characters.get(*at) == Some(&quote) {
            *at += 1;
            text.push(quote);
        } else {
            return Ok(text);
        }
    }
    Err(FilterError {
        position: start + 1,
        message: "a quote is not closed",
    })
}

impl Entity {
    /// MLflow's prefixes and their aliases.
    fn from_prefix(prefix: &str) -> Option<Self> {
        Some(match prefix {
            "attributes" | "attribute" | "attr" | "run" => Self::Attribute,
            "metrics" | "metric" => Self::Metric,
            "params" | "param" | "parameters" | "parameter" => Self::Param,
            "tags" | "tag" => Self::Tag,
            "datasets" | "dataset" => Self::Dataset,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Comparison {
        let Filter(mut all) = Filter::parse(text).expect(text);
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    #[test]
    fn keys_are_read_as_mlflow_reads_them() {
        let table = [
            ("name = 'a'", Entity::Attribute, "name"),
            ("attributes.start_time = 'a'", Entity::Attribute, "start_time"),
            ("metric.acc = 'a'", Entity::Metric, "acc"),
            ("params.model.depth = 'a'", Entity::Param, "model.depth"),
            ("parameter.\"two words\" = 'a'", Entity::Param, "two words"),
            ("tags.`mlflow.parentRunId`='a'", Entity::Tag, "mlflow.parentRunId"),
            ("tag.`a``b` = 'a'", Entity::Tag, "a`b"),
            ("dataset.name = 'a'", Entity::Dataset, "name"),
        ];
        for (text, entity, key) in table {
            let got = one(text);
            assert_eq!((got.entity, got.key.as_str()), (entity, key), "{text}");
        }
    }

    #[test]
    fn operators_and_values_are_read() {
        assert_eq!(one("metrics.a>=-1.5e-3").value, Value::Number(-0.0015));
        assert_eq!(one("name ilike \"%x%\"").operator, Operator::Ilike);
        assert_eq!(
            one("run_id NOT in ('a','b')").value,
            Value::List(vec!["a".into(), "b".into()])
        );
        assert_eq!(one("tags.k is not null").operator, Operator::Present);
        assert_eq!(one("params.k IS NULL").operator, Operator::Absent);
        assert_eq!(one("name = 'it''s'").value, Value::Text("it's".into()));
        assert_eq!(Filter::parse("  ").expect("empty"), Filter::default());
        assert_eq!(
            Filter::parse("metrics.acc > 0.5 and params.C = '1' AND name != 'x'")
                .expect("three")
                .0
                .len(),
            3
        );
    }

    #[test]
    fn errors_name_the_place() {
        let table = [
            ("name", 5),
            ("name =", 7),
            ("name = 'a", 8),
            ("name = a", 8),
            ("name = nan", 8),
            ("name = 'a' or name = 'b'", 12),
            ("foo.bar = 'a'", 1),
            ("tags. `a` = 'b'", 7),
            ("name ! 'a'", 6),
            ("name is 'a'", 9),
            ("name in 'a'", 9),
            ("name in ()", 10),
            ("name = 'a' and", 15),
            ("(name = 'a')", 1),
        ];
        for (text, position) in table {
            let error = Filter::parse(text).expect_err(text);
            assert_eq!(error.position, position, "{text}: {error}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        assert!(Filter::parse(&vec!["name = 'a'"; 65].join(" and ")).is_err());
        assert!(Filter::parse(&vec!["name = 'a'"; 64].join(" and ")).is_ok());
        assert!(Filter::parse(&format!("name IN ({})", vec!["'a'"; 1001].join(","))).is_err());
        assert!(Filter::parse(&" ".repeat(FILTER_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn orders_have_a_direction() {
        let key = OrderKey::parse("metrics.`a b` DESC").expect("order");
        assert_eq!(
            key,
            OrderKey {
                entity: Entity::Metric,
                key: "a b".into(),
                descending: true
            }
        );
        assert!(!OrderKey::parse("name asc").expect("order").descending);
        assert!(!OrderKey::parse("name").expect("order").descending);
        assert!(OrderKey::parse("name; drop table runs").is_err());
        assert!(OrderKey::parse("").is_err());
    }
}
