//! The object store under every table: the local file system, with each written object and its
//! folder entry on the disk before the call returns. `object_store` 0.13 never calls fsync, so a
//! Delta commit that "succeeded" could vanish, or become an empty file, at a power loss.
//!
//! Steps 4 and 7 of a flush rest on this file: the commit file is synced *before* it gets its
//! name, so no other writer can build on a commit that is not durable.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// Name in the errors of this store.
const STORE: &str = "local file system";

/// The local file system from `/`, with durable writes.
#[derive(Debug)]
pub(crate) struct DurableStore {
    inner: LocalFileSystem,
}

impl DurableStore {
    /// The whole file system; callers address it by absolute paths.
    pub(crate) fn new() -> Self {
        DurableStore {
            inner: LocalFileSystem::new(),
        }
    }
}

impl fmt::Display for DurableStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STORE)
    }
}

#[async_trait]
impl ObjectStore for DurableStore {
    async fn put_opts(&self, location: &ObjectPath, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let create = match opts.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => {
                return Err(Error::NotImplemented {
                    operation: "conditional update".into(),
                    implementer: STORE.into(),
                });
            }
        };
        let target = self.inner.path_to_filesystem(location)?;
        let placed = tokio::task::spawn_blocking(move || place(&target, &payload, create)).await?;
        match placed {
            Ok(()) => Ok(PutResult {
                e_tag: None,
                version: None,
            }),
            Err(source) if create && source.kind() == io::ErrorKind::AlreadyExists => Err(Error::AlreadyExists {
                path: location.to_string(),
                source: source.into(),
            }),
            Err(source) => Err(Error::Generic {
                store: STORE,
                source: source.into(),
            }),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let target = self.inner.path_to_filesystem(location)?;
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(DurableUpload { inner, target }))
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &ObjectPath, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<ObjectPath>>,
    ) -> BoxStream<'static, Result<ObjectPath>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&ObjectPath>,
        offset: &ObjectPath,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &ObjectPath, to: &ObjectPath, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.settle(to).await
    }

    async fn rename_opts(&self, from: &ObjectPath, to: &ObjectPath, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await?;
        self.settle(to).await
    }
}

impl DurableStore {
    async fn settle(&self, location: &ObjectPath) -> Result<()> {
        settle(self.inner.path_to_filesystem(location)?).await
    }
}

/// A streamed object (a large checkpoint), synced when it is complete.
#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    target: PathBuf,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> object_store::UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let placed = self.inner.complete().await?;
        settle(self.target.clone()).await?;
        Ok(placed)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

async fn settle(target: PathBuf) -> Result<()> {
    tokio::task::spawn_blocking(move || sync_with_folder(&target))
        .await?
        .map_err(|source| Error::Generic {
            store: STORE,
            source: source.into(),
        })
}

/// Writes `payload` to a synced file beside `target`, then gives it the name, then syncs the folder.
///
/// With `create`, the name is given by `link(2)`: atomic, and refused when it is taken.
fn place(target: &Path, payload: &PutPayload, create: bool) -> io::Result<()> {
    let folder = target
        .parent()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    create_folder(folder)?;
    // `object_store` leaves names that end in `#` and digits out of every listing.
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let staged = folder.join(format!("{name}#{}", uuid::Uuid::new_v4().as_u128()));
    let written = stage(&staged, payload).and_then(|()| {
        if create {
            fs::hard_link(&staged, target)
        } else {
            fs::rename(&staged, target)
        }
    });
    if create || written.is_err() {
        // A staged file that stays behind is unseen by readers; the failure above is what matters.
        let _ = fs::remove_file(&staged);
    }
    written.and_then(|()| sync_folder(folder))
}

fn stage(staged: &Path, payload: &PutPayload) -> io::Result<()> {
    let mut file = File::create_new(staged)?;
    for part in payload {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Makes the bytes of `file` and its name durable.
pub(crate) fn sync_with_folder(file: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    sync_folder(
        file.parent()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?,
    )
}

/// Makes the names in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Creates `folder` and what is missing above it, durably. Quick when it exists.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => sync_folder(parent)?,
        }
    }
    Ok(())
}

/// Whether `folder` refuses a second creator of the same name: what Delta commits rest on.
///
/// Some network and FUSE file systems emulate `link(2)` by copying, which lets two writers both win.
pub(crate) fn creates_exclusively(folder: &Path) -> io::Result<bool> {
    create_folder(folder)?;
    let name = folder.join(format!(".create-{}", uuid::Uuid::new_v4().simple()));
    let race = || place(&name, &PutPayload::from_static(b"probe"), true);
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(race);
        (
            race(),
            other
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the probe stopped"))),
        )
    });
    let removed = fs::remove_file(&name);
    match (first, second) {
        (Ok(()), Err(lost)) | (Err(lost), Ok(())) if lost.kind() == io::ErrorKind::AlreadyExists => {
            removed.map(|()| true)
        }
        (Ok(()), Ok(())) => removed.map(|()| false),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use object_store::ObjectStoreExt as _;

    use super::*;

    #[tokio::test]
    async fn a_taken_name_is_refused_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let store = DurableStore::new();
        let path = ObjectPath::from_absolute_path(folder.path().join("log/0.json")).unwrap();
        store
            .put_opts(&path, PutPayload::from_static(b"a"), PutMode::Create.into())
            .await
            .unwrap();
        let second = store
            .put_opts(&path, PutPayload::from_static(b"b"), PutMode::Create.into())
            .await;
        assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "a");
        store.put(&path, PutPayload::from_static(b"c")).await.unwrap();
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "c");
        assert_eq!(fs::read_dir(folder.path().join("log")).unwrap().count(), 1);
    }

    #[test]
    fn the_race_for_a_name_has_one_winner_here() {
        let folder = tempfile::tempdir().unwrap();
        assert!(creates_exclusively(&folder.path().join("new")).unwrap());
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 0);
    }
}
