//! A request read field by field: one reader for JSON bodies and for query strings, lenient where clients differ.
//!
//! Whole numbers come as numbers or text, versions too, lists as JSON or as repeated query parameters, and `null` is
//! absent. Messages name the field by its path and never hold what was sent.

use atalaya_domain::IdError;
use atalaya_domain::registry::Tags;
use axum::extract::{FromRequest, Query, Request};
use http::{Method, Uri};
use serde_json::{Map, Value};

use super::error::ApiError;
use super::extract::JsonBody;
use crate::app::App;

/// The largest whole number that a double holds exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The fields of a request, or of an object inside one.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Where the object is in the request, for messages: empty, or `config.served_entities[0]`.
    path: String,
    values: Map<String, Value>,
}

impl FromRequest<App> for Fields {
    type Rejection = ApiError;

    /// The query of a GET; the body of anything else, or its query when the body is empty.
    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let query = Self::from_query(request.uri())?;
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(query);
        }
        match JsonBody::<Value>::from_request(request, app).await?.0 {
            Value::Object(values) if values.is_empty() => Ok(query),
            Value::Object(values) => Ok(Self {
                path: String::new(),
                values,
            }),
            _ => Err(ApiError::bad_request("the body must be a JSON object")),
        }
    }
}

impl Fields {
    fn from_query(uri: &Uri) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| ApiError::invalid("the query string cannot be read"))?;
        let mut values = Map::new();
        for (key, value) in pairs {
            match values.entry(key).or_insert(Value::Array(Vec::new())) {
                Value::Array(seen) => seen.push(Value::String(value)),
                _ => unreachable!("every entry is made as a list"),
            }
        }
        for value in values.values_mut() {
            // Said once, a parameter is a plain value; `texts` takes it as a list of one.
            if let Value::Array(seen) = value
                && seen.len() == 1
            {
                *value = seen.swap_remove(0);
            }
        }
        Ok(Self {
            path: String::new(),
            values,
        })
    }

    /// Refuses fields that are none of `known`, naming the first: a misspelt one must not be lost in silence.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        let Some(stray) = self.values.keys().find(|key| !known.contains(&key.as_str())) else {
            return Ok(());
        };
        let shown: String = stray.chars().filter(|c| !c.is_control()).take(64).collect();
        Err(ApiError::invalid(format!(
            "unknown field `{}`; known are {}",
            self.name(&shown),
            known.join(", ")
        )))
    }

    /// The path of a field, as messages name it.
    pub(crate) fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Whether the field is there with something in it.
    pub(crate) fn has(&self, key: &str) -> bool {
        match self.value(key) {
            None => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(fields)) => !fields.is_empty(),
            Some(_) => true,
        }
    }

    fn wrong(&self, key: &str, value: &Value) -> ApiError {
        wrong_type(&self.name(key), value)
    }

    /// That a required field is not there, in MLflow's words.
    pub(crate) fn missing(&self, key: &str) -> ApiError {
        ApiError::missing_parameter(&self.name(key))
    }

    /// Text.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, ApiError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, other)),
        }
    }

    /// Text that must be there and not be empty.
    pub(crate) fn required_text(&self, key: &str) -> Result<&str, ApiError> {
        self.text(key)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.missing(key))
    }

    /// A word that clients send as text or as a number.
    pub(crate) fn loose_text(&self, key: &str) -> Result<Option<String>, ApiError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(key, other)),
        }
    }

    /// A whole number, as a number or as text.
    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let read = match value {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)),
            _ => None,
        };
        read.map(Some).ok_or_else(|| self.wrong(key, value))
    }

    /// A number as JSON or as text, `NaN` and the infinities included, as protobuf's JSON has them.
    pub(crate) fn double(&self, key: &str) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let read = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                digits => digits.parse().ok().filter(|number: &f64| number.is_finite()),
            },
            _ => None,
        };
        read.map(Some).ok_or_else(|| self.wrong(key, value))
    }

    /// `true` or `false`, also as text.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, ApiError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => Err(self.wrong(key, other)),
        }
    }

    /// A list of texts; a single one counts as a list of one.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, ApiError> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(i, item)| match item {
                    Value::String(text) => Ok(text.clone()),
                    other => Err(wrong_type(&format!("{}[{i}]", self.name(key)), other)),
                })
                .collect(),
            Some(other) => Err(self.wrong(key, other)),
        }
    }

    /// An object inside.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>, ApiError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(Self {
                path: self.name(key),
                values: values.clone(),
            })),
            Some(other) => Err(self.wrong(key, other)),
        }
    }

    /// A list of objects inside; absent reads as empty.
    pub(crate) fn objects(&self, key: &str) -> Result<Vec<Self>, ApiError> {
        let items = match self.value(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => return Err(self.wrong(key, other)),
        };
        let inside = |(i, item): (usize, &Value)| match item {
            Value::Object(values) => Ok(Self {
                path: format!("{}[{i}]", self.name(key)),
                values: values.clone(),
            }),
            other => Err(wrong_type(&format!("{}[{i}]", self.name(key)), other)),
        };
        items.iter().enumerate().map(inside).collect()
    }

    /// Free keys with values that are text, numbers or flags; keys and values stay out of messages.
    pub(crate) fn words(&self, key: &str) -> Result<std::collections::BTreeMap<String, String>, ApiError> {
        let Some(inside) = self.object(key)? else {
            return Ok(std::collections::BTreeMap::new());
        };
        let word = |(name, value): (String, Value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Number(number) => Ok((name, number.to_string())),
            Value::Bool(flag) => Ok((name, flag.to_string())),
            other => Err(wrong_type(&inside.path, &other)),
        };
        inside.values.into_iter().map(word).collect()
    }

    /// `[{"key": …, "value": …}]`; of a key said twice the last counts, and an absent value is empty.
    pub(crate) fn tags(&self, key: &str) -> Result<Tags, ApiError> {
        Ok(self.pairs(key)?.into_iter().collect())
    }

    /// As [`Self::tags`], in the order sent.
    pub(crate) fn pairs(&self, key: &str) -> Result<Vec<(String, String)>, ApiError> {
        let pair = |item: Self| {
            Ok((
                item.required_text("key")?.to_owned(),
                item.loose_text("value")?.unwrap_or_default(),
            ))
        };
        self.objects(key)?.into_iter().map(pair).collect()
    }
}

#[cfg(test)]
impl From<Value> for Fields {
    fn from(value: Value) -> Self {
        let Value::Object(values) = value else {
            panic!("an object")
        };
        Self {
            path: String::new(),
            values,
        }
    }
}

fn wrong_type(name: &str, value: &Value) -> ApiError {
    ApiError::invalid(format!(
        "Invalid value for parameter '{name}' supplied: Hint: Value was of type '{}'. See the API docs for more \
         information about request parameters.",
        python_type(value)
    ))
}

/// The type in the words of MLflow's own server.
fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

impl From<IdError> for ApiError {
    fn from(error: IdError) -> Self {
        Self::invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::from(value)
    }

    #[test]
    fn numbers_come_as_numbers_or_text() {
        let sent = fields(json!({"a": 7, "b": "7", "c": 7.0, "d": "7.0", "e": 7.5, "f": [7], "n": null}));
        for key in ["a", "b", "c", "d"] {
            assert_eq!(sent.integer(key).expect(key), Some(7), "{key}");
        }
        assert_eq!(sent.integer("n").expect("null"), None);
        for key in ["e", "f"] {
            let message = sent.integer(key).expect_err(key).message;
            assert!(
                message.starts_with(&format!("Invalid value for parameter '{key}' supplied")),
                "{message}"
            );
            assert!(!message.contains('7'), "{message}");
        }
    }

    #[test]
    fn doubles_take_the_words_of_protobuf() {
        let sent = fields(json!({"a": "NaN", "b": "-Infinity", "c": 0.5, "d": "0.5", "e": "inf"}));
        assert!(sent.double("a").expect("nan").expect("there").is_nan());
        assert_eq!(sent.double("b").expect("inf"), Some(f64::NEG_INFINITY));
        assert_eq!(
            (sent.double("c").expect("c"), sent.double("d").expect("d")),
            (Some(0.5), Some(0.5))
        );
        assert!(sent.double("e").is_err());
    }

    #[test]
    fn a_query_parameter_said_twice_is_a_list() {
        let uri: Uri = "/x?a=1&b=2&a=3&c=x%20y+z".parse().expect("uri");
        let sent = Fields::from_query(&uri).expect("query");
        assert_eq!(sent.texts("a").expect("a"), ["1", "3"]);
        assert_eq!(sent.texts("b").expect("b"), ["2"]);
        assert_eq!(sent.text("c").expect("c"), Some("x y z"));
        assert!(sent.text("a").is_err());
    }

    #[test]
    fn messages_name_the_path_of_a_field_inside() {
        let sent = fields(json!({"config": {"entities": [{"name": "a"}, {"name": 12345}]}}));
        let entities = sent
            .object("config")
            .expect("config")
            .expect("there")
            .objects("entities")
            .expect("list");
        assert_eq!(entities[0].text("name").expect("text"), Some("a"));
        let message = entities[1].text("name").expect_err("a number").message;
        assert!(
            message.contains("'config.entities[1].name'") && message.contains("'int'"),
            "{message}"
        );
        assert!(!message.contains("12345"), "{message}");
        assert_eq!(
            entities[0].required_text("version").expect_err("missing").message,
            "Missing value for required parameter 'config.entities[0].version'."
        );
    }

    #[test]
    fn tags_read_as_pairs_and_the_last_of_a_key_counts() {
        let sent = fields(json!({"tags": [{"key": "a", "value": "1"}, {"key": "b"}, {"key": "a", "value": "2"}]}));
        let tags = sent.tags("tags").expect("tags");
        assert_eq!(tags.get("a").map(String::as_str), Some("2"));
        assert_eq!(tags.get("b").map(String::as_str), Some(""));
    }
}
