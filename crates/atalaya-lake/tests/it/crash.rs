//! A crash at each step of a flush: nothing lost, nothing doubled, no file left behind.

use std::io;
use std::sync::{Arc, Mutex};

use atalaya_lake::{Append, Appended, Journal, Lake, LakeError, Step};

use crate::support::{by, ids, lake, parquet_files, sorted_ids};

/// Remembers the names, as a flush journal does, and fails once where it is told to.
#[derive(Default)]
struct Failing {
    names: Mutex<Vec<String>>,
    at: Mutex<Option<Point>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Point {
    BeforeFile,
    After(Step),
}

impl Failing {
    fn at(point: Point) -> Arc<Self> {
        Arc::new(Failing {
            at: Mutex::new(Some(point)),
            ..Failing::default()
        })
    }

    fn pass(&self, here: Point) -> io::Result<()> {
        let mut at = self.at.lock().unwrap();
        if *at == Some(here) {
            *at = None;
            return Err(io::Error::other("crashed here"));
        }
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }
}

impl Journal for Failing {
    fn will_write(&self, name: &str) -> io::Result<()> {
        self.names.lock().unwrap().push(name.to_owned());
        self.pass(Point::BeforeFile)
    }

    fn reached(&self, step: Step) -> io::Result<()> {
        self.pass(Point::After(step))
    }
}

async fn flush(lake: &Lake, journal: &Arc<Failing>) -> Result<Appended, LakeError> {
    let journal: Arc<dyn Journal> = Arc::<Failing>::clone(journal);
    lake.append(
        "t",
        vec![ids(10..20)],
        Append {
            journal: Some(journal),
            ..by("node", 20)
        },
    )
    .await
}

#[tokio::test]
async fn before_and_after_the_data_file_nothing_is_lost_and_the_orphan_goes() {
    for (point, orphans) in [(Point::BeforeFile, 0), (Point::After(Step::FilesDurable), 1)] {
        let (folder, lake) = lake();
        lake.append("t", vec![ids(0..10)], by("node", 10)).await.unwrap();
        let journal = Failing::at(point);
        let failed = flush(&lake, &journal).await.unwrap_err();
        assert!(matches!(failed, LakeError::Journal(_)), "{failed}");
        assert_eq!(sorted_ids(&lake, "t").await, (0..10).collect::<Vec<_>>());
        assert_eq!(parquet_files(&lake, "t").len(), 1 + orphans, "{point:?}");

        // The next start knows only the folder and the journal.
        let restarted = Lake::open(folder.path().join("lake"));
        assert_eq!(
            restarted.remove_orphans("t", &journal.names()).await.unwrap(),
            orphans as u64
        );
        assert_eq!(parquet_files(&restarted, "t").len(), 1);
        let done = flush(&restarted, &journal).await.unwrap();
        assert!(matches!(done, Appended::Committed { rows: 10, .. }), "{done:?}");
        assert_eq!(sorted_ids(&restarted, "t").await, (0..20).collect::<Vec<_>>());
        assert_eq!(restarted.remove_orphans("t", &journal.names()).await.unwrap(), 0);
        assert_eq!(sorted_ids(&restarted, "t").await, (0..20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_commit_that_reports_failure_is_found_in_the_table() {
    let (_folder, lake) = lake();
    let journal = Failing::at(Point::After(Step::Committed));
    let done = flush(&lake, &journal).await.unwrap();
    assert!(
        matches!(
            done,
            Appended::Committed {
                rows: 10,
                version: 1,
                ..
            }
        ),
        "{done:?}"
    );
    assert_eq!(
        flush(&lake, &journal).await.unwrap(),
        Appended::AlreadyThere { app_version: 20 }
    );
    // The same without an application version: told from the data files.
    let journal: Arc<dyn Journal> = Failing::at(Point::After(Step::Committed));
    let plain = Append {
        journal: Some(journal),
        ..Append::default()
    };
    lake.append("t", vec![ids(20..30)], plain).await.unwrap();
    assert_eq!(sorted_ids(&lake, "t").await, (10..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn orphan_removal_touches_only_unreferenced_files_of_the_table() {
    let (folder, lake) = lake();
    let journal = Arc::new(Failing::default());
    flush(&lake, &journal).await.unwrap();
    let outside = folder.path().join("keep.parquet");
    std::fs::write(&outside, b"x").unwrap();
    std::fs::write(lake.folder("t").unwrap().join("left.parquet"), b"x").unwrap();
    let mut names = journal.names();
    names.extend(
        [
            "../../keep.parquet",
            outside.to_str().unwrap(),
            "left.parquet",
            "never-written.parquet",
        ]
        .map(String::from),
    );
    assert_eq!(lake.remove_orphans("t", &names).await.unwrap(), 1);
    assert!(outside.exists());
    assert_eq!(sorted_ids(&lake, "t").await, (10..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_staged_commit_of_a_killed_writer_disturbs_nobody() {
    let (_folder, lake) = lake();
    flush(&lake, &Arc::new(Failing::default())).await.unwrap();
    let log = lake.folder("t").unwrap().join("_delta_log");
    std::fs::write(log.join("00000000000000000002.json#4711"), b"{\"add\":").unwrap();
    assert_eq!(lake.version("t").await.unwrap(), 1);
    lake.append("t", vec![ids(20..30)], by("node", 30)).await.unwrap();
    assert_eq!(sorted_ids(&lake, "t").await, (10..30).collect::<Vec<_>>());
}
