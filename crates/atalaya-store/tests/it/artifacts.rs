//! Artifact files: stored once, listed, read, and refused when somebody has touched them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atalaya_store::{ArtifactEntry, ArtifactError, Artifacts, Digest, SafeRelPath};

fn path(text: &str) -> SafeRelPath {
    SafeRelPath::new(text).unwrap()
}

fn files(all: &[(&str, &[u8])]) -> Vec<(SafeRelPath, Arc<[u8]>)> {
    all.iter()
        .map(|(name, bytes)| (path(name), Arc::from(*bytes)))
        .collect()
}

const MODEL: &[(&str, &[u8])] = &[
    ("model.pkl", b"\x80\x04."),
    ("MLmodel", b"flavors: {}"),
    ("data/a", b""),
    ("data/deep/b c", b"same"),
    ("data-x", b"same"),
];

/// Every file below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path))
        } else {
            found.push(path)
        }
    }
    found
}

#[tokio::test]
async fn a_model_is_stored_listed_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(&folder.path().join("artifacts")).await.unwrap();
    let digest = artifacts.put(files(MODEL)).await.unwrap();

    // Another process, later.
    let artifacts = Artifacts::open(&folder.path().join("artifacts")).await.unwrap();
    let listed = artifacts.list(&digest, None).await.unwrap();
    let names: Vec<&str> = listed.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(names, ["MLmodel", "data-x", "data/a", "data/deep/b c", "model.pkl"]);
    assert_eq!(
        (listed[0].size_bytes, listed[0].digest.clone()),
        (11, Digest::of(b"flavors: {}"))
    );
    for (name, bytes) in MODEL {
        assert_eq!(artifacts.read(&digest, &path(name)).await.unwrap(), *bytes, "{name}");
    }
    let all = artifacts.read_all(&digest).await.unwrap();
    assert_eq!(all.len(), MODEL.len());
    assert!(
        MODEL
            .iter()
            .all(|(name, bytes)| all.contains(&(path(name), Arc::from(*bytes))))
    );

    assert_eq!(artifacts.list(&digest, Some(&path("data"))).await.unwrap().len(), 2);
    assert_eq!(artifacts.list(&digest, Some(&path("MLmodel"))).await.unwrap().len(), 1);
    assert!(artifacts.list(&digest, Some(&path("dat"))).await.unwrap().is_empty());
    for missing in ["data", "nothing", "data/a/b"] {
        assert!(
            matches!(
                artifacts.read(&digest, &path(missing)).await,
                Err(ArtifactError::NotFound)
            ),
            "{missing}"
        );
    }
    assert!(matches!(
        artifacts.list(&Digest::of(b"?"), None).await,
        Err(ArtifactError::NotFound)
    ));
    assert!(
        matches!(
            artifacts.list(&listed[0].digest, None).await,
            Err(ArtifactError::NotFound)
        ),
        "a file is no manifest"
    );
}

#[tokio::test]
async fn folders_are_listed_one_level_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).await.unwrap();
    let digest = artifacts.put(files(MODEL)).await.unwrap();
    let names = async |folder: Option<&str>| -> Vec<String> {
        let folder = folder.map(path);
        let entries = artifacts.entries(&digest, folder.as_ref()).await.unwrap();
        let name = |entry: &ArtifactEntry| match entry {
            ArtifactEntry::File(file) => file.path.to_string(),
            ArtifactEntry::Folder(path) => format!("{path}/"),
        };
        entries.iter().map(name).collect()
    };
    assert_eq!(names(None).await, ["MLmodel", "data-x", "data/", "model.pkl"]);
    assert_eq!(names(Some("data")).await, ["data/a", "data/deep/"]);
    assert_eq!(names(Some("data/deep")).await, ["data/deep/b c"]);
    assert_eq!(names(Some("MLmodel")).await, ["MLmodel"]);
    assert_eq!(names(Some("absent")).await, Vec::<String>::new());
}

#[tokio::test]
async fn equal_files_have_one_name_and_are_stored_once_and_privately() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).await.unwrap();
    let digest = artifacts.put(files(MODEL)).await.unwrap();
    let mut reversed = files(MODEL);
    reversed.reverse();
    assert_eq!(artifacts.put(reversed).await.unwrap(), digest);
    let stored = walk(folder.path());
    assert_eq!(
        stored.len(),
        5,
        "four different contents and the manifest, and nothing left aside"
    );
    for file in &stored {
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
        assert_eq!(
            file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
    assert_ne!(
        artifacts.put(files(&[("MLmodel", b"flavors: {}")])).await.unwrap(),
        digest
    );
}

#[tokio::test]
async fn one_changed_byte_anywhere_is_noticed_and_storing_again_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).await.unwrap();
    let digest = artifacts.put(files(MODEL)).await.unwrap();
    for file in walk(folder.path()) {
        let honest = std::fs::read(&file).unwrap();
        let mut flipped = honest.clone();
        if let Some(byte) = flipped.last_mut() {
            *byte ^= 1;
        }
        let longer = [honest.as_slice(), b"x"].concat();
        for changed in [flipped, longer, Vec::new()] {
            if changed == honest {
                continue;
            }
            std::fs::write(&file, &changed).unwrap();
            let refused = artifacts.read_all(&digest).await;
            assert!(matches!(refused, Err(ArtifactError::Tampered)), "{}", file.display());
        }
        artifacts.put(files(MODEL)).await.unwrap();
        assert_eq!(artifacts.read_all(&digest).await.unwrap().len(), MODEL.len());
    }
    let model = Digest::of(b"\x80\x04.");
    std::fs::remove_file(
        folder
            .path()
            .join("sha256")
            .join(&model.as_str()[..2])
            .join(model.as_str()),
    )
    .unwrap();
    assert!(matches!(
        artifacts.read(&digest, &path("model.pkl")).await,
        Err(ArtifactError::Tampered)
    ));
    assert!(
        artifacts.read(&digest, &path("MLmodel")).await.is_ok(),
        "the others are whole"
    );
}

#[tokio::test]
async fn lists_that_make_no_model_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).await.unwrap();
    assert!(matches!(artifacts.put(vec![]).await, Err(ArtifactError::Empty)));
    assert!(matches!(
        artifacts.put(files(&[("a", b"1"), ("a", b"2")])).await,
        Err(ArtifactError::Collision)
    ));
    assert!(matches!(
        artifacts.put(files(&[("a", b"1"), ("a/b", b"2")])).await,
        Err(ArtifactError::Collision)
    ));
    let many = (0..10_001)
        .map(|i| (path(&format!("f{i}")), Arc::from(&b""[..])))
        .collect();
    assert!(matches!(artifacts.put(many).await, Err(ArtifactError::TooLarge { .. })));
    assert!(walk(folder.path()).is_empty());
}

#[tokio::test]
async fn a_write_that_a_killed_process_left_is_not_taken_for_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(folder.path()).await.unwrap();
    std::fs::write(folder.path().join("tmp/half"), b"\x80").unwrap();
    let digest = artifacts.put(files(MODEL)).await.unwrap();
    let artifacts = Artifacts::open(folder.path()).await.unwrap();
    assert_eq!(artifacts.read(&digest, &path("model.pkl")).await.unwrap(), b"\x80\x04.");
    assert!(
        folder.path().join("tmp/half").exists(),
        "a young file may be another process at work"
    );
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(48 * 3_600);
    std::fs::File::options()
        .write(true)
        .open(folder.path().join("tmp/half"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    Artifacts::open(folder.path()).await.unwrap();
    assert!(!folder.path().join("tmp/half").exists());
}
