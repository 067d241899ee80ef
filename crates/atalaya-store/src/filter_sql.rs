//! From a filter and an order to SQL: fixed text from static tables, every key and value bound.

use sqlx::{QueryBuilder, Sqlite};

use crate::filter_parse::OrderKey;
use crate::{Comparison, Entity, Filter, Operator, Search, StoreError, Value};

/// Longest `LIKE` pattern in characters, and most `%` in it: matching takes time in their product.
const PATTERN_MAX: usize = 1_000;
const WILDCARDS_MAX: usize = 8;
/// Most keys of an order.
const ORDER_MAX: usize = 10;

/// What can be searched in one noun.
pub(crate) struct Searchable {
    /// Names of attributes as clients write them.
    pub(crate) attributes: &'static [(&'static str, Column)],
    /// SQL of the row's number, which `owner_id` of the tables below names.
    pub(crate) owner: &'static str,
    /// Its tags.
    pub(crate) tags: &'static str,
    /// Its params, if it has any.
    pub(crate) params: Option<&'static str>,
    /// Its last metrics, if it has any.
    pub(crate) metrics: Option<&'static str>,
    /// Whether an absent tag differs from every value (the registry's rule) or from none (that of runs).
    pub(crate) absent_tag_differs: bool,
    /// Order when none is asked for.
    pub(crate) default_order: &'static str,
    /// Order of what is equal by the order asked for.
    pub(crate) tie_break: &'static str,
}

/// A column behind an attribute, as SQL.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    Text(&'static str),
    Number(&'static str),
}

type Builder = QueryBuilder<Sqlite>;

impl Searchable {
    /// Appends ` AND (…)` for every condition; the text before must end in a `WHERE` with a condition.
    pub(crate) fn push_filter(&self, sql: &mut Builder, filter: &str) -> Result<(), StoreError> {
        let filter = Filter::parse(filter).map_err(|e| StoreError::invalid("filter", e.to_string()))?;
        for comparison in &filter.0 {
            sql.push(" AND ");
            self.push_comparison(sql, comparison)
                .map_err(|message| StoreError::invalid("filter", message))?;
        }
        Ok(())
    }

    /// Appends ` ORDER BY … LIMIT … OFFSET …`.
    pub(crate) fn push_order(
        &self,
        sql: &mut Builder,
        search: &Search,
        slice: &crate::search::Slice,
    ) -> Result<(), StoreError> {
        if search.order_by.len() > ORDER_MAX {
            return Err(StoreError::invalid(
                "order_by",
                format!("must have at most {ORDER_MAX} keys"),
            ));
        }
        sql.push(" ORDER BY ");
        if search.order_by.is_empty() {
            sql.push(self.default_order);
        }
        for text in &search.order_by {
            let key = OrderKey::parse(text).map_err(|e| StoreError::invalid("order_by", e.to_string()))?;
            self.push_order_key(sql, &key)
                .map_err(|message| StoreError::invalid("order_by", message))?;
            sql.push(", ");
        }
        if !search.order_by.is_empty() {
            sql.push(self.tie_break);
        }
        sql.push(" LIMIT ")
            .push_bind(slice.fetch())
            .push(" OFFSET ")
            .push_bind(slice.offset);
        Ok(())
    }

    fn push_comparison(&self, sql: &mut Builder, comparison: &Comparison) -> Result<(), String> {
        match comparison.entity {
            Entity::Attribute => match self.attribute(&comparison.key)? {
                Column::Text(column) => push_text(sql, column, comparison.operator, &comparison.value),
                Column::Number(column) => push_number(sql, column, comparison.operator, &comparison.value),
            },
            Entity::Tag if self.absent_tag_differs && comparison.operator == Operator::NotEqual => {
                let same = Comparison {
                    operator: Operator::Equal,
                    ..comparison.clone()
                };
                sql.push("NOT ");
                self.push_pair(sql, self.tags, &same)
            }
            Entity::Tag => self.push_pair(sql, self.tags, comparison),
            Entity::Param => self.push_pair(sql, self.params.ok_or("there are no `params` here")?, comparison),
            Entity::Metric => self.push_metric(sql, comparison),
            Entity::Dataset => Err("`datasets` cannot be searched".into()),
        }
    }

    /// A condition on one key of a key–value table.
    fn push_pair(&self, sql: &mut Builder, table: &'static str, comparison: &Comparison) -> Result<(), String> {
        let absent = comparison.operator == Operator::Absent;
        sql.push(if absent {
            "NOT EXISTS (SELECT 1 FROM "
        } else {
            "EXISTS (SELECT 1 FROM "
        });
        self.push_owned(sql, table, &comparison.key);
        match comparison.operator {
            Operator::Absent | Operator::Present => {}
            Operator::In | Operator::NotIn => return Err("`IN` compares attributes only".into()),
            operator => {
                sql.push(" AND ");
                push_text(sql, "k.value", operator, &comparison.value)?;
            }
        }
        sql.push(")");
        Ok(())
    }

    fn push_metric(&self, sql: &mut Builder, comparison: &Comparison) -> Result<(), String> {
        let table = self.metrics.ok_or("there are no `metrics` here")?;
        sql.push("EXISTS (SELECT 1 FROM ");
        self.push_owned(sql, table, &comparison.key);
        // NaN differs from every number and is neither less nor greater.
        if comparison.operator == Operator::NotEqual {
            sql.push(" AND (k.not_a_number = 1 OR ");
        } else {
            sql.push(" AND (k.not_a_number = 0 AND ");
        }
        push_number(sql, "k.value", comparison.operator, &comparison.value)?;
        sql.push("))");
        Ok(())
    }

    /// `table k WHERE k.owner_id = owner AND k.key = ?`
    fn push_owned(&self, sql: &mut Builder, table: &'static str, key: &str) {
        sql.push(table)
            .push(" k WHERE k.owner_id = ")
            .push(self.owner)
            .push(" AND k.key = ");
        sql.push_bind(key.to_owned());
    }

    fn push_order_key(&self, sql: &mut Builder, key: &OrderKey) -> Result<(), String> {
        match key.entity {
            Entity::Attribute => {
                let (Column::Text(column) | Column::Number(column)) = self.attribute(&key.key)?;
                sql.push("(").push(column).push(" IS NULL), ").push(column);
            }
            Entity::Metric => {
                let table = self.metrics.ok_or("there are no `metrics` here")?;
                // Numbers first, then NaN, then runs without the metric, in both directions.
                self.push_scalar(sql, "COALESCE((SELECT k.not_a_number FROM ", table, &key.key, "), 2), ");
                self.push_scalar(sql, "(SELECT k.value FROM ", table, &key.key, ")");
            }
            Entity::Param | Entity::Tag => {
                let params = self.params.ok_or("there are no `params` here");
                let table = if key.entity == Entity::Tag { self.tags } else { params? };
                self.push_scalar(sql, "NOT EXISTS (SELECT 1 FROM ", table, &key.key, "), ");
                self.push_scalar(sql, "(SELECT k.value FROM ", table, &key.key, ")");
            }
            Entity::Dataset => return Err("`datasets` cannot be sorted by".into()),
        }
        sql.push(if key.descending { " DESC" } else { " ASC" });
        Ok(())
    }

    fn push_scalar(
        &self,
        sql: &mut Builder,
        before: &'static str,
        table: &'static str,
        key: &str,
        after: &'static str,
    ) {
        sql.push(before);
        self.push_owned(sql, table, key);
        sql.push(after);
    }

    fn attribute(&self, name: &str) -> Result<Column, String> {
        if let Some((_, column)) = self.attributes.iter().find(|(known, _)| *known == name) {
            return Ok(*column);
        }
        let known: Vec<String> = self.attributes.iter().map(|(known, _)| format!("`{known}`")).collect();
        Err(format!("unknown attribute; known are {}", known.join(", ")))
    }
}

fn push_text(sql: &mut Builder, column: &'static str, operator: Operator, value: &Value) -> Result<(), String> {
    match (operator, value) {
        (Operator::Equal, Value::Text(text)) => sql.push(column).push(" = ").push_bind(text.clone()),
        (Operator::NotEqual, Value::Text(text)) => sql.push(column).push(" <> ").push_bind(text.clone()),
        // SQLite's LIKE knows no case, its GLOB does; Postgres has LIKE and ILIKE themselves.
        (Operator::Like, Value::Text(pattern)) => sql.push(column).push(" GLOB ").push_bind(glob(bounded(pattern)?)),
        (Operator::Ilike, Value::Text(pattern)) => {
            sql.push(column).push(" LIKE ").push_bind(bounded(pattern)?.to_owned())
        }
        (Operator::In | Operator::NotIn, Value::List(texts)) => {
            sql.push(column)
                .push(if operator == Operator::In { " IN (" } else { " NOT IN (" });
            let mut list = sql.separated(", ");
            for text in texts {
                list.push_bind(text.clone());
            }
            sql.push(")")
        }
        (_, Value::Number(_)) => return Err("this key holds text: put the value in quotes".into()),
        _ => return Err("this key holds text: compare it with =, !=, LIKE or ILIKE (attributes also with IN)".into()),
    };
    Ok(())
}

fn push_number(sql: &mut Builder, column: &'static str, operator: Operator, value: &Value) -> Result<(), String> {
    let sign = match operator {
        Operator::Equal => " = ",
        Operator::NotEqual => " <> ",
        Operator::Less => " < ",
        Operator::LessOrEqual => " <= ",
        Operator::Greater => " > ",
        Operator::GreaterOrEqual => " >= ",
        _ => return Err("this key holds numbers: compare it with =, !=, <, <=, > or >=".into()),
    };
    let Value::Number(number) = value else {
        return Err("this key holds numbers: write the value without quotes".into());
    };
    sql.push(column).push(sign).push_bind(*number);
    Ok(())
}

fn bounded(pattern: &str) -> Result<&str, String> {
    if pattern.chars().count() > PATTERN_MAX || pattern.matches('%').count() > WILDCARDS_MAX {
        return Err(format!(
            "a pattern may have at most {PATTERN_MAX} characters and {WILDCARDS_MAX} `%`"
        ));
    }
    Ok(pattern)
}

/// A `LIKE` pattern as a `GLOB` pattern.
fn glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            '*' | '?' | '[' => glob.extend(['[', c, ']']),
            _ => glob.push(c),
        }
    }
    glob
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_patterns_keep_their_meaning() {
        assert_eq!(glob("%lab_5%"), "*lab?5*");
        assert_eq!(glob("a*b?c[d]"), "a[*]b[?]c[[]d]");
    }

    #[test]
    fn no_value_and_no_key_ever_becomes_sql_text() {
        const NASTY: &str = "x' OR 1=1; DROP TABLE runs; --";
        let noun = Searchable {
            attributes: &[("name", Column::Text("r.name"))],
            owner: "r.id",
            tags: "run_tags",
            params: Some("params"),
            metrics: Some("latest_metrics"),
            absent_tag_differs: false,
            default_order: "r.id",
            tie_break: "r.id",
        };
        let quoted = NASTY.replace('\'', "''");
        for filter in [
            format!("name = '{quoted}'"),
            format!("name LIKE '{quoted}' and name ILIKE '{quoted}'"),
            format!("name IN ('{quoted}')"),
            format!("tags.`{NASTY}` != '{quoted}'"),
            format!("params.`{NASTY}` IS NULL"),
            format!("metrics.`{NASTY}` > 1"),
        ] {
            let mut sql = QueryBuilder::new("SELECT 1 WHERE 1 = 1");
            noun.push_filter(&mut sql, &filter).expect("valid filter");
            assert!(!sql.sql().as_str().contains("DROP"), "{filter}");
        }
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT 1");
        let search = Search {
            order_by: vec![format!("tags.`{NASTY}` DESC")],
            ..Search::default()
        };
        let slice = crate::search::Slice::new(&search, 10, 10, "").expect("valid");
        noun.push_order(&mut sql, &search, &slice).expect("valid order");
        assert!(!sql.sql().as_str().contains("DROP"));
    }
}
