//! The key–value tables (tags and params): one shape, one set of statements, read for many owners at once.

use std::collections::{BTreeMap, HashMap};

use atalaya_domain::registry::Tags;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::StoreError;

/// Owners asked for in one statement; far below SQLite's 32,766 bound values.
pub(crate) const OWNERS_PER_QUERY: usize = 1_000;

/// The statements of one key–value table.
pub(crate) struct PairTable {
    /// Its name.
    pub(crate) name: &'static str,
    upsert: &'static str,
    delete: &'static str,
}

macro_rules! pair_table {
    ($name:literal) => {
        PairTable {
            name: $name,
            upsert: concat!(
                "INSERT INTO ",
                $name,
                " (owner_id, key, value) VALUES ($1, $2, $3) ON CONFLICT (owner_id, key) DO UPDATE SET value = excluded.value"
            ),
            delete: concat!("DELETE FROM ", $name, " WHERE owner_id = $1 AND key = $2"),
        }
    };
}

pub(crate) static REGISTERED_MODEL_TAGS: PairTable = pair_table!("registered_model_tags");
pub(crate) static MODEL_VERSION_TAGS: PairTable = pair_table!("model_version_tags");
pub(crate) static EXPERIMENT_TAGS: PairTable = pair_table!("experiment_tags");
pub(crate) static RUN_TAGS: PairTable = pair_table!("run_tags");
pub(crate) static PARAMS: PairTable = pair_table!("params");
pub(crate) static ENDPOINT_TAGS: PairTable = pair_table!("endpoint_tags");

impl PairTable {
    /// Sets or replaces one pair.
    pub(crate) async fn set(
        &self,
        db: &mut SqliteConnection,
        owner: i64,
        key: &str,
        value: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(self.upsert)
            .bind(owner)
            .bind(key)
            .bind(value)
            .execute(db)
            .await?;
        Ok(())
    }

    /// Sets or replaces several pairs.
    pub(crate) async fn set_all<'a>(
        &self,
        db: &mut SqliteConnection,
        owner: i64,
        pairs: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<(), StoreError> {
        for (key, value) in pairs {
            self.set(db, owner, key, value).await?;
        }
        Ok(())
    }

    /// Deletes one pair; says whether it was there.
    pub(crate) async fn delete(&self, db: &mut SqliteConnection, owner: i64, key: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(self.delete).bind(owner).bind(key).execute(db).await?;
        Ok(done.rows_affected() > 0)
    }

    /// The pairs of one owner, in order of key.
    pub(crate) async fn of(&self, db: &mut SqliteConnection, owner: i64) -> Result<Tags, StoreError> {
        Ok(self.of_all(db, &[owner]).await?.remove(&owner).unwrap_or_default())
    }

    /// The pairs of many owners; owners without any are absent.
    pub(crate) async fn of_all(
        &self,
        db: &mut SqliteConnection,
        owners: &[i64],
    ) -> Result<HashMap<i64, Tags>, StoreError> {
        let mut found: HashMap<i64, Tags> = HashMap::new();
        for owners in owners.chunks(OWNERS_PER_QUERY) {
            let mut sql = QueryBuilder::<Sqlite>::new("SELECT owner_id, key, value FROM ");
            sql.push(self.name).push(" WHERE owner_id IN ");
            push_ids(&mut sql, owners);
            for row in sql.build().fetch_all(&mut *db).await? {
                let tags: &mut BTreeMap<_, _> = found.entry(row.try_get("owner_id")?).or_default();
                tags.insert(row.try_get("key")?, row.try_get("value")?);
            }
        }
        Ok(found)
    }
}

/// Appends `(?, ?, …)`.
pub(crate) fn push_ids(sql: &mut QueryBuilder<Sqlite>, ids: &[i64]) {
    if ids.is_empty() {
        // Postgres has no empty list; nothing equals NULL.
        sql.push("(NULL)");
        return;
    }
    sql.push("(");
    let mut list = sql.separated(", ");
    for id in ids {
        list.push_bind(*id);
    }
    sql.push(")");
}
