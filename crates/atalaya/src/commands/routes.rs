//! `atalaya routes`: every route with its rule, as the server has it.

use std::process::ExitCode;

use crate::cli::Routes;
use crate::output::{json, say, table};

/// Prints the route table.
pub(crate) fn run(routes: &Routes) -> anyhow::Result<ExitCode> {
    let rows = atalaya_server::route_table();
    if routes.json {
        json(&rows[..].to_vec())?;
        return Ok(ExitCode::SUCCESS);
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            let limit = r.body_limit_bytes.to_string();
            vec![
                r.path.to_owned(),
                r.method.clone(),
                r.access.to_owned(),
                limit,
                r.audit.to_owned(),
            ]
        })
        .collect();
    say(&table(&["path", "method", "access", "body limit", "audit"], &cells))?;
    Ok(ExitCode::SUCCESS)
}
