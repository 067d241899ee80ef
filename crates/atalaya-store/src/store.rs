//! Opening the metadata database: one writer connection, some readers, and the embedded migrations.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};

use crate::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Reader connections: enough that a slow search does not hold up the others on a small machine.
const READERS: u32 = 4;
/// How long a statement or a waiting task stands in line for the database before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The metadata database. Cheap to clone; all clones share the same connections.
///
/// Every write is one transaction that is on the disk (write-ahead log, `synchronous=FULL`) when
/// its method returns. Writes of one process queue for its one writer connection; several
/// processes may open the same file and queue on SQLite's own lock.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the database file, making it (mode 0600) when it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::NewerDatabase`] when a later program wrote the file; [`StoreError::File`],
    /// [`StoreError::Migrate`] or [`StoreError::Database`] when it cannot be opened.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let guard = lock_for_opening(path.to_owned()).await?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("trusted_schema", "OFF");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options.clone())
            .await?;
        migrate(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        drop(guard);
        Ok(Self { writer, readers })
    }

    /// Closes every connection after the statements under way; later calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Asks the database for a trivial answer; for readiness.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Starts a write. `IMMEDIATE` takes the write lock first: a read that later turns into a write
    /// would fail at once, not wait, when another process wrote in between.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Starts a read of one consistent snapshot.
    pub(crate) async fn read(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.readers.begin().await?)
    }
}

/// Applies the migrations that the file does not have yet.
async fn migrate(writer: &SqlitePool) -> Result<(), StoreError> {
    let known = MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0);
    let tracked: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'")
            .fetch_one(writer)
            .await?;
    if tracked > 0 {
        let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
            .fetch_one(writer)
            .await?;
        if found > known {
            return Err(StoreError::NewerDatabase { found, known });
        }
    }
    MIGRATIONS.run(writer).await.map_err(StoreError::Migrate)
}

/// Makes the database file with the right mode and holds `<file>.lock` while a process migrates:
/// SQLite has no lock that spans several migrations.
async fn lock_for_opening(path: PathBuf) -> Result<File, StoreError> {
    let open = move || -> std::io::Result<File> {
        let private = |path: &Path| OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        let mut name = path.clone().into_os_string();
        name.push(".lock");
        let guard = private(Path::new(&name))?;
        guard.lock()?;
        private(&path)?;
        Ok(guard)
    };
    tokio::task::spawn_blocking(open)
        .await
        .map_err(|e| StoreError::File(e.into()))?
        .map_err(StoreError::File)
}
