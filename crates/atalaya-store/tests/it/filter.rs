//! Filters: what is printed is read back, and nothing that a client writes becomes SQL.

use atalaya_store::{Comparison, Entity, Filter, NewRun, Operator, Value, View};
use proptest::prelude::*;

use crate::home::{Home, at, filter, ordered};

fn comparison() -> impl Strategy<Value = Comparison> {
    let entity = prop_oneof![
        Just(Entity::Attribute),
        Just(Entity::Metric),
        Just(Entity::Param),
        Just(Entity::Tag),
        Just(Entity::Dataset),
    ];
    let text = || any::<String>();
    let operator_and_value = prop_oneof![
        (
            prop_oneof![
                Just(Operator::Equal),
                Just(Operator::NotEqual),
                Just(Operator::Like),
                Just(Operator::Ilike)
            ],
            text().prop_map(Value::Text)
        ),
        (
            prop_oneof![
                Just(Operator::Less),
                Just(Operator::LessOrEqual),
                Just(Operator::Greater),
                Just(Operator::GreaterOrEqual)
            ],
            any::<f64>()
                .prop_filter("finite", |n| n.is_finite())
                .prop_map(Value::Number)
        ),
        (
            prop_oneof![Just(Operator::In), Just(Operator::NotIn)],
            prop::collection::vec(text(), 1..5).prop_map(Value::List)
        ),
        (
            prop_oneof![Just(Operator::Absent), Just(Operator::Present)],
            Just(Value::Nothing)
        ),
    ];
    let key = text().prop_filter("not empty", |key| !key.is_empty());
    (entity, key, operator_and_value).prop_map(|(entity, key, (operator, value))| Comparison {
        entity,
        key,
        operator,
        value,
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(comparisons in prop::collection::vec(comparison(), 0..6)) {
        let made = Filter(comparisons);
        prop_assert_eq!(Filter::parse(&made.to_string()), Ok(made));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        if let Ok(read) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&read.to_string()), Ok(read));
        }
    }

    #[test]
    fn no_text_of_the_right_words_makes_the_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec!["tags.", "a", "`", "'", "\"", "=", "!=", "!", "<", "in", "(", ")", ",", "not", "is", "null", "and", "1e9", "é", " "]),
            0..30,
        )
    ) {
        let text = words.concat();
        if let Ok(read) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&read.to_string()), Ok(read));
        }
    }
}

#[tokio::test]
async fn injections_find_nothing_and_break_nothing() {
    let home = Home::new().await;
    home.store
        .create_run(&NewRun {
            started_at: at(1),
            ..NewRun::default()
        })
        .await
        .unwrap();
    let nasty = [
        "' OR '1'='1",
        "'; DROP TABLE runs; --",
        "' UNION SELECT token_id, keyed_hash FROM tokens --",
        "x') OR 1=1 --",
        "`) OR (SELECT 1) --",
        "\\'; --",
        "%' ESCAPE '\\",
        "\u{0}'",
        "?1 $1 :a @b",
    ];
    for text in nasty {
        let (quoted, ticked) = (text.replace('\'', "''"), text.replace('`', "``"));
        let filters = [
            format!("run_name = '{quoted}'"),
            format!("run_name LIKE '{quoted}'"),
            format!("run_name IN ('{quoted}', 'b')"),
            format!("params.`{ticked}` = '{quoted}'"),
            format!("tags.`{ticked}` IS NOT NULL"),
            format!("metrics.`{ticked}` > 0"),
        ];
        for search in filters.iter().map(|f| filter(f)) {
            let found = home.store.search_runs(&["0".into()], View::All, &search).await.unwrap();
            assert!(found.items.is_empty(), "{}", search.filter);
        }
        let key = format!("tags.`{ticked}` DESC");
        assert_eq!(
            home.store
                .search_runs(&["0".into()], View::All, &ordered(&[&key]))
                .await
                .unwrap()
                .items
                .len(),
            1
        );
        // Raw, as an attacker would send it: refused or harmless.
        for raw in [text.to_owned(), format!("run_name = '{text}'"), format!("{text} = 'a'")] {
            if let Ok(found) = home.store.search_runs(&["0".into()], View::All, &filter(&raw)).await {
                assert!(found.items.is_empty(), "{raw}");
            }
            assert!(
                home.store
                    .search_runs(&["0".into()], View::All, &ordered(&[&raw]))
                    .await
                    .is_err(),
                "{raw}"
            );
        }
        assert!(home.store.experiment_by_name(text).await.is_err());
        assert!(home.store.run(text).await.is_err());
    }
    assert_eq!(
        home.store
            .search_runs(&["0".into()], View::All, &filter(""))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}
