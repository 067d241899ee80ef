//! `kill -9` in the middle of registering: what was acknowledged is there whole, and nothing is there by half.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use atalaya_domain::registry::{Tags, VersionStatus};
use atalaya_store::{Artifacts, Digest, NewRegisteredModel, SafeRelPath, Search, Store};

use crate::home::{at, model, version};

const FOLDER: &str = "ATALAYA_STORE_CRASH_FOLDER";
/// Kills, and acknowledgements waited for before each; the kill falls wherever the writer then is.
const KILLS: usize = 4;
const ACKED_PER_KILL: usize = 5;

async fn open(folder: &Path) -> (Store, Artifacts) {
    let store = Store::open(&folder.join("atalaya.db")).await.unwrap();
    (store, Artifacts::open(&folder.join("artifacts")).await.unwrap())
}

fn files(number: u32) -> Vec<(SafeRelPath, Arc<[u8]>)> {
    let file = |name: &str, text: String| (SafeRelPath::new(name).unwrap(), Arc::from(text.into_bytes()));
    vec![
        file("MLmodel", format!("run_id: {number}")),
        file("model.pkl", "x".repeat(1_000 + number as usize)),
    ]
}

/// Registers versions for ever, saying which are complete; run by the test below, which kills it.
#[tokio::test]
#[ignore = "the victim of the test below"]
async fn writer() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        println!("skipped: {FOLDER} is not set");
        return;
    };
    let (store, artifacts) = open(&folder).await;
    let name = model("m");
    loop {
        let number = store
            .create_model_version(&version(&name), at(1))
            .await
            .unwrap()
            .version;
        let digest = artifacts.put(files(number)).await.unwrap();
        store.finish_model_version(&name, number, &digest, at(2)).await.unwrap();
        store.set_alias(&name, "newest", number, at(3)).await.unwrap();
        println!("acked {number}");
    }
}

/// A process that dies by `SIGKILL` when it goes out of scope, also when the test fails.
struct Victim(Child);

impl Victim {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "crash::writer", "--ignored", "--nocapture"]);
        Self(command.env(FOLDER, folder).stdout(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_there() {
    let folder = tempfile::tempdir().unwrap();
    let name = model("m");
    let (store, _) = open(folder.path()).await;
    let new = NewRegisteredModel {
        name: name.clone(),
        description: String::new(),
        tags: Tags::new(),
    };
    store.create_registered_model(&new, at(0)).await.unwrap();
    store.close().await;

    let mut acked = Vec::new();
    for _ in 0..KILLS {
        let mut victim = Victim::start(folder.path());
        let lines = BufReader::new(victim.0.stdout.take().unwrap())
            .lines()
            .map(|line| line.unwrap());
        let numbers = lines.filter_map(|line| line.rsplit_once("acked ").map(|(_, n)| n.parse::<u32>().unwrap()));
        acked.extend(numbers.take(ACKED_PER_KILL));
    }
    assert_eq!(acked.len(), KILLS * ACKED_PER_KILL);

    let (store, artifacts) = open(folder.path()).await;
    let all = store.search_model_versions(&Search::default()).await.unwrap().items;
    for number in acked {
        assert!(
            all.iter()
                .any(|v| v.version == number && v.status == VersionStatus::Ready),
            "version {number} is lost"
        );
    }
    for found in &all {
        if found.status == VersionStatus::Ready {
            let digest: Digest = found.artifact_digest.parse().unwrap();
            assert_eq!(
                artifacts.read_all(&digest).await.unwrap(),
                files(found.version),
                "version {}",
                found.version
            );
        } else {
            assert_eq!(
                (found.status, found.artifact_digest.as_str()),
                (VersionStatus::PendingRegistration, "")
            );
        }
    }
    let newest = store.resolve(&"models:/m@newest".parse().unwrap()).await.unwrap();
    assert_eq!(newest.aliases, ["newest"]);
}
