//! Searching runs over several experiments by metrics, params, tags and attributes.

use atalaya_domain::tracking::Run;
use sqlx::QueryBuilder;

use crate::experiments::read_id;
use crate::filter_sql::{Column, Searchable};
use crate::pairs::{PARAMS, RUN_TAGS, push_ids};
use crate::run_row::{COLUMNS, assemble};
use crate::search::Slice;
use crate::{Page, Search, Store, StoreError, View};

impl Store {
    /// Runs of the given experiments by filter, newest first unless asked otherwise.
    ///
    /// # Errors
    /// [`StoreError::InvalidParameter`] for filter, order, page size or token.
    pub async fn search_runs(
        &self,
        experiment_ids: &[String],
        view: View,
        search: &Search,
    ) -> Result<Page<Run>, StoreError> {
        if experiment_ids.len() > EXPERIMENTS_MAX {
            return Err(StoreError::invalid(
                "experiment_ids",
                format!("must be at most {EXPERIMENTS_MAX}"),
            ));
        }
        let scope = format!("{}\0{}", view.as_str(), experiment_ids.join("\0"));
        let slice = Slice::new(search, PAGE_DEFAULT, PAGE_MAX, &scope)?;
        // An id that cannot be one has no runs, like one that never existed.
        let ids: Vec<i64> = experiment_ids.iter().filter_map(|id| read_id(id).ok()).collect();
        let mut sql = QueryBuilder::new(format!("SELECT {COLUMNS} FROM runs r WHERE r.experiment_id IN "));
        push_ids(&mut sql, &ids);
        sql.push(match view {
            View::ActiveOnly => " AND r.deleted_at IS NULL",
            View::DeletedOnly => " AND r.deleted_at IS NOT NULL",
            View::All => "",
        });
        SEARCHABLE.push_filter(&mut sql, &search.filter)?;
        SEARCHABLE.push_order(&mut sql, search, &slice)?;
        let mut tx = self.read().await?;
        let rows = sql.build().fetch_all(&mut *tx).await?;
        let page = slice.page(rows);
        Ok(Page {
            items: assemble(&mut tx, &page.items).await?,
            next_page_token: page.next_page_token,
        })
    }
}

/// MLflow's page sizes.
const PAGE_DEFAULT: i64 = 1_000;
const PAGE_MAX: i64 = 50_000;
/// Most experiments in one search; each is a bound value.
const EXPERIMENTS_MAX: usize = 1_000;

static SEARCHABLE: Searchable = Searchable {
    attributes: &[
        ("run_id", Column::Text("r.run_id")),
        ("run_name", Column::Text("r.run_name")),
        ("user_id", Column::Text("r.user_id")),
        ("status", Column::Text("r.status")),
        ("start_time", Column::Number("r.started_at")),
        ("end_time", Column::Number("r.ended_at")),
        ("experiment_id", Column::Number("r.experiment_id")),
        ("created", Column::Number("r.started_at")),
        ("Created", Column::Number("r.started_at")),
        ("run name", Column::Text("r.run_name")),
        ("Run name", Column::Text("r.run_name")),
    ],
    owner: "r.id",
    tags: RUN_TAGS.name,
    params: Some(PARAMS.name),
    metrics: Some("latest_metrics"),
    absent_tag_differs: false,
    default_order: "r.started_at DESC, r.run_id",
    tie_break: "r.started_at DESC, r.run_id",
};
