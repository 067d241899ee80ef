//! Reading Delta tables through DataFusion, in the plain types of [`crate::schema`], in file order.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use deltalake::kernel::Remove;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::commit::{Change, Landed};
use crate::data_file::DataFiles;
use crate::error::LakeError;
use crate::lake::{Lake, OpenTable};
use crate::schema::{fit, plain};

/// Rows of a batch: large enough for columnar work, small enough that a few in flight stay in the caches.
pub(crate) const BATCH_ROWS: usize = 16 * 1024;

/// Batches as they come from the files.
pub(crate) type Batches = BoxStream<'static, Result<RecordBatch, LakeError>>;

/// A session that reads one file after the other: the order of rows is that of the files.
pub(crate) fn session() -> SessionContext {
    let mut config = SessionConfig::new()
        .with_batch_size(BATCH_ROWS)
        .with_target_partitions(1);
    config.options_mut().execution.parquet.schema_force_view_types = false;
    SessionContext::new_with_config(config)
}

/// The rows of `open`, to be narrowed before they are read.
pub(crate) async fn frame(open: &OpenTable) -> Result<DataFrame, LakeError> {
    let session = session();
    open.table.update_datafusion_session(&session.state())?;
    let provider = open.table.table_provider().await?;
    Ok(session.read_table(provider)?)
}

/// Reads `frame`.
pub(crate) async fn stream(frame: DataFrame) -> Result<Batches, LakeError> {
    Ok(plain_stream(frame.execute_stream().await?))
}

/// `stream` in plain types.
pub(crate) fn plain_stream(stream: SendableRecordBatchStream) -> Batches {
    stream.map(|batch| plain(&batch?)).boxed()
}

impl Lake {
    /// Rewrites the files of `open` so that its columns have the types of `schema`. Rows and
    /// their order stay, so readers of changes are told that no data changed. Losing the race is
    /// no error: the caller reads the table again in any case.
    pub(crate) async fn widen(&self, open: &OpenTable, schema: &arrow::datatypes::SchemaRef) -> Result<(), LakeError> {
        let mut files = DataFiles::new(open.folder.clone(), schema, &open.partition_columns, None)?;
        let mut rows = stream(frame(open).await?).await?;
        while let Some(batch) = rows.try_next().await? {
            files = files.write_away(fit(&batch, schema)?).await?;
        }
        let mut written = files.finish_away().await?;
        for add in &mut written.adds {
            add.data_change = false;
        }
        let change = Change {
            removes: open.removes(false).await?,
            schema: Some(Arc::clone(schema)),
            ..Change::append(&written)
        };
        if let Landed::Committed { .. } = self.land(open, &change, None).await? {
            written.keep();
        }
        Ok(())
    }
}

impl OpenTable {
    /// The actions that take every file out of the table.
    pub(crate) async fn removes(&self, data_change: bool) -> Result<Vec<Remove>, LakeError> {
        let snapshot = self.table.snapshot()?.snapshot();
        let log_store = self.table.log_store();
        let files = snapshot.file_views(log_store.as_ref(), None);
        Ok(files
            .map_ok(|file| file.remove_action(data_change))
            .try_collect()
            .await?)
    }
}

/// Runs a query on a blocking thread: decoding and filtering are work for a processor, and the
/// threads of the runtime serve requests.
pub(crate) async fn away<T: Send + 'static>(
    query: impl Future<Output = Result<T, LakeError>> + Send + 'static,
) -> Result<T, LakeError> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(query)).await?
}
